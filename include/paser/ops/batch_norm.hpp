#pragma once

#include "paser/autograd/counted.hpp"
#include "paser/core/float_state.hpp"
#include "paser/ops/channel_norm.hpp"

namespace paser {

/// Settings of a batch norm.
struct BatchNormSpec {
  double eps = 1e-5;      ///< added to the variance
  double momentum = 0.1;  ///< weight of the batch in the running statistics
  bool relu = false;      ///< also apply max(0, .), in the same pass over memory
};

/// What a training step makes of a batch norm. Value: Tensor<T,4> or Var<T,4>.
template <class Value>
struct BatchNormResult {
  Value y;
  Tensor<typename Value::Scalar, 1> running_mean, running_var;  ///< the next running statistics
};

namespace detail {

template <class T>
void check_batch_norm(const Shape<4>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias, const Tensor<T, 1>& mean,
                      const Tensor<T, 1>& variance, const BatchNormSpec& spec) {
  check(x.numel() > 0, "batch_norm", "input ", x, " is empty");
  check_norm_weights("batch_norm", x, weight.numel(), bias.numel());
  check(mean.numel() == x.c() && variance.numel() == x.c(), "batch_norm", "input ", x, " has ", x.c(),
        " channels, running_mean has ", mean.numel(), " and running_var ", variance.numel());
  check<ValueError>(spec.eps >= 0 && spec.momentum >= 0 && spec.momentum <= 1, "batch_norm",
                    "eps must not be negative and momentum lie in 0 .. 1, got ", spec.eps, " and ", spec.momentum);
}

template <class T>
std::vector<double> to_doubles(const Tensor<T, 1>& x) {
  return {x.data(), x.data() + x.numel()};
}

/// The batch as one group.
template <class T>
kernels::ChannelNormShape batch_shape(const Tensor<T, 4>& x) {
  return {1, x.numel() / x.shape().c(), x.shape().c()};
}

/// running + momentum * (batch - running).
template <class T>
Tensor<T, 1> moved_average(const Tensor<T, 1>& running, const std::vector<double>& batch, double momentum,
                           double factor) {
  const FlushDenormals flush;
  Tensor<T, 1> next(running.shape());
  T* const out = next.mutable_data();
  for (Index k = 0; k < next.numel(); ++k)
    out[k] = static_cast<T>((1 - momentum) * static_cast<double>(running.data()[k]) +
                            momentum * factor * batch[static_cast<std::size_t>(k)]);
  return next;
}

/// The normalisation by the batch's own statistics, and the running statistics after it.
template <class T>
struct BatchNormalization {
  Normalization<T> n;
  Tensor<T, 1> running_mean, running_var;
};

template <class T>
BatchNormalization<T> batch_normalization(const Tensor<T, 4>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                                          const Tensor<T, 1>& mean, const Tensor<T, 1>& variance,
                                          const BatchNormSpec& spec) {
  const auto shape = batch_shape(x);
  std::vector<double> m(static_cast<std::size_t>(shape.channels)), v(m.size());
  kernels::channel_moments(shape, x.data(), m.data(), v.data());
  const auto count = static_cast<double>(shape.pixels);
  auto next_mean = moved_average(mean, m, spec.momentum, 1);
  auto next_var = moved_average(variance, v, spec.momentum, count / (count - 1));
  return {normalization(shape, std::move(m), std::move(v), weight, bias, spec.eps, spec.relu), std::move(next_mean),
          std::move(next_var)};
}

template <class T>
Normalization<T> frozen_normalization(const Tensor<T, 4>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                                      const Tensor<T, 1>& mean, const Tensor<T, 1>& variance,
                                      const BatchNormSpec& spec) {
  return normalization(batch_shape(x), to_doubles(mean), to_doubles(variance), weight, bias, spec.eps, spec.relu);
}

/// Gradients of x, weight and bias; `batch` tells whether mean and variance are those of x or constants.
template <class T>
void batch_norm_backward(const Normalization<T>& n, bool batch, const Tensor<T, 4>& x, const Tensor<T, 4>& dy,
                         GradientSink<T>& grad) {
  const bool sums_needed = batch || grad.wants(1) || grad.wants(2);
  const NormSums sums = sums_needed ? norm_sums(n, x, dy) : NormSums{};
  if (grad.wants(1)) grad.add(1, sum_groups<T>(n.shape, sums.dy_xhat));
  if (grad.wants(2)) grad.add(2, sum_groups<T>(n.shape, sums.dy));
  if (!grad.wants(0)) return;
  std::vector<double> mean_g(n.mean.size(), 0.0), mean_g_xhat(n.mean.size(), 0.0);
  for (std::size_t k = 0; batch && k < mean_g.size(); ++k) {
    const double factor = n.gain(static_cast<Index>(k)) / static_cast<double>(n.shape.pixels);
    mean_g[k] = factor * sums.dy[k];
    mean_g_xhat[k] = factor * sums.dy_xhat[k];
  }
  grad.add(0, normalize_backward(n, x, dy, mean_g, mean_g_xhat));
}

}  // namespace detail

/// Batch normalisation (Ioffe and Szegedy 2015; torch.nn.functional.batch_norm) by fixed statistics:
/// y = (x - mean) / sqrt(variance + eps) * weight + bias. x: (N, H, W, C), all else (C) -> (N, H, W, C).
/// Throws ShapeError when a size is not C.
template <class T>
Tensor<T, 4> batch_norm(const Tensor<T, 4>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                        const Tensor<T, 1>& mean, const Tensor<T, 1>& variance, const BatchNormSpec& spec = {}) {
  detail::check_batch_norm(x.shape(), weight, bias, mean, variance, spec);
  return detail::normalize(detail::frozen_normalization(x, weight, bias, mean, variance, spec), x);
}

/// The same value, recorded; mean and variance are constants. Keeps x.
template <class T>
Var<T, 4> batch_norm(const Var<T, 4>& x, const Var<T, 1>& weight, const Var<T, 1>& bias, const Tensor<T, 1>& mean,
                     const Tensor<T, 1>& variance, const BatchNormSpec& spec = {}) {
  detail::check_batch_norm(x.shape(), weight.value(), bias.value(), mean, variance, spec);
  auto n = detail::frozen_normalization(x.value(), weight.value(), bias.value(), mean, variance, spec);
  auto y = detail::normalize(n, x.value());
  return record(std::move(y), {x, weight, bias},
                [n = std::move(n), x = x.value()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  detail::batch_norm_backward(n, false, x, dy, grad);
                });
}

/// Batch normalisation by the statistics of the batch itself (biased variance), and the running statistics after it:
/// running + momentum * (batch - running), with the unbiased variance. Arguments as for batch_norm.
///
/// A batch of one pixel in all (N = H = W = 1) has no variance: it is normalised by the running statistics, which then
/// stay as they are.
template <class T>
BatchNormResult<Tensor<T, 4>> batch_norm_training(const Tensor<T, 4>& x, const Tensor<T, 1>& weight,
                                                  const Tensor<T, 1>& bias, const Tensor<T, 1>& running_mean,
                                                  const Tensor<T, 1>& running_var, const BatchNormSpec& spec = {}) {
  detail::check_batch_norm(x.shape(), weight, bias, running_mean, running_var, spec);
  if (x.numel() == x.shape().c())
    return {batch_norm(x, weight, bias, running_mean, running_var, spec), running_mean, running_var};
  auto b = detail::batch_normalization(x, weight, bias, running_mean, running_var, spec);
  return {detail::normalize(b.n, x), std::move(b.running_mean), std::move(b.running_var)};
}

/// The same values, recorded; the gradient goes through mean and variance. Keeps x.
template <class T>
BatchNormResult<Var<T, 4>> batch_norm_training(const Var<T, 4>& x, const Var<T, 1>& weight, const Var<T, 1>& bias,
                                               const Tensor<T, 1>& running_mean, const Tensor<T, 1>& running_var,
                                               const BatchNormSpec& spec = {}) {
  detail::check_batch_norm(x.shape(), weight.value(), bias.value(), running_mean, running_var, spec);
  if (x.value().numel() == x.shape().c())
    return {batch_norm(x, weight, bias, running_mean, running_var, spec), running_mean, running_var};
  auto b = detail::batch_normalization(x.value(), weight.value(), bias.value(), running_mean, running_var, spec);
  auto y = detail::normalize(b.n, x.value());
  return {record(std::move(y), {x, weight, bias},
                 [n = std::move(b.n), x = x.value()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                   detail::batch_norm_backward(n, true, x, dy, grad);
                 }),
          std::move(b.running_mean), std::move(b.running_var)};
}

/// Counted: a scale and an offset for each element.
template <class T>
Counted<4> batch_norm(const Counted<4>& x, const Counted<1>&, const Counted<1>&, const Tensor<T, 1>&,
                      const Tensor<T, 1>&, const BatchNormSpec& = {}) {
  return x.then(x.shape(), "batch_norm", 2 * x.shape().numel());
}

/// What batch_norm_training counts; the running statistics are not known and stay as they are.
template <class T>
struct CountedBatchNorm {
  Counted<4> y;
  Tensor<T, 1> running_mean, running_var;
};
template <class T>
CountedBatchNorm<T> batch_norm_training(const Counted<4>& x, const Counted<1>&, const Counted<1>&,
                                        const Tensor<T, 1>& mean, const Tensor<T, 1>& variance,
                                        const BatchNormSpec& = {}) {
  return {x.then(x.shape(), "batch_norm", 5 * x.shape().numel()), mean, variance};
}

}  // namespace paser
