#pragma once

#include <type_traits>

#include "paser/kernels/reference/conv2d.hpp"
#include "paser/kernels/winograd.hpp"

namespace paser::kernels {

/// y = x * weight + bias. bias (k) may be null.
template <class T>
void conv2d_forward(const ConvShape& shape, const T* x, const T* weight, const T* bias, T* y) {
  if constexpr (std::is_same_v<T, float>)
    if (winograd::pays(shape)) return winograd::forward(shape, x, weight, bias, y);
  reference::conv2d_forward(shape, x, weight, y);
  if (bias != nullptr)
    for (Index i = 0; i < shape.y_size(); ++i) y[i] += bias[i % shape.k];
}

/// dx = the gradient of x, overwritten.
template <class T>
void conv2d_backward_input(const ConvShape& shape, const T* dy, const T* weight, T* dx) {
  if constexpr (std::is_same_v<T, float>)
    if (winograd::pays(shape)) return winograd::backward_input(shape, dy, weight, dx);
  reference::conv2d_backward_input(shape, dy, weight, dx);
}

/// dw = the gradient of the weight, overwritten.
template <class T>
void conv2d_backward_weight(const ConvShape& shape, const T* x, const T* dy, T* dw) {
  reference::conv2d_backward_weight(shape, x, dy, dw);
}

}  // namespace paser::kernels
