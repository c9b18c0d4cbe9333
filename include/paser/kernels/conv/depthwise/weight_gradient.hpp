#pragma once
#include "paser/core/macros_off.inc"

#include <vector>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/depthwise/problem.hpp"

/// Weight gradient of a depthwise convolution: for each tap a sum over pixels of x times dy. As in the forward pass, a
/// few whole pixels of one or two rows are taken at a time.
namespace paser::kernels::depthwise {

namespace detail {

/// Some outputs: x is what their first one's tap (0, 0) meets, dy its gradient.
template <class T>
struct Gradients {
  const T *x, *dy;
  Range row_taps, column_taps;
};

/// Adds the products of one lane of `outputs` neighbours in a row to the packed sums.
template <class T, class L>
void add_pixels(const Problem<T>& p, L, const Gradients<T>& at, Index outputs, Index c, T* sums) {
  const Index pixel = p.groups, step = p.columns.stride * pixel, row = p.rows.tap_step * p.columns.inputs * pixel;
  for (Index t = at.row_taps.first; t < at.row_taps.end; ++t)
    for (Index u = at.column_taps.first; u < at.column_taps.end; ++u) {
      T* const to = sums + packed_tap<L>(p.rows.taps * p.columns.taps, t * p.columns.taps + u, c);
      const T *x = at.x + t * row + u * p.columns.tap_step * pixel + c, *dy = at.dy + c;
      auto sum = L::load(to);
      for (Index j = 0; j < outputs; ++j, x += step, dy += pixel) sum = L::fma(L::load(x), L::load(dy), sum);
      L::store(to, sum);
    }
}

/// Two rows and two columns of outputs with 3x3 taps. Of the four rows and columns of x that they span, `rows` and
/// `columns` exist; the others count as zero, as do outputs past the first `dy_rows` and `dy_columns`.
template <class T>
struct GradientSquare {
  const T *x, *dy;
  Index column, x_row, dy_row;
  Range rows, columns;
  Index dy_rows, dy_columns;

  bool whole() const { return rows.size() == 4 && columns.size() == 4 && dy_rows == 2 && dy_columns == 2; }
};

/// Adds the products of one lane of a square, of which each x and dy is loaded once, to the packed sums.
template <bool Edge, class L, class T>
void add_square(const GradientSquare<T>& s, Index c, T* packed) {
  T* const to = packed + packed_tap<L>(9, 0, c);
  typename L::Value sums[3][3], dy[2][2];
#pragma GCC unroll 9
  for (int tap = 0; tap < 9; ++tap) sums[tap / 3][tap % 3] = L::load(to + tap * L::size);
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    const int i = k / 2, j = k % 2;
    const bool exists = !Edge || (i < s.dy_rows && j < s.dy_columns);
    dy[i][j] = exists ? L::keep(L::load(s.dy + i * s.dy_row + j * s.column + c)) : L::zero();
  }
#pragma GCC unroll 16
  for (int k = 0; k < 16; ++k) {
    const int r = k / 4, q = k % 4;
    if (Edge && (r < s.rows.first || r >= s.rows.end || q < s.columns.first || q >= s.columns.end)) continue;
    const auto x = L::keep(L::load(s.x + r * s.x_row + q * s.column + c));
#pragma GCC unroll 4
    for (int output = 0; output < 4; ++output) {
      const int i = output / 2, j = output % 2, t = r - i, u = q - j;
      if (t >= 0 && t < 3 && u >= 0 && u < 3) sums[t][u] = L::fma(x, dy[i][j], sums[t][u]);
    }
  }
#pragma GCC unroll 9
  for (int tap = 0; tap < 9; ++tap) L::store(to + tap * L::size, sums[tap / 3][tap % 3]);
}

/// Adds what output row `row` and, if `rows` is 2, the next one contribute, in squares.
template <class T>
void add_squares(const Problem<T>& p, const T* dy, Index image, Index row, Index rows, T* sums) {
  const Index pixel = p.groups, x_row = p.columns.inputs * pixel;
  const T* const x = p.input.first.data + (image * p.rows.inputs + p.rows.input(row, 0)) * x_row;
  for (Index j = 0; j < p.columns.outputs; j += 2) {
    const GradientSquare<T> square{x + p.columns.input(j, 0) * pixel,
                                   dy + p.output(image, row) + j * pixel,
                                   pixel,
                                   x_row,
                                   p.out_columns * pixel,
                                   inside(p.rows, row),
                                   inside(p.columns, j),
                                   rows,
                                   std::min<Index>(2, p.columns.outputs - j)};
    if (square.whole()) {
      for_each_lane<T>(pixel, [=](auto lane, Index c) { add_square<false, decltype(lane)>(square, c, sums); });
    } else {
      for_each_lane<T>(pixel, [=](auto lane, Index c) { add_square<true, decltype(lane)>(square, c, sums); });
    }
  }
}

/// Adds what one output row with any taps contributes.
template <class T>
void add_row(const Problem<T>& p, const std::vector<direct::TapRun>& runs, const T* dy, Index image, Index row,
             T* sums) {
  const T* const x = p.input.first.data + (image * p.rows.inputs + p.rows.input(row, 0)) * p.columns.inputs * p.groups;
  for (const direct::TapRun& run : runs)
    for (Index j = run.outputs.first; j < run.outputs.end; j += 16) {
      const Gradients<T> at{x + p.columns.input(j, 0) * p.groups, dy + p.output(image, row) + j * p.groups,
                            p.rows.valid_taps(row), run.taps};
      const Index count = std::min<Index>(16, run.outputs.end - j);
      for_each_lane<T>(p.groups, [&](auto lane, Index c) { add_pixels(p, lane, at, count, c, sums); });
    }
}

}  // namespace detail

/// dw = the gradient of the weight, overwritten. Pairs of output rows are dealt to groups that the shape alone decides,
/// whose sums are added in order.
template <class T>
void backward_weight(const ConvShape& s, const T* x, const T* dy, T* dw) {
  const auto p = detail::depthwise_problem<T>(s, x, nullptr, {}, nullptr);
  const auto runs = direct::equal_tap_runs(p.columns, {0, p.columns.outputs});
  const Index rows = p.rows.outputs, size = s.weight_size(), all_rows = s.n * rows;
  const Index groups = std::min<Index>(16, direct::ceil_div(all_rows, 4));
  Scratch<T> scratch(static_cast<std::size_t>(groups * size));
  T* const sums = scratch.data();
  const bool square = detail::squares(p);
  parallel_each(groups, [&](Index g) {
    T* const sum = sums + g * size;
    std::fill_n(sum, size, T(0));
    const direct::Range range = direct::part(all_rows, groups, g);
    for (Index i = range.first; i < range.end;) {
      const Index image = i / rows, row = i % rows;
      const Index count = square ? std::min({Index{2}, rows - row, range.end - i}) : 1;
      if (square) {
        detail::add_squares(p, dy, image, row, count, sum);
      } else {
        detail::add_row(p, runs, dy, image, row, sum);
      }
      i += count;
    }
  });
  const FlushDenormals flush;
  detail::for_each_lane<T>(s.c, [&](auto lane, Index c) {
    using L = decltype(lane);
    for (Index tap = 0; tap < s.r * s.s; ++tap) {
      const T* const from = sums + detail::packed_tap<L>(s.r * s.s, tap, c);
      auto sum = L::load(from);
      for (Index g = 1; g < groups; ++g) sum = L::add(sum, L::load(from + g * size));
      L::store(dw + tap * s.c + c, sum);
    }
  });
}

}  // namespace paser::kernels::depthwise
#include "paser/core/macros_on.inc"
