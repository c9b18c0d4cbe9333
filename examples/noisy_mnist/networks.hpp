#pragma once

#include "noisy_mnist/config.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/paser_file.hpp"

/// The networks of the noisy-MNIST experiment.
namespace noisy_mnist {

inline constexpr Index classes = 2;      // background, digit
inline constexpr Index digit_size = 28;  // pixels of a side, in MNIST's files; with their padding 32

/// f1, f2, f3 and the policy. An MNIST image is one patch.
inline paser::pipeline::PaserDescription description(const Config& c) {
  paser::pipeline::PaserDescription d;
  d.class_names = {"background", "digit"};
  for (std::size_t k = 0; k < c.widths.size(); ++k)
    d.networks.push_back(paser::models::UNetSpec{
        .classes = classes, .width = c.widths[k], .depth = c.depths.at(k), .dropout = c.dropout});
  d.height = d.width = 32;
  d.estimator = paser::uncertainty::McDropout{c.samples}.spec();
  return d;
}

/// All of them with fresh weights.
inline paser::pipeline::Paser<float> fresh_paser(const Config& c) {
  auto paser = paser::pipeline::make_paser(description(c), paser::Key{c.seed}.fold(1));
  paser.micro_batch = c.micro_batch;
  return paser;
}

}  // namespace noisy_mnist
