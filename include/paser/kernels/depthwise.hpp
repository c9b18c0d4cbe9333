#pragma once

#include <utility>
#include <vector>

#include "paser/core/parallel.hpp"
#include "paser/kernels/conv2d_direct_epilogue.hpp"
#include "paser/kernels/depthwise_problem.hpp"
#include "paser/kernels/depthwise_weight_gradient.hpp"

/// Depthwise convolution: as many groups as channels, one output channel each.
///
/// A few whole pixels of one or two rows are computed at a time: x and y are then walked in the order of memory, which
/// for so little arithmetic counts more than the number of loads.
namespace paser::kernels::depthwise {

/// True when these functions can compute the convolution.
constexpr bool applies(const ConvShape& s) {
  return s.spec.groups == s.c && s.k == s.c;
}

namespace detail {

/// Some outputs: x is what their first one's tap (0, 0) would read.
template <class T>
struct Outputs {
  const T* x;
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
  for (Index t = at.row_taps.first; t < at.row_taps.end; ++t)
    for (Index u = at.column_taps.first; u < at.column_taps.end; ++u) {
      const T* const from = at.x + t * row + u * p.columns.tap_step * pixel + c;
      const auto w = L::keep(L::load(p.weight + t * p.tap_row + u * p.tap_column + c));
#pragma GCC unroll 8
      for (int i = 0; i < P; ++i) sums[i] = L::fma(L::load(from + i * step), w, sums[i]);
    }
#pragma GCC unroll 8
  for (int i = 0; i < P; ++i) L::store(at.y + i * p.columns.out_step * pixel + c, sums[i]);
}

/// The outputs of one lane in two rows and two columns, all of whose 3x3 taps meet data. Sixteen loaded x serve 36
/// products.
template <class T, class L>
void compute_square(const Problem<T>& p, L, const Outputs<T>& at, Index c) {
  const Index pixel = p.groups, row = p.columns.inputs * pixel;
  typename L::Value sums[2][2];
  const auto start = p.epilogue.bias == nullptr ? L::zero() : L::load(p.epilogue.bias + c);
  for (auto& sum : sums) sum[0] = sum[1] = start;
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    typename L::Value x[4];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) x[q] = L::keep(L::load(at.x + r * row + q * pixel + c));
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const int t = r - i;
      if (t < 0 || t > 2) continue;
#pragma GCC unroll 3
      for (int u = 0; u < 3; ++u) {
        const auto w = L::keep(L::load(p.weight + t * p.tap_row + u * p.tap_column + c));
        sums[i][0] = L::fma(x[u], w, sums[i][0]);
        sums[i][1] = L::fma(x[u + 1], w, sums[i][1]);
      }
    }
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j)
      L::store(at.y + (i * p.rows.out_step * p.out_columns + j * p.columns.out_step) * pixel + c, sums[i][j]);
}

/// One output row, or with `pair` it and the next one, whose taps then all meet data.
template <class T>
void compute_rows(const Problem<T>& p, const std::vector<direct::TapRun>& runs, Index image, Index row, bool pair) {
  const T* const x = p.input.first.data + (image * p.rows.inputs + p.rows.input(row, 0)) * p.columns.inputs * p.groups;
  T* const y = p.y + p.output(image, row);
  const Range taps = p.rows.valid_taps(row);
  for (const direct::TapRun& run : runs) {
    const bool squares = pair && run.taps.size() == 3 && run.outputs.size() >= 2;
    const auto outputs = [&](Index i, Index j) {
      const Index from = i * p.columns.inputs + p.columns.input(j, 0);
      const Index to = i * p.rows.out_step * p.out_columns + j * p.columns.out_step;
      return Outputs<T>{x + from * p.groups, y + to * p.groups, taps, run.taps};
    };
    for (Index j = run.outputs.first; squares && j < run.outputs.end; j += 2) {
      const Outputs<T> at = outputs(0, std::min(j, run.outputs.end - 2));
      for_each_lane<T>(p.groups, [&](auto lane, Index c) { compute_square(p, lane, at, c); });
    }
    for (Index i = 0; !squares && i < (pair ? 2 : 1); ++i) {
      Index j = run.outputs.first;
      const auto compute = [&]<int P>(std::integer_sequence<int, P>) {
        for (; j + P <= run.outputs.end; j += P) {
          const Outputs<T> at = outputs(i, j);
          for_each_lane<T>(p.groups, [&](auto lane, Index c) { compute_pixels<P>(p, lane, at, c); });
        }
      };
      compute(std::integer_sequence<int, 4>{});
      compute(std::integer_sequence<int, 1>{});
    }
  }
}

template <class T>
void convolve(const Problem<T>& p) {
  const auto runs = direct::equal_tap_runs(p.columns, {0, p.columns.outputs});
  const Index rows = p.rows.outputs, columns = p.columns.outputs;
  const Index bands = ceil_div(rows, std::clamp<Index>(32768 / (columns * p.groups), 2, 16));
  const direct::PieceMoments<T> moments(p, rows, columns, bands, true);
  parallel_each(p.images * bands, [&](Index task) {
    const Index image = task / bands;
    const Range band = part(rows, bands, task % bands);
    for (Index i = band.first; i < band.end;) {
      const bool pair = i + 1 < band.end && square_rows(p, i);
      compute_rows(p, runs, image, i, pair);
      const Index count = pair ? 2 : 1;
      direct::finish_pixels(p, image, i * columns, count * columns, 0, p.groups);
      i += count;
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
