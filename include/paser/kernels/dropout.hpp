#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "paser/core/parallel.hpp"
#include "paser/core/random_words.hpp"
#include "paser/core/simd.hpp"

namespace paser::kernels {

/// y = x / (1 - p) where the element is kept, else 0, for 0 < p < 1. Element i of image n is kept when
/// keys[n].uniform(i) >= p, so its fate depends on nothing but the key and its place in the image.
/// x, y: keys.size() images of `size` elements.
template <class T>
void dropout(std::span<const Key> keys, Index size, double p, const T* x, T* y) {
  // uniform(i) is (word >> 8) * 2^-24, so the comparison with p is one of integers, which T holds exactly.
  const auto threshold = simd::broadcast(static_cast<T>(std::ceil(p * 0x1p24)));
  const auto scale = simd::broadcast(static_cast<T>(1 / (1 - p))), zero = simd::zero<T>();
  constexpr Index run = 1024, width = simd::width<T>;
  const Index runs = (size + run - 1) / run;
  parallel_for(static_cast<Index>(keys.size()) * runs, 8, [&](Index begin, Index end) {
    alignas(64) std::uint32_t words[run];
    alignas(64) T draws[run];
    for (Index r = begin; r < end; ++r) {
      const Index image = r / runs, first = r % runs * run, count = std::min(run, size - first);
      fill_words(keys[static_cast<std::size_t>(image)], static_cast<std::uint64_t>(first), count, words);
      for (Index i = 0; i < count; ++i) draws[i] = static_cast<T>(static_cast<std::int32_t>(words[i] >> 8));
      const T* const from = x + image * size + first;
      T* const to = y + image * size + first;
      // A choice of packets, since a branch on random numbers would be mispredicted every other time.
      const auto keep = [&](const auto& draw, const auto& value) {
        return simd::select(simd::less(draw, threshold), zero, simd::mul(value, scale));
      };
      Index i = 0;
      for (; i + width <= count; i += width) simd::store(to + i, keep(simd::load(draws + i), simd::load(from + i)));
      if (i < count) {
        const auto rest = keep(simd::load_partial(draws + i, count - i), simd::load_partial(from + i, count - i));
        simd::store_partial(to + i, rest, count - i);
      }
    }
  });
}

}  // namespace paser::kernels
