#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/ops/unary.hpp"

namespace paser {

/// x sigmoid(x), element by element (Elfwing et al. 2017). torch.nn.functional.silu. Any rank.
template <class T, int Rank>
Tensor<T, Rank> silu(const Tensor<T, Rank>& x) {
  return detail::activate(Activation::silu, x);
}

/// The same value, recorded: dx = dy s (1 + x (1 - s)) with s = sigmoid(x). Keeps x.
template <class T, int Rank>
Var<T, Rank> silu(const Var<T, Rank>& x) {
  return detail::activate(Activation::silu, x);
}

/// Counted as free.
template <int Rank>
Counted<Rank> silu(const Counted<Rank>& x) {
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
