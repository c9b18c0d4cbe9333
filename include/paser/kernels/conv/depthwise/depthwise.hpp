#pragma once
#include "paser/core/macros_off.inc"

#include <utility>
#include <vector>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/depthwise/problem.hpp"
#include "paser/kernels/conv/depthwise/weight_gradient.hpp"
#include "paser/kernels/conv/direct/epilogue.hpp"

/// Depthwise convolution: as many groups as channels, one output channel each.
///
/// A few whole pixels of one or two rows are computed at a time: x and y are then walked in the order of memory, which
/// for so little arithmetic counts more than the number of loads.
namespace paser::kernels::depthwise {

/// True when these functions can compute the convolution.
constexpr bool applies(const ConvShape& s) {
  return s.options.groups == s.c && s.k == s.c;
}

namespace detail {

/// Some outputs: x is what their first one's tap (0, 0) would read; the weights are packed.
template <class T>
struct Outputs {
  const T *x, *weight;
  T* y;
  Range row_taps, column_taps;
};

/// P outputs of one lane in a row, with any taps.
template <int P, class T, class L>
void compute_pixels(const Problem<T>& p, L, const Outputs<T>& at, Index c) {
  typename L::Value sums[P];
  const auto start = p.epilogue.bias == nullptr ? L::zero() : L::load(p.epilogue.bias + c);
#pragma GCC unroll 8
  for (int i = 0; i < P; ++i) sums[i] = start;
  const Index pixel = p.groups, step = p.columns.stride * pixel, row = p.rows.tap_step * p.columns.inputs * pixel;
  const T* const weight = at.weight + packed_tap<L>(p.rows.taps * p.columns.taps, 0, c);
  for (Index t = at.row_taps.first; t < at.row_taps.end; ++t)
    for (Index u = at.column_taps.first; u < at.column_taps.end; ++u) {
      const T* const from = at.x + t * row + u * p.columns.tap_step * pixel + c;
      const auto w = L::keep(L::load(weight + (t * p.columns.taps + u) * L::size));
#pragma GCC unroll 8
      for (int i = 0; i < P; ++i) sums[i] = L::fma(L::load(from + i * step), w, sums[i]);
    }
#pragma GCC unroll 8
  for (int i = 0; i < P; ++i) L::store(at.y + i * p.columns.out_step * pixel + c, sums[i]);
}

/// Two rows and two columns of outputs with 3x3 taps. Of the four rows and columns of x that they span, `rows` and
/// `columns` exist; the others count as zero.
template <class T>
struct Square {
  const T *x, *weight, *bias;
  T* y;
  Index x_column, x_row, y_column, y_row;
  Range rows, columns;
};

/// One lane of a square: sixteen loaded x serve 36 products. Only with Edge may some of them not exist.
template <bool Edge, class L, class T>
void compute_square(const Square<T>& s, Index c) {
  const T *const weight = s.weight + packed_tap<L>(9, 0, c), *const from = s.x + c;
  const auto start = s.bias == nullptr ? L::zero() : L::load(s.bias + c);
  typename L::Value sums[2][2] = {{start, start}, {start, start}};
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    if (Edge && (r < s.rows.first || r >= s.rows.end)) continue;
    typename L::Value x[4];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) {
      const bool exists = !Edge || (q >= s.columns.first && q < s.columns.end);
      x[q] = exists ? L::keep(L::load(from + r * s.x_row + q * s.x_column)) : L::zero();
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const int t = r - i;
      if (t < 0 || t > 2) continue;
#pragma GCC unroll 3
      for (int u = 0; u < 3; ++u) {
        const auto w = L::keep(L::load(weight + (t * 3 + u) * L::size));
        sums[i][0] = L::fma(x[u], w, sums[i][0]);
        sums[i][1] = L::fma(x[u + 1], w, sums[i][1]);
      }
    }
  }
  T* const y = s.y + c;
  L::store(y, sums[0][0]);
  L::store(y + s.y_column, sums[0][1]);
  L::store(y + s.y_row, sums[1][0]);
  L::store(y + s.y_row + s.y_column, sums[1][1]);
}

/// Output row `row` and the next one in squares, of which the last may repeat a column.
template <class T>
void compute_squares(const Problem<T>& p, const T* weight, Index image, Index row) {
  const Index pixel = p.groups, x_row = p.columns.inputs * pixel, y_column = p.columns.out_step * pixel;
  const T* const x = p.input.first.data + (image * p.rows.inputs + p.rows.input(row, 0)) * x_row;
  T* const y = p.y + p.output(image, row);
  for (Index j = 0; j < p.columns.outputs; j += 2) {
    const Index first = std::min(j, p.columns.outputs - 2);
    const Square<T> square{x + p.columns.input(first, 0) * pixel,
                           weight,
                           p.epilogue.bias,
                           y + first * y_column,
                           pixel,
                           x_row,
                           y_column,
                           p.rows.out_step * p.out_columns * pixel,
                           inside(p.rows, row),
                           inside(p.columns, first)};
    if (square.rows.size() == 4 && square.columns.size() == 4) {
      for_each_lane<T>(pixel, [=](auto lane, Index c) { compute_square<false, decltype(lane)>(square, c); });
    } else {
      for_each_lane<T>(pixel, [=](auto lane, Index c) { compute_square<true, decltype(lane)>(square, c); });
    }
  }
}

/// One output row with any taps.
template <class T>
void compute_row(const Problem<T>& p, const T* weight, const std::vector<direct::TapRun>& runs, Index image,
                 Index row) {
  const T* const x = p.input.first.data + (image * p.rows.inputs + p.rows.input(row, 0)) * p.columns.inputs * p.groups;
  T* const y = p.y + p.output(image, row);
  for (const direct::TapRun& run : runs) {
    Index j = run.outputs.first;
    const auto compute = [&]<int P>(std::integer_sequence<int, P>) {
      for (; j + P <= run.outputs.end; j += P) {
        const Outputs<T> at{x + p.columns.input(j, 0) * p.groups, weight, y + j * p.columns.out_step * p.groups,
                            p.rows.valid_taps(row), run.taps};
        for_each_lane<T>(p.groups, [&](auto lane, Index c) { compute_pixels<P>(p, lane, at, c); });
      }
    };
    compute(std::integer_sequence<int, 4>{});
    compute(std::integer_sequence<int, 1>{});
  }
}

template <class T>
void pack_weights(const Problem<T>& p, T* to) {
  const Index taps = p.rows.taps * p.columns.taps;
  for_each_lane<T>(p.groups, [&](auto lane, Index c) {
    using L = decltype(lane);
    for (Index tap = 0; tap < taps; ++tap) {
      const Index t = tap / p.columns.taps, u = tap % p.columns.taps;
      L::store(to + packed_tap<L>(taps, tap, c), L::load(p.weight + t * p.tap_row + u * p.tap_column + c));
    }
  });
}

template <class T>
void convolve(const Problem<T>& p) {
  Scratch<T> packed(static_cast<std::size_t>(p.rows.taps * p.columns.taps * p.groups));
  T* const weight = packed.data();
  pack_weights(p, weight);
  const auto runs = direct::equal_tap_runs(p.columns, {0, p.columns.outputs});
  const Index rows = p.rows.outputs, columns = p.columns.outputs;
  // At least two rows a band, for the squares.
  const Index bands = std::max<Index>(1, rows / std::clamp<Index>(32768 / (columns * p.groups), 2, 16));
  const direct::PieceMoments<T> moments(p, rows, columns, bands, true);
  parallel_each(p.images * bands, [&](Index task) {
    const Index image = task / bands;
    const Range band = part(rows, bands, task % bands);
    const Index step = squares(p) ? 2 : 1;
    for (Index i = band.first; i < band.end; i += step) {
      const Index row = std::min(i, band.end - step);  // a last single row repeats the one before it
      if (step == 2) {
        compute_squares(p, weight, image, row);
      } else {
        compute_row(p, weight, runs, image, row);
      }
      direct::finish_pixels(p, image, row * columns, step * columns, 0, p.groups);
    }
    moments.take(image, task % bands);
  });
  moments.finish();
}

}  // namespace detail

/// y = epilogue(x * weight), overwritten.
template <class T>
void forward(const ConvShape& s, const T* x, const T* weight, const ConvEpilogue<T>& epilogue, T* y) {
  detail::convolve(detail::depthwise_problem(s, x, weight, epilogue, y));
}

/// y = x * weight + bias, overwritten. bias (k) may be null.
template <class T>
void forward(const ConvShape& s, const T* x, const T* weight, const T* bias, T* y) {
  forward(s, x, weight, ConvEpilogue<T>{.bias = bias}, y);
}

/// dx = the gradient of x, overwritten.
template <class T>
void backward_input(const ConvShape& s, const T* dy, const T* weight, T* dx) {
  direct::for_each_phase(s, dx, [&](const direct::Phase& row, const direct::Phase& column) {
    auto p = detail::depthwise_problem(s, dy, weight, ConvEpilogue<T>{}, dx);
    p.rows = row.axis;
    p.columns = column.axis;
    p.out_rows = s.h;
    p.out_columns = s.w;
    p.weight += (row.first_tap * s.s + column.first_tap) * s.c;
    p.tap_row *= row.tap_step;
    p.tap_column *= column.tap_step;
    detail::convolve(p);
  });
}

}  // namespace paser::kernels::depthwise
#include "paser/core/macros_on.inc"
