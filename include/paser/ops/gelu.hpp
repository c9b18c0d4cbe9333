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
  return detail::record_activation(Activation::gelu, x, detail::Keep::input);
}

/// Counted as free.
template <int Rank>
Counted<Rank> gelu(const Counted<Rank>& x) {
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
