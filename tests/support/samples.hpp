#pragma once

#include <vector>

#include "paser/io/raster.hpp"

/// The samples of an image file's pixels, in order.
inline std::vector<int> samples(const paser::io::Raster& r) {
  return {r.pixels.values().begin(), r.pixels.values().end()};
}
