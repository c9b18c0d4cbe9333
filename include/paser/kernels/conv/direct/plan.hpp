#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <numeric>
#include <vector>

#include "paser/kernels/conv/shape.hpp"

/// Geometry of the direct convolutions: which taps of which pixels meet data, and in what order pixels are computed.
namespace paser::kernels::direct {

/// Positions first, first + 1, .. end - 1.
struct Range {
  Index first = 0, end = 0;
  constexpr Index size() const { return end - first; }
  constexpr bool operator==(const Range&) const = default;
};

/// The shortest range that holds both.
constexpr Range hull(const Range& a, const Range& b) {
  if (a.size() <= 0) return b;
  if (b.size() <= 0) return a;
  return {std::min(a.first, b.first), std::max(a.end, b.end)};
}

/// One image axis of a convolution. Output m reads input m * stride + offset + t * tap_step for taps t = 0 .. taps - 1,
/// where it exists, and is written to position out_first + m * out_step.
struct Axis {
  Index outputs, inputs, taps;
  Index stride, offset, tap_step;
  Index out_first = 0, out_step = 1;

  constexpr Index input(Index m, Index t) const { return m * stride + offset + t * tap_step; }

  /// The taps of output m that meet data; tap_step is positive.
  constexpr Range valid_taps(Index m) const {
    const Index at = input(m, 0);
    const Index first = at >= 0 ? 0 : std::min(taps, (-at + tap_step - 1) / tap_step);
    const Index end = at >= inputs ? 0 : std::min(taps, (inputs - 1 - at) / tap_step + 1);
    return {first, std::max(first, end)};
  }

  /// The outputs among m whose tap t meets data.
  constexpr Range valid_outputs(const Range& m, Index t) const {
    const Index at = offset + t * tap_step;
    const Index first = at >= 0 ? 0 : (-at + stride - 1) / stride;
    const Index end = at >= inputs ? 0 : (inputs - 1 - at) / stride + 1;
    const Index begin = std::clamp(first, m.first, m.end);
    return {begin, std::max(begin, std::min(end, m.end))};
  }

  /// The inputs that outputs m and all their taps span; may leave 0 .. inputs - 1.
  constexpr Range input_span(const Range& m) const { return {input(m.first, 0), input(m.end - 1, taps - 1) + 1}; }
};

/// a / b, rounded up.
constexpr Index ceil_div(Index a, Index b) {
  return (a + b - 1) / b;
}

/// Part i of n nearly equal parts of 0 .. size - 1.
constexpr Range part(Index size, Index n, Index i) {
  return {size * i / n, size * (i + 1) / n};
}

/// How one axis of the input is walked for the forward pass.
inline Axis forward_axis(const ConvShape& s, std::size_t axis) {
  const bool rows = axis == 0;
  return {rows ? s.out_h() : s.out_w(), rows ? s.h : s.w,         rows ? s.r : s.s,
          s.options.stride[axis],       -s.options.padding[axis], s.options.dilation[axis]};
}

/// Along one axis, the inputs of a convolution that only taps first_tap, first_tap + tap_step, .. reach: one phase of
/// the stride. Their gradient is a convolution of dy with those taps in reverse order.
struct Phase {
  Axis axis;
  Index first_tap, tap_step;  // weight index of tap t of `axis`, already reversed
};

/// The phase of one axis that holds the inputs congruent to `phase` modulo the stride.
inline Phase input_gradient_phase(const Axis& forward, Index phase) {
  // Forward: input = output * stride + offset + tap * dilation. Of such inputs the taps tap0 + j * (stride / g) have a
  // whole output, g = gcd(stride, dilation), and the output falls by dilation / g from one of these taps to the next.
  const Index stride = forward.stride, dilation = forward.tap_step, g = std::gcd(stride, dilation);
  const auto outputs_in_phase = [&](Index size) { return phase < size ? (size - phase + stride - 1) / stride : 0; };
  Phase result{};
  result.tap_step = -(stride / g);
  Index tap0 = 0;
  while (tap0 < std::min(stride / g, forward.taps) && (phase - forward.offset - tap0 * dilation) % stride != 0) ++tap0;
  const Index taps = tap0 < std::min(stride / g, forward.taps) ? (forward.taps - 1 - tap0) / (stride / g) + 1 : 0;
  result.first_tap = tap0 + (taps - 1) * (stride / g);
  // Tap t of the reversed order is forward tap first_tap - t * stride / g.
  const Index at = (phase - forward.offset - result.first_tap * dilation) / stride;
  result.axis = {outputs_in_phase(forward.inputs), forward.outputs, taps, 1, at, dilation / g, phase, stride};
  return result;
}

/// Calls f(row phase, column phase) for every part of dx that some tap reaches; the rest of dx is set to zero.
template <class T, class F>
void for_each_phase(const ConvShape& s, T* dx, F&& f) {
  const Axis rows = forward_axis(s, 0), columns = forward_axis(s, 1);
  const auto whole = [](const Axis& axis) { return axis.tap_step == 1 && axis.stride <= axis.taps; };
  if (!whole(rows) || !whole(columns)) std::fill_n(dx, s.x_size(), T(0));
  // A stride may be far larger than the image, whose last phases are empty then.
  for (Index a = 0; a < std::min(rows.stride, rows.inputs); ++a)
    for (Index b = 0; b < std::min(columns.stride, columns.inputs); ++b) {
      const Phase row = input_gradient_phase(rows, a), column = input_gradient_phase(columns, b);
      const Index outputs = std::min(row.axis.outputs, column.axis.outputs);
      if (outputs > 0 && row.axis.taps > 0 && column.axis.taps > 0) f(row, column);
    }
}

/// Outputs, counted from the first one asked for, that all have these valid taps.
struct TapRun {
  Range outputs, taps;
  constexpr bool operator==(const TapRun&) const = default;
};

/// Maximal runs of outputs with the same valid taps: the interior and, at the borders, short runs.
inline std::vector<TapRun> equal_tap_runs(const Axis& axis, const Range& outputs) {
  std::vector<TapRun> runs;
  for (Index m = 0; m < outputs.size(); ++m) {
    const Range taps = axis.valid_taps(outputs.first + m);
    if (!runs.empty() && runs.back().taps == taps) {
      ++runs.back().outputs.end;
    } else {
      runs.push_back({{m, m + 1}, taps});
    }
  }
  return runs;
}

/// The size of the next tile of at most `most` rows when n rows remain. There are tiles of `most`, 4, 2 and, where that
/// is 3, of 1 row, so that few have to be compiled; a last tile may leave a row of them out. A very small tile wastes
/// most of the machine, so the end is cut into nearly equal ones.
constexpr Index tile_size(Index n, Index most) {
  if (most == 3) return n == 4 ? 2 : std::min(n, most);
  if (most == 6) return n == 7 || n == 8 ? 4 : std::min(n, most);
  return n >= most - 1 ? std::min(n, most) : std::min<Index>(n, 4);
}

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
