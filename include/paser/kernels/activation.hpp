#pragma once

#include "paser/core/simd.hpp"
#include "paser/core/tensor.hpp"
#include "paser/kernels/elementwise.hpp"

/// Activations and their derivatives, written once on packets. `x` is an input, `y` an output, `g` the gradient of y.
namespace paser::kernels {

/// f(packets...) of every element; the last packet is completed by zeros, so no scalar twin of f is needed.
template <class T, int Rank, class F, class... More>
Tensor<T, Rank> map_tensor(const Tensor<T, Rank>& x, const F& f, const More&... more) {
  constexpr Index width = simd::width<T>;
  Tensor<T, Rank> y(x.shape());
  const auto run = [&](T* out, const auto*... in) {
    parallel_for(x.numel(), grain, [&](Index begin, Index end) {
      Index i = begin;
      for (; i + width <= end; i += width) simd::store(out + i, f(simd::load(in + i)...));
      if (i < end) simd::store_partial(out + i, f(simd::load_partial(in + i, end - i)...), end - i);
    });
  };
  run(y.mutable_data(), x.data(), more.data()...);
  return y;
}

template <class T>
simd::Packet<T> relu(const simd::Packet<T>& x) {
  return simd::select(simd::less(x, simd::zero<T>()), simd::zero<T>(), x);
}
template <class T>
simd::Packet<T> relu_gradient(const simd::Packet<T>& y, const simd::Packet<T>& g) {
  return simd::select(simd::less_equal(y, simd::zero<T>()), simd::zero<T>(), g);
}

/// 1 / (1 + exp(-x)). The exponential is taken of -|x|, which cannot overflow.
template <class T>
simd::Packet<T> sigmoid(const simd::Packet<T>& x) {
  const auto zero = simd::zero<T>(), one = simd::broadcast(T(1));
  const auto negative = simd::less(x, zero);
  const auto e = simd::exp(simd::select(negative, x, simd::sub(zero, x)));
  const auto y = simd::div(simd::select(negative, e, one), simd::add(one, e));
  return simd::select(simd::is_nan(x), x, y);
}
template <class T>
simd::Packet<T> sigmoid_gradient(const simd::Packet<T>& y, const simd::Packet<T>& g) {
  return simd::mul(g, simd::mul(y, simd::sub(simd::broadcast(T(1)), y)));
}

/// x * sigmoid(x).
template <class T>
simd::Packet<T> silu(const simd::Packet<T>& x) {
  return simd::mul(x, sigmoid<T>(x));
}
template <class T>
simd::Packet<T> silu_gradient(const simd::Packet<T>& x, const simd::Packet<T>& g) {
  const auto one = simd::broadcast(T(1)), s = sigmoid<T>(x);
  return simd::mul(g, simd::mul(s, simd::fma(x, simd::sub(one, s), one)));
}

/// x * clamp(x + 3, 0, 6) / 6 (Howard et al. 2019).
template <class T>
simd::Packet<T> hardswish(const simd::Packet<T>& x) {
  const auto three = simd::broadcast(T(3)), zero = simd::zero<T>();
  const auto middle = simd::mul(simd::mul(x, simd::add(x, three)), simd::broadcast(T(1) / T(6)));
  const auto y = simd::select(simd::less(x, simd::sub(zero, three)), zero, middle);
  return simd::select(simd::less(three, x), x, y);
}
template <class T>
simd::Packet<T> hardswish_gradient(const simd::Packet<T>& x, const simd::Packet<T>& g) {
  const auto three = simd::broadcast(T(3)), zero = simd::zero<T>();
  const auto middle = simd::fma(x, simd::broadcast(T(1) / T(3)), simd::broadcast(T(0.5)));
  const auto slope = simd::select(simd::less(x, simd::sub(zero, three)), zero, middle);
  return simd::mul(g, simd::select(simd::less(three, x), simd::broadcast(T(1)), slope));
}

}  // namespace paser::kernels
