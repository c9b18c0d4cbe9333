#pragma once

#include <algorithm>
#include <iostream>

#include "paser/core/random.hpp"
#include "paser/pipeline/paser.hpp"

/// MC dropout of a network that drops nothing: a doubt that means something else than its name says.
namespace program {

/// What a program warns of where MC dropout has nothing to drop.
inline constexpr const char* without_noise =
    "warning: f1 drops nothing, so all passes of MC dropout are equal, and their entropy is that of one pass\n";

/// Warns when the estimator takes several passes and they do not differ, which one small image of noise tells.
inline void warn_without_noise(const paser::pipeline::Paser<float>& paser, paser::Index channels) {
  const auto& coarse = paser.models.at(0);
  const paser::Index multiple = coarse.size_multiple();
  const paser::Index side = (std::max<paser::Index>(coarse.smallest_size(), 16) + multiple - 1) / multiple * multiple;
  const auto image = paser::uniform<float>(paser::Key{1}, paser::Shape<4>{1, side, side, channels}, 0, 1);
  if (paser.predict_coarse(image, {}, {}).without_noise) std::cerr << without_noise;
}

}  // namespace program
