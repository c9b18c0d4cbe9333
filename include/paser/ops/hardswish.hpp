#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/ops/unary.hpp"

namespace paser {

/// x clamp(x + 3, 0, 6) / 6, element by element (Howard et al. 2019). torch.nn.functional.hardswish. Any rank.
template <class T, int Rank>
Tensor<T, Rank> hardswish(const Tensor<T, Rank>& x) {
  return detail::activate(Activation::hardswish, x);
}

/// The same value, recorded: dx = dy (x / 3 + 1 / 2) between -3 and 3, 0 below and dy above. Keeps x.
template <class T, int Rank>
Var<T, Rank> hardswish(const Var<T, Rank>& x) {
  return detail::activate(Activation::hardswish, x);
}

/// Counted as free.
template <int Rank>
Counted<Rank> hardswish(const Counted<Rank>& x) {
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
