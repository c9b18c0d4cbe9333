#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

/// Arithmetic on flat arrays of n elements. The result may be one of the operands.
namespace paser::kernels {

/// Elements that one task of such a loop computes.
inline constexpr Index grain = Index{1} << 14;

/// y += x.
template <class T>
void accumulate(Index n, const T* x, T* y);

/// y = scale * x.
template <class T>
void scale(Index n, T factor, const T* x, T* y);

/// y = a + b.
template <class T>
void add(Index n, const T* a, const T* b, T* y);

/// y = a - b.
template <class T>
void subtract(Index n, const T* a, const T* b, T* y);

/// y = a * b.
template <class T>
void multiply(Index n, const T* a, const T* b, T* y);

/// y = factor * x where keep is not 0, else 0.
template <class T>
void apply_mask(Index n, T factor, const T* keep, const T* x, T* y);

/// Adds bias (channels) to each of `pixels` pixels of y.
template <class T>
void add_bias(Index pixels, Index channels, const T* bias, T* y);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include "paser/kernels/loops/map.hpp"

namespace paser::kernels {

template <class T>
void accumulate(Index n, const T* x, T* y) {
  add(n, static_cast<const T*>(y), x, y);
}

template <class T>
void scale(Index n, T factor, const T* x, T* y) {
  const auto f = simd::broadcast(factor);
  map<T>(
      n, y, [f](const auto& a) { return simd::mul(a, f); }, [factor](T a) { return a * factor; }, x);
}

template <class T>
void add(Index n, const T* a, const T* b, T* y) {
  map<T>(
      n, y, [](const auto& p, const auto& q) { return simd::add(p, q); }, [](T p, T q) { return p + q; }, a, b);
}

template <class T>
void subtract(Index n, const T* a, const T* b, T* y) {
  map<T>(
      n, y, [](const auto& p, const auto& q) { return simd::sub(p, q); }, [](T p, T q) { return p - q; }, a, b);
}

template <class T>
void multiply(Index n, const T* a, const T* b, T* y) {
  map<T>(
      n, y, [](const auto& p, const auto& q) { return simd::mul(p, q); }, [](T p, T q) { return p * q; }, a, b);
}

template <class T>
void apply_mask(Index n, T factor, const T* keep, const T* x, T* y) {
  parallel_for(n, grain, [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) y[i] = keep[i] != T(0) ? x[i] * factor : T(0);
  });
}

template <class T>
void add_bias(Index pixels, Index channels, const T* bias, T* y) {
  parallel_for(pixels, 1024, [=](Index begin, Index end) {
    for (Index pixel = begin; pixel < end; ++pixel)
      for (Index c = 0; c < channels; ++c) y[pixel * channels + c] += bias[c];
  });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
