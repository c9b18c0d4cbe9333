#pragma once
#include "paser/core/macros_off.inc"

#include <limits>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/metrics/confusion.hpp"

namespace paser::metrics {

/// Which classes a mean IoU averages over. They differ for a class that occurs neither in prediction nor in target.
/// Where no class occurs, since no pixel was counted, there is no mean under either: NaN.
enum class ClassMean {
  present,  ///< leave it out: torchmetrics since 1.0, the paper's pinned version
  all       ///< count it as 0 with full weight: torchmetrics up to 0.11
};

namespace detail {

/// Intersection and union of class k in a K x K matrix.
struct Overlap {
  Index both = 0, either = 0;

  Overlap(const Index* counts, Index classes, Index k) : both(counts[k * classes + k]) {
    for (Index j = 0; j < classes; ++j) either += counts[k * classes + j] + counts[j * classes + k];
    either -= both;
  }
  /// NaN where the class is nowhere.
  double iou() const {
    return either > 0 ? static_cast<double>(both) / static_cast<double>(either)
                      : std::numeric_limits<double>::quiet_NaN();
  }
};

inline double mean_iou(const Index* counts, Index classes, ClassMean mean) {
  double sum = 0;
  Index present = 0;
  for (Index k = 0; k < classes; ++k) {
    const Overlap overlap(counts, classes, k);
    if (overlap.either == 0) continue;
    sum += overlap.iou();
    ++present;
  }
  if (present == 0) return std::numeric_limits<double>::quiet_NaN();
  return sum / static_cast<double>(mean == ClassMean::present ? present : classes);
}

}  // namespace detail

/// Intersection over union (Jaccard index) of every class, NaN for a class that occurs nowhere. counts: (target,
/// prediction). Throws ShapeError when they are not square, as all that follows.
inline std::vector<double> class_iou(const Confusion<2>& counts) {
  detail::check_square("class_iou", counts);
  std::vector<double> result;
  const Index classes = counts.shape()[0];
  for (Index k = 0; k < classes; ++k) result.push_back(detail::Overlap(counts.data(), classes, k).iou());
  return result;
}

/// Mean IoU over the classes; NaN when no pixel was counted.
inline double mean_iou(const Confusion<2>& counts, ClassMean mean = ClassMean::present) {
  detail::check_square("mean_iou", counts);
  return detail::mean_iou(counts.data(), counts.shape()[0], mean);
}

/// Mean IoU of every image (N), from counts (N, K, K), or of every patch (N, P), from counts (N, P, K, K). `nothing` is
/// that of an image or a patch without a counted pixel: in a report it has none, in a difference of two answers to the
/// same patch any number will do.
template <class T = float, int Rank>
requires(Rank >= 3) Tensor<T, Rank - 2> mean_iou(const Confusion<Rank>& counts, ClassMean mean = ClassMean::present,
                                                 double nothing = std::numeric_limits<double>::quiet_NaN()) {
  detail::check_square("mean_iou", counts);
  Shape<Rank - 2> shape;
  for (int axis = 0; axis < Rank - 2; ++axis) shape[axis] = counts.shape()[axis];
  Tensor<T, Rank - 2> result(shape);
  T* const out = result.mutable_data();
  const Index classes = counts.shape().last();
  for (Index i = 0; i < result.numel(); ++i) {
    const double iou = detail::mean_iou(counts.data() + i * classes * classes, classes, mean);
    out[i] = static_cast<T>(is_nan(iou) ? nothing : iou);
  }
  return result;
}

/// Mean IoU of every patch, (N, P): the quality in PaSeR's reward; 0 for a patch without a counted pixel, where nothing
/// can be gained. See patch_confusion.
template <class T = float, class Grid>
Tensor<T, 2> patch_iou(const Labels& prediction, const Labels& target, Index classes, const Grid& grid,
                       ClassMean mean = ClassMean::present, std::optional<std::int32_t> ignored = {}) {
  return mean_iou<T>(patch_confusion(prediction, target, classes, grid, ignored), mean, 0.0);
}

/// The share of pixels with the right class; NaN when no pixel was counted.
inline double pixel_accuracy(const Confusion<2>& counts) {
  detail::check_square("pixel_accuracy", counts);
  Index right = 0, all = 0;
  const Index classes = counts.shape()[0];
  for (Index i = 0; i < counts.numel(); ++i) all += counts.data()[i];
  for (Index k = 0; k < classes; ++k) right += counts.data()[k * classes + k];
  return all > 0 ? static_cast<double>(right) / static_cast<double>(all) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace paser::metrics
#include "paser/core/macros_on.inc"
