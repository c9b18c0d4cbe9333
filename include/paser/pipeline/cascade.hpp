#pragma once
#include "paser/core/macros_off.inc"

#include "paser/pipeline/routing_table.hpp"
#include "paser/pipeline/simple_policies.hpp"

namespace paser::pipeline {

/// What a choice of thresholds gives on the validation set.
struct CascadePoint {
  Thresholds thresholds;
  double iou = 0, gmac = 0;
};

/// Mean image IoU and mean 1e9 multiply-accumulates of the cascade: the estimator, then every model that a patch visits
/// on its way. costs: in multiply-accumulates.
inline CascadePoint evaluate_thresholds(const RoutingTable& table, const Thresholds& thresholds, const WorkCosts& costs,
                                        metrics::ClassMean class_mean) {
  CascadePoint point{thresholds, 0, 0};
  const double n = static_cast<double>(table.images);
  std::vector<double> ious;
  for (Index image = 0; image < table.images; ++image) {
    std::vector<Index> choice;
    double macs = costs.estimate;
    for (Index p = 0; p < table.patches; ++p) {
      const auto patch = static_cast<std::size_t>(image * table.patches + p);
      std::size_t model = 0;
      while (model < thresholds.size() && table.entropy[model][patch] > thresholds[model])
        macs += costs.patch.at(++model);
      choice.push_back(static_cast<Index>(model));
    }
    ious.push_back(metrics::mean_iou(table.composed(image, choice), class_mean));
    point.gmac += macs * 1e-9 / n;
  }
  point.iou = metrics::KnownValues(ious).mean;
  return point;
}

/// Every combination of `steps` thresholds per model, evenly spaced from one standard deviation below to one above the
/// mean entropy of that model's patches on validation data (the paper's search for its Eq. 5).
inline std::vector<CascadePoint> search_thresholds(const RoutingTable& table, const WorkCosts& costs,
                                                   metrics::ClassMean class_mean, Index steps = 21,
                                                   const HowFar& how_far = {}) {
  const std::size_t free = table.entropy.size() - 1;
  const double patches = static_cast<double>(table.images * table.patches);
  check<ValueError>(free >= 1 && patches >= 1 && steps >= 1, "search_thresholds",
                    "needs two models, a patch and a step");
  std::vector<std::vector<double>> candidates;
  for (std::size_t k = 0; k < free; ++k) {
    const auto& entropy = table.entropy[k];
    const double mean = std::accumulate(entropy.begin(), entropy.end(), 0.0) / patches;
    const double squares = std::inner_product(entropy.begin(), entropy.end(), entropy.begin(), 0.0) / patches;
    const double deviation = std::sqrt(std::max(0.0, squares - mean * mean));
    auto& c = candidates.emplace_back();
    for (Index i = 0; i < steps; ++i)
      c.push_back(mean +
                  deviation * (steps == 1 ? 0 : 2.0 * static_cast<double>(i) / static_cast<double>(steps - 1) - 1));
  }
  std::vector<CascadePoint> points;
  std::vector<std::size_t> place(free, 0);
  const auto total = static_cast<Index>(std::pow(static_cast<double>(steps), static_cast<double>(free)) + 0.5);
  if (how_far) how_far(0, total);
  for (bool more = true; more;) {
    Thresholds t;
    for (std::size_t k = 0; k < place.size(); ++k) t.push_back(candidates[k][place[k]]);
    points.push_back(evaluate_thresholds(table, t, costs, class_mean));
    if (how_far) how_far(static_cast<Index>(points.size()), total);
    more = false;
    for (std::size_t k = 0; k < place.size() && !more; ++k) {
      more = ++place[k] < candidates[k].size();
      if (!more) place[k] = 0;
    }
  }
  return points;
}

/// The point with the largest IoU per multiply-accumulate.
inline const CascadePoint& most_parsimonious(const std::vector<CascadePoint>& points) {
  return *std::max_element(points.begin(), points.end(), [](const CascadePoint& a, const CascadePoint& b) {
    return a.iou * b.gmac < b.iou * a.gmac;
  });
}

/// The cheapest point whose IoU is at least `iou`; when none is, the one with the largest IoU (the paper's "IoU
/// match").
inline const CascadePoint& iou_match(const std::vector<CascadePoint>& points, double iou) {
  const CascadePoint* best = nullptr;
  for (const CascadePoint& p : points)
    if (p.iou >= iou && (best == nullptr || p.gmac < best->gmac)) best = &p;
  if (best != nullptr) return *best;
  return *std::max_element(points.begin(), points.end(),
                           [](const CascadePoint& a, const CascadePoint& b) { return a.iou < b.iou; });
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
