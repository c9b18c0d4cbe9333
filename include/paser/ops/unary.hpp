#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/kernels/activation.hpp"

/// What element-wise ops of one input share.
namespace paser::detail {

template <class T, int Rank>
Tensor<T, Rank> activate(Activation f, const Tensor<T, Rank>& x) {
  Tensor<T, Rank> y(x.shape());
  kernels::activate(f, x.numel(), x.data(), y.mutable_data());
  return y;
}

/// The same value, recorded. Keeps what the derivative is a function of: x or the result, which the next op mostly
/// keeps anyway.
template <class T, int Rank>
Var<T, Rank> activate(Activation f, const Var<T, Rank>& x) {
  const Tensor<T, Rank> y = activate(f, x.value());
  return record(y, {x},
                [f, kept = kernels::keeps_result(f) ? y : x.value()](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
                  if (!grad.wants(0)) return;
                  Tensor<T, Rank> dx(dy.shape());
                  kernels::activation_gradient(f, dy.numel(), kept.data(), dy.data(), dx.mutable_data());
                  grad.add(0, std::move(dx));
                });
}

/// Counted as free.
template <int Rank>
Counted<Rank> activate(Activation, const Counted<Rank>& x) {
  return x;
}

}  // namespace paser::detail
#include "paser/core/macros_on.inc"
