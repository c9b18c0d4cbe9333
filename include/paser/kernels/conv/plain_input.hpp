#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/channel_norm.hpp"
#include "paser/kernels/conv/operands.hpp"
#include "paser/kernels/copy_channels.hpp"

namespace paser::kernels {

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

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
