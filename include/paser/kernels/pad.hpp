#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

namespace paser::kernels {

/// y (n, out_h, out_w, c) = x (n, h, w, c) moved down by `top` and right by `left` pixels, either of which may be
/// negative, and `value` where that leaves y uncovered.
template <class T>
void pad(Index n, Index h, Index w, Index c, Index top, Index left, Index out_h, Index out_w, T value, const T* x,
         T* y);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>

#include "paser/core/parallel.hpp"

namespace paser::kernels {

template <class T>
void pad(Index n, Index h, Index w, Index c, Index top, Index left, Index out_h, Index out_w, T value, const T* x,
         T* y) {
  const Index row = out_w * c;
  const Index begin_w = std::clamp<Index>(left, 0, out_w), end_w = std::clamp<Index>(left + w, begin_w, out_w);
  parallel_for(n * out_h, std::max<Index>(1, 4096 / std::max<Index>(1, row)), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      T* const out = y + i * row;
      const Index from = i % out_h - top;
      if (from < 0 || from >= h || begin_w == end_w) {
        std::fill_n(out, row, value);
        continue;
      }
      std::fill_n(out, begin_w * c, value);
      std::copy_n(x + ((i / out_h * h + from) * w + begin_w - left) * c, (end_w - begin_w) * c, out + begin_w * c);
      std::fill_n(out + end_w * c, (out_w - end_w) * c, value);
    }
  });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
