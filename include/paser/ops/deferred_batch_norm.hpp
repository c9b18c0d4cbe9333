#pragma once
#include "paser/core/macros_off.inc"

#include <utility>

#include "paser/ops/deferred_conv.hpp"

/// Batch norms of recorded maps that wait for what follows them: a ReLU, ReLU6 or hardswish that does so directly is
/// done in the same pass over memory, both ways, and of a hardswish the tape keeps one map less. Each conversion of the
/// result to a map records the norm: convert it once where it has two readers. Arguments, values and errors are those
/// of batch_norm and batch_norm_training.
namespace paser {

namespace detail {

template <class T>
DeferredConv<Var<T, 4>> unrecorded_batch_norm(const Var<T, 4>& x, GroupedNormalization<T> norm, const Var<T, 1>& weight,
                                              const Var<T, 1>& bias) {
  DeferredConv<Var<T, 4>> y(x);
  y.activation = std::exchange(norm.n.activation, std::nullopt);
  y.batch_norm = {std::move(norm), weight, bias};
  return y;
}

}  // namespace detail

/// batch_norm that waits.
template <class T>
DeferredConv<Var<T, 4>> deferred_batch_norm(const Var<T, 4>& x, const Var<T, 1>& weight, const Var<T, 1>& bias,
                                            const Tensor<T, 1>& mean, const Tensor<T, 1>& variance,
                                            const BatchNormOptions& options = {}) {
  detail::check_batch_norm(x.shape(), weight.value(), bias.value(), mean, variance, options);
  return detail::unrecorded_batch_norm<T>(
      x, {detail::frozen_normalization(x.value(), weight.value(), bias.value(), mean, variance, options)}, weight,
      bias);
}

/// batch_norm_training that waits.
template <class T>
BatchNormResult<DeferredConv<Var<T, 4>>> deferred_batch_norm_training(
    const Var<T, 4>& x, const Var<T, 1>& weight, const Var<T, 1>& bias, const Tensor<T, 1>& running_mean,
    const Tensor<T, 1>& running_var, const BatchNormOptions& options = {}, Index ghost_batch = 0) {
  auto b = detail::training_normalization(x.value(), weight.value(), bias.value(), running_mean, running_var, options,
                                          ghost_batch);
  return {detail::unrecorded_batch_norm(x, std::move(b.grouped), weight, bias), std::move(b.running_mean),
          std::move(b.running_var)};
}

}  // namespace paser
#include "paser/core/macros_on.inc"
