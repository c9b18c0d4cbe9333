#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/core/parallel.hpp"
#include "paser/core/tensor.hpp"

namespace paser::metrics {

/// How often each class was predicted where each class was true: element (..., target, prediction). The leading axes
/// say where was counted: over everything (rank 2), image by image (rank 3) or patch by patch (rank 4).
template <int Rank>
using Confusion = Tensor<Index, Rank>;

namespace detail {

/// Throws ShapeError unless there are as many predicted classes as true ones: scores read a matrix by rows and columns.
template <int Rank>
void check_square(const char* where, const Confusion<Rank>& counts) {
  check(counts.shape()[Rank - 2] == counts.shape()[Rank - 1], where, "expected counts ",
        Rank == 2 ? "(K, K)" : "(..., K, K)", ", got ", counts.shape());
}

inline void check_label(std::int32_t label, Index classes, const char* which, Index image, Index row, Index column) {
  if (label < 0 || label >= classes) [[unlikely]]
    throw ValueError(message("confusion: ", which, " ", label, " at (", image, ",", row, ",", column, "), expected 0..",
                             classes - 1));
}

}  // namespace detail

/// Counts patch by patch: (N, P, K, K), P = grid.rows * grid.columns in row-major order. prediction, target: (N, H, W).
/// Pixels whose target is `ignored` are not counted. `grid` is a data::PatchGrid. Throws ShapeError when the shapes
/// differ or the image does not divide, ValueError with place and value on a label outside 0 .. classes - 1.
template <class Grid>
Confusion<4> patch_confusion(const Labels& prediction, const Labels& target, Index classes, const Grid& grid,
                             std::optional<std::int32_t> ignored = {}) {
  check_same_shape("confusion", prediction, target);
  check(classes >= 1, "confusion", "expected at least 1 class, got ", classes);
  const Index images = target.shape()[0], height = target.shape()[1], width = target.shape()[2];
  const Index rows = grid.rows, columns = grid.columns;
  check(rows >= 1 && columns >= 1 && height % rows == 0 && width % columns == 0, "confusion", "labels ", target.shape(),
        " do not divide into ", rows, " x ", columns, " patches");
  auto counts = Confusion<4>::zeros({images, rows * columns, classes, classes});
  Index* const count = counts.mutable_data();
  const Index patch_height = std::max<Index>(height / rows, 1), patch_width = std::max<Index>(width / columns, 1);
  for (Index n = 0; n < images; ++n)
    for (Index i = 0; i < height; ++i)
      for (Index j = 0; j < width; ++j) {
        const Index pixel = (n * height + i) * width + j;
        const std::int32_t truth = target.data()[pixel], guess = prediction.data()[pixel];
        if (ignored && truth == *ignored) continue;
        detail::check_label(truth, classes, "target", n, i, j);
        detail::check_label(guess, classes, "prediction", n, i, j);
        const Index patch = n * rows * columns + i / patch_height * columns + j / patch_width;
        ++count[(patch * classes + truth) * classes + guess];
      }
  return counts;
}

/// Sums over the second axis: patch counts (N, P, K, K) to image counts (N, K, K), image counts (N, K, K) to one
/// matrix.
template <int Rank>
Confusion<Rank - 1> merge(const Confusion<Rank>& counts) {
  static_assert(Rank == 3 || Rank == 4, "merge: patches merge to images, images to one matrix");
  Shape<Rank - 1> shape;
  for (int axis = 0; axis < Rank - 1; ++axis) shape[axis] = counts.shape()[axis + (axis < Rank - 3 ? 0 : 1)];
  auto sums = Confusion<Rank - 1>::zeros(shape);
  Index* const sum = sums.mutable_data();
  const Index matrix = counts.shape()[Rank - 2] * counts.shape()[Rank - 1], parts = counts.shape()[Rank - 3];
  for (Index i = 0; i < counts.numel(); ++i) sum[i / (parts * matrix) * matrix + i % matrix] += counts.data()[i];
  return sums;
}

namespace detail {
struct WholeImage {
  Index rows = 1, columns = 1;
};
}  // namespace detail

/// Counts image by image: (N, K, K).
inline Confusion<3> image_confusion(const Labels& prediction, const Labels& target, Index classes,
                                    std::optional<std::int32_t> ignored = {}) {
  return merge(patch_confusion(prediction, target, classes, detail::WholeImage{}, ignored));
}

/// Counts over the whole batch: (K, K).
inline Confusion<2> confusion(const Labels& prediction, const Labels& target, Index classes,
                              std::optional<std::int32_t> ignored = {}) {
  return merge(image_confusion(prediction, target, classes, ignored));
}

}  // namespace paser::metrics
#include "paser/core/macros_on.inc"
