#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/kernels/conv2d.hpp"
#include "paser/kernels/elementwise.hpp"
#include "paser/kernels/reduce.hpp"
#include "paser/ops/pad.hpp"

namespace paser {

/// Settings of a transposed convolution; the defaults are those of torch.nn.functional.conv_transpose2d.
struct ConvTranspose2dOptions {
  std::array<Index, 2> stride{1, 1};
  std::array<Index, 2> padding{0, 0};         ///< taken off the result at each border
  std::array<Index, 2> output_padding{0, 0};  ///< added to the result at the bottom and the right
  std::array<Index, 2> dilation{1, 1};
  Index groups = 1;
};

namespace detail {

/// The convolution whose gradient by its input the transposed convolution of x is: it leads from the result back to x.
inline kernels::ConvShape conv_transpose2d_shape(const Shape<4>& x, const Shape<4>& weight,
                                                 const ConvTranspose2dOptions& options) {
  const char* const where = "conv_transpose2d";
  check(weight.numel() > 0, where, "input ", x, " or weight ", weight, " without channels or taps");
  check(x.c() == weight.w(), where, "input ", x, " has ", x.c(), " channels, the weight ", weight,
        " (rows,columns,in,out) expects ", weight.w());
  check(options.groups >= 1 && x.c() % options.groups == 0, where, "input ", x, " does not split into ", options.groups,
        " groups");
  std::array<Index, 2> size{};
  for (const int axis : {0, 1}) {
    const auto a = static_cast<std::size_t>(axis);
    check(std::max({options.stride[a], options.dilation[a], options.padding[a], x[axis + 1], weight[axis]}) <=
              largest_setting,
          where, "stride, dilation, padding and the sides of input ", x, " and weight ", weight, " must be at most ",
          largest_setting);
    check(options.stride[a] >= 1 && options.dilation[a] >= 1 && options.padding[a] >= 0, where,
          "stride and dilation must be at least 1 and padding at least 0");
    check(
        options.output_padding[a] >= 0 && options.output_padding[a] < std::max(options.stride[a], options.dilation[a]),
        where, "output padding ", options.output_padding[a], " must be smaller than the stride or the dilation");
    size[a] = (x[axis + 1] - 1) * options.stride[a] - 2 * options.padding[a] +
              options.dilation[a] * (weight[axis] - 1) + 1 + options.output_padding[a];
    check(x[axis + 1] >= 1 && size[a] >= 1, where, "input ", x, " leaves nothing of the result");
  }
  return {x.n(), size[0],    size[1],    weight.c() * options.groups,
          x.c(), weight.n(), weight.h(), {options.stride, options.padding, options.dilation, options.groups}};
}

/// (R, S, in, out) -> (R, S, out, in), and back.
template <class T>
Tensor<T, 4> swap_channels(const Tensor<T, 4>& weight) {
  const Shape<4>& s = weight.shape();
  Tensor<T, 4> swapped({s[0], s[1], s[3], s[2]});
  const T* const in = weight.data();
  T* const out = swapped.mutable_data();
  for (Index tap = 0; tap < s[0] * s[1]; ++tap)
    for (Index i = 0; i < s[2]; ++i)
      for (Index o = 0; o < s[3]; ++o) out[(tap * s[3] + o) * s[2] + i] = in[(tap * s[2] + i) * s[3] + o];
  return swapped;
}

/// x as that convolution makes it: where the output padding reaches the stride it has more rows and columns than x, at
/// the bottom and the right, from which nothing comes.
template <class T>
Tensor<T, 4> with_last_rows(const Tensor<T, 4>& x, const kernels::ConvShape& shape) {
  const bool complete = x.shape().h() == shape.out_h() && x.shape().w() == shape.out_w();
  return complete ? x : pad_to(x, shape.out_h(), shape.out_w());
}

template <class T>
Tensor<T, 4> conv_transpose2d(const Tensor<T, 4>& x, const Tensor<T, 4>& weight, const T* bias,
                              const ConvTranspose2dOptions& options) {
  const auto shape = conv_transpose2d_shape(x.shape(), weight.shape(), options);
  Tensor<T, 4> y({shape.n, shape.h, shape.w, shape.c});
  T* const out = y.mutable_data();
  kernels::conv2d_backward_input(shape, with_last_rows(x, shape).data(), swap_channels(weight).data(), out);
  if (bias == nullptr) return y;
  kernels::add_bias(shape.n * shape.h * shape.w, shape.c, bias, out);
  return y;
}

template <class T>
void conv_transpose2d_backward(const ConvTranspose2dOptions& options, const Tensor<T, 4>& x, const Tensor<T, 4>& weight,
                               const Tensor<T, 4>& dy, GradientSink<T>& grad) {
  const auto shape = conv_transpose2d_shape(x.shape(), weight.shape(), options);
  const Tensor<T, 4> swapped = swap_channels(weight);
  if (grad.wants(0)) {
    const Index rows = shape.out_h(), columns = shape.out_w();
    Tensor<T, 4> dx({shape.n, rows, columns, shape.k});
    kernels::conv2d_forward<T>(shape, dy.data(), swapped.data(), nullptr, dx.mutable_data());
    if (dx.shape() != x.shape()) dx = pad(dx, {.right = x.shape().w() - columns, .bottom = x.shape().h() - rows});
    grad.add(0, std::move(dx));
  }
  if (grad.wants(1)) {
    Tensor<T, 4> dswapped(swapped.shape());
    kernels::conv2d_backward_weight(shape, dy.data(), with_last_rows(x, shape).data(), dswapped.mutable_data());
    grad.add(1, swap_channels(dswapped));
  }
}

inline void check_conv_transpose2d_bias(const Shape<4>& weight, const Shape<1>& bias,
                                        const ConvTranspose2dOptions& options) {
  check(bias[0] == weight.c() * options.groups, "conv_transpose2d", "bias ", bias, " for ", weight.c() * options.groups,
        " output channels");
}

}  // namespace detail

/// Transposed 2-D convolution, the gradient of conv2d by its input; torch.nn.functional.conv_transpose2d.
/// x: (N, H, W, C); weight: (R, S, C, K / groups); bias: (K) -> (N, H', W', K) with
/// H' = (H - 1) stride - 2 padding + dilation (R - 1) + output_padding + 1. Throws ShapeError when channels do not
/// match or nothing is left.
template <class T>
Tensor<T, 4> conv_transpose2d(const Tensor<T, 4>& x, const Tensor<T, 4>& weight, const Tensor<T, 1>& bias,
                              const ConvTranspose2dOptions& options = {}) {
  detail::check_conv_transpose2d_bias(weight.shape(), bias.shape(), options);
  return detail::conv_transpose2d(x, weight, bias.data(), options);
}

/// Without bias.
template <class T>
Tensor<T, 4> conv_transpose2d(const Tensor<T, 4>& x, const Tensor<T, 4>& weight,
                              const ConvTranspose2dOptions& options = {}) {
  return detail::conv_transpose2d(x, weight, static_cast<const T*>(nullptr), options);
}

/// The same value, recorded. Keeps x and weight. dx is the convolution of dy that this transposes, dweight that of dy
/// with x; dbias = sum of dy over images and pixels.
template <class T>
Var<T, 4> conv_transpose2d(const Var<T, 4>& x, const Var<T, 4>& weight, const Var<T, 1>& bias,
                           const ConvTranspose2dOptions& options = {}) {
  return record(conv_transpose2d(x.value(), weight.value(), bias.value(), options), {x, weight, bias},
                [options, x = x.value(), weight = weight.value()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  detail::conv_transpose2d_backward(options, x, weight, dy, grad);
                  if (!grad.wants(2)) return;
                  const Index channels = dy.shape().c();
                  Tensor<T, 1> dbias({channels});
                  kernels::sum_per_channel(dy.numel() / channels, channels, dy.data(), dbias.mutable_data());
                  grad.add(2, std::move(dbias));
                });
}

template <class T>
Var<T, 4> conv_transpose2d(const Var<T, 4>& x, const Var<T, 4>& weight, const ConvTranspose2dOptions& options = {}) {
  return record(conv_transpose2d(x.value(), weight.value(), options), {x, weight},
                [options, x = x.value(), weight = weight.value()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  detail::conv_transpose2d_backward(options, x, weight, dy, grad);
                });
}

/// Counted: every pixel of the input meets the whole weight; the bias is free.
inline Counted<4> conv_transpose2d(const Counted<4>& x, const Counted<4>& weight,
                                   const ConvTranspose2dOptions& options = {}) {
  const auto shape = detail::conv_transpose2d_shape(x.shape(), weight.shape(), options);
  const Shape<4>& s = x.shape();
  return x.then(Shape<4>{shape.n, shape.h, shape.w, shape.c}, "conv", {s.n(), s.h(), s.w(), weight.shape().numel()});
}
inline Counted<4> conv_transpose2d(const Counted<4>& x, const Counted<4>& weight, const Counted<1>& bias,
                                   const ConvTranspose2dOptions& options = {}) {
  detail::check_conv_transpose2d_bias(weight.shape(), bias.shape(), options);
  return conv_transpose2d(x, weight, options);
}

}  // namespace paser
#include "paser/core/macros_on.inc"
