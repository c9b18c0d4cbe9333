#pragma once

#include <filesystem>

#include "noisy_mnist/config.hpp"
#include "paser/io/checkpoint.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/paser.hpp"

/// The networks of the noisy-MNIST experiment, and how a run folder keeps them.
namespace noisy_mnist {

inline constexpr Index classes = 2;  // background, digit

using Small = paser::models::UNet<1, classes, 8, 2>;
using Medium = paser::models::UNet<1, classes, 16, 4>;
using Large = paser::models::UNet<1, classes, 64, 4>;

/// f1, f2, f3 and the policy with fresh weights. An MNIST image is one patch.
inline paser::pipeline::Paser<float> fresh_paser(const Config& c) {
  using paser::Key;
  const Key key = Key{c.seed}.fold(1);
  return {.models = {Small(key.fold(1), c.dropout), Medium(key.fold(2), c.dropout), Large(key.fold(3), c.dropout)},
          .policy = paser::models::PolicyNet<float>(3, key.fold(4)),
          .grid = {1, 1},
          .samples = c.samples,
          .micro_batch = c.micro_batch};
}

/// All four networks in one file.
inline void save_paser(const std::filesystem::path& file, const paser::pipeline::Paser<float>& paser,
                       const nlohmann::json& info) {
  paser::io::Checkpoint checkpoint;
  checkpoint.info = info;
  for (std::size_t k = 0; k < paser.models.size(); ++k) checkpoint.put(paser::message("f", k + 1), paser.models[k]);
  checkpoint.put("policy", paser.policy);
  checkpoint.save(file);
}

/// Takes the weights of a file that save_paser wrote.
inline void load_paser(const std::filesystem::path& file, paser::pipeline::Paser<float>& paser) {
  const auto checkpoint = paser::io::Checkpoint::load(file);
  for (std::size_t k = 0; k < paser.models.size(); ++k) checkpoint.get(paser::message("f", k + 1), paser.models[k]);
  checkpoint.get("policy", paser.policy);
}

}  // namespace noisy_mnist
