#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <functional>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

namespace paser::pipeline {

/// What was run to segment some images.
struct Work {
  Index estimated = 0;         ///< images that the estimator and the policy looked at
  Index coarse = 0;            ///< images that the coarse model answered in one pass without noise
  std::vector<Index> patches;  ///< by model: patches that it ran on; entry 0, of the coarse model, stays 0

  Work& operator+=(const Work& other) {
    estimated += other.estimated;
    coarse += other.coarse;
    patches.resize(std::max(patches.size(), other.patches.size()));
    std::transform(other.patches.begin(), other.patches.end(), patches.begin(), patches.begin(), std::plus<>{});
    return *this;
  }
};

/// What each kind of work costs, in any unit that adds up: multiply-accumulates, milliseconds, bytes sent. Work costs
/// the sum of its parts.
struct WorkCosts {
  double estimate = 0;        ///< the estimator on one image
  double decide = 0;          ///< the policy on one image
  double coarse = 0;          ///< one pass of the coarse model on one image
  std::vector<double> patch;  ///< one pass of model k on one patch; entry 0 is not used

  /// Throws ValueError when a model that ran has no cost.
  double of(const Work& work) const {
    check<ValueError>(work.patches.size() <= patch.size(), "WorkCosts", "costs of ", patch.size(),
                      " models for work of ", work.patches.size());
    double sum = static_cast<double>(work.estimated) * (estimate + decide) + static_cast<double>(work.coarse) * coarse;
    for (std::size_t k = 1; k < work.patches.size(); ++k) sum += static_cast<double>(work.patches[k]) * patch[k];
    return sum;
  }
};

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
