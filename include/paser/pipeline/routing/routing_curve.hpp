#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <limits>
#include <map>
#include <numeric>

#include "paser/core/finite.hpp"
#include "paser/core/random.hpp"
#include "paser/pipeline/routing/router_examples.hpp"
#include "paser/pipeline/work.hpp"

/// Quality against cost: what a rule for routing gives at every price, read off a table of all models' answers, and
/// what random mixes of the single networks give for the same cost.
namespace paser::pipeline {

/// Where all patches go at one price.
struct CurvePoint {
  double price = 0;              ///< in gain per unit of cost; of an entropy or random curve, the threshold
  std::vector<Index> choices{};  ///< a model for every patch, image after image
};

/// From the dearest price, at which the coarse model answers everything, to the most generous.
using RoutingCurve = std::vector<CurvePoint>;

namespace detail {

/// A price that is lower than `value` by more than rounding. scale: of what differences between prices are like.
inline double just_below(double value, double scale) {
  const double step = 1e-3 * std::max(scale, std::abs(value));
  return value - (step > 0 ? step : 1e-3);
}

/// Falling thresholds, at most `points` of them, so that the numbers of scores above them are as evenly spaced as ties
/// allow: above the first, +inf, lies none, above the last, every one.
inline std::vector<double> even_thresholds(std::vector<double> scores, Index points) {
  check<ValueError>(points >= 2, "RoutingCurve", points, " points, expected at least 2");
  check<ValueError>(!scores.empty(), "RoutingCurve", "there are no patches");
  for (const double s : scores)
    check<ValueError>(is_finite(s), "RoutingCurve", "the score of a patch is ", s, ", expected a finite number");
  std::sort(scores.begin(), scores.end(), std::greater<>{});
  const std::size_t all = scores.size();
  const auto cuts = [&](std::size_t n) { return n == 0 || n == all || scores[n - 1] > scores[n]; };
  std::vector<double> thresholds{std::numeric_limits<double>::infinity()};
  std::size_t last = 0;
  for (Index j = 1; j < points; ++j) {
    const double wanted = static_cast<double>(j) * static_cast<double>(all) / static_cast<double>(points - 1);
    std::size_t low = std::min(static_cast<std::size_t>(std::llround(wanted)), all), high = low;
    while (!cuts(low)) --low;
    while (!cuts(high)) ++high;
    const std::size_t n = wanted - static_cast<double>(low) <= static_cast<double>(high) - wanted ? low : high;
    if (n <= last) continue;
    last = n;
    const double least = scores[all - 1];
    if (n < all) {
      thresholds.push_back(std::midpoint(scores[n - 1], scores[n]));
    } else {
      thresholds.push_back(least > 0 ? 0 : just_below(least, scores[0] - least));
    }
  }
  return thresholds;
}

/// Patches with scores above a threshold go to one model, at every threshold.
inline RoutingCurve threshold_curve(const std::vector<double>& scores, Index expert, Index points) {
  RoutingCurve curve;
  for (const double threshold : even_thresholds(scores, points)) {
    CurvePoint& point = curve.emplace_back();
    point.price = threshold;
    for (const double s : scores) point.choices.push_back(s > threshold ? expert : 0);
  }
  return curve;
}

/// The model of largest gain less price times cost, the cheapest of equals. gains: of models 1, 2, ...
inline Index choose_at(double price, const double* gains, const std::vector<double>& costs) {
  if (price == std::numeric_limits<double>::infinity()) return 0;
  std::size_t chosen = 0;
  double best = 0;
  for (std::size_t k = 1; k < costs.size(); ++k) {
    const double worth = gains[k - 1] - price * costs[k];
    if (worth > best || (worth == best && costs[k] < costs[chosen])) {
      best = worth;
      chosen = k;
    }
  }
  return static_cast<Index>(chosen);
}

inline void check_gains(const Tensor<double, 3>& gains, const std::vector<double>& costs) {
  check<ValueError>(gains.numel() > 0 && static_cast<Index>(costs.size()) == gains.shape()[2] + 1 && costs[0] == 0,
                    "curve_of_gains", costs.size(), " costs for gains ", gains.shape(),
                    "; expected one for each model, that of the coarse one 0");
  for (std::size_t k = 1; k < costs.size(); ++k)
    check<ValueError>(is_finite(costs[k]) && costs[k] > 0, "curve_of_gains", "a patch by model ", k, " costs ",
                      costs[k], ", expected a positive number");
}

inline void check_expert(const RoutingTable& table, Index expert) {
  check<ValueError>(expert >= 1 && expert < table.models(), "RoutingCurve", "there is no expert ", expert,
                    ", expected 1 .. ", table.models() - 1);
}

}  // namespace detail

/// The rule argmax_k gain_k - price cost_k at given prices, from the dearest: the coarse model has gain and cost 0,
/// ties go to the cheaper. gains: expected, of model k + 1 over the coarse one, (N, P, M - 1); costs: of one patch, M,
/// the first 0.
inline RoutingCurve curve_at(const Tensor<double, 3>& gains, const std::vector<double>& costs,
                             const std::vector<double>& prices) {
  detail::check_gains(gains, costs);
  const Index experts = gains.shape()[2];
  RoutingCurve curve;
  for (const double price : prices) {
    CurvePoint& point = curve.emplace_back();
    point.price = price;
    for (Index i = 0; i < gains.numel() / experts; ++i)
      point.choices.push_back(detail::choose_at(price, gains.data() + i * experts, costs));
  }
  return curve;
}

/// The curve of the rule argmax_k gain_k - price cost_k, in which the coarse model has gain and cost 0 and ties go to
/// the cheaper. Prices are such that the points lie evenly in the share of the patches that leave the coarse model, as
/// far as ties allow: from +inf, where none does, to one, mostly negative, where all do. With several experts a last
/// point follows at which all patches go to the dearest. With one expert this sorts the patches by gain per cost.
/// gains: expected, of model k + 1 over the coarse one, (N, P, M - 1); costs: of one patch, M, the first 0.
inline RoutingCurve curve_of_gains(const Tensor<double, 3>& gains, const std::vector<double>& costs,
                                   Index points = 41) {
  detail::check_gains(gains, costs);
  const Index experts = gains.shape()[2], patches = gains.numel() / experts;
  const auto dearest = static_cast<std::size_t>(std::max_element(costs.begin(), costs.end()) - costs.begin());
  // Below its own critical price a patch leaves the coarse model; below `to_dearest` all are with the dearest.
  std::vector<double> critical;
  double to_dearest = std::numeric_limits<double>::infinity();
  for (Index i = 0; i < patches; ++i) {
    const double* const g = gains.data() + i * experts;
    double most = -std::numeric_limits<double>::infinity();
    for (std::size_t k = 1; k < costs.size(); ++k) {
      most = std::max(most, g[k - 1] / costs[k]);
      if (costs[k] < costs[dearest])
        to_dearest = std::min(to_dearest, (g[dearest - 1] - g[k - 1]) / (costs[dearest] - costs[k]));
    }
    critical.push_back(most);
  }
  std::vector<double> prices = detail::even_thresholds(critical, points);
  if (is_finite(to_dearest) && to_dearest <= prices.back()) {
    const auto [low, high] = std::minmax_element(critical.begin(), critical.end());
    prices.push_back(detail::just_below(to_dearest, *high - *low));
  }
  return curve_at(gains, costs, prices);
}

/// The entropy cascade of one pass at all thresholds: the patches on which the coarse model's answer has the largest
/// mean entropy go to one expert. Its prices are thresholds in nats.
inline RoutingCurve entropy_curve(const RoutingTable& table, Index expert, Index points = 41) {
  detail::check_expert(table, expert);
  return detail::threshold_curve(table.entropy[0], expert, points);
}

/// Patches drawn at random go to one expert: what is known of a patch is not used.
inline RoutingCurve random_curve(const RoutingTable& table, Index expert, Key key, Index points = 41) {
  detail::check_expert(table, expert);
  std::vector<double> scores;
  for (Index i = 0; i < table.images * table.patches; ++i) scores.push_back(key.uniform(static_cast<std::uint64_t>(i)));
  return detail::threshold_curve(scores, expert, points);
}

/// The curve of the true additive gains. Greedy: gains of first order add up only as long as few patches change, so
/// that this is not a bound.
inline RoutingCurve oracle_curve(const RoutingTable& table, const std::vector<double>& costs, Index points = 41,
                                 metrics::ClassMean class_mean = metrics::ClassMean::present,
                                 metrics::GainReference reference = metrics::GainReference::set) {
  return curve_of_gains(true_gains(table, reference, class_mean), costs, points);
}

/// What the work costs, in both units.
struct CurveCosts {
  WorkCosts ms{}, macs{};
};

/// What one point of a curve, or one network alone, gives and takes.
struct MeasuredPoint {
  double price = 0;
  double share = 0;              ///< of the patches that left the coarse model
  std::vector<double> shares{};  ///< of the patches by the model that answered; they sum to 1
  double iou = 0;                ///< mean IoU over the classes, from the counts of the whole set
  double image_iou = 0;          ///< the same image by image, in the mean over images
  double ms = 0;                 ///< per image
  double gmac = 0;               ///< 1e9 multiply-accumulates per image
};

namespace detail {

/// Counts of every image, (N, K, K), when each patch is answered by the model chosen for it.
inline metrics::Confusion<3> image_counts(const RoutingTable& table, const std::vector<Index>& choices) {
  table.check_choices(choices);
  const Index cells = table.classes * table.classes;
  auto sums = metrics::Confusion<3>::zeros({table.images, table.classes, table.classes});
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const Index k = choices[i], patch = static_cast<Index>(i);
    const Index* const counts = table.confusion[static_cast<std::size_t>(k)].data() + patch * cells;
    Index* const out = sums.mutable_data() + patch / table.patches * cells;
    std::transform(out, out + cells, counts, out, std::plus<>{});
  }
  return sums;
}

/// Patches by model.
inline std::vector<Index> patches_by_model(const RoutingTable& table, const std::vector<Index>& choices) {
  table.check_choices(choices);
  std::vector<Index> counts(static_cast<std::size_t>(table.models()), 0);
  for (const Index k : choices) ++counts[static_cast<std::size_t>(k)];
  return counts;
}

/// Images that are drawn together, such as the tiles of one file.
struct GroupedImages {
  std::vector<std::size_t> of_image;
  std::vector<double> images;  ///< in each group

  std::size_t size() const { return images.size(); }
};

inline GroupedImages grouped(Index images, const std::vector<Index>& groups) {
  check<ValueError>(groups.empty() || static_cast<Index>(groups.size()) == images, "groups", "there are groups of ",
                    groups.size(), " images, expected ", images);
  GroupedImages result;
  std::map<Index, std::size_t> numbers;
  for (Index i = 0; i < images; ++i) {
    const Index name = groups.empty() ? i : groups[static_cast<std::size_t>(i)];
    const std::size_t g = numbers.try_emplace(name, numbers.size()).first->second;
    result.of_image.push_back(g);
    if (g == result.images.size()) result.images.push_back(0);
    ++result.images[g];
  }
  return result;
}

/// Quality and shares of given choices; costs are those of `work` on all images.
inline MeasuredPoint measured(const RoutingTable& table, const std::vector<Index>& choices, const Work& work,
                              const CurveCosts& costs, metrics::ClassMean class_mean) {
  MeasuredPoint point;
  const metrics::Confusion<3> counts = image_counts(table, choices);
  const auto ious = metrics::mean_iou<double>(counts, class_mean);
  const double n = static_cast<double>(table.images), patches = static_cast<double>(choices.size());
  point.iou = metrics::mean_iou(metrics::merge(counts), class_mean);
  point.image_iou = metrics::KnownValues(ious.values()).mean;
  const std::vector<Index> by_model = patches_by_model(table, choices);
  for (const Index c : by_model) point.shares.push_back(static_cast<double>(c) / patches);
  point.share = 1 - static_cast<double>(by_model[0]) / patches;
  point.ms = costs.ms.of(work) / n;
  point.gmac = costs.macs.of(work) * 1e-9 / n;
  return point;
}

}  // namespace detail

/// What every point of a curve gives and takes: of each image the estimator, the decision, and the experts' patches.
/// Throws ValueError when choices do not fit the table, or a model that ran has no cost.
inline std::vector<MeasuredPoint> measure(const RoutingTable& table, const RoutingCurve& curve, const CurveCosts& costs,
                                          metrics::ClassMean class_mean = metrics::ClassMean::present) {
  std::vector<MeasuredPoint> points;
  for (const CurvePoint& p : curve) {
    Work work{.estimated = table.images, .coarse = 0, .patches = detail::patches_by_model(table, p.choices)};
    work.patches[0] = 0;
    points.push_back(detail::measured(table, p.choices, work, costs, class_mean));
    points.back().price = p.price;
  }
  return points;
}

/// One network alone, without a router: the coarse one in one pass over each image, another on every patch. corrected:
/// the network corrects the coarse one's answer, whose pass it needs too.
inline MeasuredPoint single(const RoutingTable& table, Index k, const CurveCosts& costs, bool corrected = false,
                            metrics::ClassMean class_mean = metrics::ClassMean::present) {
  check<ValueError>(k >= 0 && k < table.models(), "single", "there is no model ", k, ", expected 0 .. ",
                    table.models() - 1);
  const Index patches = table.images * table.patches;
  Work work{.estimated = 0, .coarse = k == 0 || corrected ? table.images : 0, .patches = {}};
  work.patches.assign(static_cast<std::size_t>(table.models()), 0);
  if (k > 0) work.patches[static_cast<std::size_t>(k)] = patches;
  return detail::measured(table, std::vector<Index>(static_cast<std::size_t>(patches), k), work, costs, class_mean);
}

/// Straight lines between knots, whose x do not fall; constant outside of them. Where several knots have one x the last
/// of them counts at x itself.
using Knots = std::vector<std::array<double, 2>>;

namespace detail {

inline double value_at(const Knots& knots, double x) {
  const auto above =
      std::upper_bound(knots.begin(), knots.end(), x, [](double v, const auto& knot) { return v < knot[0]; });
  if (above == knots.begin()) return knots.front()[1];
  if (above == knots.end()) return knots.back()[1];
  const auto& below = *(above - 1);
  return std::lerp(below[1], (*above)[1], (x - below[0]) / ((*above)[0] - below[0]));
}

/// The mean over x in [low, high].
inline double mean_between(const Knots& knots, double low, double high) {
  double area = 0, x = low, y = value_at(knots, low);
  const auto go_to = [&](double next_x, double next_y) {
    area += (next_x - x) * (y + next_y) / 2;
    x = next_x;
    y = next_y;
  };
  for (const auto& [knot_x, knot_y] : knots)
    if (knot_x > low && knot_x <= high) go_to(knot_x, knot_y);
  if (x < high) go_to(high, value_at(knots, high));
  return area / (high - low);
}

}  // namespace detail

/// Corners of the upper concave hull of points (ms, IoU), by rising cost: what random mixes of them give at best. It
/// ends at the point of largest IoU, the cheapest of equals.
inline Knots upper_hull(Knots points) {
  std::sort(points.begin(), points.end(),
            [](const auto& a, const auto& b) { return a[0] != b[0] ? a[0] < b[0] : a[1] > b[1]; });
  Knots hull;
  for (const auto& p : points) {
    if (!hull.empty() && p[1] <= hull.back()[1]) continue;
    // The last corner goes when it does not lie above the line from the one before it to the point.
    while (hull.size() >= 2) {
      const auto &a = hull[hull.size() - 2], &b = hull.back();
      if ((b[1] - a[1]) * (p[0] - a[0]) > (p[1] - a[1]) * (b[0] - a[0])) break;
      hull.pop_back();
    }
    hull.push_back(p);
  }
  return hull;
}

/// What the best random mix of single networks gives for this cost: linear between corners of their hull, constant
/// beyond the best, NaN below the cheapest.
inline double hull_iou(const std::vector<MeasuredPoint>& singles, double ms) {
  check<ValueError>(!singles.empty(), "hull_iou", "there are no networks");
  Knots points;
  for (const MeasuredPoint& s : singles) points.push_back({s.ms, s.iou});
  const Knots hull = upper_hull(std::move(points));
  return ms < hull.front()[0] ? std::numeric_limits<double>::quiet_NaN() : detail::value_at(hull, ms);
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
