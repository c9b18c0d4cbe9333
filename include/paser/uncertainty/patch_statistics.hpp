#pragma once
#include "paser/core/macros_off.inc"

#include "paser/ops/patch_statistics.hpp"
#include "paser/uncertainty/prediction.hpp"

namespace paser::uncertainty {

/// What a prediction says of every patch, (N, P, F) with F = patch_statistics_size(classes): means, spreads and shares
/// of entropy, labels and probabilities, by which a router judges a patch without looking at its pixels. The numbers
/// are listed at kernels::patch_statistics. grid: rows and columns of patches, row by row. Throws ShapeError when the
/// maps do not divide.
template <class T, class Grid>
Tensor<T, 3> patch_statistics(const Prediction<T>& prediction, const Grid& grid) {
  return paser::patch_statistics(prediction.probabilities, prediction.labels, prediction.entropy, grid.rows,
                                 grid.columns);
}

}  // namespace paser::uncertainty
#include "paser/core/macros_on.inc"
