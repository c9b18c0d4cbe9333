#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/ops/channel_norm.hpp"

namespace paser {

/// Settings of a group norm.
struct GroupNormOptions {
  Index groups = 1;   ///< the channels are cut into this many equal runs; 1 normalises whole images
  double eps = 1e-5;  ///< added to the variance
};

namespace detail {

/// Merges the statistics of the channels of each group: all get those of the group.
inline void merge_moments(Index size, Index run, double* mean, double* variance) {
  for (Index first = 0; first < size; first += run) {
    double m = 0, v = 0;
    for (Index k = first; k < first + run; ++k) m += mean[k];
    m /= static_cast<double>(run);
    for (Index k = first; k < first + run; ++k) v += variance[k] + (mean[k] - m) * (mean[k] - m);
    v /= static_cast<double>(run);
    std::fill_n(mean + first, run, m);
    std::fill_n(variance + first, run, v);
  }
}

template <class T>
Normalization<T> group_normalization(const Tensor<T, 4>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                                     const GroupNormOptions& options) {
  const Shape<4>& s = x.shape();
  check(s.numel() > 0, "group_norm", "input ", s, " is empty");
  check_norm_weights("group_norm", s, weight.numel(), bias.numel());
  check(options.groups >= 1 && s.c() % options.groups == 0, "group_norm", "the ", s.c(), " channels of input ", s,
        " do not split into ", options.groups, " groups");
  check<ValueError>(is_finite_from_0(options.eps), "group_norm", "eps must be finite and not negative, got ",
                    value_text(options.eps));
  const kernels::ChannelNormShape shape{s.n(), s.h() * s.w(), s.c()};
  const Index size = s.n() * s.c();
  std::vector<double> mean(static_cast<std::size_t>(size)), variance(mean.size());
  kernels::channel_moments(shape, x.data(), mean.data(), variance.data());
  merge_moments(size, s.c() / options.groups, mean.data(), variance.data());
  return normalization(shape, std::move(mean), std::move(variance), weight, bias, options.eps);
}

template <class T>
void group_norm_backward(const Normalization<T>& n, Index groups, const Tensor<T, 4>& x, const Tensor<T, 4>& dy,
                         GradientSink<T>& grad) {
  const NormSums sums = norm_sums(n, x, dy);
  if (grad.wants(1)) grad.add(1, sum_groups<T>(n.shape, sums.dy_xhat));
  if (grad.wants(2)) grad.add(2, sum_groups<T>(n.shape, sums.dy));
  if (!grad.wants(0)) return;
  const Index run = n.shape.channels / groups;
  std::vector<double> mean_g(n.mean.size()), mean_g_xhat(n.mean.size());
  for (Index first = 0; first < n.size(); first += run) {
    double g = 0, g_xhat = 0;
    for (Index k = first; k < first + run; ++k) {
      g += n.gain(k) * sums.dy[static_cast<std::size_t>(k)];
      g_xhat += n.gain(k) * sums.dy_xhat[static_cast<std::size_t>(k)];
    }
    const auto count = static_cast<double>(run * n.shape.pixels);
    std::fill_n(mean_g.begin() + first, run, g / count);
    std::fill_n(mean_g_xhat.begin() + first, run, g_xhat / count);
  }
  grad.add(0, normalize_backward(n, x, dy, mean_g, mean_g_xhat));
}

}  // namespace detail

/// Group normalisation (Wu and He 2018; torch.nn.functional.group_norm): mean and (biased) variance over the pixels and
/// the channels of a group, image by image; then * weight + bias. x: (N, H, W, C), weight, bias: (C) -> (N, H, W, C).
/// Throws ShapeError when C does not split into the groups or a size is not C.
template <class T>
Tensor<T, 4> group_norm(const Tensor<T, 4>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                        const GroupNormOptions& options) {
  return detail::normalize(detail::group_normalization(x, weight, bias, options), x);
}

/// The same value, recorded. Keeps x.
template <class T>
Var<T, 4> group_norm(const Var<T, 4>& x, const Var<T, 1>& weight, const Var<T, 1>& bias,
                     const GroupNormOptions& options) {
  auto n = detail::group_normalization(x.value(), weight.value(), bias.value(), options);
  auto y = detail::normalize(n, x.value());
  return record(
      std::move(y), {x, weight, bias},
      [n = std::move(n), groups = options.groups, x = x.value()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
        detail::group_norm_backward(n, groups, x, dy, grad);
      });
}

/// Counted: five for each element.
inline Counted<4> group_norm(const Counted<4>& x, const Counted<1>&, const Counted<1>&, const GroupNormOptions&) {
  return x.then(x.shape(), "group_norm", {5, x.shape().numel()});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
