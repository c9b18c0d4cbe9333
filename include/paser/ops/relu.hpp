#pragma once

#include "paser/autograd/tape.hpp"
#include "paser/kernels/activation.hpp"

namespace paser {

/// max(0, x), element by element; NaN stays. torch.nn.functional.relu. Any rank.
template <class T, int Rank>
Tensor<T, Rank> relu(const Tensor<T, Rank>& x) {
  return kernels::map_tensor(x, [](const auto& v) { return kernels::relu<T>(v); });
}

/// The same value, recorded: dy passes where x > 0. Keeps the result, which the next op mostly keeps anyway.
template <class T, int Rank>
Var<T, Rank> relu(const Var<T, Rank>& x) {
  auto y = relu(x.value());
  return record(y, {x}, [y](const Tensor<T, Rank>& dy, GradientSink<T>& grad) {
    if (grad.wants(0))
      grad.add(0, kernels::map_tensor(
                      y, [](const auto& out, const auto& g) { return kernels::relu_gradient<T>(out, g); }, dy));
  });
}

}  // namespace paser
