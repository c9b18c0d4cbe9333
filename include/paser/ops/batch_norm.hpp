#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>

#include "paser/autograd/counted.hpp"
#include "paser/core/float_state.hpp"
#include "paser/core/rows.hpp"
#include "paser/ops/channel_norm.hpp"

namespace paser {

/// Settings of a batch norm.
struct BatchNormOptions {
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
                      const Tensor<T, 1>& variance, const BatchNormOptions& options) {
  check(x.numel() > 0, "batch_norm", "input ", x, " is empty");
  check_norm_weights("batch_norm", x, weight.numel(), bias.numel());
  check(mean.numel() == x.c() && variance.numel() == x.c(), "batch_norm", "input ", x, " has ", x.c(),
        " channels, running_mean has ", mean.numel(), " and running_var ", variance.numel());
  check<ValueError>(is_finite_from_0(options.eps) && is_finite_from_0(options.momentum) && options.momentum <= 1,
                    "batch_norm", "eps must be finite and not negative and momentum lie in 0 .. 1, got ",
                    value_text(options.eps), " and ", value_text(options.momentum));
}

template <class T>
std::vector<double> to_doubles(const Tensor<T, 1>& x) {
  return {x.data(), x.data() + x.numel()};
}

/// How a batch is cut into groups of consecutive images that have common statistics.
struct StatisticsGroups {
  kernels::ChannelNormShape shape{};  ///< what the kernels see: the groups where all are equal, else single images
  Index run = 1;                      ///< so many of these are a group; the last may have fewer

  /// images: of a group; 0, or more than there are: all.
  StatisticsGroups(const Shape<4>& x, Index images) {
    check<ValueError>(images >= 0, "batch_norm", "the images of a group must not be negative, got ", images);
    const Index size = images == 0 ? x.n() : std::min(images, x.n());
    const bool equal = x.n() % size == 0;
    const Index groups = equal ? x.n() / size : x.n();
    shape = {groups, x.numel() / x.c() / groups, x.c()};
    if (!equal) run = size;
  }

  /// Without a second pixel a group has no variance.
  bool single_pixels() const { return run * shape.pixels == 1; }

  /// f(first, last) for each group: what the kernels see as groups first .. last-1.
  template <class F>
  void for_each(F&& f) const {
    for_each_chunk(shape.groups, run, f);
  }

  /// Gives all parts of a group the statistics of the group.
  void merge(double* mean, double* variance) const {
    if (run == 1) return;
    const FlushDenormals flush;
    for_each([&](Index first, Index last) {
      const auto count = static_cast<double>(last - first);
      for (Index k = 0; k < shape.channels; ++k) {
        const auto sum = [&](const auto& value) {
          double total = 0;
          for (Index i = first * shape.channels + k; i < last * shape.channels; i += shape.channels) total += value(i);
          return total;
        };
        const double m = sum([&](Index i) { return mean[i]; }) / count;
        const double v = sum([&](Index i) { return variance[i] + (mean[i] - m) * (mean[i] - m); }) / count;
        for (Index i = first * shape.channels + k; i < last * shape.channels; i += shape.channels) {
          mean[i] = m;
          variance[i] = v;
        }
      }
    });
  }
};

/// What the kernels see as groups, with statistics of each, and how many of them are a group of images: 0 when the
/// statistics are constants.
template <class T>
struct GroupedNormalization {
  Normalization<T> n;
  Index run = 0;
};

/// The normalisation by the batch's own statistics, and the running statistics after it.
template <class T>
struct BatchNormalization {
  GroupedNormalization<T> grouped;
  Tensor<T, 1> running_mean, running_var;
};

template <class T>
BatchNormalization<T> batch_normalization(const Tensor<T, 4>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                                          const Tensor<T, 1>& mean, const Tensor<T, 1>& variance,
                                          const BatchNormOptions& options, const StatisticsGroups& groups) {
  const kernels::ChannelNormShape& shape = groups.shape;
  std::vector<double> m(static_cast<std::size_t>(shape.groups * shape.channels)), v(m.size());
  kernels::channel_moments(shape, x.data(), m.data(), v.data());
  groups.merge(m.data(), v.data());
  const FlushDenormals flush;
  const auto c = static_cast<std::size_t>(shape.channels);
  std::vector<double> mean_part(c, 0.0), variance_part(c, 0.0);  // what the batch adds to the running statistics
  groups.for_each([&](Index first, Index last) {
    const auto pixels = static_cast<double>((last - first) * shape.pixels);
    const double share = static_cast<double>(last - first) / static_cast<double>(shape.groups);
    const double unbiased = pixels > 1 ? pixels / (pixels - 1) : 1;
    for (std::size_t k = 0; k < c; ++k) {
      const std::size_t i = static_cast<std::size_t>(first) * c + k;
      if (pixels <= 1) {
        m[i] = static_cast<double>(mean.data()[k]);
        v[i] = static_cast<double>(variance.data()[k]);
      }
      mean_part[k] += options.momentum * share * m[i];
      variance_part[k] += options.momentum * unbiased * share * v[i];
    }
  });
  const auto moved = [&](const Tensor<T, 1>& running, const std::vector<double>& part) {
    Tensor<T, 1> next(running.shape());
    T* const out = next.mutable_data();
    for (std::size_t k = 0; k < c; ++k)
      out[k] = static_cast<T>((1 - options.momentum) * static_cast<double>(running.data()[k]) + part[k]);
    return next;
  };
  auto next_mean = moved(mean, mean_part), next_var = moved(variance, variance_part);
  return {
      {normalization(shape, std::move(m), std::move(v), weight, bias, options.eps, relu_if(options.relu)), groups.run},
      std::move(next_mean),
      std::move(next_var)};
}

template <class T>
Normalization<T> frozen_normalization(const Tensor<T, 4>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                                      const Tensor<T, 1>& mean, const Tensor<T, 1>& variance,
                                      const BatchNormOptions& options) {
  return normalization(StatisticsGroups(x.shape(), 0).shape, to_doubles(mean), to_doubles(variance), weight, bias,
                       options.eps, relu_if(options.relu));
}

/// What batch_norm_training does of a map; its arguments.
template <class T>
BatchNormalization<T> training_normalization(const Tensor<T, 4>& x, const Tensor<T, 1>& weight,
                                             const Tensor<T, 1>& bias, const Tensor<T, 1>& running_mean,
                                             const Tensor<T, 1>& running_var, const BatchNormOptions& options,
                                             Index ghost_batch) {
  check_batch_norm(x.shape(), weight, bias, running_mean, running_var, options);
  const StatisticsGroups groups(x.shape(), ghost_batch);
  if (groups.single_pixels())
    return {{frozen_normalization(x, weight, bias, running_mean, running_var, options)}, running_mean, running_var};
  return batch_normalization(x, weight, bias, running_mean, running_var, options, groups);
}

/// Gradients of x, weight and bias.
template <class T>
void batch_norm_backward(const GroupedNormalization<T>& grouped, const Tensor<T, 4>& x, const Tensor<T, 4>& dy,
                         GradientSink<T>& grad) {
  const Normalization<T>& n = grouped.n;
  const bool sums_needed = grouped.run > 0 || grad.wants(1) || grad.wants(2);
  const NormSums sums = sums_needed ? norm_sums(n, x, dy) : NormSums{};
  if (grad.wants(1)) grad.add(1, sum_groups<T>(n.shape, sums.dy_xhat));
  if (grad.wants(2)) grad.add(2, sum_groups<T>(n.shape, sums.dy));
  if (!grad.wants(0)) return;
  const FlushDenormals flush;
  std::vector<double> mean_g(n.mean.size(), 0.0), mean_g_xhat(n.mean.size(), 0.0);
  const auto average = [&](Index first, Index last) {
    const Index pixels = (last - first) * n.shape.pixels, c = n.shape.channels;
    if (pixels <= 1) return;  // normalised by the running statistics, which are constants
    for (Index k = 0; k < c; ++k) {
      const double factor = n.gain(k) / static_cast<double>(pixels);
      double g = 0, g_xhat = 0;
      for (Index i = first * c + k; i < last * c; i += c) {
        g += sums.dy[static_cast<std::size_t>(i)];
        g_xhat += sums.dy_xhat[static_cast<std::size_t>(i)];
      }
      for (Index i = first * c + k; i < last * c; i += c) {
        mean_g[static_cast<std::size_t>(i)] = factor * g;
        mean_g_xhat[static_cast<std::size_t>(i)] = factor * g_xhat;
      }
    }
  };
  if (grouped.run > 0) for_each_chunk(n.shape.groups, grouped.run, average);
  grad.add(0, normalize_backward(n, x, dy, mean_g, mean_g_xhat));
}

/// The normalised map, recorded. Keeps x.
template <class T>
Var<T, 4> record_batch_norm(GroupedNormalization<T> n, const Var<T, 4>& x, const Var<T, 1>& weight,
                            const Var<T, 1>& bias) {
  auto y = normalize(n.n, x.value());
  return record(std::move(y), {x, weight, bias},
                [n = std::move(n), x = x.value()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  batch_norm_backward(n, x, dy, grad);
                });
}

}  // namespace detail

/// Batch normalisation (Ioffe and Szegedy 2015; torch.nn.functional.batch_norm) by fixed statistics:
/// y = (x - mean) / sqrt(variance + eps) * weight + bias. x: (N, H, W, C), all else (C) -> (N, H, W, C).
/// Throws ShapeError when a size is not C.
template <class T>
Tensor<T, 4> batch_norm(const Tensor<T, 4>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                        const Tensor<T, 1>& mean, const Tensor<T, 1>& variance, const BatchNormOptions& options = {}) {
  detail::check_batch_norm(x.shape(), weight, bias, mean, variance, options);
  return detail::normalize(detail::frozen_normalization(x, weight, bias, mean, variance, options), x);
}

/// The same value, recorded; mean and variance are constants. Keeps x.
template <class T>
Var<T, 4> batch_norm(const Var<T, 4>& x, const Var<T, 1>& weight, const Var<T, 1>& bias, const Tensor<T, 1>& mean,
                     const Tensor<T, 1>& variance, const BatchNormOptions& options = {}) {
  detail::check_batch_norm(x.shape(), weight.value(), bias.value(), mean, variance, options);
  return detail::record_batch_norm<T>(
      {detail::frozen_normalization(x.value(), weight.value(), bias.value(), mean, variance, options)}, x, weight,
      bias);
}

/// Batch normalisation by the statistics of the batch itself (biased variance), and the running statistics after it:
/// running + momentum * (batch - running), with the unbiased variance. Arguments as for batch_norm.
///
/// With a ghost_batch (Hoffer, Hubara and Soudry 2017) every so many consecutive images have statistics of their own;
/// at the end of the batch a smaller group may be left. The running statistics then move once, by the mean over the
/// groups of their means and unbiased variances, each group weighted by its images. 0, or more than there are: the
/// whole batch has common statistics. Throws ValueError when it is negative.
///
/// A group of one pixel in all (one image, H = W = 1) has no variance: it is normalised by the running statistics, and
/// what it adds to these are they themselves.
template <class T>
BatchNormResult<Tensor<T, 4>> batch_norm_training(const Tensor<T, 4>& x, const Tensor<T, 1>& weight,
                                                  const Tensor<T, 1>& bias, const Tensor<T, 1>& running_mean,
                                                  const Tensor<T, 1>& running_var, const BatchNormOptions& options = {},
                                                  Index ghost_batch = 0) {
  auto b = detail::training_normalization(x, weight, bias, running_mean, running_var, options, ghost_batch);
  return {detail::normalize(b.grouped.n, x), std::move(b.running_mean), std::move(b.running_var)};
}

/// The same values, recorded; the gradient goes through mean and variance. Keeps x.
template <class T>
BatchNormResult<Var<T, 4>> batch_norm_training(const Var<T, 4>& x, const Var<T, 1>& weight, const Var<T, 1>& bias,
                                               const Tensor<T, 1>& running_mean, const Tensor<T, 1>& running_var,
                                               const BatchNormOptions& options = {}, Index ghost_batch = 0) {
  auto b = detail::training_normalization(x.value(), weight.value(), bias.value(), running_mean, running_var, options,
                                          ghost_batch);
  return {detail::record_batch_norm(std::move(b.grouped), x, weight, bias), std::move(b.running_mean),
          std::move(b.running_var)};
}

/// Counted: a scale and an offset for each element.
template <class T>
Counted<4> batch_norm(const Counted<4>& x, const Counted<1>&, const Counted<1>&, const Tensor<T, 1>&,
                      const Tensor<T, 1>&, const BatchNormOptions& = {}) {
  return x.then(x.shape(), "batch_norm", {2, x.shape().numel()});
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
                                        const BatchNormOptions& = {}, Index = 0) {
  return {x.then(x.shape(), "batch_norm", {5, x.shape().numel()}), mean, variance};
}

}  // namespace paser
#include "paser/core/macros_on.inc"
