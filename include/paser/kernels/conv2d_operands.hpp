#pragma once

#include <limits>

#include "paser/core/memory.hpp"
#include "paser/kernels/channel_norm.hpp"
#include "paser/kernels/conv_shape.hpp"
#include "paser/kernels/copy_channels.hpp"

/// What a convolution reads and what it does to its result before that leaves the cache.
namespace paser::kernels {

/// One map of a convolution's input: (images, h, w, channels).
template <class T>
struct ConvSource {
  const T* data = nullptr;
  Index channels = 0;
  /// When not null the convolution reads map(data), one entry per image and channel. The map has a ReLU and positive
  /// scales. Padding stays zero: it surrounds map(data).
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

/// y = relu(convolution + bias + addend), each part optional, and the moments of y.
template <class T>
struct ConvEpilogue {
  const T* bias = nullptr;  ///< (k)
  /// (addend_images, out_h, out_w, k); image n takes entry n mod addend_images.
  const T* addend = nullptr;
  Index addend_images = 0;
  bool relu = false;
  /// Mean and biased variance of y per image and channel, (n, k) each, as channel_moments gives them up to rounding;
  /// both null or neither.
  double *mean = nullptr, *variance = nullptr;
};

/// The input as one plain array: `scratch` is filled and returned unless it is one already.
template <class T>
const T* plain_input(const ConvShape& s, const ConvInput<T>& input, Scratch<T>& scratch) {
  if (input.is_plain()) return input.first.data;
  const Index pixels = s.h * s.w, channels = input.channels();
  scratch = Scratch<T>(static_cast<std::size_t>(s.n * pixels * channels));
  T* const to = scratch.data();
  const auto copy = [&](const ConvSource<T>& source, Index offset) {
    if (source.channels == 0) return;
    const bool whole = source.channels == channels;
    Scratch<T> mapped(static_cast<std::size_t>(source.map && !whole ? s.n * pixels * source.channels : 0));
    T* const result = whole ? to : mapped.data();
    if (source.map) apply_channel_map({s.n, pixels, source.channels}, *source.map, source.data, result);
    if (whole) return;
    const T* const from = source.map ? result : source.data;
    parallel_for(s.n * pixels, 1024, [&](Index begin, Index end) {
      copy_channels(end - begin, source.channels, from + begin * source.channels, source.channels,
                    to + begin * channels + offset, channels);
    });
  };
  copy(input.first, 0);
  copy(input.second, input.first.channels);
  return to;
}

/// The epilogue but for the bias, as passes of its own over y: the plain twin of what the kernels do meanwhile.
template <class T>
void finish_convolution(const ConvShape& s, const ConvEpilogue<T>& e, T* y) {
  const Index image = s.out_h() * s.out_w() * s.k;
  if (e.addend || e.relu)
    parallel_for(s.n * image, 1 << 14, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        if (e.addend) y[i] += e.addend[i / image % e.addend_images * image + i % image];
        if (e.relu) y[i] = y[i] < T(0) ? T(0) : y[i];
      }
    });
  if (e.mean) channel_moments({s.n, s.out_h() * s.out_w(), s.k}, y, e.mean, e.variance);
}

}  // namespace paser::kernels
