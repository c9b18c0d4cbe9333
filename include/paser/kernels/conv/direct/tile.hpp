#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>

#include "paser/core/simd.hpp"

namespace paser::kernels::direct {

/// The register tile of the direct convolutions: P rows by V packets of running sums. Row p collects
/// x[p][i * step] * w[i], where w[i] are V packets of a panel. In a forward pass the rows are output pixels and i
/// counts input channels; in a weight gradient the rows are input channels and i counts pixels.
///
/// Every loop over rows or packets is unrolled by order, so that the sums live in registers at any optimisation level.
template <class T, int P, int V>
class Tile {
 public:
  static constexpr Index columns = V * simd::width<T>;

  /// Every row starts as the `columns` values at `from`.
  [[gnu::always_inline]] void fill(const T* from) { read(from, 0, P); }
  /// The rows start as values that lie `row` apart; those past the first `rows` repeat the last of these.
  [[gnu::always_inline]] void load(const T* from, Index row = columns, Index rows = P) { read(from, row, rows); }
  [[gnu::always_inline]] void clear() {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sums_[p][v] = simd::zero<T>();
  }

  /// max(0, .) of every sum; NaN stays.
  [[gnu::always_inline]] void relu() {
    const auto zero = simd::zero<T>();
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sums_[p][v] = simd::select(simd::less(sums_[p][v], zero), zero, sums_[p][v]);
  }

  /// Writes the first `channels` columns of row p to to[p], for the first `rows` rows.
  [[gnu::always_inline]] void store_rows(const std::array<T*, P>& to, Index rows, Index channels) const {
    if (channels == columns) {
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        if (p >= rows) return;
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) simd::store(to[static_cast<std::size_t>(p)] + v * simd::width<T>, sums_[p][v]);
      }
    } else {
      T values[P * columns];
      store(values);
      for (Index p = 0; p < rows; ++p) std::copy_n(values + p * columns, channels, to[static_cast<std::size_t>(p)]);
    }
  }
  /// Writes the first `rows` rows, `row` apart.
  [[gnu::always_inline]] void store(T* to, Index row = columns, Index rows = P) const {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      if (p >= rows) return;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) simd::store(to + p * row + v * simd::width<T>, sums_[p][v]);
    }
  }

  [[gnu::always_inline]] void add_products(const std::array<const T*, P>& x, Index step, const T* panel, Index count) {
    for (Index at = 0; at < count * step; at += step) {
      simd::Packet<T> w[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) w[v] = simd::keep(simd::load(panel + v * simd::width<T>));
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const auto value = simd::broadcast(x[static_cast<std::size_t>(p)][at]);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sums_[p][v] = simd::fma(value, w[v], sums_[p][v]);
      }
      panel += columns;
    }
  }

  /// The same for rows of x that lie `row` apart; three share a pointer, so that the pointers fit the registers. Count
  /// may be a compile-time constant.
  template <class Count>
  [[gnu::always_inline]] void add_neighbours(const T* x, Index row, const T* panel, Count count) {
    constexpr int pointers = (P + 2) / 3;
    std::array<const T*, pointers> at;
#pragma GCC unroll 8
    for (int i = 0; i < pointers; ++i) at[static_cast<std::size_t>(i)] = x + i * 3 * row;
    for (Index i = 0; i < count; ++i) {
      simd::Packet<T> w[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) w[v] = simd::keep(simd::load(panel + i * columns + v * simd::width<T>));
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const auto value = simd::broadcast(at[static_cast<std::size_t>(p / 3)][p % 3 * row + i]);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sums_[p][v] = simd::fma(value, w[v], sums_[p][v]);
      }
    }
  }

 private:
  [[gnu::always_inline]] void read(const T* from, Index row, Index rows) {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        sums_[p][v] = simd::load(from + std::min<Index>(p, rows - 1) * row + v * simd::width<T>);
  }

  simd::Packet<T> sums_[P][V];
};

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
