#pragma once
#include "paser/core/macros_off.inc"

#include "paser/kernels/patch_statistics.hpp"
#include "paser/uncertainty/prediction.hpp"

namespace paser::uncertainty {

/// What a prediction says of every patch, (N, P, F) with F = patch_statistics_size(classes): means, spreads and shares
/// of entropy, labels and probabilities, by which a router judges a patch without looking at its pixels. The numbers
/// are listed at kernels::patch_statistics. grid: rows and columns of patches, row by row. Throws ShapeError when the
/// maps do not divide.
template <class T, class Grid>
Tensor<T, 3> patch_statistics(const Prediction<T>& prediction, const Grid& grid) {
  const Shape<4>& s = prediction.probabilities.shape();
  check(grid.rows >= 1 && grid.columns >= 1 && s.h() > 0 && s.w() > 0 && s.h() % grid.rows == 0 &&
            s.w() % grid.columns == 0,
        "patch_statistics", "maps of ", s.h(), " x ", s.w(), " pixels do not divide into ", grid.rows, " x ",
        grid.columns, " patches");
  check(prediction.labels.shape() == Shape<3>{s.n(), s.h(), s.w()} &&
            prediction.entropy.shape() == prediction.labels.shape(),
        "patch_statistics", "probabilities ", s, ", labels ", prediction.labels.shape(), " and entropy ",
        prediction.entropy.shape(), " are not of the same pixels");
  const kernels::PatchMapShape shape{s.n(), s.h(), s.w(), s.c(), grid.rows, grid.columns};
  Tensor<T, 3> result({s.n(), grid.rows * grid.columns, kernels::patch_statistics_size(s.c())});
  kernels::patch_statistics(shape, prediction.probabilities.data(), prediction.labels.data(), prediction.entropy.data(),
                            result.mutable_data());
  return result;
}

}  // namespace paser::uncertainty
#include "paser/core/macros_on.inc"
