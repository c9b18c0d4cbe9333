#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/ops/unary.hpp"

namespace paser {

/// min(max(0, x), 6), element by element; NaN stays (Howard et al. 2017). torch.nn.functional.relu6. Any rank.
template <class T, int Rank>
Tensor<T, Rank> relu6(const Tensor<T, Rank>& x) {
  return detail::activate(Activation::relu6, x);
}

/// The same value, recorded: dy passes where 0 < x < 6. Keeps the result.
template <class T, int Rank>
Var<T, Rank> relu6(const Var<T, Rank>& x) {
  return detail::activate(Activation::relu6, x);
}

/// Counted as free.
template <int Rank>
Counted<Rank> relu6(const Counted<Rank>& x) {
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
