#pragma once
#include "paser/core/macros_off.inc"

#include <concepts>
#include <optional>
#include <utility>
#include <vector>

#include "paser/kernels/filter_cache.hpp"
#include "paser/ops/concat_channels.hpp"
#include "paser/ops/conv2d.hpp"
#include "paser/ops/deferred_norm.hpp"

namespace paser {

/// One map, or two side by side that are read as if concatenated along the channels.
template <class V>
struct ConcatenatedMaps {
  DeferredNorm<V> first;
  std::optional<DeferredNorm<V>> second{};

  /// A ConcatenatedMaps is none itself, so that the constructor does not stand in for a copy.
  template <std::convertible_to<DeferredNorm<V>> Map>
  ConcatenatedMaps(Map&& map)  // NOLINT(bugprone-forwarding-reference-overload): see above
      : first(std::forward<Map>(map)) {}
  /// Throws ShapeError when batch, height or width differ.
  ConcatenatedMaps(DeferredNorm<V> a, DeferredNorm<V> b) : first(std::move(a)), second(std::move(b)) {
    detail::concat_shape(std::array{first.shape(), second->shape()});
  }

  /// The shape of both maps side by side.
  Shape<4> shape() const {
    Shape<4> s = first.shape();
    if (second) s[3] += second->shape().c();
    return s;
  }
};

/// The channels of both maps, one after the other: (N, H, W, C1), (N, H, W, C2) -> (N, H, W, C1 + C2), not copied yet.
template <class V>
ConcatenatedMaps<V> concat_channels(const DeferredNorm<V>& a, const DeferredNorm<V>& b) {
  return {a, b};
}

namespace detail {

/// The map with a norm that a convolution does as it reads, the one with a ReLU; another is done here.
template <class V>
DeferredNorm<V> readable(const DeferredNorm<V>& x) {
  if (!x.norm() || x.norm()->activation == Activation::relu) return x;
  if constexpr (std::same_as<V, Tensor<typename V::Scalar, 4>>)
    return DeferredNorm<V>(materialize_once(x)).repeated(x.repeats());
  else
    return materialize(x);
}
template <class V>
ConcatenatedMaps<V> readable(const ConcatenatedMaps<V>& x) {
  if (!x.second) return readable(x.first);
  return {readable(x.first), readable(*x.second)};
}

/// Calls f(kernels::ConvInput) with what a convolution reads. The maps must be `readable` and not be repeated.
template <class V, class F>
void read(const ConcatenatedMaps<V>& x, F&& f) {
  using T = typename V::Scalar;
  const auto map_of = [](const DeferredNorm<V>& m) {
    check<ValueError>(!m.norm() || m.norm()->activation == Activation::relu, "conv2d",
                      "a convolution that reads a norm does a ReLU after it");
    return m.norm() ? m.norm()->map() : kernels::ChannelMap<T>{};
  };
  const auto source = [](const DeferredNorm<V>& m, const kernels::ChannelMap<T>& map) {
    return kernels::ConvSource<T>{value_of(m.raw()).data(), m.raw().shape().c(), m.norm() ? &map : nullptr};
  };
  const auto a = map_of(x.first);
  if (!x.second) return f(kernels::ConvInput<T>(source(x.first, a)));
  const auto b = map_of(*x.second);
  f(kernels::ConvInput<T>(source(x.first, a), source(*x.second, b)));
}

/// Mean and variance per image and channel of a convolution's result.
struct ConvMoments {
  std::vector<double> mean, variance;
};

/// y = the convolution of x and what its epilogue adds; `moments` and `cache` may be null.
template <class V, class T>
Tensor<T, 4> convolve(const ConcatenatedMaps<V>& x, const Tensor<T, 4>& weight, const Conv2dOptions& options,
                      kernels::ConvEpilogue<T> epilogue, ConvMoments* moments, FilterCache<T>* cache = nullptr) {
  const auto s = conv2d_shape(x.shape(), weight.shape(), options);
  if (moments) {
    moments->mean.resize(static_cast<std::size_t>(s.n * s.k));
    moments->variance.resize(moments->mean.size());
    epilogue.mean = moments->mean.data();
    epilogue.variance = moments->variance.data();
  }
  Tensor<T, 4> y({s.n, s.out_h(), s.out_w(), s.k});
  const auto prepared = cache ? cache->prepared(s, weight) : nullptr;
  read(x, [&, out = y.mutable_data()](const auto& input) {
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

/// The convolution of two maps of which the first is repeated: the part of the sum that reads it is computed once.
template <class T>
Tensor<T, 4> convolve_shared(const DeferredNorm<Tensor<T, 4>>& repeated, const DeferredNorm<Tensor<T, 4>>& other,
                             const Tensor<T, 4>& weight, const Conv2dOptions& options, const T* bias,
                             ConvMoments* moments) {
  const DeferredNorm<Tensor<T, 4>> once(repeated.raw(), repeated.norm());
  const Index c = once.shape().c();
  const Tensor<T, 4> part = convolve(ConcatenatedMaps<Tensor<T, 4>>(once), slice_inputs(weight, 0, c), options,
                                     kernels::ConvEpilogue<T>{}, nullptr);
  return convolve(ConcatenatedMaps<Tensor<T, 4>>(other), slice_inputs(weight, c, weight.shape().w()), options,
                  kernels::ConvEpilogue<T>{.bias = bias, .addend = part.data(), .addend_images = once.shape().n()},
                  moments);
}

}  // namespace detail

}  // namespace paser
#include "paser/core/macros_on.inc"
