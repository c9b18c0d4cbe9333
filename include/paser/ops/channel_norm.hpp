#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <vector>

#include "paser/autograd/tape.hpp"
#include "paser/core/float_state.hpp"
#include "paser/kernels/channel_norm_backward.hpp"

/// What instance, batch and group norm share: from statistics to the map x -> y, and its gradients.
namespace paser::detail {

/// y = (x - mean) / sqrt(variance + eps) * weight + bias per group and channel, and what its gradient needs.
template <class T>
struct Normalization {
  kernels::ChannelNormShape shape{};
  std::optional<Activation> activation{};
  std::vector<double> mean, rstd;  // groups * channels
  Tensor<T, 1> shift, scale, offset, weight;

  kernels::ChannelMap<T> map() const { return {shift.data(), scale.data(), offset.data(), activation}; }
  Index size() const { return shape.groups * shape.channels; }
  double gain(Index i) const { return weight.empty() ? 1 : static_cast<double>(weight.data()[i % shape.channels]); }
};

/// A norm with or without a ReLU.
inline std::optional<Activation> relu_if(bool relu) {
  return relu ? std::optional(Activation::relu) : std::nullopt;
}

/// weight and bias may be empty: 1 and 0. `variance` becomes the reciprocal deviation.
template <class T>
Normalization<T> normalization(const kernels::ChannelNormShape& shape, std::vector<double> mean,
                               std::vector<double> variance, const Tensor<T, 1>& weight, const Tensor<T, 1>& bias,
                               double eps, std::optional<Activation> activation = {}) {
  const FlushDenormals flush;
  Normalization<T> n{shape, activation, std::move(mean), std::move(variance), {}, {}, {}, weight};
  n.shift = Tensor<T, 1>({n.size()});
  n.scale = Tensor<T, 1>({n.size()});
  n.offset = Tensor<T, 1>({n.size()});
  T *const shift = n.shift.mutable_data(), *const scale = n.scale.mutable_data(),
           *const offset = n.offset.mutable_data();
  for (Index i = 0; i < n.size(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    n.rstd[k] = 1 / std::sqrt(n.rstd[k] + eps);
    shift[i] = static_cast<T>(n.mean[k]);
    scale[i] = static_cast<T>(n.rstd[k] * n.gain(i));
    // What the rounding of the shift to T leaves of the mean.
    const double beta = bias.empty() ? 0 : static_cast<double>(bias.data()[i % shape.channels]);
    offset[i] = static_cast<T>(beta + (static_cast<double>(shift[i]) - n.mean[k]) * n.rstd[k] * n.gain(i));
  }
  return n;
}

/// x: the map whose statistics these are, or what pooling has made of it.
template <class T>
Tensor<T, 4> normalize(const Normalization<T>& n, const Tensor<T, 4>& x) {
  Tensor<T, 4> y(x.shape());
  kernels::apply_channel_map({n.shape.groups, x.numel() / std::max<Index>(n.size(), 1), n.shape.channels}, n.map(),
                             x.data(), y.mutable_data());
  return y;
}

/// Sums per group and channel of dy and of dy * normalised x, as the activation lets dy through.
struct NormSums {
  std::vector<double> dy, dy_xhat;
};

template <class T>
NormSums norm_sums(const Normalization<T>& n, const Tensor<T, 4>& x, const Tensor<T, 4>& dy) {
  const FlushDenormals flush;
  NormSums sums{std::vector<double>(n.mean.size()), std::vector<double>(n.mean.size())};
  kernels::channel_map_sums(n.shape, n.map(), x.data(), dy.data(), sums.dy.data(), sums.dy_xhat.data());
  for (std::size_t k = 0; k < n.mean.size(); ++k) {
    const double rounding = static_cast<double>(n.shift.data()[k]) - n.mean[k];
    sums.dy_xhat[k] = (sums.dy_xhat[k] + rounding * sums.dy[k]) * n.rstd[k];
  }
  return sums;
}

/// dx when mean and variance are those of x: with g = dy * weight and means over the same elements,
///   dx = rstd * (g - mean(g) - xhat * mean(g * xhat)).
/// mean_g and mean_g_xhat have one value per group and channel.
template <class T>
Tensor<T, 4> normalize_backward(const Normalization<T>& n, const Tensor<T, 4>& x, const Tensor<T, 4>& dy,
                                const std::vector<double>& mean_g, const std::vector<double>& mean_g_xhat) {
  const FlushDenormals flush;
  Tensor<T, 1> p({n.size()}), q({n.size()}), r({n.size()});
  T *const pp = p.mutable_data(), *const qq = q.mutable_data(), *const rr = r.mutable_data();
  for (Index i = 0; i < n.size(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    const double slope = -n.rstd[k] * n.rstd[k] * mean_g_xhat[k];
    pp[i] = static_cast<T>(n.rstd[k] * n.gain(i));
    qq[i] = static_cast<T>(slope);
    rr[i] = static_cast<T>(slope * (static_cast<double>(n.shift.data()[i]) - n.mean[k]) - n.rstd[k] * mean_g[k]);
  }
  Tensor<T, 4> dx(x.shape());
  kernels::apply_channel_gradient(n.shape, n.map(), {p.data(), q.data(), r.data()}, x.data(), dy.data(),
                                  dx.mutable_data());
  return dx;
}

/// The sum over groups of one value per group and channel: the gradient of weight or bias.
template <class T>
Tensor<T, 1> sum_groups(const kernels::ChannelNormShape& shape, const std::vector<double>& values) {
  const FlushDenormals flush;
  Tensor<T, 1> total({shape.channels});
  T* const out = total.mutable_data();
  for (Index k = 0; k < shape.channels; ++k) {
    double sum = 0;
    for (Index g = 0; g < shape.groups; ++g) sum += values[static_cast<std::size_t>(g * shape.channels + k)];
    out[k] = static_cast<T>(sum);
  }
  return total;
}

inline void check_norm_weights(const char* where, const Shape<4>& x, Index weight, Index bias) {
  check(weight == x.c() && bias == x.c(), where, "input ", x, " has ", x.c(), " channels, weight has ", weight,
        " and bias ", bias);
}

}  // namespace paser::detail
#include "paser/core/macros_on.inc"
