#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

namespace paser::kernels {

/// Copies `channels` values of each of `pixels` pixels, whose positions are apart by the strides, on this thread.
/// Plain packet copies, since a memcpy call for every pixel of few channels costs more than what it copies.
template <class T>
void copy_channels(Index pixels, Index channels, const T* x, Index x_stride, T* y, Index y_stride);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include "paser/core/simd.hpp"

namespace paser::kernels {

template <class T>
void copy_channels(Index pixels, Index channels, const T* x, Index x_stride, T* y, Index y_stride) {
  constexpr Index width = simd::width<T>;
  for (Index i = 0; i < pixels; ++i, x += x_stride, y += y_stride) {
    Index k = 0;
    for (; k + width <= channels; k += width) simd::store(y + k, simd::load(x + k));
    for (; k < channels; ++k) y[k] = x[k];
  }
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
