#pragma once

#include <utility>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/simd.hpp"
#include "paser/kernels/conv2d_plan.hpp"

/// Depthwise convolution: as many groups as channels, one output channel each. Vectorised over the channels, which lie
/// side by side in x, y and the weight alike; nothing is packed.
namespace paser::kernels::depthwise {

/// True when these functions can compute the convolution.
constexpr bool applies(const ConvShape& s) {
  return s.spec.groups == s.c && s.k == s.c;
}

namespace detail {

using direct::Axis;
using direct::ceil_div;
using direct::part;
using direct::Range;

/// A packet of channels.
template <class T>
struct PacketLane {
  using Value = simd::Packet<T>;
  static constexpr Index size = simd::width<T>;
  static Value load(const T* p) { return simd::load(p); }
  static Value keep(const Value& v) { return simd::keep(v); }
  static void store(T* p, const Value& v) { simd::store(p, v); }
  static Value fma(const Value& a, const Value& b, const Value& c) { return simd::fma(a, b, c); }
};

/// One of the channels that do not fill a packet.
template <class T>
struct ScalarLane {
  using Value = T;
  static constexpr Index size = 1;
  static Value load(const T* p) { return *p; }
  static Value keep(const Value& v) { return v; }
  static void store(T* p, const Value& v) { *p = v; }
  static Value fma(const Value& a, const Value& b, const Value& c) { return a * b + c; }
};

/// Calls f(lane, channel) for whole packets of the channels and then for the channels left over.
template <class T, class F>
void for_each_lane(Index channels, F&& f) {
  Index c = 0;
  for (; c + simd::width<T> <= channels; c += simd::width<T>) f(PacketLane<T>{}, c);
  for (; c < channels; ++c) f(ScalarLane<T>{}, c);
}

/// A depthwise convolution, or an input gradient that is one. Tap (t, u) of channel c is
/// weight[t * tap_row + u * tap_column + c].
template <class T>
struct Problem {
  Index images, channels;
  Axis rows, columns;
  Index out_rows, out_columns;  // of the y array
  const T* weight;
  Index tap_row, tap_column;
  const T* bias;  // or null
  const T* x;
  T* y;
};

/// P outputs of one row and one lane, all with the column taps `taps`. With S = 3 these are three neighbouring ones of
/// a convolution of stride 1, and each loaded x meets the three outputs that it takes part in.
template <class T, int P, int S, class L>
void compute_pixels(const Problem<T>& p, L, const T* x, const Range& rows, const Range& taps, Index row, T* y,
                    Index c) {
  typename L::Value sums[P];
  T none[L::size] = {};
  const auto start = L::load(p.bias == nullptr ? none : p.bias + c);
#pragma GCC unroll 8
  for (int i = 0; i < P; ++i) sums[i] = start;
  const Index step = p.columns.stride * p.channels;
  for (Index t = rows.first; t < rows.end; ++t) {
    const T* const from = x + t * p.rows.tap_step * row + c;
    const T* const weight = p.weight + t * p.tap_row + c;
    if constexpr (S == 3) {
      const auto first = L::keep(L::load(weight)), second = L::keep(L::load(weight + p.tap_column));
      const auto third = L::keep(L::load(weight + 2 * p.tap_column));
#pragma GCC unroll 16
      for (int q = 0; q < P + 2; ++q) {
        const auto value = L::keep(L::load(from + q * step));
        if (q < P) sums[q] = L::fma(value, first, sums[q]);
        if (q >= 1 && q <= P) sums[q - 1] = L::fma(value, second, sums[q - 1]);
        if (q >= 2) sums[q - 2] = L::fma(value, third, sums[q - 2]);
      }
    } else {
      for (Index u = taps.first; u < taps.end; ++u) {
        const auto w = L::load(weight + u * p.tap_column);
        const T* at = from + u * p.columns.tap_step * p.channels;
#pragma GCC unroll 8
        for (int i = 0; i < P; ++i) sums[i] = L::fma(L::load(at + i * step), w, sums[i]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < P; ++i) L::store(y + i * p.columns.out_step * p.channels + c, sums[i]);
}

template <class T>
void convolve(const Problem<T>& p) {
  const Index row = p.columns.inputs * p.channels;
  // Four pixels at a time need the fewest loads; two come nearer to the order of memory, which counts for arrays that
  // do not fit the cache.
  const Index slide = p.images * p.rows.inputs * row * static_cast<Index>(sizeof(T)) > (Index{4} << 20) ? 2 : 4;
  const auto runs = direct::equal_tap_runs(p.columns, {0, p.columns.outputs});
  parallel_each(p.images * p.rows.outputs, [&](Index task) {
    const Index n = task / p.rows.outputs, i = task % p.rows.outputs;
    const Range taps = p.rows.valid_taps(i);
    const T* const x = p.x + (n * p.rows.inputs + p.rows.input(i, 0)) * row;
    T* const y =
        p.y +
        ((n * p.out_rows + p.rows.out_first + i * p.rows.out_step) * p.out_columns + p.columns.out_first) * p.channels;
    for (const direct::TapRun& run : runs) {
      const bool sliding =
          p.columns.taps == 3 && p.columns.stride == 1 && p.columns.tap_step == 1 && run.taps.size() == 3;
      // Groups of pixels outside, lanes inside: a few whole pixels are read and written at a time.
      for (Index j = run.outputs.first; j < run.outputs.end;) {
        const T* const from = x + p.columns.input(j, 0) * p.channels;
        T* const to = y + j * p.columns.out_step * p.channels;
        const auto compute = [&]<int P, int S>(std::integer_sequence<int, P, S>) {
          for_each_lane<T>(p.channels, [&](auto lane, Index c) {
            compute_pixels<T, P, S>(p, lane, from, taps, run.taps, row, to, c);
          });
          j += P;
        };
        const Index left = run.outputs.end - j;
        if (sliding && left < slide && run.outputs.size() >= slide) {
          j = run.outputs.end - slide;  // whole tiles to the end, some pixels once more
        } else if (sliding && left >= 4 && slide == 4) {
          compute(std::integer_sequence<int, 4, 3>{});
        } else if (sliding && left >= 2) {
          compute(std::integer_sequence<int, 2, 3>{});
        } else if (left >= 4) {
          compute(std::integer_sequence<int, 4, 1>{});
        } else {
          compute(std::integer_sequence<int, 1, 1>{});
        }
      }
    }
  });
}

/// Adds one output row's share of the weight gradient, for one lane and one row of taps.
template <class T, class L>
void add_row(const ConvShape& s, const Axis& columns, L, const T* x, const T* dy, Index c, T* sums) {
  for (Index u = 0; u < s.s; ++u) {
    const Range valid = columns.valid_outputs({0, columns.outputs}, u);
    const T *from = x + columns.input(valid.first, u) * s.c + c, *with = dy + valid.first * s.c + c;
    const Index step = columns.stride * s.c;
    T none[L::size] = {};
    const auto zero = L::load(none);
    typename L::Value sum[4] = {L::load(sums + u * s.c + c), zero, zero, zero};
    Index j = 0;
    for (; j + 4 <= valid.size(); j += 4)
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i)
        sum[i] = L::fma(L::load(from + (j + i) * step), L::load(with + (j + i) * s.c), sum[i]);
    for (; j < valid.size(); ++j) sum[0] = L::fma(L::load(from + j * step), L::load(with + j * s.c), sum[0]);
    T values[4][L::size];
    for (int i = 0; i < 4; ++i) L::store(values[i], sum[i]);
    for (Index l = 0; l < L::size; ++l)
      sums[u * s.c + c + l] = (values[0][l] + values[1][l]) + (values[2][l] + values[3][l]);
  }
}

}  // namespace detail

/// y = x * weight + bias, overwritten. bias (k) may be null.
template <class T>
void forward(const ConvShape& s, const T* x, const T* weight, const T* bias, T* y) {
  detail::convolve(detail::Problem<T>{s.n, s.c, direct::forward_axis(s, 0), direct::forward_axis(s, 1), s.out_h(),
                                      s.out_w(), weight, s.s * s.c, s.c, bias, x, y});
}

/// dx = the gradient of x, overwritten.
template <class T>
void backward_input(const ConvShape& s, const T* dy, const T* weight, T* dx) {
  direct::for_each_phase(s, dx, [&](const direct::Phase& row, const direct::Phase& column) {
    detail::convolve(detail::Problem<T>{s.n, s.c, row.axis, column.axis, s.h, s.w,
                                        weight + (row.first_tap * s.s + column.first_tap) * s.c,
                                        row.tap_step * s.s * s.c, column.tap_step * s.c, nullptr, dy, dx});
  });
}

/// dw = the gradient of the weight, overwritten. Output rows are dealt to groups that the shape alone decides, whose
/// sums are added in order.
template <class T>
void backward_weight(const ConvShape& s, const T* x, const T* dy, T* dw) {
  const direct::Axis rows = direct::forward_axis(s, 0), columns = direct::forward_axis(s, 1);
  const Index all_rows = s.n * rows.outputs, groups = std::min<Index>(16, direct::ceil_div(all_rows, 4));
  const Index size = s.weight_size();
  Scratch<T> scratch(static_cast<std::size_t>(groups * size));
  T* const sums = scratch.data();
  parallel_each(groups, [&](Index g) {
    T* const sum = sums + g * size;
    std::fill_n(sum, size, T(0));
    const direct::Range range = direct::part(all_rows, groups, g);
    for (Index i = range.first; i < range.end; ++i) {
      const Index n = i / rows.outputs, row = i % rows.outputs;
      const direct::Range taps = rows.valid_taps(row);
      for (Index t = taps.first; t < taps.end; ++t) {
        const T* const from = x + (n * s.h + rows.input(row, t)) * s.w * s.c;
        detail::for_each_lane<T>(s.c, [&](auto lane, Index c) {
          detail::add_row(s, columns, lane, from, dy + i * columns.outputs * s.c, c, sum + t * s.s * s.c);
        });
      }
    }
  });
  for (Index i = 0; i < size; ++i) {
    T sum = sums[i];
    for (Index g = 1; g < groups; ++g) sum += sums[g * size + i];
    dw[i] = sum;
  }
}

}  // namespace paser::kernels::depthwise
