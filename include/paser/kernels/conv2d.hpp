#pragma once
#include "paser/core/macros_off.inc"

#include <type_traits>

#include "paser/kernels/conv/filter.hpp"
#include "paser/kernels/conv/operands.hpp"
#include "paser/kernels/pool_shape.hpp"

/// The convolutions that the ops call. Each takes the algorithm that algorithm_of names; the plain twins stand in
/// reference/. A batch may be empty.
namespace paser::kernels {

/// y = epilogue(input * filter), overwritten. Weights alone, (r, s, c / groups, k), are a filter too.
template <class T>
void conv2d_forward(const ConvShape& shape, const ConvInput<T>& input,
                    const std::type_identity_t<ConvFilter<T>>& filter, const ConvEpilogue<T>& epilogue, T* y);

/// y = x * weight + bias, overwritten. bias (k) may be null.
template <class T>
void conv2d_forward(const ConvShape& shape, const T* x, const T* weight, const T* bias, T* y) {
  conv2d_forward(shape, ConvInput<T>(x, shape.c), weight, ConvEpilogue<T>{.bias = bias}, y);
}

/// dx = the gradient of x, overwritten.
template <class T>
void conv2d_backward_input(const ConvShape& shape, const T* dy, const T* weight, T* dx);

/// dw = the gradient of the weight, overwritten.
template <class T>
void conv2d_backward_weight(const ConvShape& shape, const ConvInput<T>& input, const T* dy, T* dw);

template <class T>
void conv2d_backward_weight(const ConvShape& shape, const T* x, const T* dy, T* dw) {
  conv2d_backward_weight(shape, ConvInput<T>(x, shape.c), dy, dw);
}

/// True when conv2d_relu_max_pool is worth while: with many taps the convolution alone outweighs the rest.
inline bool fuses_with_pool(const ConvShape& s) {
  return s.options.groups == 1 && s.r * s.s * s.c <= 64;
}

/// y = max_pool(relu(x * weight + bias)) for `groups` = 1. `pool` is a pooling of the convolution's result. x: (n, h,
/// w, c); weight: (r, s, c, k); bias: (k) or null; y: (n, pool.out_h, pool.out_w, k).
template <class T>
void conv2d_relu_max_pool(const ConvShape& s, const PoolShape& pool, const T* x, const T* weight, const T* bias, T* y);

}  // namespace paser::kernels

#ifndef PASER_COMPILED
#include "paser/kernels/conv/by_algorithm.hpp"
#include "paser/kernels/conv/relu_max_pool.hpp"
#endif
#include "paser/core/macros_on.inc"
