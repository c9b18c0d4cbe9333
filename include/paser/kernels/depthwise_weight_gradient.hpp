#pragma once

#include <vector>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/depthwise_problem.hpp"

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

/// Adds the products of one lane of `outputs` neighbours in a row to the sums of dw.
template <class T, class L>
void add_pixels(const Problem<T>& p, L, const Gradients<T>& at, Index outputs, Index c, T* dw) {
  const Index pixel = p.groups, step = p.columns.stride * pixel, row = p.rows.tap_step * p.columns.inputs * pixel;
  for (Index t = at.row_taps.first; t < at.row_taps.end; ++t)
    for (Index u = at.column_taps.first; u < at.column_taps.end; ++u) {
      T* const to = dw + t * p.tap_row + u * p.tap_column + c;
      const T *x = at.x + t * row + u * p.columns.tap_step * pixel + c, *dy = at.dy + c;
      auto sum = L::load(to);
      for (Index j = 0; j < outputs; ++j, x += step, dy += pixel) sum = L::fma(L::load(x), L::load(dy), sum);
      L::store(to, sum);
    }
}

/// The same for the outputs in two rows and two columns, all of whose 3x3 taps meet data: each x is loaded once.
template <class T, class L>
void add_square(const Problem<T>& p, L, const Gradients<T>& at, Index c, T* dw) {
  const Index pixel = p.groups, x_row = p.columns.inputs * pixel, dy_row = p.out_columns * pixel;
  typename L::Value sums[3][3], dy[2][2];
#pragma GCC unroll 3
  for (int t = 0; t < 3; ++t)
#pragma GCC unroll 3
    for (int u = 0; u < 3; ++u) sums[t][u] = L::load(dw + t * p.tap_row + u * p.tap_column + c);
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) dy[i][j] = L::keep(L::load(at.dy + i * dy_row + j * pixel + c));
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r)
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) {
      const auto x = L::keep(L::load(at.x + r * x_row + q * pixel + c));
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i)
#pragma GCC unroll 2
        for (int j = 0; j < 2; ++j) {
          const int t = r - i, u = q - j;
          if (t >= 0 && t < 3 && u >= 0 && u < 3) sums[t][u] = L::fma(x, dy[i][j], sums[t][u]);
        }
    }
#pragma GCC unroll 3
  for (int t = 0; t < 3; ++t)
#pragma GCC unroll 3
    for (int u = 0; u < 3; ++u) L::store(dw + t * p.tap_row + u * p.tap_column + c, sums[t][u]);
}

/// Adds what one output row contributes to dw, or with `pair` it and the next one, whose taps then all meet data.
template <class T>
void add_rows(const Problem<T>& p, const std::vector<direct::TapRun>& runs, const T* dy, Index image, Index row,
              bool pair, T* dw) {
  const T* const x = p.input.first.data + (image * p.rows.inputs + p.rows.input(row, 0)) * p.columns.inputs * p.groups;
  const T* const with = dy + p.output(image, row);
  const Range taps = p.rows.valid_taps(row);
  for (const direct::TapRun& run : runs) {
    const auto gradients = [&](Index i, Index j) {
      const Index from = i * p.columns.inputs + p.columns.input(j, 0), output = i * p.out_columns + j;
      return Gradients<T>{x + from * p.groups, with + output * p.groups, taps, run.taps};
    };
    Index first = run.outputs.first;
    for (; pair && run.taps.size() == 3 && first + 2 <= run.outputs.end; first += 2) {
      const Gradients<T> at = gradients(0, first);
      for_each_lane<T>(p.groups, [&](auto lane, Index c) { add_square(p, lane, at, c, dw); });
    }
    for (Index i = 0; i < (pair ? 2 : 1); ++i)
      for (Index j = first; j < run.outputs.end; j += 16) {
        const Gradients<T> at = gradients(i, j);
        const Index count = std::min<Index>(16, run.outputs.end - j);
        for_each_lane<T>(p.groups, [&](auto lane, Index c) { add_pixels(p, lane, at, count, c, dw); });
      }
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
  parallel_each(groups, [&](Index g) {
    T* const sum = sums + g * size;
    std::fill_n(sum, size, T(0));
    const direct::Range range = direct::part(all_rows, groups, g);
    for (Index i = range.first; i < range.end;) {
      const Index image = i / rows, row = i % rows;
      const bool pair = i + 1 < range.end && detail::square_rows(p, row);
      detail::add_rows(p, runs, dy, image, row, pair, sum);
      i += pair ? 2 : 1;
    }
  });
  for (Index i = 0; i < size; ++i) {
    T sum = sums[i];
    for (Index g = 1; g < groups; ++g) sum += sums[g * size + i];
    dw[i] = sum;
  }
}

}  // namespace paser::kernels::depthwise
