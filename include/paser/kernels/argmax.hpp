#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>

#include "paser/core/shape.hpp"

namespace paser::kernels {

/// The place of the largest of each of `rows` rows of n; ties go to the first.
template <class T>
void argmax(Index rows, Index n, const T* x, std::int32_t* places);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include "paser/core/parallel.hpp"
#include "paser/kernels/loops/fixed_extent.hpp"

namespace paser::kernels {

template <class T>
void argmax(Index rows, Index n, const T* x, std::int32_t* places) {
  parallel_for(rows, 1 << 12, [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const T* const row = x + i * n;
      std::int32_t best = 0;
      for (std::int32_t k = 1; k < n; ++k)
        if (row[k] > row[best]) best = k;
      places[i] = best;
    }
  });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
