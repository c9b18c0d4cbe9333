#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

/// The update of an optimizer as one pass over flat arrays.
namespace paser::kernels {

/// The numbers of one Adam step, the step count worked in.
template <class T>
struct AdamStep {
  T beta1, rest1;  ///< rest = 1 - beta, subtracted before rounding to T
  T beta2, rest2;
  T step_size;            ///< learning rate / (1 - beta1^t)
  T inverse_correction2;  ///< 1 / sqrt(1 - beta2^t)
  T eps;
  T l2;    ///< added to the gradient, times the value
  T keep;  ///< the value is first multiplied by this (1 - learning rate * decay in AdamW)
};

/// g = gradient + l2 value;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
/// value = keep value - step_size m / (sqrt(v) inverse_correction2 + eps).
template <class T>
void adam(Index n, const AdamStep<T>& step, const T* gradient, T* value, T* m, T* v);

/// The numbers of one SGD step.
template <class T>
struct SgdStep {
  T learning_rate, momentum;
  T rest;  ///< 1 - dampening
  T l2;
  bool nesterov, first;  ///< first: the buffer starts as the gradient
};

/// g = gradient + l2 value;  buffer = momentum buffer + (1 - dampening) g;  value -= learning_rate buffer, or,
/// Nesterov, learning_rate (g + momentum buffer). Without momentum buffer is null and value -= learning_rate g.
template <class T>
void sgd(Index n, const SgdStep<T>& step, const T* gradient, T* value, T* buffer);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include "paser/kernels/elementwise.hpp"

namespace paser::kernels {

/// Loads and stores as packets or, in the tail, as single numbers, so that an update is written once for both.
template <class T, bool packet>
struct Lane {
  static auto constant(T value) {
    if constexpr (packet) {
      return simd::broadcast(value);
    } else {
      return value;
    }
  }
  static auto load(const T* p) {
    if constexpr (packet) {
      return simd::load(p);
    } else {
      return *p;
    }
  }
  template <class P>
  static void store(T* p, const P& value) {
    if constexpr (packet) {
      simd::store(p, value);
    } else {
      *p = value;
    }
  }
};

/// Calls update(lane, i) for every place i, lane saying how many neighbours it covers at once.
template <class T, class Update>
void for_each_lane(Index n, const Update& update) {
  parallel_for(n, grain, [&](Index begin, Index end) {
    Index i = begin;
    for (; i + simd::width<T> <= end; i += simd::width<T>) update(Lane<T, true>{}, i);
    for (; i < end; ++i) update(Lane<T, false>{}, i);
  });
}

template <class T>
void adam(Index n, const AdamStep<T>& step, const T* gradient, T* value, T* m, T* v) {
  for_each_lane<T>(n, [=](auto lane, Index i) {
    using L = decltype(lane);
    const auto x = L::load(value + i);
    const auto g = simd::fma(L::constant(step.l2), x, L::load(gradient + i));
    const auto first = simd::fma(L::constant(step.beta1), L::load(m + i), simd::mul(L::constant(step.rest1), g));
    const auto second =
        simd::fma(L::constant(step.beta2), L::load(v + i), simd::mul(L::constant(step.rest2), simd::mul(g, g)));
    const auto scale = simd::fma(simd::sqrt(second), L::constant(step.inverse_correction2), L::constant(step.eps));
    const auto move = simd::div(simd::mul(L::constant(step.step_size), first), scale);
    L::store(m + i, first);
    L::store(v + i, second);
    L::store(value + i, simd::sub(simd::mul(L::constant(step.keep), x), move));
  });
}

template <class T>
void sgd(Index n, const SgdStep<T>& step, const T* gradient, T* value, T* buffer) {
  for_each_lane<T>(n, [=](auto lane, Index i) {
    using L = decltype(lane);
    const auto x = L::load(value + i), momentum = L::constant(step.momentum);
    const auto g = simd::fma(L::constant(step.l2), x, L::load(gradient + i));
    auto direction = g;
    if (buffer != nullptr) {
      auto b = g;
      if (!step.first) b = simd::fma(momentum, L::load(buffer + i), simd::mul(L::constant(step.rest), g));
      L::store(buffer + i, b);
      direction = step.nesterov ? simd::fma(momentum, b, g) : b;
    }
    L::store(value + i, simd::sub(x, simd::mul(L::constant(step.learning_rate), direction)));
  });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
