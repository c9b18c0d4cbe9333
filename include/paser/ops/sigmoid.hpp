#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/ops/unary.hpp"

namespace paser {

/// 1 / (1 + exp(-x)), element by element, without overflow. torch.sigmoid. Any rank.
template <class T, int Rank>
Tensor<T, Rank> sigmoid(const Tensor<T, Rank>& x) {
  return detail::activate(Activation::sigmoid, x);
}

/// The same value, recorded: dx = dy y (1 - y). Keeps the result.
template <class T, int Rank>
Var<T, Rank> sigmoid(const Var<T, Rank>& x) {
  return detail::activate(Activation::sigmoid, x);
}

/// Counted as free.
template <int Rank>
Counted<Rank> sigmoid(const Counted<Rank>& x) {
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
