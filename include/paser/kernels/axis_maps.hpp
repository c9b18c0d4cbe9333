#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>

#include "paser/core/mirrored.hpp"
#include "paser/kernels/separable.hpp"

namespace paser::kernels {

/// Linear interpolation along one axis. align_corners: the first and last samples of both axes coincide; otherwise
/// samples are centres of cells, `scale` input cells an output cell, and positions before the first centre clamp to it
/// (torch.nn.functional.interpolate).
template <class T>
AxisMap<T> linear_axis(Index in, Index out, bool align_corners, double scale) {
  AxisMap<T> map(in, out);
  const double step = out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
  for (Index o = 0; o < out; ++o) {
    const double at =
        align_corners ? step * static_cast<double>(o) : std::max(0.0, scale * (static_cast<double>(o) + 0.5) - 0.5);
    const Index low = std::min(static_cast<Index>(at), in - 1), high = std::min(low + 1, in - 1);
    const double fraction = at - static_cast<double>(low);
    map.add_tap(low, 1 - fraction);
    map.add_tap(high, fraction);
    map.end_output();
  }
  return map;
}

/// Cubic convolution (Keys 1981) with a = -0.75 along one axis, samples being centres of cells, `scale` input cells an
/// output cell. Taps outside take the sample at the edge; the position itself is not clamped
/// (torch.nn.functional.interpolate, mode "bicubic", align_corners off).
template <class T>
AxisMap<T> cubic_axis(Index in, Index out, double scale) {
  constexpr double a = -0.75;
  const auto near = [](double x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [](double x) { return ((x - 5) * x + 8) * x * a - 4 * a; };
  AxisMap<T> map(in, out);
  for (Index o = 0; o < out; ++o) {
    const double at = scale * (static_cast<double>(o) + 0.5) - 0.5, low = std::floor(at), t = at - low;
    const double weights[] = {far(1 + t), near(t), near(1 - t), far(2 - t)};
    for (Index tap = 0; tap < 4; ++tap)
      map.add_tap(std::clamp<Index>(static_cast<Index>(low) + tap - 1, 0, in - 1), weights[tap]);
    map.end_output();
  }
  return map;
}

/// Output o repeats input floor(o * scale).
template <class T>
AxisMap<T> nearest_axis(Index in, Index out, double scale) {
  AxisMap<T> map(in, out);
  for (Index o = 0; o < out; ++o) {
    // An integer input position must not fall below itself by rounding.
    const double at = static_cast<double>(o) * scale;
    const auto nearest = static_cast<Index>(std::abs(at - std::round(at)) < 1e-9 ? std::round(at) : std::floor(at));
    map.add_tap(std::min(nearest, in - 1), 1);
    map.end_output();
  }
  return map;
}

/// Output o repeats input o - before; outside of the inputs it repeats the one at the edge, or the inputs mirrored
/// there.
template <class T>
AxisMap<T> extended_axis(Index in, Index out, bool mirror, Index before = 0) {
  AxisMap<T> map(in, out);
  for (Index o = 0; o < out; ++o) {
    map.add_tap(mirror ? mirrored(o - before, in) : std::clamp<Index>(o - before, 0, in - 1), 1);
    map.end_output();
  }
  return map;
}

/// Output o is the mean over a window of `kernel` inputs that starts at o * stride - padding. The padding counts as
/// zeros in the mean, or not at all.
template <class T>
AxisMap<T> average_axis(Index in, Index out, Index kernel, Index stride, Index padding, bool count_padding) {
  AxisMap<T> map(in, out);
  for (Index o = 0; o < out; ++o) {
    const Index start = o * stride - padding, stop = std::min(start + kernel, in + padding);
    const Index low = std::max<Index>(start, 0), high = std::min(stop, in);
    for (Index i = low; i < high; ++i)
      map.add_tap(i, 1 / static_cast<double>(count_padding ? stop - start : high - low));
    map.end_output();
  }
  return map;
}

/// Output o is the mean of the inputs floor(o in / out) .. ceil((o + 1) in / out).
template <class T>
AxisMap<T> adaptive_axis(Index in, Index out) {
  AxisMap<T> map(in, out);
  for (Index o = 0; o < out; ++o) {
    const Index low = o * in / out, high = ((o + 1) * in + out - 1) / out;
    for (Index i = low; i < high; ++i) map.add_tap(i, 1 / static_cast<double>(high - low));
    map.end_output();
  }
  return map;
}

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
