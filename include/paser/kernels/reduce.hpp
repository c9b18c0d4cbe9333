#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

namespace paser::kernels {

/// sums[c] = sum over rows of x[row][c], overwritten. Rows are cut into pieces whose number depends on the data alone,
/// and the partial sums are added in order, in double: the same bits for any number of threads.
template <class T>
void sum_per_channel(Index rows, Index channels, const T* x, T* sums);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>
#include <vector>

#include "paser/core/float_state.hpp"
#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/loops/lane_sums.hpp"

namespace paser::kernels {

template <class T>
void sum_per_channel(Index rows, Index channels, const T* x, T* sums) {
  const LaneRow lane_row = LaneRow::of<T>(channels);
  const Index lanes = lane_row.lanes;
  // Whole lane rows a piece.
  const Index least = std::max<Index>(1024, (rows + 63) / 64);
  const Index piece = (least + lane_row.pixels - 1) / lane_row.pixels * lane_row.pixels;
  const Index pieces = (rows + piece - 1) / piece;
  Scratch<double> scratch(static_cast<std::size_t>(pieces * channels));
  double* const partial = scratch.data();
  parallel_each(pieces, [&](Index p) {
    const Index first = p * piece, count = std::min(rows - first, piece), rest = count % lane_row.pixels;
    const T* const from = x + first * channels;
    std::vector<double> total(static_cast<std::size_t>(2 * lanes), 0.0);
    lane_sums<T>(
        count / lane_row.pixels, lanes,
        [from](Index position, Index, auto& sum, auto&) { sum = simd::add(sum, simd::load(from + position)); },
        total.data(), total.data() + lanes);
    for (Index i = 0; i < rest * channels; ++i)
      total[static_cast<std::size_t>(i)] += static_cast<double>(from[(count - rest) * channels + i]);
    double* const to = partial + p * channels;
    std::copy_n(total.data(), channels, to);
    for (Index lane = channels; lane < lanes; ++lane) to[lane % channels] += total[static_cast<std::size_t>(lane)];
  });
  const FlushDenormals flush;
  for (Index c = 0; c < channels; ++c) {
    double sum = 0;
    for (Index p = 0; p < pieces; ++p) sum += partial[p * channels + c];
    sums[c] = static_cast<T>(sum);
  }
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
