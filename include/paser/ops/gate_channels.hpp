#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/kernels/channel_gate.hpp"

namespace paser {

namespace detail {

inline kernels::GateShape gate_shape(const Shape<4>& x, const Shape<4>& gate) {
  check(gate == Shape<4>{x.n(), 1, 1, x.c()}, "gate_channels", "gate ", gate, " for input ", x, ", expected (", x.n(),
        ",1,1,", x.c(), ")");
  return {x.n(), x.h() * x.w(), x.c()};
}

}  // namespace detail

/// Every channel of every image times a factor: x: (N, H, W, C), gate: (N, 1, 1, C) -> (N, H, W, C), torch's x * gate.
/// Throws ShapeError unless there is one factor per image and channel.
template <class T>
Tensor<T, 4> gate_channels(const Tensor<T, 4>& x, const Tensor<T, 4>& gate) {
  Tensor<T, 4> y(x.shape());
  kernels::apply_gate(detail::gate_shape(x.shape(), gate.shape()), x.data(), gate.data(), y.mutable_data());
  return y;
}

/// The same value, recorded: dx = dy gate, and dgate the sum over the pixels of dy x. Keeps both where both are asked
/// for.
template <class T>
Var<T, 4> gate_channels(const Var<T, 4>& x, const Var<T, 4>& gate) {
  return record(gate_channels(x.value(), gate.value()), {x, gate},
                [x = gate.is_constant() ? Tensor<T, 4>() : x.value(), gate = gate.value()](const Tensor<T, 4>& dy,
                                                                                           GradientSink<T>& grad) {
                  if (grad.wants(0)) grad.add(0, gate_channels(dy, gate));
                  if (!grad.wants(1)) return;
                  Tensor<T, 4> dgate(gate.shape());
                  kernels::gate_gradient(detail::gate_shape(x.shape(), gate.shape()), x.data(), dy.data(),
                                         dgate.mutable_data());
                  grad.add(1, std::move(dgate));
                });
}

/// Counted as free.
inline Counted<4> gate_channels(const Counted<4>& x, const Counted<4>& gate) {
  detail::gate_shape(x.shape(), gate.shape());
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
