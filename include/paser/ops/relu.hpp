#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/ops/unary.hpp"

namespace paser {

/// max(0, x), element by element; NaN stays. torch.nn.functional.relu. Any rank.
template <class T, int Rank>
Tensor<T, Rank> relu(const Tensor<T, Rank>& x) {
  return detail::activate(Activation::relu, x);
}

/// The same value, recorded: dy passes where x > 0. Keeps the result.
template <class T, int Rank>
Var<T, Rank> relu(const Var<T, Rank>& x) {
  return detail::activate(Activation::relu, x);
}

/// Counted as free.
template <int Rank>
Counted<Rank> relu(const Counted<Rank>& x) {
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
