#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

#include "paser/core/parallel.hpp"
#include "paser/core/tensor.hpp"

namespace paser {

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four random words as a pure
/// function of a 128-bit counter and a 64-bit key.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0], b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(a)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return counter;
}

/// Names one stream of random numbers. Draw i of a stream is a pure function of (key, i): it depends neither on the
/// order of the draws nor on the number of threads. Derive one key for each purpose with fold; never use a key twice.
struct Key {
  std::uint64_t value = 0;

  /// An independent stream, named by `number` under this one.
  constexpr Key fold(std::uint64_t number) const {
    const auto w =
        philox({static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32), 0xF01Du, 1u}, value);
    return {w[0] | std::uint64_t{w[1]} << 32};
  }

  /// Words 4i .. 4i+3 of the stream.
  constexpr std::array<std::uint32_t, 4> words(std::uint64_t i) const {
    return philox({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i >> 32), 0u, 0u}, value);
  }
  /// 32 random bits, the i-th of this key.
  constexpr std::uint32_t word(std::uint64_t i) const { return words(i / 4)[i % 4]; }

  /// Draw i, uniform in [0,1), a multiple of 2^-24, so that it is exact in float too.
  constexpr double uniform(std::uint64_t i) const { return (word(i) >> 8) * 0x1p-24; }

  /// Draw i, standard normal (Box-Muller on two words of its own).
  double normal(std::uint64_t i) const {
    const auto w = words(i);
    const double u = (w[0] + 1.0) * 0x1p-32, v = w[1] * 0x1p-32;
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
  }

  /// Draw i, uniform in 0 .. n-1. Throws ValueError when n is negative or above 2^32, as a draw has 32 random bits.
  constexpr Index uniform_int(std::uint64_t i, Index n) const {
    if (n < 0 || n > Index{1} << 32) [[unlikely]]
      refuse_range(n);
    return static_cast<Index>((std::uint64_t{word(i)} * static_cast<std::uint64_t>(n)) >> 32);
  }

  constexpr bool operator==(const Key&) const = default;

 private:
  [[noreturn, gnu::cold, gnu::noinline]] static void refuse_range(Index n) {
    throw ValueError(message("Key::uniform_int: expected 0 .. 2^32 numbers to draw from, got ", n));
  }
};

/// Numbers that name the images of a batch, such as their places in the data set. Noise on an image depends on its
/// number and not on the batch that it is in.
using ImageIds = std::vector<std::uint64_t>;

/// Independent uniform values in [low, high), or all `low` where the two are equal.
template <class T, int Rank>
Tensor<T, Rank> uniform(Key key, const Shape<Rank>& shape, double low = 0, double high = 1) {
  Tensor<T, Rank> t(shape);
  T* out = t.mutable_data();
  // A draw just below `high` may round to it.
  T most = std::numeric_limits<T>::max();
  if (low < high) {
    most = static_cast<T>(high);
    if (static_cast<double>(most) >= high) most = std::nextafter(most, std::numeric_limits<T>::lowest());
  }
  parallel_for(t.numel(), 1 << 14, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      out[i] = std::min(most, static_cast<T>(low + (high - low) * key.uniform(static_cast<std::uint64_t>(i))));
  });
  return t;
}

/// Independent normal values.
template <class T, int Rank>
Tensor<T, Rank> normal(Key key, const Shape<Rank>& shape, double mean = 0, double stddev = 1) {
  Tensor<T, Rank> t(shape);
  T* out = t.mutable_data();
  parallel_for(t.numel(), 1 << 12, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      out[i] = static_cast<T>(mean + stddev * key.normal(static_cast<std::uint64_t>(i)));
  });
  return t;
}

/// 0 .. n-1 in a random order (Fisher-Yates).
inline std::vector<Index> permutation(Key key, Index n) {
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  for (Index i = n - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)],
              order[static_cast<std::size_t>(key.uniform_int(static_cast<std::uint64_t>(i), i + 1))]);
  return order;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
