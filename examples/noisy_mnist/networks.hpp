#pragma once

#include "noisy_mnist/config.hpp"
#include "paser/models/registered/unet.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/paser_file.hpp"

/// The networks of the noisy-MNIST experiment.
namespace noisy_mnist {

inline constexpr Index classes = 2;  // background, digit

/// f1, f2, f3 and the policy. An MNIST image is one patch.
inline paser::pipeline::PaserDescription description(const Config& c) {
  paser::pipeline::PaserDescription d;
  d.class_names = {"background", "digit"};
  using paser::models::UNetSpec;
  d.networks = {UNetSpec{.classes = classes, .width = 8, .depth = 2, .dropout = c.dropout},
                UNetSpec{.classes = classes, .width = 16, .depth = 4, .dropout = c.dropout},
                UNetSpec{.classes = classes, .width = 64, .depth = 4, .dropout = c.dropout}};
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
