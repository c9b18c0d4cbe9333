#pragma once

#include <cmath>
#include <numbers>

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
/// At the kinks PyTorch's choice: -1/2 at -3, 1 at 3.
template <class T>
simd::Packet<T> hardswish_gradient(const simd::Packet<T>& x, const simd::Packet<T>& g) {
  const auto three = simd::broadcast(T(3)), zero = simd::zero<T>();
  const auto middle = simd::fma(x, simd::broadcast(T(1) / T(3)), simd::broadcast(T(0.5)));
  const auto slope = simd::select(simd::less(x, simd::sub(zero, three)), zero, middle);
  return simd::mul(g, simd::select(simd::less_equal(three, x), simd::broadcast(T(1)), slope));
}

/// The normal distribution function and density. In float by formula 7.1.26 of Abramowitz and Stegun, whose error of
/// 1.5e-7 is that of float; in double by std::erfc, lane by lane.
template <class T>
struct Normal {
  simd::Packet<T> distribution, density;

  explicit Normal(const simd::Packet<T>& x) {
    const auto half = simd::broadcast(T(0.5)), zero = simd::zero<T>(), one = simd::broadcast(T(1));
    const auto gauss = simd::exp(simd::mul(simd::mul(x, x), simd::broadcast(T(-0.5))));
    density = simd::mul(gauss, simd::broadcast(static_cast<T>(0.39894228040143268)));
    if constexpr (sizeof(T) > sizeof(float)) {
      T lanes[simd::width<T>];
      simd::store(lanes, x);
      for (T& v : lanes) v = T(0.5) * std::erfc(-v * static_cast<T>(std::numbers::sqrt2 / 2));
      distribution = simd::load(lanes);
    } else {
      const auto negative = simd::less(x, zero);
      const auto size = simd::select(negative, simd::sub(zero, x), x);
      const auto slope = simd::broadcast(static_cast<T>(0.3275911 * std::numbers::sqrt2 / 2));
      const auto t = simd::div(one, simd::fma(size, slope, one));
      auto tail = simd::broadcast(static_cast<T>(1.061405429));
      for (const double coefficient : {-1.453152027, 1.421413741, -0.284496736, 0.254829592})
        tail = simd::fma(tail, t, simd::broadcast(static_cast<T>(coefficient)));
      tail = simd::mul(simd::mul(tail, t), simd::mul(gauss, half));
      distribution = simd::select(negative, tail, simd::sub(one, tail));
    }
  }
};

/// x * (normal distribution function of x).
template <class T>
simd::Packet<T> gelu(const simd::Packet<T>& x) {
  return simd::mul(x, Normal<T>(x).distribution);
}
template <class T>
simd::Packet<T> gelu_gradient(const simd::Packet<T>& x, const simd::Packet<T>& g) {
  const Normal<T> normal(x);
  return simd::mul(g, simd::fma(x, normal.density, normal.distribution));
}

}  // namespace paser::kernels
