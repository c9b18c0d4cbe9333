#pragma once

#include <vector>

#include "paser/io/integer_image.hpp"

/// The samples of an image file's pixels, in order.
inline std::vector<int> samples(const paser::io::IntegerImage& r) {
  return {r.pixels.values().begin(), r.pixels.values().end()};
}
