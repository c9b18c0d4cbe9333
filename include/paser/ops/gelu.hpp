#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/ops/unary.hpp"

namespace paser {

/// x Phi(x) with the normal distribution function Phi, element by element (Hendrycks and Gimpel 2016); the exact form
/// of torch.nn.functional.gelu, not its tanh approximation. Any rank.
template <class T, int Rank>
Tensor<T, Rank> gelu(const Tensor<T, Rank>& x) {
  return detail::activate(Activation::gelu, x);
}

/// The same value, recorded: dx = dy (Phi(x) + x phi(x)) with the normal density phi. Keeps x.
template <class T, int Rank>
Var<T, Rank> gelu(const Var<T, Rank>& x) {
  return detail::activate(Activation::gelu, x);
}

/// The approximation of gelu by x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, torch's approximate="tanh". Any rank.
template <class T, int Rank>
Tensor<T, Rank> gelu_tanh(const Tensor<T, Rank>& x) {
  return detail::activate(Activation::gelu_tanh, x);
}

/// The same value, recorded. Keeps x.
template <class T, int Rank>
Var<T, Rank> gelu_tanh(const Var<T, Rank>& x) {
  return detail::activate(Activation::gelu_tanh, x);
}

/// Counted as free.
template <int Rank>
Counted<Rank> gelu_tanh(const Counted<Rank>& x) {
  return x;
}
template <int Rank>
Counted<Rank> gelu(const Counted<Rank>& x) {
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
