#pragma once
#include "paser/core/macros_off.inc"

#include "paser/kernels/conv/direct/problem.hpp"

/// What the depthwise convolutions work on. Channels lie side by side in x, y and the weight alike, and all is
/// vectorised over them.
namespace paser::kernels::depthwise::detail {

using direct::Axis;
using direct::ceil_div;
using direct::part;
using direct::Problem;
using direct::Range;

/// A packet of channels.
template <class T>
struct PacketLane {
  using Value = simd::Packet<T>;
  static constexpr Index size = simd::width<T>;
  static Value zero() { return simd::zero<T>(); }
  static Value load(const T* p) { return simd::load(p); }
  static Value keep(const Value& v) { return simd::keep(v); }
  static void store(T* p, const Value& v) { simd::store(p, v); }
  static Value add(const Value& a, const Value& b) { return simd::add(a, b); }
  static Value fma(const Value& a, const Value& b, const Value& c) { return simd::fma(a, b, c); }
};

/// One of the channels that do not fill a packet.
template <class T>
struct ScalarLane {
  using Value = T;
  static constexpr Index size = 1;
  static Value zero() { return T(0); }
  static Value load(const T* p) { return *p; }
  static Value keep(const Value& v) { return v; }
  static void store(T* p, const Value& v) { *p = v; }
  static Value add(const Value& a, const Value& b) { return a + b; }
  static Value fma(const Value& a, const Value& b, const Value& c) { return a * b + c; }
};

/// Calls f(lane, channel) for whole packets of the channels and then for the channels left over.
template <class T, class F>
void for_each_lane(Index channels, const F& f) {
  Index c = 0;
  for (; c + simd::width<T> <= channels; c += simd::width<T>) f(PacketLane<T>{}, c);
  for (; c < channels; ++c) f(ScalarLane<T>{}, c);
}

/// Where tap `tap` of a lane stands among packed weights: all taps of the lane from channel c on lie side by side. In
/// place they would be as far apart as there are channels, and often collide in the first-level cache.
template <class L>
constexpr Index packed_tap(Index taps, Index tap, Index c) {
  return c * taps + tap * L::size;
}

/// A convolution of the plain array x as a problem of direct convolution.
template <class T>
Problem<T> depthwise_problem(const ConvShape& s, const T* x, const T* weight, const ConvEpilogue<T>& epilogue, T* y) {
  return {.images = s.n,
          .rows = direct::forward_axis(s, 0),
          .columns = direct::forward_axis(s, 1),
          .in = 1,
          .out = 1,
          .groups = s.c,
          .out_rows = s.out_h(),
          .out_columns = s.out_w(),
          .weight = weight,
          .tap_row = s.s * s.c,
          .tap_column = s.c,
          .group = 1,
          .in_step = 1,
          .out_step = 1,
          .input = ConvInput<T>(x, s.c),
          .epilogue = epilogue,
          .y = y};
}

/// True when each input meets three neighbouring outputs along both axes: the kernels for two rows and two columns of
/// outputs then load it once for several of them.
template <class T>
bool squares(const Problem<T>& p) {
  const auto slides = [](const Axis& axis) { return axis.taps == 3 && axis.stride == 1 && axis.tap_step == 1; };
  return slides(p.rows) && slides(p.columns) && p.rows.outputs >= 2 && p.columns.outputs >= 2;
}

/// Which of the four inputs that two outputs from `output` on span exist.
inline Range inside(const Axis& axis, Index output) {
  const Index at = axis.input(output, 0), first = std::clamp<Index>(-at, 0, 4);
  return {first, std::clamp(axis.inputs - at, first, Index{4})};
}

}  // namespace paser::kernels::depthwise::detail
#include "paser/core/macros_on.inc"
