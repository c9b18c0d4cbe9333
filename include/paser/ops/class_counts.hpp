#pragma once
#include "paser/core/macros_off.inc"

#include <numeric>
#include <optional>
#include <vector>

#include "paser/core/tensor.hpp"

namespace paser {

/// How often each class occurs in a data set, and the weights that follow for a cross entropy.
class ClassCounts {
 public:
  /// Throws ShapeError without a class.
  explicit ClassCounts(Index classes) : pixels_(checked(classes), 0) {}

  /// What was counted elsewhere: the pixels of each class. Throws ShapeError without a class, ValueError on a negative
  /// number.
  explicit ClassCounts(std::vector<Index> pixels) : pixels_(std::move(pixels)) {
    checked(static_cast<Index>(pixels_.size()));
    for (const Index n : pixels_)
      check<ValueError>(n >= 0, "ClassCounts", "a class has ", n, " pixels, expected 0 or more");
  }

  /// Counts the pixels of labels of any rank. Throws ValueError on one outside 0 .. classes - 1 that is not ignored,
  /// and then counts none of them.
  template <int Rank>
  void add(const Tensor<std::int32_t, Rank>& labels, std::optional<std::int32_t> ignored = {}) {
    std::vector<Index> sum = pixels_;
    for (Index i = 0; i < labels.numel(); ++i) {
      const std::int32_t label = labels.data()[i];
      if (ignored && label == *ignored) continue;
      check<ValueError>(label >= 0 && static_cast<std::size_t>(label) < pixels_.size(), "ClassCounts", "label ", label,
                        " at position ", i, " of ", labels.shape(), ", expected 0..", pixels_.size() - 1);
      ++sum[static_cast<std::size_t>(label)];
    }
    pixels_ = std::move(sum);
  }

  const std::vector<Index>& pixels() const { return pixels_; }  ///< Pixels of each class.

  /// The paper's rule: one minus the share of the class in all pixels, so rare classes weigh more and an absent one 1.
  /// All 1 when nothing was counted.
  std::vector<double> weights() const {
    const Index all = std::accumulate(pixels_.begin(), pixels_.end(), Index{0});
    std::vector<double> result;
    for (const Index n : pixels_) result.push_back(all > 0 ? 1 - static_cast<double>(n) / static_cast<double>(all) : 1);
    return result;
  }

  /// Classes that never occurred: a training set without them deserves a warning.
  std::vector<Index> absent() const {
    std::vector<Index> result;
    for (std::size_t k = 0; k < pixels_.size(); ++k)
      if (pixels_[k] == 0) result.push_back(static_cast<Index>(k));
    return result;
  }

 private:
  static std::size_t checked(Index classes) {
    check(classes >= 1, "ClassCounts", "expected at least 1 class, got ", classes);
    return static_cast<std::size_t>(classes);
  }

  std::vector<Index> pixels_;
};

}  // namespace paser
#include "paser/core/macros_on.inc"
