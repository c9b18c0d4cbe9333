#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/ops/softmax.hpp"

namespace paser {

/// log(softmax(x)) over the last axis, without overflow and without the logarithm of zero. x: (..., K) -> (..., K), any
/// rank. torch.log_softmax(dim=channels). Throws ShapeError when K = 0.
template <class T, int Rank>
Tensor<T, Rank> log_softmax(const Tensor<T, Rank>& x) {
  Tensor<T, Rank> y(x.shape());
  kernels::log_softmax_forward(detail::rows_of("log_softmax", x.shape()), x.shape().last(), x.data(), y.mutable_data());
  return y;
}

/// The same value, recorded: dx = dy - exp(y) (sum of dy). Keeps the result.
template <class T, int Rank>
Var<T, Rank> log_softmax(const Var<T, Rank>& x) {
  auto y = log_softmax(x.value());
  return record(y, {x}, [y](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
    if (!grad.wants(0)) return;
    Tensor<T, Rank> dx(y.shape());
    kernels::log_softmax_backward(y.numel() / y.shape().last(), y.shape().last(), y.data(), dy.data(),
                                  dx.mutable_data());
    grad.add(0, std::move(dx));
  });
}

/// Counted as free.
template <int Rank>
Counted<Rank> log_softmax(const Counted<Rank>& x) {
  detail::rows_of("log_softmax", x.shape());
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
