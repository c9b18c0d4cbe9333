#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <limits>
#include <vector>

#include "paser/core/random.hpp"
#include "paser/metrics/iou.hpp"
#include "paser/metrics/statistics.hpp"

namespace paser::metrics {

/// A figure and the range that holds it with 95 % confidence, as far as the images tell; NaN where it is not known.
struct Estimate {
  double value = std::numeric_limits<double>::quiet_NaN();
  std::array<double, 2> interval{value, value};
};

/// Mean IoU in both of its meanings: of the set, whose pixels are counted together, and the mean over images.
struct IouEstimates {
  Estimate set, images;
};

/// The mean IoU of a set of images and its 95 % intervals: percentiles of the bootstrap over images (Efron 1979), which
/// are drawn with replacement `resamples` times. counts: of every image (target, prediction). Images without a counted
/// pixel have no IoU and are left out; a single image has no interval. Throws ValueError unless resamples >= 1,
/// ShapeError unless all counts are square and of the same classes.
inline IouEstimates estimate_iou(const std::vector<Confusion<2>>& counts, ClassMean mean = ClassMean::present,
                                 int resamples = 1000, Key key = Key{}) {
  check<ValueError>(resamples >= 1, "estimate_iou", "expected at least 1 resample, got ", resamples);
  std::vector<const Confusion<2>*> known;
  std::vector<double> iou;
  for (const auto& c : counts) {
    check_same_shape("estimate_iou", c, counts[0]);
    const double of_image = mean_iou(c, mean);
    if (is_nan(of_image)) continue;
    known.push_back(&c);
    iou.push_back(of_image);
  }
  IouEstimates result;
  if (known.empty()) return result;
  const auto n = static_cast<Index>(known.size());
  /// Of the set and over images, when image i counts weight[i] times.
  const auto figures = [&](const std::vector<Index>& weight) {
    auto sum = Confusion<2>::zeros(known[0]->shape());
    Index* const to = sum.mutable_data();
    double images = 0;
    for (std::size_t i = 0; i < known.size(); ++i) {
      for (Index j = 0; j < sum.numel(); ++j) to[j] += weight[i] * known[i]->data()[j];
      images += static_cast<double>(weight[i]) * iou[i];
    }
    return std::array{mean_iou(sum, mean), images / static_cast<double>(n)};
  };
  const auto measured = figures(std::vector<Index>(known.size(), 1));
  result.set.value = measured[0];
  result.images.value = measured[1];
  if (n < 2) return result;
  std::vector<double> set, images;
  for (int r = 0; r < resamples; ++r) {
    const Key draws = key.fold(static_cast<std::uint64_t>(r));
    std::vector<Index> weight(known.size(), 0);
    for (std::uint64_t i = 0; i < known.size(); ++i) ++weight[static_cast<std::size_t>(draws.uniform_int(i, n))];
    const auto drawn = figures(weight);
    set.push_back(drawn[0]);
    images.push_back(drawn[1]);
  }
  result.set.interval = {quantile(set, 0.025), quantile(set, 0.975)};
  result.images.interval = {quantile(images, 0.025), quantile(images, 0.975)};
  return result;
}

}  // namespace paser::metrics
#include "paser/core/macros_on.inc"
