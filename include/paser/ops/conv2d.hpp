#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/kernels/conv2d.hpp"
#include "paser/kernels/reduce.hpp"

namespace paser {

namespace detail {

/// Checks a convolution's operands and returns its extents.
inline kernels::ConvShape conv2d_shape(const Shape<4>& x, const Shape<4>& weight, const Conv2dOptions& options) {
  const kernels::ConvShape shape{x.n(), x.h(), x.w(), x.c(), weight.c(), weight.n(), weight.h(), options};
  check(weight.numel() > 0 && x.c() > 0, "conv2d", "input ", x, " or weight ", weight, " without channels or taps");
  check(options.groups >= 1 && x.c() % options.groups == 0 && weight.c() % options.groups == 0, "conv2d", "input ", x,
        " and weight ", weight, " do not split into ", options.groups, " groups");
  check(weight.w() == shape.group_c(), "conv2d", "input ", x, " and weight ", weight,
        " (rows,columns,in,out) differ in ", "input channels: expected ", shape.group_c(), " a group, the weight has ",
        weight.w());
  check(shape.r <= largest_setting && shape.s <= largest_setting, "conv2d", "the kernel of weight ", weight,
        " is larger than ", largest_setting);
  for (const std::size_t axis : {0u, 1u}) {
    check(options.stride[axis] >= 1 && options.dilation[axis] >= 1 && options.padding[axis] >= 0, "conv2d",
          "stride and dilation must be at least 1 and padding at least 0");
    check(std::max({options.stride[axis], options.dilation[axis], options.padding[axis]}) <= largest_setting, "conv2d",
          "stride, dilation and padding must be at most ", largest_setting);
  }
  check(x.h() + 2 * options.padding[0] > options.dilation[0] * (shape.r - 1) &&
            x.w() + 2 * options.padding[1] > options.dilation[1] * (shape.s - 1),
        "conv2d", "input ", x, " with padding ", options.padding[0], ",", options.padding[1],
        " is smaller than the kernel ", weight);
  check<ValueError>(
      kernels::computes(options.algorithm, shape), "conv2d", name(options.algorithm),
      " computes 3x3 kernels of stride 1 without groups, padded by at most 2 or, where they are dilated, by "
      "the dilation; this one is ",
      weight);
  return shape;
}

inline void check_conv2d_bias(const Shape<4>& weight, const Shape<1>& bias) {
  check(bias[0] == weight.c(), "conv2d", "bias ", bias, " for ", weight.c(), " output channels");
}

template <class T>
Tensor<T, 4> conv2d(const kernels::ConvShape& shape, const Tensor<T, 4>& x, const Tensor<T, 4>& weight, const T* bias) {
  Tensor<T, 4> y({shape.n, shape.out_h(), shape.out_w(), shape.k});
  kernels::conv2d_forward(shape, x.data(), weight.data(), bias, y.mutable_data());
  return y;
}

/// Gradients of x (input 0 of the recorded op) and weight (input 1):
///   dx = dy * weight turned by 180 degrees,   dweight[r,s,c,k] = sum over pixels of x shifted by (r,s) times dy.
template <class T>
void conv2d_backward(const kernels::ConvShape& shape, const Tensor<T, 4>& x, const Tensor<T, 4>& weight,
                     const Tensor<T, 4>& dy, GradientSink<T>& grad) {
  if (grad.wants(0)) {
    Tensor<T, 4> dx(x.shape());
    kernels::conv2d_backward_input(shape, dy.data(), weight.data(), dx.mutable_data());
    grad.add(0, std::move(dx));
  }
  if (grad.wants(1)) {
    Tensor<T, 4> dweight(weight.shape());
    kernels::conv2d_backward_weight(shape, x.data(), dy.data(), dweight.mutable_data());
    grad.add(1, std::move(dweight));
  }
}

}  // namespace detail

/// 2-D cross-correlation, the convention of torch.nn.functional.conv2d.
/// x: (N, H, W, C); weight: (R, S, C / groups, K); bias: (K) -> (N, H', W', K) with
/// H' = (H + 2 padding - dilation (R - 1) - 1) / stride + 1. Throws ShapeError when channels do not match or H' or W'
/// < 1.
template <class T>
Tensor<T, 4> conv2d(const Tensor<T, 4>& x, const Tensor<T, 4>& weight, const Tensor<T, 1>& bias,
                    const Conv2dOptions& options = {}) {
  const auto shape = detail::conv2d_shape(x.shape(), weight.shape(), options);
  detail::check_conv2d_bias(weight.shape(), bias.shape());
  return detail::conv2d(shape, x, weight, bias.data());
}

/// Without bias.
template <class T>
Tensor<T, 4> conv2d(const Tensor<T, 4>& x, const Tensor<T, 4>& weight, const Conv2dOptions& options = {}) {
  return detail::conv2d<T>(detail::conv2d_shape(x.shape(), weight.shape(), options), x, weight, nullptr);
}

/// The same value, recorded. Keeps x and weight until backward has run. dbias = sum of dy over images and pixels.
template <class T>
Var<T, 4> conv2d(const Var<T, 4>& x, const Var<T, 4>& weight, const Var<T, 1>& bias,
                 const Conv2dOptions& options = {}) {
  const auto shape = detail::conv2d_shape(x.shape(), weight.shape(), options);
  return record(conv2d(x.value(), weight.value(), bias.value(), options), {x, weight, bias},
                [shape, x = x.value(), weight = weight.value()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  detail::conv2d_backward(shape, x, weight, dy, grad);
                  if (grad.wants(2)) {
                    Tensor<T, 1> dbias({shape.k});
                    kernels::sum_per_channel(dy.numel() / shape.k, shape.k, dy.data(), dbias.mutable_data());
                    grad.add(2, std::move(dbias));
                  }
                });
}

/// Without bias, recorded.
template <class T>
Var<T, 4> conv2d(const Var<T, 4>& x, const Var<T, 4>& weight, const Conv2dOptions& options = {}) {
  const auto shape = detail::conv2d_shape(x.shape(), weight.shape(), options);
  return record(conv2d(x.value(), weight.value(), options), {x, weight},
                [shape, x = x.value(), weight = weight.value()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  detail::conv2d_backward(shape, x, weight, dy, grad);
                });
}

/// Counted: every tap of every output, taps in the padding included; the bias is free.
inline Counted<4> conv2d(const Counted<4>& x, const Counted<4>& weight, const Conv2dOptions& options = {}) {
  const auto shape = detail::conv2d_shape(x.shape(), weight.shape(), options);
  return x.then(Shape<4>{shape.n, shape.out_h(), shape.out_w(), shape.k}, "conv",
                {shape.n, shape.out_h(), shape.out_w(), shape.k, shape.r, shape.s, shape.group_c()});
}
inline Counted<4> conv2d(const Counted<4>& x, const Counted<4>& weight, const Counted<1>& bias,
                         const Conv2dOptions& options = {}) {
  detail::check_conv2d_bias(weight.shape(), bias.shape());
  return conv2d(x, weight, options);
}

}  // namespace paser
#include "paser/core/macros_on.inc"
