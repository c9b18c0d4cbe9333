#pragma once

#include <algorithm>
#include <vector>

#include "paser/core/float_state.hpp"
#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"

namespace paser::kernels {

/// sums[c] = sum over rows of x[row][c], overwritten. Rows are cut into pieces whose number depends on the data alone,
/// and the partial sums are added in order, in double: the same bits for any number of threads.
template <class T>
void sum_per_channel(Index rows, Index channels, const T* x, T* sums) {
  const Index piece = std::max<Index>(256, (rows + 63) / 64), pieces = (rows + piece - 1) / piece;
  Scratch<double> scratch(static_cast<std::size_t>(pieces * channels));
  double* const partial = scratch.data();
  parallel_each(pieces, [&](Index p) {
    double* sum = partial + p * channels;
    std::fill_n(sum, channels, 0.0);
    for (Index row = p * piece; row < std::min(rows, (p + 1) * piece); ++row)
      for (Index c = 0; c < channels; ++c) sum[c] += static_cast<double>(x[row * channels + c]);
  });
  const FlushDenormals flush;
  for (Index c = 0; c < channels; ++c) {
    double sum = 0;
    for (Index p = 0; p < pieces; ++p) sum += partial[p * channels + c];
    sums[c] = static_cast<T>(sum);
  }
}

}  // namespace paser::kernels
