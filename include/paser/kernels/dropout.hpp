#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "paser/core/parallel.hpp"
#include "paser/core/random_words.hpp"

namespace paser::kernels {

/// y = x / (1 - p) where the element is kept, else 0, for 0 < p < 1. Element i of image n is kept when
/// keys[n].uniform(i) >= p, so its fate depends on nothing but the key and its place in the image.
/// x, y: keys.size() images of `size` elements.
template <class T>
void dropout(std::span<const Key> keys, Index size, double p, const T* x, T* y) {
  // uniform(i) is (word >> 8) * 2^-24, so the comparison with p is one of words.
  const auto threshold = static_cast<std::uint32_t>(std::min(std::ceil(p * 0x1p24) * 256, 4294967295.0));
  const T scale = static_cast<T>(1 / (1 - p));
  constexpr Index run = 1024;
  const Index runs = (size + run - 1) / run;
  parallel_for(static_cast<Index>(keys.size()) * runs, 8, [&](Index begin, Index end) {
    alignas(64) std::uint32_t words[run];
    for (Index r = begin; r < end; ++r) {
      const Index image = r / runs, first = r % runs * run, count = std::min(run, size - first);
      fill_words(keys[static_cast<std::size_t>(image)], static_cast<std::uint64_t>(first), count, words);
      const T* const from = x + image * size + first;
      T* const to = y + image * size + first;
      for (Index i = 0; i < count; ++i) to[i] = words[i] >= threshold ? from[i] * scale : T(0);
    }
  });
}

}  // namespace paser::kernels
