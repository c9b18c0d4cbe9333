#pragma once

#include "paser/ops/unary.hpp"

namespace paser {

/// max(0, x), element by element; NaN stays. torch.nn.functional.relu. Any rank.
template <class T, int Rank>
Tensor<T, Rank> relu(const Tensor<T, Rank>& x) {
  return kernels::map_tensor(x, [](const auto& v) { return kernels::relu<T>(v); });
}

/// The same value, recorded: dy passes where x > 0. Keeps the result.
template <class T, int Rank>
Var<T, Rank> relu(const Var<T, Rank>& x) {
  return detail::record_from_output(x, relu(x.value()),
                                    [](const auto& v, const auto& g) { return kernels::relu_gradient<T>(v, g); });
}

}  // namespace paser
