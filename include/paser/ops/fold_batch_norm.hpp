#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <vector>

#include "paser/ops/batch_norm.hpp"
#include "paser/ops/deferred_conv.hpp"

namespace paser {

/// batch_norm by running statistics of a bare convolution's result. The norm is a scale and an offset per channel,
/// which the weights and the bias take up; so it differs from the separate steps by rounding alone. weight, bias, mean,
/// variance: (K). Throws ShapeError when their sizes are not K.
template <class T>
DeferredConv<Tensor<T, 4>> fold_batch_norm(DeferredConv<Tensor<T, 4>> x, const Tensor<T, 1>& weight,
                                           const Tensor<T, 1>& bias, const Tensor<T, 1>& mean,
                                           const Tensor<T, 1>& variance, const BatchNormOptions& options = {}) {
  auto& kernel = *x.kernel;
  const Index k = kernel.weight.shape().c();
  check(weight.numel() == k && bias.numel() == k && mean.numel() == k && variance.numel() == k, "fold_batch_norm",
        "a convolution to ", k, " channels before a norm of ", weight.numel());
  Tensor<T, 4> folded(kernel.weight.shape());
  Tensor<T, 1> offset({k});
  std::vector<double> scale(static_cast<std::size_t>(k));
  for (Index i = 0; i < k; ++i) {
    const auto at = [i](const Tensor<T, 1>& v) { return static_cast<double>(v.data()[i]); };
    const double s = at(weight) / std::sqrt(at(variance) + options.eps);
    scale[static_cast<std::size_t>(i)] = s;
    offset.mutable_data()[i] = static_cast<T>(at(bias) + ((kernel.bias ? at(*kernel.bias) : 0) - at(mean)) * s);
  }
  T* const to = folded.mutable_data();
  for (Index i = 0; i < folded.numel(); ++i)
    to[i] = static_cast<T>(static_cast<double>(kernel.weight.data()[i]) * scale[static_cast<std::size_t>(i % k)]);
  kernel.weight = std::move(folded);
  kernel.bias = std::move(offset);
  kernel.cache = nullptr;  // these weights are made anew for every run
  x.relu = options.relu;
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
