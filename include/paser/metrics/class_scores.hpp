#pragma once
#include "paser/core/macros_off.inc"

#include <limits>
#include <vector>

#include "paser/metrics/confusion.hpp"

namespace paser::metrics {

/// What each class of a segmentation scored, element k for class k. All are shares in [0,1]; NaN where the denominator
/// is zero, so that a class that never occurs is told apart from one that is always missed.
struct ClassScores {
  std::vector<double> iou{};              ///< TP / (TP + FP + FN); NaN for a class in neither truth nor prediction
  std::vector<double> dice{};             ///< 2 TP / (2 TP + FP + FN), also F1; NaN where iou is
  std::vector<double> precision{};        ///< TP / (TP + FP); NaN for a class that was never predicted
  std::vector<double> recall{};           ///< TP / (TP + FN); NaN for a class that was never true
  std::vector<double> truth_share{};      ///< share of the counted pixels that are of this class: its phase fraction
  std::vector<double> predicted_share{};  ///< share of the counted pixels that were labelled with it

  bool operator==(const ClassScores&) const = default;
};

/// Scores from counts (target, prediction), (K, K), as of `confusion` or `merge`. Without any counted pixel all are
/// NaN. Throws ShapeError when the counts are not square.
inline ClassScores class_scores(const Confusion<2>& counts) {
  detail::check_square("class_scores", counts);
  const Index classes = counts.shape()[0];
  const Index* const count = counts.data();
  const auto ratio = [](Index part, Index whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole)
                     : std::numeric_limits<double>::quiet_NaN();
  };
  Index pixels = 0;
  for (Index i = 0; i < counts.numel(); ++i) pixels += count[i];
  ClassScores scores;
  for (Index k = 0; k < classes; ++k) {
    Index is = 0, said = 0;
    for (Index j = 0; j < classes; ++j) {
      is += count[k * classes + j];
      said += count[j * classes + k];
    }
    const Index right = count[k * classes + k];
    scores.iou.push_back(ratio(right, is + said - right));
    scores.dice.push_back(ratio(2 * right, is + said));
    scores.precision.push_back(ratio(right, said));
    scores.recall.push_back(ratio(right, is));
    scores.truth_share.push_back(ratio(is, pixels));
    scores.predicted_share.push_back(ratio(said, pixels));
  }
  return scores;
}

}  // namespace paser::metrics
#include "paser/core/macros_on.inc"
