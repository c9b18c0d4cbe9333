#pragma once

#include <type_traits>

#include "paser/kernels/conv2d_direct_forward.hpp"
#include "paser/kernels/conv2d_direct_input_gradient.hpp"
#include "paser/kernels/conv2d_direct_weight_gradient.hpp"
#include "paser/kernels/conv2d_operands.hpp"
#include "paser/kernels/depthwise.hpp"
#include "paser/kernels/winograd.hpp"

/// The convolutions that the ops call. Each picks the fastest kernel for a shape; the plain twins stand in reference/.
/// A batch may be empty.
namespace paser::kernels {

/// y = epilogue(input * weight), overwritten.
template <class T>
void conv2d_forward(const ConvShape& shape, const ConvInput<T>& input, const T* weight, const ConvEpilogue<T>& epilogue,
                    T* y) {
  if (shape.n == 0) return;
  if constexpr (std::is_same_v<T, float>)
    if (winograd::pays(shape)) return winograd::forward(shape, input, weight, epilogue, y);
  if (!depthwise::applies(shape)) return direct::forward(shape, input, weight, epilogue, y);
  Scratch<T> scratch(0);
  depthwise::forward(shape, plain_input(shape, input, scratch), weight, epilogue.bias, y);
  finish_convolution(shape, epilogue, y);
}

/// y = x * weight + bias, overwritten. bias (k) may be null.
template <class T>
void conv2d_forward(const ConvShape& shape, const T* x, const T* weight, const T* bias, T* y) {
  conv2d_forward(shape, ConvInput<T>(x, shape.c), weight, ConvEpilogue<T>{.bias = bias}, y);
}

/// dx = the gradient of x, overwritten.
template <class T>
void conv2d_backward_input(const ConvShape& shape, const T* dy, const T* weight, T* dx) {
  if (shape.n == 0) return;
  if constexpr (std::is_same_v<T, float>)
    if (winograd::pays(shape)) return winograd::backward_input(shape, dy, weight, dx);
  if (depthwise::applies(shape)) return depthwise::backward_input(shape, dy, weight, dx);
  direct::backward_input(shape, dy, weight, dx);
}

/// dw = the gradient of the weight, overwritten.
template <class T>
void conv2d_backward_weight(const ConvShape& shape, const ConvInput<T>& input, const T* dy, T* dw) {
  if (shape.n == 0) return static_cast<void>(std::fill_n(dw, shape.weight_size(), T(0)));
  if constexpr (std::is_same_v<T, float>)
    if (winograd::pays(shape)) return winograd::backward_weight(shape, input, dy, dw);
  if (!depthwise::applies(shape)) return direct::backward_weight(shape, input, dy, dw);
  Scratch<T> scratch(0);
  depthwise::backward_weight(shape, plain_input(shape, input, scratch), dy, dw);
}

template <class T>
void conv2d_backward_weight(const ConvShape& shape, const T* x, const T* dy, T* dw) {
  conv2d_backward_weight(shape, ConvInput<T>(x, shape.c), dy, dw);
}

}  // namespace paser::kernels
