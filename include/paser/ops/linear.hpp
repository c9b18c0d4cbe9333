#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/kernels/gemm.hpp"
#include "paser/kernels/reduce.hpp"

namespace paser {

namespace detail {

template <int Rank>
Shape<Rank> linear_shape(const Shape<Rank>& x, const Shape<2>& weight) {
  check(x.last() == weight[0], "linear", "the last axis of ", x, " has ", x.last(), " features, the weight ", weight,
        " (in,out) expects ", weight[0]);
  Shape<Rank> y = x;
  y[Rank - 1] = weight[1];
  return y;
}

template <class T, int Rank>
Tensor<T, Rank> linear(const Tensor<T, Rank>& x, const Tensor<T, 2>& weight, const T* bias) {
  const Index in = weight.shape()[0], out = weight.shape()[1];
  Tensor<T, Rank> y(linear_shape(x.shape(), weight.shape()));
  const Index rows = out > 0 ? y.numel() / out : 0;
  kernels::gemm<T>({x.data(), rows, in}, {weight.data(), in, out}, y.mutable_data(), {.bias = bias});
  return y;
}

template <class T, int Rank>
void linear_backward(const Tensor<T, Rank>& dy, const Tensor<T, Rank>& x, const Tensor<T, 2>& weight,
                     GradientSink<T>& grad) {
  const Index in = weight.shape()[0], out = weight.shape()[1], rows = out > 0 ? dy.numel() / out : 0;
  const kernels::MatrixView<T> x_rows(x.data(), rows, in), w(weight.data(), in, out), dy_rows(dy.data(), rows, out);
  if (grad.wants(0)) {
    Tensor<T, Rank> dx(x.shape());
    kernels::gemm(dy_rows, w.transposed(), dx.mutable_data());
    grad.add(0, std::move(dx));
  }
  if (grad.wants(1)) {
    Tensor<T, 2> dweight(weight.shape());
    kernels::gemm(x_rows.transposed(), dy_rows, dweight.mutable_data());
    grad.add(1, std::move(dweight));
  }
}

}  // namespace detail

/// y = x W + b over the last axis. x: (..., in); weight: (in, out), the transpose of torch.nn.Linear's; bias: (out)
/// -> (..., out). Throws ShapeError when the feature counts differ.
template <class T, int Rank>
Tensor<T, Rank> linear(const Tensor<T, Rank>& x, const Tensor<T, 2>& weight, const Tensor<T, 1>& bias) {
  check(bias.shape()[0] == weight.shape()[1], "linear", "bias ", bias.shape(), " for ", weight.shape()[1], " outputs");
  return detail::linear(x, weight, bias.data());
}

/// y = x W.
template <class T, int Rank>
Tensor<T, Rank> linear(const Tensor<T, Rank>& x, const Tensor<T, 2>& weight) {
  return detail::linear(x, weight, static_cast<const T*>(nullptr));
}

/// The same values, recorded. Keeps x and the weight until backward has run.
///   dx = dy W^T,   dW = x^T dy,   db = sum of dy over all rows.
template <class T, int Rank>
Var<T, Rank> linear(const Var<T, Rank>& x, const Var<T, 2>& weight, const Var<T, 1>& bias) {
  return record(linear(x.value(), weight.value(), bias.value()), {x, weight, bias},
                [x = x.value(), weight = weight.value()](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
                  detail::linear_backward(dy, x, weight, grad);
                  if (!grad.wants(2)) return;
                  const Index out = weight.shape()[1];
                  Tensor<T, 1> dbias({out});
                  kernels::sum_per_channel(out > 0 ? dy.numel() / out : 0, out, dy.data(), dbias.mutable_data());
                  grad.add(2, std::move(dbias));
                });
}

template <class T, int Rank>
Var<T, Rank> linear(const Var<T, Rank>& x, const Var<T, 2>& weight) {
  return record(linear(x.value(), weight.value()), {x, weight},
                [x = x.value(), weight = weight.value()](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
                  detail::linear_backward(dy, x, weight, grad);
                });
}

/// Counted: every input value meets a row of the weight; the bias is free.
template <int Rank>
Counted<Rank> linear(const Counted<Rank>& x, const Counted<2>& weight) {
  return x.then(detail::linear_shape(x.shape(), weight.shape()), "linear", {x.shape().numel(), weight.shape()[1]});
}
template <int Rank>
Counted<Rank> linear(const Counted<Rank>& x, const Counted<2>& weight, const Counted<1>&) {
  return linear(x, weight);
}

}  // namespace paser
#include "paser/core/macros_on.inc"
