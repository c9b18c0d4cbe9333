#pragma once

#include <type_traits>

#include "paser/kernels/conv2d_direct_forward.hpp"
#include "paser/kernels/conv2d_direct_input_gradient.hpp"
#include "paser/kernels/conv2d_direct_weight_gradient.hpp"
#include "paser/kernels/conv2d_filter.hpp"
#include "paser/kernels/conv2d_operands.hpp"
#include "paser/kernels/depthwise.hpp"

/// The convolutions that the ops call. Each takes the algorithm that
/// choose_algorithm names; the plain twins stand in reference/.
/// A batch may be empty.
namespace paser::kernels {

namespace detail {

/// Calls f with the side of the tiles, as a constant, if the algorithm of this convolution is Winograd's.
template <class T, class F>
bool with_winograd(const ConvShape& shape, ConvDirection direction, const F& f) {
  if constexpr (std::is_same_v<T, float>) {
    const ConvAlgorithm algorithm = choose_algorithm(shape, direction);
    if (algorithm == ConvAlgorithm::winograd_2x2) return f(std::integral_constant<int, 2>()), true;
    if (algorithm == ConvAlgorithm::winograd_4x4) return f(std::integral_constant<int, 4>()), true;
  }
  return false;
}

}  // namespace detail

/// y = epilogue(input * filter), overwritten. Weights alone, (r, s, c / groups, k), are a filter too.
template <class T>
void conv2d_forward(const ConvShape& shape, const ConvInput<T>& input,
                    const std::type_identity_t<ConvFilter<T>>& filter, const ConvEpilogue<T>& epilogue, T* y) {
  if (shape.n == 0) return;
  const auto by_tiles = [&](auto tile) {
    const T* const kept = filter.prepared ? filter.prepared->template transformed<tile()>(shape) : nullptr;
    winograd::forward<tile()>(shape, input, winograd::Filter<T>{filter.data, false, kept}, epilogue, y);
  };
  if (detail::with_winograd<T>(shape, ConvDirection::forward, by_tiles)) return;
  if (!depthwise::applies(shape)) {
    const T* const kept = filter.prepared ? filter.prepared->packed(shape) : nullptr;
    return direct::forward(shape, input, filter.data, epilogue, y, kept);
  }
  Scratch<T> scratch(0);
  depthwise::forward(shape, plain_input(shape, input, scratch), filter.data, epilogue, y);
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
  const auto by_tiles = [&](auto tile) { winograd::backward_input<tile()>(shape, dy, weight, dx); };
  if (detail::with_winograd<T>(shape, ConvDirection::backward_input, by_tiles)) return;
  if (depthwise::applies(shape)) return depthwise::backward_input(shape, dy, weight, dx);
  direct::backward_input(shape, dy, weight, dx);
}

/// dw = the gradient of the weight, overwritten.
template <class T>
void conv2d_backward_weight(const ConvShape& shape, const ConvInput<T>& input, const T* dy, T* dw) {
  if (shape.n == 0) return static_cast<void>(std::fill_n(dw, shape.weight_size(), T(0)));
  const auto by_tiles = [&](auto tile) { winograd::backward_weight<tile()>(shape, input, dy, dw); };
  if (detail::with_winograd<T>(shape, ConvDirection::backward_weight, by_tiles)) return;
  if (!depthwise::applies(shape)) return direct::backward_weight(shape, input, dy, dw);
  Scratch<T> scratch(0);
  depthwise::backward_weight(shape, plain_input(shape, input, scratch), dy, dw);
}

template <class T>
void conv2d_backward_weight(const ConvShape& shape, const T* x, const T* dy, T* dw) {
  conv2d_backward_weight(shape, ConvInput<T>(x, shape.c), dy, dw);
}

}  // namespace paser::kernels
