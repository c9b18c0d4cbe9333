#pragma once
#include "paser/core/macros_off.inc"

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

/// f(x), recorded. `keep` is what the derivative is a function of and the tape keeps: x or the result. The next op
/// mostly keeps the result anyway.
enum class Keep { input, result };

template <class T, int Rank>
Var<T, Rank> record_activation(Activation f, const Var<T, Rank>& x, Keep keep) {
  const Tensor<T, Rank> y = activate(f, x.value());
  return record(y, {x},
                [f, kept = keep == Keep::input ? x.value() : y](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
                  if (!grad.wants(0)) return;
                  Tensor<T, Rank> dx(dy.shape());
                  kernels::activation_gradient(f, dy.numel(), kept.data(), dy.data(), dx.mutable_data());
                  grad.add(0, std::move(dx));
                });
}

}  // namespace paser::detail
#include "paser/core/macros_on.inc"
