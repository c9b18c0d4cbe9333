#pragma once
#include "paser/core/macros_off.inc"

#include "paser/kernels/conv/algorithm.hpp"
#include "paser/kernels/conv/plain_input.hpp"
#include "paser/kernels/conv/winograd/forward.hpp"
#include "paser/kernels/conv/winograd/weight.hpp"
#include "paser/kernels/conv/winograd/weight_blocks.hpp"

/// 3x3 convolutions of stride 1 by Winograd's F(4x4, 3x3), 36 instead of 144 multiplications for 4x4 outputs, and by
/// F(2x2, 3x3), 16 instead of 36 for 2x2. In float the largest error is about that of direct summation, some 1e-6 of
/// the largest output.
namespace paser::kernels::winograd {

/// y = epilogue(input * filter). Tile, here and below: 4 or 2.
template <int Tile = 4, class T>
void forward(const ConvShape& shape, const ConvInput<T>& input, const Filter<T>& filter,
             const ConvEpilogue<T>& epilogue, T* y) {
  Scratch<T> gathered(0);
  const ConvInput<T> x =
      InputReader<T>::reads(input) ? input : ConvInput<T>(plain_input(shape, input, gathered), shape.c);
  convolve(Plane<Tile>::forward(shape), x, filter, epilogue, y);
}

/// y = x * weight + bias. bias (k) may be null.
template <int Tile = 4, class T>
void forward(const ConvShape& shape, const T* x, const T* weight, const T* bias, T* y) {
  forward<Tile>(shape, ConvInput<T>(x, shape.c), Filter<T>{weight, false}, ConvEpilogue<T>{.bias = bias}, y);
}

/// dx = the gradient of x, overwritten: dy convolved with the rotated filter.
template <int Tile = 4, class T>
void backward_input(const ConvShape& shape, const T* dy, const T* weight, T* dx) {
  convolve(Plane<Tile>::backward(shape), ConvInput<T>(dy, shape.k), Filter<T>{weight, true}, ConvEpilogue<T>{}, dx);
}

/// dw = the gradient of the weight, overwritten.
template <int Tile = 4, class T>
void backward_weight(const ConvShape& shape, const ConvInput<T>& input, const T* dy, T* dw) {
  Scratch<T> gathered(0);
  const InputReader<T> x(InputReader<T>::reads(input) ? input
                                                      : ConvInput<T>(plain_input(shape, input, gathered), shape.c));
  const auto plane = Plane<Tile>::forward(shape);
  const WeightBlocks<Tile, T> blocks(plane);
  if (blocks.c_blocks * blocks.k_blocks <= 2 && blocks.pieces > 1)
    correlate_by_blocks(plane, x, dy, dw);
  else
    correlate(plane, x, dy, dw);
}

template <int Tile = 4, class T>
void backward_weight(const ConvShape& shape, const T* x, const T* dy, T* dw) {
  backward_weight<Tile>(shape, ConvInput<T>(x, shape.c), dy, dw);
}

}  // namespace paser::kernels::winograd
#include "paser/core/macros_on.inc"
