#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <optional>
#include <vector>

#include "paser/core/parallel.hpp"
#include "paser/ops/batch_norm.hpp"
#include "paser/ops/deferred_conv.hpp"

namespace paser {

/// The convolution of weight (R, S, C / groups, K) and bias (K), if any, followed by batch_norm with running
/// statistics: the norm is a scale and an offset per channel, which the weights and the bias take up. It differs from
/// the separate steps by rounding alone. gamma, beta, mean, variance: (K). Throws ShapeError when their sizes are not
/// K, ValueError when eps is negative or not finite.
template <class T>
FoldedConv<T> fold_batch_norm(const Tensor<T, 4>& weight, const std::optional<Tensor<T, 1>>& bias,
                              const Tensor<T, 1>& gamma, const Tensor<T, 1>& beta, const Tensor<T, 1>& mean,
                              const Tensor<T, 1>& variance, const BatchNormOptions& options = {}) {
  const Index k = weight.shape().c();
  check(gamma.numel() == k && beta.numel() == k && mean.numel() == k && variance.numel() == k &&
            (!bias || bias->numel() == k),
        "fold_batch_norm", "a convolution to ", k, " channels with a bias of ", bias ? bias->numel() : k,
        " before a norm of ", gamma.numel(), " weights, ", beta.numel(), " biases, ", mean.numel(), " means and ",
        variance.numel(), " variances; expected as many of each");
  check<ValueError>(is_finite_from_0(options.eps), "fold_batch_norm", "eps must be finite and not negative, got ",
                    value_text(options.eps));
  FoldedConv<T> folded{Tensor<T, 4>(weight.shape()), Tensor<T, 1>({k})};
  std::vector<double> scale(static_cast<std::size_t>(k));
  T* const offset = folded.bias.mutable_data();
  for (Index i = 0; i < k; ++i) {
    const auto at = [i](const Tensor<T, 1>& v) { return static_cast<double>(v.data()[i]); };
    const double s = at(gamma) / std::sqrt(at(variance) + options.eps);
    scale[static_cast<std::size_t>(i)] = s;
    offset[i] = static_cast<T>(at(beta) + ((bias ? at(*bias) : 0) - at(mean)) * s);
  }
  const T* const from = weight.data();
  T* const to = folded.weight.mutable_data();
  parallel_for(k > 0 ? weight.numel() / k : 0, std::max<Index>(1, 16384 / std::max<Index>(k, 1)),
               [&, factor = scale.data()](Index begin, Index end) {
                 for (Index row = begin; row < end; ++row)
                   for (Index i = 0; i < k; ++i)
                     to[row * k + i] = static_cast<T>(static_cast<double>(from[row * k + i]) * factor[i]);
               });
  return folded;
}

/// The same of a bare convolution that has not run. Where it has a cache the weights are folded once.
template <class T>
DeferredConv<Tensor<T, 4>> fold_batch_norm(DeferredConv<Tensor<T, 4>> x, const Tensor<T, 1>& gamma,
                                           const Tensor<T, 1>& beta, const Tensor<T, 1>& mean,
                                           const Tensor<T, 1>& variance, const BatchNormOptions& options = {}) {
  auto& kernel = *x.kernel;
  const auto fold = [&] { return fold_batch_norm(kernel.weight, kernel.bias, gamma, beta, mean, variance, options); };
  FoldedConv<T> folded =
      kernel.cache
          ? kernel.cache->folded(kernel.weight, {kernel.bias.value_or(Tensor<T, 1>()), gamma, beta, mean, variance},
                                 options.eps, fold)
          : fold();
  kernel.weight = std::move(folded.weight);
  kernel.bias = std::move(folded.bias);
  x.activation = detail::relu_if(options.relu);
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
