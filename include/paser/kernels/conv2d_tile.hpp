#pragma once

#include <array>
#include <utility>

#include "paser/core/simd.hpp"

/// The register tile of every dense convolution, and the cut of a run of pixels into such tiles.
namespace paser::kernels::direct {

/// Calls f(integral_constant 0) .. f(integral_constant N-1) without a loop, so that arrays of packets indexed by the
/// argument live in registers at any optimisation level.
template <int N, class F>
[[gnu::always_inline]] inline void unrolled(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) {
    (f(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

/// P rows by V packets of running sums: row p collects x[p][i * step] * w[i], where w[i] are V packets of a panel.
/// In a forward pass the rows are output pixels and i counts input channels; in a weight gradient the rows are input
/// channels and i counts pixels.
template <class T, int P, int V>
class Tile {
 public:
  static constexpr Index columns = V * simd::width<T>;

  /// Every row starts as the `columns` values at `start`.
  [[gnu::always_inline]] inline void fill(const T* start) {
    unrolled<V>([&](auto v) {
      const auto value = simd::load(start + v * simd::width<T>);
      unrolled<P>([&](auto p) { sums_[p][v] = value; });
    });
  }
  [[gnu::always_inline]] inline void clear() {
    unrolled<P>([&](auto p) { unrolled<V>([&](auto v) { sums_[p][v] = simd::zero<T>(); }); });
  }
  /// Rows lie one after the other in memory.
  [[gnu::always_inline]] inline void load(const T* from) {
    unrolled<P>([&](auto p) {
      unrolled<V>([&](auto v) { sums_[p][v] = simd::load(from + p * columns + v * simd::width<T>); });
    });
  }
  [[gnu::always_inline]] inline void store(T* to) const {
    unrolled<P>(
        [&](auto p) { unrolled<V>([&](auto v) { simd::store(to + p * columns + v * simd::width<T>, sums_[p][v]); }); });
  }
  [[gnu::always_inline]] inline void store_row(int row, T* to) const {
    unrolled<P>([&](auto p) {
      if (p == row) unrolled<V>([&](auto v) { simd::store(to + v * simd::width<T>, sums_[p][v]); });
    });
  }

  [[gnu::always_inline]] inline void add_products(const std::array<const T*, P>& x, Index step, const T* panel,
                                                  Index count) {
    for (Index at = 0; at < count * step; at += step) {
      simd::Packet<T> w[V];
      unrolled<V>([&](auto v) { w[v] = simd::load(panel + v * simd::width<T>); });
      unrolled<P>([&](auto p) {
        const auto value = simd::broadcast(x[p][at]);
        unrolled<V>([&](auto v) { sums_[p][v] = simd::fma(value, w[v], sums_[p][v]); });
      });
      panel += columns;
    }
  }

 private:
  simd::Packet<T> sums_[P][V];
};

}  // namespace paser::kernels::direct
