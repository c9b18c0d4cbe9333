#pragma once
#include "paser/core/macros_off.inc"

#include <optional>
#include <type_traits>
#include <vector>

#include "paser/autograd/counted.hpp"
#include "paser/kernels/filter_cache.hpp"
#include "paser/ops/concat_channels.hpp"
#include "paser/ops/conv2d.hpp"
#include "paser/ops/feature_map.hpp"
#include "paser/ops/instance_norm.hpp"

/// Convolutions between feature maps: the concatenation, the norm and the ReLU before them are applied while they read,
/// the statistics of the norm after them are taken while they write.
namespace paser {

namespace detail {

/// What a convolution reads: one map, or two as if concatenated along the channels.
template <class V>
struct ConvOperands {
  using T = typename V::Scalar;

  FeatureMap<V> first;
  std::optional<FeatureMap<V>> second{};

  /// How many times the images of `first` are used: the second map may have a multiple of them.
  Index repeats() const {
    if (!second) return 1;
    const Shape<4>&s = first.shape(), &t = second->shape();
    check(t.h() == s.h() && t.w() == s.w() && s.n() > 0 && t.n() % s.n() == 0, "conv2d", "the maps ", s, " and ", t,
          " side by side differ in batch, height or width");
    return t.n() / s.n();
  }

  Shape<4> shape() const {
    Shape<4> s = second ? second->shape() : first.shape();
    if (second) s[3] += first.shape().c();
    return s;
  }

  /// Calls f(kernels::ConvInput).
  template <class F>
  void read(F&& f) const {
    const auto map_of = [](const FeatureMap<V>& x) { return x.pending() ? x.norm()->map() : kernels::ChannelMap<T>{}; };
    const auto source = [](const FeatureMap<V>& x, const kernels::ChannelMap<T>& map) {
      return kernels::ConvSource<T>{values(x.held()).data(), x.shape().c(), x.pending() ? &map : nullptr};
    };
    const auto a = map_of(first);
    if (!second) return f(kernels::ConvInput<T>(source(first, a)));
    const auto b = map_of(*second);
    f(kernels::ConvInput<T>(source(first, a), source(*second, b)));
  }

 private:
  static const Tensor<T, 4>& values(const Tensor<T, 4>& x) { return x; }
  static const Tensor<T, 4>& values(const Var<T, 4>& x) { return x.value(); }
};

/// Mean and variance per image and channel of a convolution's result.
struct ConvMoments {
  std::vector<double> mean, variance;
};

/// y = convolution of x; `moments` and `filters` may be null.
template <class V, class T>
Tensor<T, 4> convolve(const ConvOperands<V>& x, const Tensor<T, 4>& weight, const Conv2dSpec& spec,
                      kernels::ConvEpilogue<T> epilogue, ConvMoments* moments, FilterCache<T>* filters = nullptr) {
  const auto s = conv2d_shape(x.shape(), weight.shape(), spec);
  if (moments) {
    moments->mean.resize(static_cast<std::size_t>(s.n * s.k));
    moments->variance.resize(moments->mean.size());
    epilogue.mean = moments->mean.data();
    epilogue.variance = moments->variance.data();
  }
  Tensor<T, 4> y({s.n, s.out_h(), s.out_w(), s.k});
  const auto prepared = filters ? filters->prepared(s, weight) : nullptr;
  x.read([&, out = y.mutable_data()](const auto& input) {
    kernels::conv2d_forward(s, input, {weight.data(), prepared.get()}, epilogue, out);
  });
  return y;
}

/// Input channels begin .. end - 1 of a weight (rows, columns, in, out).
template <class T>
Tensor<T, 4> slice_inputs(const Tensor<T, 4>& weight, Index begin, Index end) {
  const Shape<4>& s = weight.shape();
  Tensor<T, 4> part({s[0], s[1], end - begin, s[3]});
  T* const out = part.mutable_data();
  const Index size = (end - begin) * s[3];
  for (Index tap = 0; tap < s[0] * s[1]; ++tap)
    std::copy_n(weight.data() + (tap * s[2] + begin) * s[3], size, out + tap * size);
  return part;
}

/// The same for plain tensors, where the second map may have several times the images of the first: the part of the
/// sum that reads the first is then computed once and added to that of the second.
template <class T>
Tensor<T, 4> convolve_shared(const ConvOperands<Tensor<T, 4>>& x, const Tensor<T, 4>& weight, const T* bias,
                             const Conv2dSpec& spec, ConvMoments* moments, FilterCache<T>* filters) {
  if (x.repeats() == 1) return convolve(x, weight, spec, kernels::ConvEpilogue<T>{.bias = bias}, moments, filters);
  const Index channels = x.first.shape().c();
  conv2d_shape(x.shape(), weight.shape(), spec);
  check<ValueError>(spec.groups == 1, "conv2d", "maps of ", x.first.shape().n(), " and ", x.second->shape().n(),
                    " images side by side need groups = 1");
  const Tensor<T, 4> once = convolve(ConvOperands<Tensor<T, 4>>{x.first}, slice_inputs(weight, 0, channels), spec,
                                     kernels::ConvEpilogue<T>{}, nullptr);
  return convolve(ConvOperands<Tensor<T, 4>>{*x.second}, slice_inputs(weight, channels, weight.shape().w()), spec,
                  kernels::ConvEpilogue<T>{.bias = bias, .addend = once.data(), .addend_images = x.first.shape().n()},
                  moments);
}

/// Records y = convolution of x. Inputs 0 and 1 are the maps, 2 the weight, 3 the bias.
template <class T>
Var<T, 4> record_convolution(Tensor<T, 4> y, const ConvOperands<Var<T, 4>>& x, const Var<T, 4>& weight,
                             const Var<T, 1>& bias, const Conv2dSpec& spec, bool bias_cancels) {
  const auto s = conv2d_shape(x.shape(), weight.shape(), spec);
  const Var<T, 4> second = x.second ? x.second->held() : Var<T, 4>(Tensor<T, 4>());
  return record(std::move(y), {x.first.held(), second, weight, bias},
                [s, x, weight = weight.value(), bias_cancels](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  if (grad.wants(0) || grad.wants(1)) {
                    Tensor<T, 4> dx({s.n, s.h, s.w, s.c});
                    kernels::conv2d_backward_input(s, dy.data(), weight.data(), dx.mutable_data());
                    if (x.second) {
                      const Shape<4>&a = x.first.shape(), &b = x.second->shape();
                      if (grad.wants(0)) grad.add(0, slice_channels(dx, a, 0));
                      if (grad.wants(1)) grad.add(1, slice_channels(dx, b, a.c()));
                    } else {
                      grad.add(0, std::move(dx));
                    }
                  }
                  if (grad.wants(2)) {
                    Tensor<T, 4> dweight(weight.shape());
                    x.read([&, out = dweight.mutable_data()](const auto& input) {
                      kernels::conv2d_backward_weight(s, input, dy.data(), out);
                    });
                    grad.add(2, std::move(dweight));
                  }
                  if (!grad.wants(3)) return;
                  auto dbias = Tensor<T, 1>::zeros({s.k});
                  if (!bias_cancels) kernels::sum_per_channel(dy.numel() / s.k, s.k, dy.data(), dbias.mutable_data());
                  grad.add(3, std::move(dbias));
                });
}

/// The norm that is pending after a convolution with these moments.
template <class T>
std::shared_ptr<const Normalization<T>> pending_norm(const Shape<4>& y, ConvMoments m, double eps) {
  check(y.numel() > 0, "conv2d_norm_relu", "the result ", y, " is empty");
  return std::make_shared<const Normalization<T>>(
      normalization<T>({y.n(), y.h() * y.w(), y.c()}, std::move(m.mean), std::move(m.variance), {}, {}, eps, true));
}

}  // namespace detail

/// conv2d of a feature map: (N, H, W, C) -> (N, H', W', K). `filters` may keep transformed weights for further calls.
template <class T>
Tensor<T, 4> conv2d(const FeatureMap<Tensor<T, 4>>& x, const Tensor<T, 4>& weight, const Tensor<T, 1>& bias,
                    const Conv2dSpec& spec = {}, std::type_identity_t<FilterCache<T>*> filters = nullptr) {
  detail::check_conv2d_bias(weight.shape(), bias.shape());
  return detail::convolve_shared(detail::ConvOperands<Tensor<T, 4>>{x}, weight, bias.data(), spec, nullptr, filters);
}

/// The same value, recorded. Keeps what the map holds, and weight.
template <class T>
Var<T, 4> conv2d(const FeatureMap<Var<T, 4>>& x, const Var<T, 4>& weight, const Var<T, 1>& bias,
                 const Conv2dSpec& spec = {}) {
  detail::check_conv2d_bias(weight.shape(), bias.shape());
  const detail::ConvOperands<Var<T, 4>> operands{x};
  auto y =
      detail::convolve(operands, weight.value(), spec, kernels::ConvEpilogue<T>{.bias = bias.value().data()}, nullptr);
  return detail::record_convolution(std::move(y), operands, weight, bias, spec, false);
}

/// relu(instance_norm(conv2d(x))) with the norm and the ReLU pending. (N, H, W, C) -> (N, H', W', K).
///
/// With `beside` the convolution reads both maps as if concatenated along the channels, x first. Its batch may be a
/// multiple of that of x, whose images are then used again and again: so the part of a network that no dropout has
/// reached is computed once for many Monte Carlo passes. The bias of the convolution cancels in the norm: it is not
/// added and its gradient is zero. `filters` may keep transformed weights for further calls.
template <class T>
FeatureMap<Tensor<T, 4>> conv2d_norm_relu(const FeatureMap<Tensor<T, 4>>& x,
                                          const std::type_identity_t<std::optional<FeatureMap<Tensor<T, 4>>>>& beside,
                                          const Tensor<T, 4>& weight, const Tensor<T, 1>& bias,
                                          const Conv2dSpec& spec = {}, double eps = InstanceNormSpec{}.eps,
                                          std::type_identity_t<FilterCache<T>*> filters = nullptr) {
  detail::check_conv2d_bias(weight.shape(), bias.shape());
  detail::ConvMoments moments;
  auto y = detail::convolve_shared(detail::ConvOperands<Tensor<T, 4>>{x, beside}, weight,
                                   static_cast<const T*>(nullptr), spec, &moments, filters);
  auto norm = detail::pending_norm<T>(y.shape(), std::move(moments), eps);
  return {std::move(y), std::move(norm)};
}

/// The same value, recorded; the maps must have equal batches. Keeps what the maps hold, weight, the result of the
/// convolution and four numbers per image and channel.
template <class T>
FeatureMap<Var<T, 4>> conv2d_norm_relu(const FeatureMap<Var<T, 4>>& x,
                                       const std::type_identity_t<std::optional<FeatureMap<Var<T, 4>>>>& beside,
                                       const Var<T, 4>& weight, const Var<T, 1>& bias, const Conv2dSpec& spec = {},
                                       double eps = InstanceNormSpec{}.eps) {
  detail::check_conv2d_bias(weight.shape(), bias.shape());
  const detail::ConvOperands<Var<T, 4>> operands{x, beside};
  check(operands.repeats() == 1, "conv2d_norm_relu", "the maps ", x.shape(), " and ", operands.shape(),
        " side by side differ in batch");
  detail::ConvMoments moments;
  const Var<T, 4> y =
      detail::record_convolution(detail::convolve(operands, weight.value(), spec, kernels::ConvEpilogue<T>{}, &moments),
                                 operands, weight, bias, spec, true);
  const auto norm = detail::pending_norm<T>(y.shape(), std::move(moments), eps);
  const Var<T, 4> place =
      record(y.value(), {y}, [norm, held = y.value()](const Tensor<T, 4>& dz, GradientSink<T>& grad) {
        detail::instance_norm_backward(*norm, held, dz, grad);
      });
  return {place, norm};
}

/// Counted as its parts, and concatenation and ReLU as free.
inline Counted<4> conv2d(const FeatureMap<Counted<4>>& x, const Counted<4>& weight, const Counted<1>& bias,
                         const Conv2dSpec& spec = {}) {
  return conv2d(x.held(), weight, bias, spec);
}
inline FeatureMap<Counted<4>> conv2d_norm_relu(const FeatureMap<Counted<4>>& x,
                                               const std::optional<FeatureMap<Counted<4>>>& beside,
                                               const Counted<4>& weight, const Counted<1>& bias,
                                               const Conv2dSpec& spec = {}) {
  return instance_norm(conv2d(beside ? concat_channels(x.held(), beside->held()) : x.held(), weight, bias, spec));
}

}  // namespace paser
#include "paser/core/macros_on.inc"
