#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/ops/channel_norm.hpp"

namespace paser {

/// Settings of an instance norm.
struct InstanceNormOptions {
  double eps = 1e-5;  ///< added to the variance
  bool relu = false;  ///< also apply max(0, .), in the same pass over memory
};

namespace detail {

template <class T>
Normalization<T> instance_normalization(const Tensor<T, 4>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                                        const InstanceNormOptions& options) {
  const Shape<4>& s = x.shape();
  check(s.numel() > 0, "instance_norm", "input ", s, " is empty");
  check<ValueError>(is_finite_from_0(options.eps), "instance_norm", "eps must be finite and not negative, got ",
                    value_text(options.eps));
  const kernels::ChannelNormShape shape{s.n(), s.h() * s.w(), s.c()};
  const auto size = static_cast<std::size_t>(shape.groups * shape.channels);
  std::vector<double> mean(size), variance(size);
  kernels::channel_moments(shape, x.data(), mean.data(), variance.data());
  return normalization(shape, std::move(mean), std::move(variance), weight, bias, options.eps, relu_if(options.relu));
}

/// Hands the gradients of x and, when there are any, of weight and bias to inputs 0, 1 and 2.
template <class T>
void instance_norm_backward(const Normalization<T>& n, const Tensor<T, 4>& x, const Tensor<T, 4>& dy,
                            GradientSink<T>& grad) {
  const NormSums sums = norm_sums(n, x, dy);
  if (!n.weight.empty()) {
    if (grad.wants(1)) grad.add(1, sum_groups<T>(n.shape, sums.dy_xhat));
    if (grad.wants(2)) grad.add(2, sum_groups<T>(n.shape, sums.dy));
  }
  if (!grad.wants(0)) return;
  if (n.shape.pixels == 1) return grad.add(0, Tensor<T, 4>::zeros(x.shape()));
  std::vector<double> mean_g(sums.dy.size()), mean_g_xhat(sums.dy.size());
  for (std::size_t k = 0; k < mean_g.size(); ++k) {
    const double factor = n.gain(static_cast<Index>(k)) / static_cast<double>(n.shape.pixels);
    mean_g[k] = factor * sums.dy[k];
    mean_g_xhat[k] = factor * sums.dy_xhat[k];
  }
  grad.add(0, normalize_backward(n, x, dy, mean_g, mean_g_xhat));
}

}  // namespace detail

/// Instance normalisation (Ulyanov et al. 2016; torch.nn.functional.instance_norm): every channel of every image is
/// brought to mean 0 and (biased) variance 1. x: (N, H, W, C) -> (N, H, W, C).
///
/// A plane of a single pixel gives 0 with gradient 0, for every batch size (PyTorch refuses it, but only for N = 1).
template <class T>
Tensor<T, 4> instance_norm(const Tensor<T, 4>& x, const InstanceNormOptions& options = {}) {
  return detail::normalize(detail::instance_normalization(x, {}, {}, options), x);
}

/// The same value, recorded. Keeps x and four numbers per image and channel.
template <class T>
Var<T, 4> instance_norm(const Var<T, 4>& x, const InstanceNormOptions& options = {}) {
  auto n = detail::instance_normalization(x.value(), {}, {}, options);
  auto y = detail::normalize(n, x.value());
  return record(std::move(y), {x}, [n = std::move(n), x = x.value()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
    detail::instance_norm_backward(n, x, dy, grad);
  });
}

/// Instance norm followed by * weight + bias; weight, bias: (C). Throws ShapeError when their sizes are not C.
template <class T>
Tensor<T, 4> instance_norm(const Tensor<T, 4>& x, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                           const InstanceNormOptions& options = {}) {
  detail::check_norm_weights("instance_norm", x.shape(), weight.numel(), bias.numel());
  return detail::normalize(detail::instance_normalization(x, weight, bias, options), x);
}

/// The same value, recorded. Keeps x and four numbers per image and channel.
template <class T>
Var<T, 4> instance_norm(const Var<T, 4>& x, const Var<T, 1>& weight, const Var<T, 1>& bias,
                        const InstanceNormOptions& options = {}) {
  detail::check_norm_weights("instance_norm", x.shape(), weight.value().numel(), bias.value().numel());
  auto n = detail::instance_normalization(x.value(), weight.value(), bias.value(), options);
  auto y = detail::normalize(n, x.value());
  return record(std::move(y), {x, weight, bias},
                [n = std::move(n), x = x.value()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  detail::instance_norm_backward(n, x, dy, grad);
                });
}

/// Counted: four for each element, five with weight and bias.
inline Counted<4> instance_norm(const Counted<4>& x, const InstanceNormOptions& = {}) {
  return x.then(x.shape(), "instance_norm", {4, x.shape().numel()});
}
inline Counted<4> instance_norm(const Counted<4>& x, const Counted<1>&, const Counted<1>&,
                                const InstanceNormOptions& = {}) {
  return x.then(x.shape(), "instance_norm", {5, x.shape().numel()});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
