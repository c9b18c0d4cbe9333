#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>

#include "paser/kernels/channel_norm.hpp"
#include "paser/kernels/conv/direct/plan.hpp"
#include "paser/kernels/conv/operands.hpp"
#include "paser/kernels/copy_channels.hpp"

/// How the direct convolutions read their input: two sources become one row of pixels, mapped on the way.
namespace paser::kernels::direct {

/// to = max(0, map(x)) for `count` channels of each pixel, as apply_channel_map computes it. The tables of the map
/// start at the first of these channels; pixels are `x_step` and `step` apart. With `spill` what lies between the
/// channels of one pixel and those of the next need not be kept.
template <class T>
void map_pixels(const ChannelMap<T>& map, Index pixels, Index count, const T* x, Index x_step, T* to, Index step,
                bool spill) {
  constexpr Index width = simd::width<T>;
  const auto apply = [](const auto& value, const auto& shift, const auto& scale, const auto& offset) {
    const auto v = simd::fma(simd::sub(value, shift), scale, offset), zero = simd::zero<T>();
    return simd::select(simd::less(v, zero), zero, v);
  };
  if (count < width) {
    const auto shift = simd::load_partial(map.shift, count), scale = simd::load_partial(map.scale, count),
               offset = simd::load_partial(map.offset, count);
    // Whole packets as long as later pixels write again what they spill over.
    const Index whole = spill ? std::max<Index>(0, pixels - ceil_div(width, std::min(step, x_step))) : 0;
    for (Index i = 0; i < whole; ++i)
      simd::store(to + i * step, apply(simd::load(x + i * x_step), shift, scale, offset));
    for (Index i = whole; i < pixels; ++i)
      simd::store_partial(to + i * step, apply(simd::load_partial(x + i * x_step, count), shift, scale, offset), count);
    return;
  }
  for (Index k = 0; k < count; k += width) {
    const Index at = std::min(k, count - width);  // the last packet may repeat channels
    const auto shift = simd::load(map.shift + at), scale = simd::load(map.scale + at),
               offset = simd::load(map.offset + at);
    const T* from = x + at;
    T* out = to + at;
    for (Index i = 0; i < pixels; ++i, from += x_step, out += step)
      simd::store(out, apply(simd::load(from), shift, scale, offset));
  }
}

/// Copies `channels` of the input at `pixels` pixels of one image to places `step` apart. `pixel` counts from the first
/// pixel of the first image. What lies between the channels of one pixel and those of the next may be overwritten.
template <class T>
void read_pixels(const ConvInput<T>& input, Index image, Index pixel, Index pixels, const Range& channels, T* to,
                 Index step) {
  Index start = 0;
  for (const ConvSource<T>* source : {&input.first, &input.second}) {
    const Index first = std::max<Index>(channels.first - start, 0),
                count = std::min(channels.end - start, source->channels) - first;
    T* const out = to + start + first - channels.first;
    start += source->channels;
    if (count <= 0) continue;
    const T* const from = source->data + pixel * source->channels + first;
    if (source->map != nullptr) {
      const Index table = image * source->channels + first;
      map_pixels<T>({source->map->shift + table, source->map->scale + table, source->map->offset + table}, pixels,
                    count, from, source->channels, out, step, out == to);
    } else if (count == step && count == source->channels) {
      std::copy_n(from, pixels * count, out);
    } else {
      copy_channels(pixels, count, from, source->channels, out, step);
    }
  }
}

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
