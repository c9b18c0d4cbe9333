#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>

#include "paser/kernels/conv/winograd/tiles.hpp"
#include "paser/kernels/loops/micro_kernel.hpp"

/// The transforms of the weights, and of the products that become their gradient.
namespace paser::kernels::winograd {

/// G g G^T for `count` packets. Tap q of the first stands at from[q * tap] and its point p goes to to[p * point];
/// packets follow one another at from, and at distances of `step` at to.
template <int Tile, class T>
[[gnu::noinline]] void transform_filter_packets(const T* from, Index tap, Index count, T* to, Index point, Index step) {
  for (; count > 0; --count, from += simd::width<T>, to += step)
    transform<FilterMap<Tile, T>, simd::Packet<T>>(
        [&](int i, int j) { return simd::load(from + (i * 3 + j) * tap); },
        [&](int i, int j, const auto& v) { simd::store(to + (i * (Tile + 2) + j) * point, v); });
}

/// G^T u G for one packet of outputs, whose point p stands at u[p * point]; tap q goes to dw[q * tap], of which only
/// `lanes` outputs exist.
template <int Tile, class T>
[[gnu::noinline]] void transform_gradient_packet(const T* u, Index point, T* dw, Index tap, Index lanes) {
  constexpr Index packet = simd::width<T>;
  T taps[9 * packet];
  const bool full = lanes >= packet;
  T* const to = full ? dw : taps;
  const Index step = full ? tap : packet;
  transform<FilterGradientMap<Tile, T>, simd::Packet<T>>(
      [&](int i, int j) { return simd::load(u + (i * (Tile + 2) + j) * point); },
      [&](int i, int j, const auto& g) { simd::store(to + (i * 3 + j) * step, g); });
  for (Index q = 0; q < 9 && !full; ++q) std::copy_n(taps + q * packet, lanes, dw + q * tap);
}

/// A transformed filter in panels: point p of input c and output first + l stands in panel l / block_width at
/// u[p * point + (c - begin) * block_width + l % block_width], for begin <= c < end and l < columns. A packet of
/// outputs that do not exist is left as it is.
///
/// `rotated` makes the filter of the data gradient, turned by 180 degrees, with inputs and outputs exchanged: `weight`
/// is then (3, 3, outputs, inputs), else (3, 3, inputs, outputs).
template <int Tile, class T>
void transform_filter(const T* weight, bool rotated, Index inputs, Index outputs, Index begin, Index end, Index first,
                      Index columns, T* u, Index point, Index panel) {
  constexpr Index lanes = simd::width<T>;
  // Large weights come from memory, a short run of each row at a time, which no hardware foresees.
  constexpr Index ahead = 8, line = 64 / Index{sizeof(T)};
  const Index tap = inputs * outputs;
  if (!rotated) {
    for (Index c = begin; c < end; ++c) {
      const T* const from = weight + c * outputs + first;
      T* const to = u + (c - begin) * block_width<T>;
      if (c + ahead < end)
        for (int q = 0; q < 9; ++q)
          for (Index l = 0; l < columns; l += line) simd::prefetch(from + q * tap + ahead * outputs + l);
      for (Index l = 0; l < columns; l += block_width<T>) {
        const Index some = std::min(columns - l, block_width<T>), whole = some / lanes;
        T* const packets = to + l / block_width<T> * panel;
        transform_filter_packets<Tile>(from + l, tap, whole, packets, point, lanes);
        if (some == whole * lanes) continue;
        T taps[9 * lanes];
        for (int q = 0; q < 9; ++q)
          simd::store(taps + q * lanes, simd::load_partial(from + q * tap + l + whole * lanes, some - whole * lanes));
        transform_filter_packets<Tile>(taps, lanes, Index{1}, packets + whole * lanes, point, lanes);
      }
    }
    return;
  }
  // The taps lie along the inputs here: squares of them are transposed first.
  for (Index c = begin; c < end; c += lanes)
    for (Index l = 0; l < columns; l += lanes) {
      const Index depth = std::min(lanes, end - c), wanted = std::min(lanes, columns - l);
      T taps[9 * lanes * lanes];
      for (int q = 0; q < 9; ++q) {
        const T* const from = weight + (8 - q) * tap + (first + l) * inputs + c;
        simd::Packet<T> square[lanes];
        for (Index i = 0; i < lanes; ++i)
          square[i] = i >= wanted      ? simd::zero<T>()
                      : depth == lanes ? simd::load(from + i * inputs)
                                       : simd::load_partial(from + i * inputs, depth);
        simd::transpose<T>(square);
        for (Index i = 0; i < lanes; ++i) simd::store(taps + (q * lanes + i) * lanes, square[i]);
      }
      transform_filter_packets<Tile>(taps, lanes * lanes, depth,
                                     u + (c - begin) * block_width<T> + l / block_width<T> * panel + l % block_width<T>,
                                     point, block_width<T>);
    }
}

}  // namespace paser::kernels::winograd
#include "paser/core/macros_on.inc"
