#pragma once
#include "paser/core/macros_off.inc"

#include <limits>
#include <optional>

#include "paser/kernels/activation.hpp"
#include "paser/kernels/channel_norm.hpp"
#include "paser/kernels/conv/shape.hpp"

/// What a convolution reads and what it does to its result before that leaves the cache.
namespace paser::kernels {

/// One map of a convolution's input: (images, h, w, channels).
template <class T>
struct ConvSource {
  const T* data = nullptr;
  Index channels = 0;
  /// When not null the convolution reads map(data), one entry per image and channel. The map has positive scales,
  /// and its activation is the ReLU, which is done without a look at it. Padding stays zero: it surrounds map(data).
  const ChannelMap<T>* map = nullptr;
};

/// A data value that every map of a ConvSource takes to zero, for the padding.
template <class T>
inline constexpr T mapped_padding = std::numeric_limits<T>::lowest();

/// The input of a convolution: one map, or two side by side as if concatenated along the channels.
template <class T>
struct ConvInput {
  ConvSource<T> first, second{};

  ConvInput(const T* x, Index channels) : first{x, channels} {}
  ConvInput(const ConvSource<T>& only) : first(only) {}
  ConvInput(const ConvSource<T>& a, const ConvSource<T>& b) : first(a), second(b) {}

  Index channels() const { return first.channels + second.channels; }
  /// True when the input is one plain array.
  bool is_plain() const { return second.channels == 0 && first.map == nullptr; }
};

/// y = activation(min(highest, relu(convolution + bias + addend))), each part optional, and the moments of y.
template <class T>
struct ConvEpilogue {
  const T* bias = nullptr;  ///< (k)
  /// (addend_images, out_h, out_w, k); image n takes entry n mod addend_images.
  const T* addend = nullptr;
  Index addend_images = 0;
  bool relu = false;
  T highest = std::numeric_limits<T>::infinity();  ///< 6 and a ReLU are a ReLU6
  /// Mean and biased variance of y per image and channel, (n, k) each, as channel_moments gives them up to rounding;
  /// both null or neither.
  double *mean = nullptr, *variance = nullptr;
  std::optional<Activation> activation{};  ///< not beside moments

  bool limited() const { return highest < std::numeric_limits<T>::infinity(); }
};

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
