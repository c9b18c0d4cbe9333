#pragma once

#include "paser/ops/unary.hpp"

namespace paser {

/// 1 / (1 + exp(-x)), element by element, without overflow. torch.sigmoid. Any rank.
template <class T, int Rank>
Tensor<T, Rank> sigmoid(const Tensor<T, Rank>& x) {
  return kernels::map_tensor(x, [](const auto& v) { return kernels::sigmoid<T>(v); });
}

/// The same value, recorded: dx = dy y (1 - y). Keeps the result.
template <class T, int Rank>
Var<T, Rank> sigmoid(const Var<T, Rank>& x) {
  return detail::record_from_output(x, sigmoid(x.value()),
                                    [](const auto& v, const auto& g) { return kernels::sigmoid_gradient<T>(v, g); });
}

}  // namespace paser
