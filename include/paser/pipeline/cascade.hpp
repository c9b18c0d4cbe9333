#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>

#include "paser/pipeline/cost.hpp"
#include "paser/pipeline/routing_table.hpp"
#include "paser/pipeline/simple_policies.hpp"

namespace paser::pipeline {

/// What a choice of thresholds gives on the validation set.
struct CascadePoint {
  Thresholds thresholds;
  double iou = 0, gmac = 0;
  std::vector<double> visits{};  ///< by model: share of the patches that it answers, the last or on the way
};

/// Mean image IoU and mean 1e9 multiply-accumulates of the cascade: the estimator, then every model that a patch visits
/// on its way. costs: in multiply-accumulates.
inline CascadePoint evaluate_thresholds(const RoutingTable& table, const Thresholds& thresholds, const WorkCosts& costs,
                                        metrics::ClassMean class_mean) {
  CascadePoint point{thresholds, 0, 0, std::vector<double>(table.entropy.size())};
  const double n = static_cast<double>(table.images), patches = n * static_cast<double>(table.patches);
  std::vector<double> ious;
  for (Index image = 0; image < table.images; ++image) {
    std::vector<Index> choice;
    double macs = costs.estimate;
    for (Index p = 0; p < table.patches; ++p) {
      const auto patch = static_cast<std::size_t>(image * table.patches + p);
      std::size_t model = 0;
      point.visits[0] += 1 / patches;
      while (model < thresholds.size() && table.entropy[model][patch] > thresholds[model]) {
        macs += costs.patch.at(++model);
        point.visits[model] += 1 / patches;
      }
      choice.push_back(static_cast<Index>(model));
    }
    ious.push_back(metrics::mean_iou(table.composed(image, choice), class_mean));
    point.gmac += macs * 1e-9 / n;
  }
  point.iou = metrics::KnownValues(ious).mean;
  return point;
}

/// The most combinations that search_thresholds takes: each is kept, and is evaluated on all patches.
inline constexpr double most_cascade_points = 1e6;

/// Thresholds per model for a search that ends in time, whose combinations multiply with every model: 21 for up to
/// three, at most 7 for more, and no more than 100,000 combinations as long as that leaves two thresholds.
inline Index cascade_steps(Index models) {
  Index steps = models <= 3 ? 21 : 7;
  const auto fits = [models](Index s) {
    return std::pow(static_cast<double>(s), static_cast<double>(models - 1)) <= (s > 2 ? 1e5 : most_cascade_points);
  };
  while (steps > 1 && !fits(steps)) --steps;
  return steps;
}

/// Every combination of `steps` thresholds per model, evenly spaced from one standard deviation below to one above the
/// mean entropy of that model's patches on validation data (the paper's search for its Eq. 5); one is the mean. Throws
/// ValueError for more than most_cascade_points combinations: see cascade_steps.
inline std::vector<CascadePoint> search_thresholds(const RoutingTable& table, const WorkCosts& costs,
                                                   metrics::ClassMean class_mean, Index steps = 21,
                                                   const HowFar& how_far = {}) {
  const std::size_t free = table.entropy.size() - 1;
  const double patches = static_cast<double>(table.images * table.patches);
  check<ValueError>(free >= 1 && patches >= 1 && steps >= 1, "search_thresholds",
                    "needs two models, a patch and a step");
  const double combinations = std::pow(static_cast<double>(steps), static_cast<double>(free));
  check<ValueError>(combinations <= most_cascade_points, "search_thresholds", steps, " thresholds for each of ", free,
                    " models are ", combinations, " combinations, expected at most ", most_cascade_points,
                    ": take fewer thresholds");
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
  const auto total = static_cast<Index>(std::llround(combinations));
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

/// What a cascade loses with these costs of a patch by model: (1 - lambda) (1 - IoU) + lambda times the mean cost of a
/// patch, which pays for every model on its way. The cost-aware objective of Wang et al. (2018) with the weights of
/// PaSeR's reward (Eq. 2), so that both seek the same trade. Throws ValueError unless there is a cost for each model.
inline double cascade_loss(const CascadePoint& point, const Costs& costs, double lambda) {
  check<ValueError>(costs.size() == point.visits.size(), "cascade_loss", costs.size(), " costs of ",
                    point.visits.size(), " models");
  const double cost = std::inner_product(costs.begin(), costs.end(), point.visits.begin(), 0.0);
  return (1 - lambda) * (1 - point.iou) + lambda * cost;
}

/// The point of the smallest cascade_loss.
inline const CascadePoint& cost_aware(const std::vector<CascadePoint>& points, const Costs& costs, double lambda) {
  return *std::min_element(points.begin(), points.end(), [&](const CascadePoint& a, const CascadePoint& b) {
    return cascade_loss(a, costs, lambda) < cascade_loss(b, costs, lambda);
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
