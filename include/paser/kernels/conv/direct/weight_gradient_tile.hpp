#pragma once
#include "paser/core/macros_off.inc"

#include <cstring>
#include <type_traits>

#include "paser/kernels/conv/direct/plan.hpp"
#include "paser/kernels/conv/direct/tile.hpp"

/// Inner loops of the direct weight gradient.
namespace paser::kernels::direct {

/// Copies `count` channels of each pixel of `images` runs of pixels to places `width` apart.
template <class T>
void pack_pixels(const T* from, Index pixel, Index image, Index pixels, Index images, Index count, Index width, T* to) {
  const auto each = [&](const auto& copy) {
    for (Index n = 0; n < images; ++n) {
      const T* at = from + n * image;
      for (Index i = 0; i < pixels; ++i, at += pixel, to += width) copy(at, to);
    }
  };
  // A copy whose size is known is a few moves, and of arrays known to be apart; else it is a call.
  const auto copy = [&]<int N>(std::integral_constant<int, N>) {
    each([](const T* in, T* out) { std::memcpy(out, in, N * sizeof(T)); });
  };
  switch (count) {
    case 1:
      return copy(std::integral_constant<int, 1>{});
    case 2:
      return copy(std::integral_constant<int, 2>{});
    case 3:
      return copy(std::integral_constant<int, 3>{});
    case 4:
      return copy(std::integral_constant<int, 4>{});
    case 5:
      return copy(std::integral_constant<int, 5>{});
    case 6:
      return copy(std::integral_constant<int, 6>{});
    case 8:
      return copy(std::integral_constant<int, 8>{});
    case 12:
      return copy(std::integral_constant<int, 12>{});
    case 16:
      return copy(std::integral_constant<int, 16>{});
    default:
      return each([count](const T* in, T* out) { std::copy_n(in, count, out); });
  }
}

/// Sums of P input channels by three neighbouring columns of taps by one packet of output channels, for stride 1:
/// each loaded x meets the three outputs that it took part in, so a step needs P + 1 loads for 3 P multiply-adds.
template <class T, int P>
class SlidingSums {
 public:
  /// Continues the sums at `from`, (column of taps, channel, packet) with columns and channels that far apart; null for
  /// zeros.
  [[gnu::always_inline]] void start(const T* from, Index column, Index channel) {
#pragma GCC unroll 4
    for (int s = 0; s < 3; ++s)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p)
        sums_[s][p] = from == nullptr ? simd::zero<T>() : simd::load(from + s * column + p * channel);
  }
  [[gnu::always_inline]] void store(T* to, Index column, Index channel) const {
#pragma GCC unroll 4
    for (int s = 0; s < 3; ++s)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) simd::store(to + s * column + p * channel, sums_[s][p]);
  }

  /// Adds one row: input q meets output q + padding - s under tap s.
  [[gnu::always_inline]] void add_row(const T* x, Index x_step, Index inputs, const T* dy, Index dy_step, Index outputs,
                                      Index padding) {
    const auto output = [&](Index j) { return j >= 0 && j < outputs ? simd::load(dy + j * dy_step) : simd::zero<T>(); };
    auto one = output(padding - 1), two = output(padding - 2);
    const Index whole = std::clamp<Index>(outputs - padding, 0, inputs);
    const T* next = dy + padding * dy_step;
    // Three steps at a time, so that the outputs need not be moved from register to register.
    Index q = 0;
    for (; q + 3 <= whole; q += 3, x += 3 * x_step, next += 3 * dy_step) {
      const auto zero = simd::keep(simd::load(next));
      add(x, zero, one, two);
      two = simd::keep(simd::load(next + dy_step));
      add(x + x_step, two, zero, one);
      one = simd::keep(simd::load(next + 2 * dy_step));
      add(x + 2 * x_step, one, two, zero);
    }
    for (; q < whole; ++q, x += x_step, next += dy_step) {
      const auto zero = simd::load(next);
      add(x, zero, one, two);
      two = one;
      one = zero;
    }
    // Past the last output only the later taps meet data.
    for (; q < std::min(inputs, outputs - padding + 2); ++q, x += x_step) {
      add(x, simd::zero<T>(), one, two);
      two = one;
      one = simd::zero<T>();
    }
  }

 private:
  using Packet = simd::Packet<T>;
  [[gnu::always_inline]] void add(const T* x, const Packet& zero, const Packet& one, const Packet& two) {
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      const auto value = simd::broadcast(x[p]);
      sums_[0][p] = simd::fma(value, zero, sums_[0][p]);
      sums_[1][p] = simd::fma(value, one, sums_[1][p]);
      sums_[2][p] = simd::fma(value, two, sums_[2][p]);
    }
  }

  Packet sums_[3][P];
};

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
