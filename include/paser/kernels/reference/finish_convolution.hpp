#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/parallel.hpp"
#include "paser/kernels/channel_norm.hpp"
#include "paser/kernels/conv/operands.hpp"

namespace paser::kernels {

/// The epilogue but for the bias, as passes of its own over y: the plain twin of what the kernels do meanwhile.
template <class T>
void finish_convolution(const ConvShape& s, const ConvEpilogue<T>& e, T* y) {
  const Index image = s.out_h() * s.out_w() * s.k;
  if (e.addend || e.relu || e.limited())
    parallel_for(s.n * image, 1 << 14, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        if (e.addend) y[i] += e.addend[i / image % e.addend_images * image + i % image];
        if (e.relu) y[i] = y[i] < T(0) ? T(0) : y[i];
        y[i] = y[i] > e.highest ? e.highest : y[i];
      }
    });
  if (e.activation) activate(*e.activation, s.n * image, y, y);
  if (e.mean) channel_moments({s.n, s.out_h() * s.out_w(), s.k}, y, e.mean, e.variance);
}

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
