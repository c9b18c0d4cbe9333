#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>

#include "paser/core/shape.hpp"

/// Matrix product on raw arrays. The blocking is that of Goto and van de Geijn ("Anatomy of high-performance matrix
/// multiplication", 2008): panels of both operands are copied into the order in which a register tile reads them.
namespace paser::kernels {

/// A matrix in memory: element (i, j) is data[i * row_stride + j * column_stride].
template <class T>
struct MatrixView {
  const T* data;
  Index rows, columns;
  Index row_stride, column_stride;

  MatrixView(const T* d, Index r, Index c) : MatrixView(d, r, c, c, 1) {}
  MatrixView(const T* d, Index r, Index c, Index row, Index column)
      : data(d), rows(r), columns(c), row_stride(row), column_stride(column) {}

  MatrixView transposed() const { return {data, columns, rows, column_stride, row_stride}; }
  MatrixView block(Index row, Index column, Index r, Index c) const {
    return {data + row * row_stride + column * column_stride, r, c, row_stride, column_stride};
  }
};

/// What happens to the product on its way out.
template <class T>
struct GemmOutput {
  bool accumulate = false;  ///< C += A B instead of C = A B
  const T* bias = nullptr;  ///< one value a column, added when accumulate is false
  Index row_stride = 0;     ///< distance of two rows of C; 0: its columns
};

/// How many products of `macs` multiply-accumulates are worth a thread of their own.
inline Index gemm_grain(Index macs) {
  return std::max<Index>(1, (Index{1} << 16) / std::max<Index>(macs, 1));
}

/// C = A B, or C += A B, or C = A B + bias; A is (m, k), B (k, n), C (m, n) with rows one after the other. Transposed
/// operands are views. C is cut into blocks and, when it is small, the sum over k into parts that are added in order;
/// both cuts depend on the extents alone, so the result has the same bits for any number of threads.
template <class T>
void gemm(const MatrixView<T>& a, const MatrixView<T>& b, T* c, GemmOutput<T> output = {});

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/simd.hpp"

namespace paser::kernels {

namespace detail {

/// The size of the register tile: `rows` x `columns` sums that stay in registers while one column of A and one row of B
/// after the other go by. Two packets wide, and as high as the registers allow.
template <class T>
struct GemmTile {
  static constexpr Index rows = simd::registers >= 32 ? 12 : 6;
  static constexpr Index columns = 2 * simd::width<T>;
};

/// Copies a, at most `tile` rows high, so that its columns follow one another; missing rows are zero.
template <Index tile, class T>
void pack_panel(const MatrixView<T>& a, T* packed) {
  constexpr Index lanes = simd::width<T>;
  Index k = 0;
  if (a.row_stride == 1 && a.rows == tile) {
    for (; k < a.columns; ++k) std::copy_n(a.data + k * a.column_stride, tile, packed + k * tile);
  } else if (tile % lanes == 0 && a.column_stride == 1 && a.rows == tile) {
    for (; k + lanes <= a.columns; k += lanes)
      for (Index i = 0; i < tile; i += lanes) {
        simd::Packet<T> square[lanes];
        for (Index l = 0; l < lanes; ++l) square[l] = simd::load(a.data + (i + l) * a.row_stride + k);
        simd::transpose<T>(square);
        for (Index l = 0; l < lanes; ++l) simd::store(packed + (k + l) * tile + i, square[l]);
      }
  }
  for (; k < a.columns; ++k) {
    const T* const column = a.data + k * a.column_stride;
    for (Index i = 0; i < a.rows; ++i) packed[k * tile + i] = column[i * a.row_stride];
    for (Index i = a.rows; i < tile; ++i) packed[k * tile + i] = T(0);
  }
}

/// The panels of an operand, `tile` rows high, packed unless they can be read where they are.
template <class T, Index tile>
class Panels {
 public:
  static Index scratch(Index rows, Index depth) { return (rows + tile - 1) / tile * tile * depth; }

  /// Nothing is packed yet.
  Panels(const MatrixView<T>& a, bool in_place, T* packed) : a_(a), in_place_(in_place), packed_(packed) {}

  /// Packs the panels that start at rows begin <= row < end, multiples of the tile.
  void pack(Index begin, Index end) {
    for (Index row = begin; row < end; row += tile)
      if (!direct(row)) pack_panel<tile>(a_.block(row, 0, std::min(tile, a_.rows - row), a_.columns), slot(row));
  }

  /// The panel that starts at `row`, a multiple of the tile.
  MatrixView<T> operator()(Index row) const {
    return direct(row) ? a_.block(row, 0, tile, a_.columns) : MatrixView<T>(slot(row), tile, a_.columns, 1, tile);
  }

 private:
  bool direct(Index row) const { return in_place_ && row + tile <= a_.rows; }
  T* slot(Index row) const { return packed_ + row * a_.columns; }

  MatrixView<T> a_;
  bool in_place_;
  T* packed_;
};

/// The register tile a b. a is any view, b's columns lie side by side. `store(i, left, right)` gets row i.
template <class T, class Store>
void multiply_tile(const MatrixView<T>& a, const T* b, Index b_stride, Store&& store) {
  constexpr Index rows = GemmTile<T>::rows, width = simd::width<T>, line = 64 / static_cast<Index>(sizeof(T));
  simd::Packet<T> sum[rows][2];
#pragma GCC unroll 12
  for (Index i = 0; i < rows; ++i) sum[i][0] = sum[i][1] = simd::zero<T>();
  const auto accumulate = [&](const T* column, Index stride, Index step) {
    for (Index k = 0; k < a.columns;) {
      // The rows below come next, perhaps from memory. Of longer rows too many would fall into one set of the cache.
      if (step == 1 && stride <= 20 * line)
#pragma GCC unroll 12
        for (Index i = 0; i < rows; ++i) simd::prefetch(column + (i + rows) * stride);
      for (const Index stop = std::min(a.columns, k + line); k < stop; ++k, column += step, b += b_stride) {
        const auto b0 = simd::load(b), b1 = simd::load(b + width);
#pragma GCC unroll 12
        for (Index i = 0; i < rows; ++i) {
          const auto ai = simd::broadcast(column[i * stride]);
          sum[i][0] = simd::fma(ai, b0, sum[i][0]);
          sum[i][1] = simd::fma(ai, b1, sum[i][1]);
        }
      }
    }
  };
  if (a.row_stride == 1) {
    accumulate(a.data, 1, a.column_stride);
  } else {
    accumulate(a.data, a.row_stride, a.column_stride);
  }
#pragma GCC unroll 12
  for (Index i = 0; i < rows; ++i) store(i, sum[i][0], sum[i][1]);
}

/// A tile into C; `rows` and `columns` say how much of the tile C has.
template <class T>
void multiply_tile_into(const MatrixView<T>& a, const T* b, Index b_stride, Index rows, Index columns, T* c,
                        const GemmOutput<T>& output) {
  constexpr Index width = simd::width<T>;
  for (Index i = 0; i < rows; ++i) simd::prefetch(c + i * output.row_stride);
  if (rows == GemmTile<T>::rows && columns == GemmTile<T>::columns && output.bias != nullptr && !output.accumulate) {
    const auto left_bias = simd::load(output.bias), right_bias = simd::load(output.bias + width);
    multiply_tile(a, b, b_stride, [&](Index i, const auto& left, const auto& right) {
      simd::store(c + i * output.row_stride, simd::add(left_bias, left));
      simd::store(c + i * output.row_stride + width, simd::add(right_bias, right));
    });
    return;
  }
  if (rows == GemmTile<T>::rows && columns == GemmTile<T>::columns) {
    multiply_tile(a, b, b_stride, [&](Index i, const auto& left, const auto& right) {
      T* const row = c + i * output.row_stride;
      simd::store(row, output.accumulate ? simd::add(simd::load(row), left) : left);
      simd::store(row + width, output.accumulate ? simd::add(simd::load(row + width), right) : right);
    });
    return;
  }
  alignas(64) T tile[GemmTile<T>::rows * GemmTile<T>::columns];
  multiply_tile(a, b, b_stride, [&](Index i, const auto& left, const auto& right) {
    simd::store(tile + 2 * i * width, left);
    simd::store(tile + (2 * i + 1) * width, right);
  });
  for (Index i = 0; i < rows; ++i, c += output.row_stride)
    for (Index j = 0; j < columns; ++j) {
      const T start = output.accumulate ? c[j] : output.bias != nullptr ? output.bias[j] : T(0);
      c[j] = start + tile[i * GemmTile<T>::columns + j];
    }
}

/// The panels of B. Packing pays when a panel is read more than about twice.
template <class T>
Panels<T, GemmTile<T>::columns> panels_of_b(const MatrixView<T>& b, Index rows_of_a, T* scratch) {
  return {b.transposed(), b.column_stride == 1 && rows_of_a <= 2 * GemmTile<T>::rows, scratch};
}

/// One block of C on one thread: the rows of a times the columns j .. j + columns - 1 of B.
template <class T>
void multiply_block(const MatrixView<T>& a, const Panels<T, GemmTile<T>::columns>& b, Index j, Index columns, T* c,
                    GemmOutput<T> output) {
  using Tile = GemmTile<T>;
  using APanels = Panels<T, Tile::rows>;
  constexpr Index most_depth = 256;
  const bool in_place = a.column_stride == 1 || columns <= 2 * Tile::columns;
  Scratch<T> scratch(static_cast<std::size_t>(APanels::scratch(a.rows, std::min(a.columns, most_depth))));
  for (Index k = 0; k < a.columns; k += most_depth) {
    const Index part = std::min(most_depth, a.columns - k);
    APanels a_panels(a.block(0, k, a.rows, part), in_place, scratch.data());
    a_panels.pack(0, a.rows);
    for (Index l = 0; l < columns; l += Tile::columns) {
      const MatrixView<T> panel = b(j + l);
      GemmOutput<T> corner = output;
      if (corner.bias != nullptr) corner.bias += l;
      for (Index i = 0; i < a.rows; i += Tile::rows)
        multiply_tile_into(a_panels(i), panel.data + k * panel.column_stride, panel.column_stride,
                           std::min(Tile::rows, a.rows - i), std::min(Tile::columns, columns - l),
                           c + i * output.row_stride + l, corner);
    }
    output.accumulate = true;
  }
}

}  // namespace detail

template <class T>
void gemm(const MatrixView<T>& a, const MatrixView<T>& b, T* c, GemmOutput<T> output) {
  using Tile = detail::GemmTile<T>;
  const Index m = a.rows, n = b.columns, depth = a.columns;
  if (output.row_stride == 0) output.row_stride = n;
  if (m == 0 || n == 0) return;
  if (depth == 0) {
    for (Index i = 0; i < m && !output.accumulate; ++i)
      for (Index j = 0; j < n; ++j) c[i * output.row_stride + j] = output.bias != nullptr ? output.bias[j] : T(0);
    return;
  }
  // What a block reads of A and of B fills about half of a small second-level cache.
  using BPanels = detail::Panels<T, Tile::columns>;
  const Index block_n = 16 * Tile::columns, block_m = 16 * Tile::rows;
  const Index across = (n + block_n - 1) / block_n, blocks = across * ((m + block_m - 1) / block_m);
  const auto block = [&](Index number, const MatrixView<T>& left, const BPanels& right, T* out,
                         const GemmOutput<T>& o) {
    const Index i = number / across * block_m, j = number % across * block_n;
    GemmOutput<T> corner = o;
    if (corner.bias != nullptr) corner.bias += j;
    detail::multiply_block(left.block(i, 0, std::min(block_m, m - i), left.columns), right, j, std::min(block_n, n - j),
                           out + i * o.row_stride + j, corner);
  };

  constexpr Index part_depth = 2048;
  const Index parts = blocks < 8 ? std::min<Index>((depth + part_depth - 1) / part_depth, 16) : 1;
  if (parts == 1) {
    Scratch<T> packed(static_cast<std::size_t>(BPanels::scratch(n, depth)));
    BPanels right = detail::panels_of_b(b, m, packed.data());
    const Index panels = (n + Tile::columns - 1) / Tile::columns, copied = Index{1} << 14;
    parallel_for(panels, copied / (depth * Tile::columns),
                 [&](Index begin, Index end) { right.pack(begin * Tile::columns, std::min(n, end * Tile::columns)); });
    parallel_for(blocks, gemm_grain(std::min(m, block_m) * std::min(n, block_n) * depth), [&](Index begin, Index end) {
      for (Index number = begin; number < end; ++number) block(number, a, right, c, output);
    });
    return;
  }
  const Index part = (depth + parts - 1) / parts;
  Scratch<T> scratch(static_cast<std::size_t>(parts * m * n));
  T* const sums = scratch.data();
  parallel_each(parts * blocks, [&](Index task) {
    const Index p = task / blocks, k = p * part, length = std::min(part, depth - k);
    const Index j = task % blocks % across * block_n;
    const MatrixView<T> slice = b.block(k, 0, length, n);
    Scratch<T> packed(static_cast<std::size_t>(BPanels::scratch(n, length)));
    BPanels right = detail::panels_of_b(slice, m, packed.data());
    right.pack(j, std::min(n, j + block_n));
    block(task % blocks, a.block(0, k, m, length), right, sums + p * m * n, {.row_stride = n});
  });
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) {
      T sum = output.accumulate ? c[i * output.row_stride + j] : output.bias != nullptr ? output.bias[j] : T(0);
      for (Index p = 0; p < parts; ++p) sum += sums[(p * m + i) * n + j];
      c[i * output.row_stride + j] = sum;
    }
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
