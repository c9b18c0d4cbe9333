#pragma once

#include <numeric>

#include "paser/kernels/conv2d_direct_forward.hpp"

namespace paser::kernels::direct {

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
  while (tap0 < stride / g && (phase - forward.offset - tap0 * dilation) % stride != 0) ++tap0;
  const Index taps = tap0 < std::min(stride / g, forward.taps) ? (forward.taps - 1 - tap0) / (stride / g) + 1 : 0;
  result.first_tap = tap0 + (taps - 1) * (stride / g);
  // Tap t of the reversed order is forward tap first_tap - t * stride / g.
  const Index at = (phase - forward.offset - result.first_tap * dilation) / stride;
  result.axis = {outputs_in_phase(forward.inputs), forward.outputs, taps, 1, at, dilation / g, phase, stride};
  return result;
}

/// dx of a convolution.
template <class T>
void backward_input(const ConvShape& s, const T* dy, const T* weight, T* dx) {
  const Axis rows = forward_axis(s, 0), columns = forward_axis(s, 1);
  const Index tap = s.group_c() * s.k;
  // With a stride beyond the kernel some inputs are never read.
  if (rows.stride > s.r || columns.stride > s.s || s.spec.dilation != std::array<Index, 2>{1, 1})
    std::fill_n(dx, s.x_size(), T(0));
  for (Index a = 0; a < rows.stride; ++a)
    for (Index b = 0; b < columns.stride; ++b) {
      const Phase row = input_gradient_phase(rows, a), column = input_gradient_phase(columns, b);
      if (row.axis.outputs == 0 || column.axis.outputs == 0 || row.axis.taps == 0 || column.axis.taps == 0) continue;
      const T* const turned = weight + (row.first_tap * s.s + column.first_tap) * tap;
      convolve(Problem<T>{s.n, row.axis, column.axis, s.group_k(), s.group_c(), s.spec.groups, s.h, s.w, turned,
                          row.tap_step * s.s * tap, column.tap_step * tap, s.group_k(), 1, s.k, nullptr, dy, dx});
    }
}

}  // namespace paser::kernels::direct
