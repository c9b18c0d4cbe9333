#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

namespace paser::kernels {

/// The extents of a product of images with a factor per image and channel.
struct GateShape {
  Index images, pixels, channels;
};

/// y = x * gate, pixel by pixel. x, y: (images, pixels, channels), gate: (images, channels).
template <class T>
void apply_gate(const GateShape& s, const T* x, const T* gate, T* y);

/// dgate = the sum over the pixels of dy * x, in double over pieces that the shape alone cuts.
template <class T>
void gate_gradient(const GateShape& s, const T* x, const T* dy, T* dgate);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"

namespace paser::kernels {

template <class T>
void apply_gate(const GateShape& s, const T* x, const T* gate, T* y) {
  parallel_for(s.images * s.pixels, std::max<Index>(1, 16384 / std::max<Index>(1, s.channels)),
               [=](Index begin, Index end) {
                 for (Index i = begin; i < end; ++i) {
                   const T *const from = x + i * s.channels, *const factor = gate + i / s.pixels * s.channels;
                   T* const to = y + i * s.channels;
                   for (Index c = 0; c < s.channels; ++c) to[c] = from[c] * factor[c];
                 }
               });
}

template <class T>
void gate_gradient(const GateShape& s, const T* x, const T* dy, T* dgate) {
  const Index piece = 1024, pieces = (s.pixels + piece - 1) / piece, c = s.channels;
  Scratch<double> scratch(static_cast<std::size_t>(s.images * pieces * c));
  double* const sums = scratch.data();
  parallel_each(s.images * pieces, [=](Index task) {
    double* const sum = sums + task * c;
    std::fill_n(sum, c, 0.0);
    const Index image = task / pieces * s.pixels, begin = task % pieces * piece;
    for (Index i = image + begin; i < image + std::min(s.pixels, begin + piece); ++i)
      for (Index k = 0; k < c; ++k) sum[k] += static_cast<double>(x[i * c + k] * dy[i * c + k]);
  });
  for (Index image = 0; image < s.images; ++image)
    for (Index k = 0; k < c; ++k) {
      double sum = 0;
      for (Index p = 0; p < pieces; ++p) sum += sums[(image * pieces + p) * c + k];
      dgate[image * c + k] = static_cast<T>(sum);
    }
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
