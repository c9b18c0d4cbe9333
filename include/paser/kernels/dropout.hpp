#pragma once
#include "paser/core/macros_off.inc"

#include <span>

#include "paser/core/random.hpp"

namespace paser::kernels {

/// y = x / (1 - p) where the element is kept, else 0, for 0 < p < 1. Element i of image n is kept when
/// keys[n].uniform(i) >= p, and for p = 1/2, where a single random bit is enough, when bit i mod 32 of
/// keys[n].word(i / 32) is set: its fate depends on nothing but the key and its place in the image.
/// y: keys.size() images of `size` elements; x: `images` images, which are used again and again.
template <class T>
void dropout(std::span<const Key> keys, Index images, Index size, double p, const T* x, T* y);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>
#include <array>
#include <cmath>

#include "paser/core/parallel.hpp"
#include "paser/core/random_words.hpp"
#include "paser/core/simd.hpp"

namespace paser::kernels {

namespace detail {

/// The bits of every byte as eight numbers 0 or 1, the lowest bit first.
template <class T>
struct BitTable {
  std::array<std::array<T, 8>, 256> rows{};
  constexpr BitTable() {
    for (std::size_t byte = 0; byte < 256; ++byte)
      for (std::size_t bit = 0; bit < 8; ++bit) rows[byte][bit] = static_cast<T>(byte >> bit & 1);
  }
};
template <class T>
inline constexpr BitTable<T> bit_table{};

}  // namespace detail

template <class T>
void dropout(std::span<const Key> keys, Index images, Index size, double p, const T* x, T* y) {
  const bool half = p == 0.5;
  // uniform(i) is (word >> 8) * 2^-24, so the comparison with p is one of integers, which T holds exactly.
  const auto threshold = simd::broadcast(static_cast<T>(half ? 1 : std::ceil(p * 0x1p24)));
  const auto scale = simd::broadcast(static_cast<T>(1 / (1 - p))), zero = simd::zero<T>();
  constexpr Index run = 1024, width = simd::width<T>;
  const Index runs = (size + run - 1) / run;
  const auto draw = [&](Key key, Index first, Index count, T* draws) {
    alignas(64) std::uint32_t words[run];
    if (half) {
      fill_words(key, static_cast<std::uint64_t>(first / 32), (count + 31) / 32, words);
      for (Index i = 0; i < count; i += 8)
        std::copy_n(detail::bit_table<T>.rows[words[i / 32] >> i % 32 & 0xFF].data(), 8, draws + i);
    } else {
      fill_words(key, static_cast<std::uint64_t>(first), count, words);
      for (Index i = 0; i < count; ++i) draws[i] = static_cast<T>(static_cast<std::int32_t>(words[i] >> 8));
    }
  };
  parallel_for(static_cast<Index>(keys.size()) * runs, 8, [&](Index begin, Index end) {
    alignas(64) T draws[run];
    for (Index r = begin; r < end; ++r) {
      const Index image = r / runs, first = r % runs * run, count = std::min(run, size - first);
      draw(keys[static_cast<std::size_t>(image)], first, count, draws);
      const T* const from = x + image % images * size + first;
      T* const to = y + image * size + first;
      // A choice of packets, since a branch on random numbers would be mispredicted every other time.
      const auto keep = [&](const auto& drawn, const auto& value) {
        return simd::select(simd::less(drawn, threshold), zero, simd::mul(value, scale));
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

#endif
#include "paser/core/macros_on.inc"
