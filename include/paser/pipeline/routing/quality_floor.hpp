#pragma once
#include "paser/core/macros_off.inc"

#include <span>

#include "paser/pipeline/routing/routing_curve.hpp"

/// The cheapest price that keeps a quality, with a guarantee: learn then test (Angelopoulos et al. 2021,
/// arXiv:2110.01052).
namespace paser::pipeline {

/// The points of a curve and what each loses on every image. The guarantee asks that nothing of this was chosen on
/// these images: networks, router and prices come from others.
struct FloorCandidates {
  /// losses[i][g]: at point i of the curve, IoU of the best single network less that of the routed answer, of an image
  /// or, in the mean, of a group of images; in [-1, 1]. Groups are independent.
  std::vector<std::vector<double>> losses{};
  std::vector<double> prices{};  ///< of every point, from the dearest
  std::vector<double> ms{};      ///< per image at every point
  double best_ms = 0;            ///< per image, the best single network alone
};

/// What is certified.
struct FloorChoice {
  bool certified = false;
  std::size_t point = 0;  ///< of the curve; this and what follows only where one is certified
  double price = 0;
  double cost_saved = 0;  ///< share of the best network's milliseconds; negative where it is dearer
};

namespace detail {

inline void check_floor(const FloorCandidates& c, double confidence) {
  check<ValueError>(confidence > 0 && confidence < 1, "certify_floor", "the confidence is ", confidence,
                    ", expected a number between 0 and 1");
  check<ValueError>(!c.losses.empty() && c.prices.size() == c.losses.size() && c.ms.size() == c.losses.size(),
                    "certify_floor", c.prices.size(), " prices and ", c.ms.size(), " costs for losses at ",
                    c.losses.size(), " points, expected as many and at least one");
  check<ValueError>(c.best_ms > 0, "certify_floor", "the best network takes ", c.best_ms,
                    " ms, expected a positive number");
  for (const auto& losses : c.losses) {
    check<ValueError>(!losses.empty() && losses.size() == c.losses[0].size(), "certify_floor", losses.size(),
                      " losses at one point, ", c.losses[0].size(), " at the first, expected as many and at least one");
    for (const double loss : losses)
      check<ValueError>(std::abs(loss) <= 1 + 1e-9, "certify_floor", "a loss is ", loss, ", expected -1 .. 1");
  }
}

}  // namespace detail

/// p-value of the hypothesis that the mean of independent values in [0, 1] is at least `mean`: a bettor stakes on each
/// value that it lies below, by what the values before it were like, and 1 / p is the most that a capital of 1 has
/// grown to. Valid for any number of values (Ville's inequality). Bets are the predictable plug-in ones of Waudby-Smith
/// and Ramdas, "Estimating means of bounded random variables by betting" (JRSS B, 2023), for the level `alpha`: larger
/// where the variance so far is small, and never more than 9/10 of what the worst value would ruin.
inline double betting_p_value(std::span<const double> values, double mean, double alpha) {
  check<ValueError>(mean > 0 && mean < 1, "betting_p_value", "the mean is ", mean,
                    ", expected a number between 0 and 1");
  const double n = static_cast<double>(values.size()), most = 0.9 / (1 - mean);
  double log_capital = 0, highest = 0, sum = 0.5, squares = 0.25, count = 1;
  for (const double x : values) {
    const double bet = std::min(most, std::sqrt(2 * std::log(1 / alpha) * count / (n * squares)));
    log_capital += std::log1p(bet * (mean - x));
    highest = std::max(highest, log_capital);
    ++count;
    sum += x;
    const double deviation = x - sum / count;
    squares += deviation * deviation;
  }
  return std::exp(-highest);
}

/// The cheapest point of which it is certified that the mean loss is at most `e`: with this probability over the images
/// no point that passes loses more. Points are tested from the most generous to the dearest at the full level, until
/// one fails (fixed-sequence testing). Images are looked at in an order that the key draws, so that it does not matter
/// how they are sorted. e may be negative: better than the best network by that much.
inline FloorChoice certify_floor(const FloorCandidates& candidates, double e, double confidence = 0.9,
                                 Key key = Key{}) {
  detail::check_floor(candidates, confidence);
  check<ValueError>(e > -1 && e < 1, "certify_floor", "the floor lies ", e,
                    " below the best network, expected a number between -1 and 1");
  const std::vector<Index> order = permutation(key, static_cast<Index>(candidates.losses[0].size()));
  FloorChoice choice;
  for (std::size_t i = candidates.losses.size(); i-- > 0;) {
    std::vector<double> values;
    values.reserve(order.size());
    for (const Index g : order) values.push_back((candidates.losses[i][static_cast<std::size_t>(g)] + 1) / 2);
    if (betting_p_value(values, (e + 1) / 2, 1 - confidence) > 1 - confidence) break;
    const double saved = 1 - candidates.ms[i] / candidates.best_ms;
    if (!choice.certified || saved > choice.cost_saved) choice = {true, i, candidates.prices[i], saved};
  }
  return choice;
}

/// The smallest e at which certify_floor certifies a point that costs less than the best network, to 1e-6; NaN where it
/// never does.
inline double smallest_certifiable(const FloorCandidates& candidates, double confidence = 0.9, Key key = Key{}) {
  const auto saves = [&](double e) {
    const FloorChoice choice = certify_floor(candidates, e, confidence, key);
    return choice.certified && choice.cost_saved > 0;
  };
  // What is certified at e is certified at any larger one: the capital grows with the mean that is bet against.
  double low = -1 + 1e-9, high = 1 - 1e-9;
  if (!saves(high)) return std::numeric_limits<double>::quiet_NaN();
  while (high - low > 1e-6) {
    const double middle = std::midpoint(low, high);
    (saves(middle) ? high : low) = middle;
  }
  return high;
}

/// The points of a curve as candidates. best: the single network that the floor is measured against; corrected: it
/// corrects the coarse one's answer; groups: as CurveReportOptions::groups. Images without a counted pixel have no loss
/// and are left out. Throws ValueError when no image has one.
inline FloorCandidates floor_candidates(const RoutingTable& table, const RoutingCurve& curve, const CurveCosts& costs,
                                        Index best, bool corrected,
                                        metrics::ClassMean class_mean = metrics::ClassMean::present,
                                        const std::vector<Index>& groups = {}) {
  FloorCandidates candidates;
  candidates.best_ms = single(table, best, costs, corrected, class_mean).ms;
  for (const MeasuredPoint& p : measure(table, curve, costs, class_mean)) {
    candidates.prices.push_back(p.price);
    candidates.ms.push_back(p.ms);
  }
  const auto ious = [&](const std::vector<Index>& choices) {
    return metrics::mean_iou<double>(detail::image_counts(table, choices), class_mean);
  };
  const auto reference = ious(std::vector<Index>(static_cast<std::size_t>(table.images * table.patches), best));
  std::vector<Index> counted, counted_groups;
  for (Index i = 0; i < table.images; ++i) {
    if (is_nan(reference.data()[i])) continue;
    counted.push_back(i);
    if (!groups.empty()) counted_groups.push_back(groups.at(static_cast<std::size_t>(i)));
  }
  check<ValueError>(!counted.empty(), "floor_candidates", "none of the ", table.images, " images has a counted pixel");
  const detail::GroupedImages grouped = detail::grouped(static_cast<Index>(counted.size()), counted_groups);
  for (const CurvePoint& p : curve) {
    std::vector<double>& losses = candidates.losses.emplace_back(grouped.size(), 0.0);
    const auto routed = ious(p.choices);
    for (std::size_t n = 0; n < counted.size(); ++n) {
      const std::size_t g = grouped.of_image[n];
      losses[g] += (reference.data()[counted[n]] - routed.data()[counted[n]]) / grouped.images[g];
    }
  }
  return candidates;
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
