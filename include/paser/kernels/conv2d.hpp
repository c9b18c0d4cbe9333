#pragma once

#include <type_traits>

#include "paser/kernels/conv2d_direct_forward.hpp"
#include "paser/kernels/conv2d_direct_input_gradient.hpp"
#include "paser/kernels/conv2d_direct_weight_gradient.hpp"
#include "paser/kernels/depthwise.hpp"
#include "paser/kernels/winograd.hpp"

/// The convolutions that the ops call. Each picks the fastest kernel for a shape; the plain twins stand in reference/.
/// A batch may be empty.
namespace paser::kernels {

/// y = x * weight + bias, overwritten. bias (k) may be null.
template <class T>
void conv2d_forward(const ConvShape& shape, const T* x, const T* weight, const T* bias, T* y) {
  if (shape.n == 0) return;
  if constexpr (std::is_same_v<T, float>)
    if (winograd::pays(shape)) return winograd::forward(shape, x, weight, bias, y);
  if (depthwise::applies(shape)) return depthwise::forward(shape, x, weight, bias, y);
  direct::forward(shape, x, weight, bias, y);
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
void conv2d_backward_weight(const ConvShape& shape, const T* x, const T* dy, T* dw) {
  if (shape.n == 0) return static_cast<void>(std::fill_n(dw, shape.weight_size(), T(0)));
  if constexpr (std::is_same_v<T, float>)
    if (winograd::pays(shape)) return winograd::backward_weight(shape, x, dy, dw);
  if (depthwise::applies(shape)) return depthwise::backward_weight(shape, x, dy, dw);
  direct::backward_weight(shape, x, dy, dw);
}

}  // namespace paser::kernels
