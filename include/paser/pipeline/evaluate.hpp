#pragma once
#include "paser/core/macros_off.inc"

#include <chrono>
#include <cmath>
#include <numeric>
#include <optional>

#include "paser/data/batch.hpp"
#include "paser/metrics/calibration.hpp"
#include "paser/metrics/iou.hpp"
#include "paser/metrics/statistics.hpp"
#include "paser/pipeline/how_far.hpp"
#include "paser/pipeline/segment.hpp"

namespace paser::pipeline {

/// How one method did on a data set.
struct MethodEvaluation {
  /// Mean and standard deviation over images of the macro IoU; NaN when no image has a pixel that counts.
  double iou = 0, iou_std = 0;
  double gmac = 0;            ///< 1e9 multiply-accumulates per image
  double ms_per_image = 0;    ///< wall time of the routing and of every network that ran, in this one run
  std::vector<double> share;  ///< of the patches answered by each model
  /// How many patches of each kind (row) went to each model (column).
  std::vector<std::vector<double>> assignment;
  std::vector<double> image_iou;  ///< of every image, in the order of the source; NaN without a pixel that counts
  std::vector<std::vector<double>> image_share;  ///< of every image's patches answered by each model
  metrics::Confusion<2> confusion;               ///< (truth, prediction) over all pixels that count
  metrics::Calibration calibration{};            ///< of the pixels whose answer has a probability

  double iou_per_gmac() const { return iou / gmac; }  ///< The paper's measure of parsimony.

  /// Images without a pixel that counts, which have no IoU and are left out of its mean.
  Index without_iou() const { return static_cast<Index>(image_iou.size() - metrics::KnownValues(image_iou).count); }

  /// The share of patches of kind k that went to model k; NaN without patches.
  double assignment_accuracy() const {
    double right = 0, all = 0;
    for (std::size_t k = 0; k < assignment.size(); ++k) {
      right += assignment[k].at(k);
      all = std::accumulate(assignment[k].begin(), assignment[k].end(), all);
    }
    return right / all;
  }
};

/// What is compared and how.
struct EvaluationOptions {
  Index classes = 2, models = 3;
  Index kinds = 1;  ///< kinds of images, such as the noises; a source's batches name the kind of every image
  metrics::ClassMean class_mean = metrics::ClassMean::present;
  Index batch = 128;
  std::optional<std::int32_t> ignored{};  ///< label of the pixels that do not count
  HowFar how_far{};                       ///< in images
};

/// Runs a method over a data set, whose batches say the kinds of their images where there are several.
template <class T, class S>
MethodEvaluation evaluate_method(const Method<T>& method, const S& source, const EvaluationOptions& options) {
  data::require_range_source<S>();
  MethodEvaluation result;
  result.share.assign(static_cast<std::size_t>(options.models), 0.0);
  result.assignment.assign(static_cast<std::size_t>(options.kinds), result.share);
  result.confusion = metrics::Confusion<2>::zeros({options.classes, options.classes});
  std::vector<double>& ious = result.image_iou;
  Work work;
  double seconds = 0, patches = 0;
  if (options.how_far) options.how_far(0, source.size());
  for_each_chunk(source.size(), options.batch, [&](Index begin, Index end) {
    const auto batch = source.range(begin, end);
    const auto start = std::chrono::steady_clock::now();
    const Segmentation<T> answer = method.segment(batch.images, batch.ids);
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    work += answer.work;
    if (!answer.probability.empty())
      result.calibration.add(answer.labels, answer.probability, batch.labels, options.ignored);
    const auto counts = metrics::image_confusion(answer.labels, batch.labels, options.classes, options.ignored);
    const auto all = metrics::merge(counts);
    std::transform(all.data(), all.data() + all.numel(), result.confusion.data(), result.confusion.mutable_data(),
                   std::plus<>{});
    const auto iou = metrics::mean_iou<double>(counts, options.class_mean);
    ious.insert(ious.end(), iou.data(), iou.data() + iou.numel());
    const Index per_image = answer.answered_by.shape()[1];
    for (Index i = 0; i < answer.answered_by.numel(); ++i) {
      const auto model = static_cast<std::size_t>(answer.answered_by.data()[i]);
      const auto image = static_cast<std::size_t>(i / per_image);
      const auto kind = batch.kinds.empty() ? std::size_t{0} : static_cast<std::size_t>(batch.kinds[image]);
      if (i % per_image == 0) result.image_share.emplace_back(result.share.size(), 0.0);
      result.image_share.back().at(model) += 1 / static_cast<double>(per_image);
      result.share.at(model) += 1;
      result.assignment.at(kind).at(model) += 1;
      patches += 1;
    }
    if (options.how_far) options.how_far(end, source.size());
  });
  const double n = static_cast<double>(std::max<Index>(source.size(), 1));
  for (double& s : result.share) s /= std::max(patches, 1.0);
  const metrics::KnownValues known(ious);
  result.iou = known.mean;
  result.iou_std = known.deviation;
  result.gmac = method.costs.of(work) * 1e-9 / n;
  result.ms_per_image = 1e3 * seconds / n;
  return result;
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
