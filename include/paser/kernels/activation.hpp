#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

namespace paser {

/// An element-wise function of one input.
enum class Activation { relu, relu6, sigmoid, silu, hardswish, gelu, gelu_tanh };

namespace kernels {

/// y = f(x), n elements. y may be x.
template <class T>
void activate(Activation f, Index n, const T* x, T* y);

/// Whether activation_gradient is given the result.
inline bool keeps_result(Activation f) {
  return f == Activation::relu || f == Activation::relu6 || f == Activation::sigmoid;
}

/// dx = dy f'(x), n elements. `kept` is y where the derivative is a function of it (keeps_result), else x.
template <class T>
void activation_gradient(Activation f, Index n, const T* kept, const T* dy, T* dx);

}  // namespace kernels
}  // namespace paser

#ifndef PASER_COMPILED

#include <cmath>
#include <numbers>

#include "paser/kernels/loops/map.hpp"

/// Activations and their derivatives, written once on packets. `x` is an input, `y` an output, `g` the gradient of y.
namespace paser::kernels {

template <class T>
simd::Packet<T> relu(const simd::Packet<T>& x) {
  return simd::select(simd::less(x, simd::zero<T>()), simd::zero<T>(), x);
}
template <class T>
simd::Packet<T> relu_gradient(const simd::Packet<T>& y, const simd::Packet<T>& g) {
  return simd::select(simd::less_equal(y, simd::zero<T>()), simd::zero<T>(), g);
}

/// min(max(x, 0), 6); a NaN stays.
template <class T>
simd::Packet<T> relu6(const simd::Packet<T>& x) {
  const auto six = simd::broadcast(T(6)), y = relu<T>(x);
  return simd::select(simd::less(six, y), six, y);
}
/// At both kinks 0, PyTorch's choice.
template <class T>
simd::Packet<T> relu6_gradient(const simd::Packet<T>& y, const simd::Packet<T>& g) {
  return simd::select(simd::less_equal(simd::broadcast(T(6)), y), simd::zero<T>(), relu_gradient<T>(y, g));
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

/// x sigmoid(2u) = x (1 + tanh u) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3), the approximation of Hendrycks and
/// Gimpel.
template <class T>
struct TanhNormal {
  static constexpr double slope = 2 * 0.79788456080286536, cubic = 0.044715;
  simd::Packet<T> square, distribution;

  explicit TanhNormal(const simd::Packet<T>& x) : square(simd::mul(x, x)) {
    const auto factor =
        simd::fma(square, simd::broadcast(static_cast<T>(slope * cubic)), simd::broadcast(static_cast<T>(slope)));
    distribution = sigmoid<T>(simd::mul(x, factor));
  }
};
template <class T>
simd::Packet<T> gelu_tanh(const simd::Packet<T>& x) {
  return simd::mul(x, TanhNormal<T>(x).distribution);
}
/// With s the sigmoid: s + x s (1 - s) d(2u)/dx. Where s is 0 or 1 the square may be infinite and counts for nothing.
template <class T>
simd::Packet<T> gelu_tanh_gradient(const simd::Packet<T>& x, const simd::Packet<T>& g) {
  const TanhNormal<T> normal(x);
  const auto s = normal.distribution, one = simd::broadcast(T(1)), spread = simd::mul(s, simd::sub(one, s));
  using Normal = TanhNormal<T>;
  const auto inner = simd::fma(normal.square, simd::broadcast(static_cast<T>(3 * Normal::slope * Normal::cubic)),
                               simd::broadcast(static_cast<T>(Normal::slope)));
  const auto bend = simd::mul(simd::mul(x, spread), inner);
  return simd::mul(g, simd::add(s, simd::select(simd::equal(spread, simd::zero<T>()), simd::zero<T>(), bend)));
}

/// Calls run with the function on packets.
template <class T, class Run>
void with_activation(Activation f, const Run& run) {
  switch (f) {
    case Activation::relu:
      return run([](const auto& v) { return relu<T>(v); });
    case Activation::relu6:
      return run([](const auto& v) { return relu6<T>(v); });
    case Activation::sigmoid:
      return run([](const auto& v) { return sigmoid<T>(v); });
    case Activation::silu:
      return run([](const auto& v) { return silu<T>(v); });
    case Activation::hardswish:
      return run([](const auto& v) { return hardswish<T>(v); });
    case Activation::gelu:
      return run([](const auto& v) { return gelu<T>(v); });
    case Activation::gelu_tanh:
      return run([](const auto& v) { return gelu_tanh<T>(v); });
  }
}

template <class T>
void activate(Activation f, Index n, const T* x, T* y) {
  with_activation<T>(f, [&](const auto& function) { map_packets(n, y, function, x); });
}

/// The same of n elements in place, with the same bits, on this thread alone: of what was just written.
template <class T>
[[gnu::noinline]] void activate_piece(Activation f, Index n, T* y) {
  with_activation<T>(f, [&](const auto& function) { map_span(n, y, function, y); });
}

/// No activation, in the form of ActivationOfInput.
template <class T>
struct NoActivation {
  static simd::Packet<T> value(const simd::Packet<T>& x) { return x; }
  static simd::Packet<T> gradient(const simd::Packet<T>&, const simd::Packet<T>& g) { return g; }
};

/// One of the activations without an exponential: its value, and g times its derivative, both at x.
template <Activation f, class T>
struct ActivationOfInput {
  static_assert(f == Activation::relu || f == Activation::relu6 || f == Activation::hardswish);
  static simd::Packet<T> value(const simd::Packet<T>& x) {
    if constexpr (f == Activation::relu) return relu<T>(x);
    if constexpr (f == Activation::relu6) return relu6<T>(x);
    if constexpr (f == Activation::hardswish) return hardswish<T>(x);
  }
  static simd::Packet<T> gradient(const simd::Packet<T>& x, const simd::Packet<T>& g) {
    if constexpr (f == Activation::relu) return relu_gradient<T>(x, g);
    if constexpr (f == Activation::relu6) return relu6_gradient<T>(x, g);
    if constexpr (f == Activation::hardswish) return hardswish_gradient<T>(x, g);
  }
};

template <class T>
void activation_gradient(Activation f, Index n, const T* kept, const T* dy, T* dx) {
  const auto run = [&](const auto& function) { map_packets(n, dx, function, kept, dy); };
  switch (f) {
    case Activation::relu:
      return run([](const auto& v, const auto& g) { return relu_gradient<T>(v, g); });
    case Activation::relu6:
      return run([](const auto& v, const auto& g) { return relu6_gradient<T>(v, g); });
    case Activation::sigmoid:
      return run([](const auto& v, const auto& g) { return sigmoid_gradient<T>(v, g); });
    case Activation::silu:
      return run([](const auto& v, const auto& g) { return silu_gradient<T>(v, g); });
    case Activation::hardswish:
      return run([](const auto& v, const auto& g) { return hardswish_gradient<T>(v, g); });
    case Activation::gelu:
      return run([](const auto& v, const auto& g) { return gelu_gradient<T>(v, g); });
    case Activation::gelu_tanh:
      return run([](const auto& v, const auto& g) { return gelu_tanh_gradient<T>(v, g); });
  }
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
