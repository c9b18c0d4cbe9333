#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/tensor.hpp"
#include "paser/kernels/patch_statistics.hpp"

namespace paser {

using kernels::patch_statistics_size;

/// What a segmentation says of every patch: probabilities (N, H, W, K), labels and entropy (N, H, W), cut into rows x
/// columns patches -> (N, rows * columns, F) with F = patch_statistics_size(K). The numbers are listed at
/// kernels::patch_statistics. Throws ShapeError when the maps are not of the same pixels or do not divide.
template <class T>
Tensor<T, 3> patch_statistics(const Tensor<T, 4>& probabilities, const Labels& labels, const Tensor<T, 3>& entropy,
                              Index rows, Index columns) {
  const Shape<4>& s = probabilities.shape();
  check(rows >= 1 && columns >= 1 && s.h() > 0 && s.w() > 0 && s.h() % rows == 0 && s.w() % columns == 0,
        "patch_statistics", "maps of ", s.h(), " x ", s.w(), " pixels do not divide into ", rows, " x ", columns,
        " patches");
  check(s.c() >= 1, "patch_statistics", "no classes in probabilities ", s);
  check(labels.shape() == Shape<3>{s.n(), s.h(), s.w()} && entropy.shape() == labels.shape(), "patch_statistics",
        "probabilities ", s, ", labels ", labels.shape(), " and entropy ", entropy.shape(),
        " are not of the same pixels");
  const kernels::PatchMapShape shape{s.n(), s.h(), s.w(), s.c(), rows, columns};
  Tensor<T, 3> result({s.n(), rows * columns, patch_statistics_size(s.c())});
  kernels::patch_statistics(shape, probabilities.data(), labels.data(), entropy.data(), result.mutable_data());
  return result;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
