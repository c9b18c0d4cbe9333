#pragma once
#include "paser/core/macros_off.inc"

#include <utility>

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/kernels/softmax.hpp"

namespace paser {

namespace detail {
/// The number of rows of the last axis; throws ShapeError when that is empty.
template <int Rank>
Index rows_of(const char* where, const Shape<Rank>& x) {
  check(x.last() >= 1, where, "the last axis of input ", x, " is empty");
  return x.numel() / x.last();
}
}  // namespace detail

/// exp(x) / (sum of exp(x)) over the last axis: class probabilities from logits, channels last. Exact for logits of any
/// size. x: (..., K) -> (..., K), any rank. torch.softmax(dim=channels). Throws ShapeError when K = 0.
template <class T, int Rank>
Tensor<T, Rank> softmax(const Tensor<T, Rank>& x) {
  Tensor<T, Rank> y(x.shape());
  kernels::softmax_forward(detail::rows_of("softmax", x.shape()), x.shape().last(), x.data(), y.mutable_data());
  return y;
}

/// The same value, recorded: dx = y (dy - sum of dy y). Keeps the result.
template <class T, int Rank>
Var<T, Rank> softmax(const Var<T, Rank>& x) {
  auto y = softmax(x.value());
  return record(y, {x}, [y](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
    if (!grad.wants(0)) return;
    Tensor<T, Rank> dx(y.shape());
    kernels::softmax_backward(y.numel() / y.shape().last(), y.shape().last(), y.data(), dy.data(), dx.mutable_data());
    grad.add(0, std::move(dx));
  });
}

/// Counted as free.
template <int Rank>
Counted<Rank> softmax(const Counted<Rank>& x) {
  detail::rows_of("softmax", x.shape());
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
