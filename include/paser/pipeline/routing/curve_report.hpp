#pragma once
#include "paser/core/macros_off.inc"

#include <string>

#include "paser/core/finite.hpp"
#include "paser/metrics/statistics.hpp"
#include "paser/pipeline/routing/routing_curve.hpp"

/// Whether routing pays: figures of a curve beside those of random mixes and of the entropy cascade, with intervals.
namespace paser::pipeline {

/// What is reported.
struct CurveReportOptions {
  int resamples = 1000;
  /// Areas are means over the cost from `from` to `to` of the way from f1 alone to the best expert alone.
  double from = 0.1, to = 0.5;
  metrics::ClassMean class_mean = metrics::ClassMean::present;
  /// Of every image: those of one group, such as the tiles of one file, are resampled together. Empty: each its own.
  std::vector<Index> groups{};
};

/// One network alone.
struct SingleNetwork {
  std::string name{};  ///< f1, f2, ...
  double iou = 0, image_iou = 0, ms = 0, gmac = 0;
};

/// What a curve is worth. IoU is that of the whole set. Intervals hold 95 %: percentiles of a bootstrap over groups of
/// images (Efron and Tibshirani 1993), the same resample for every curve; which expert is best is fixed on all images.
/// NaN: not defined, where the best expert gains nothing or costs no more than f1.
struct CurveReport {
  /// That are resampled; with a few, intervals are rough, and with one there is none. Groups without a counted pixel
  /// say nothing of a network and are left out, of all figures but the points and the single networks.
  Index groups = 0;
  double gap = 0;  ///< IoU of the best single expert less that of f1
  std::array<double, 2> gap_interval{};
  /// Mean over the share of the patches that leave f1, 0 to 1, of the share of the gap that is closed ("average
  /// performance gap recovered", Ong et al., "RouteLLM", 2024).
  double apgr = 0;
  /// Mean over the cost, in a window that the options name, of the IoU above that of the best random mix of the single
  /// networks, and above that of the entropy cascade. z: the area over its standard deviation in the bootstrap.
  double area_over_hull = 0, z_over_hull = 0;
  double area_over_entropy = 0, z_over_entropy = 0;
  std::array<double, 2> area_over_hull_interval{}, area_over_entropy_interval{};
  std::map<std::string, double> closed{};  ///< share of the gap closed, by the share of the patches that leave f1
  std::map<std::string, double> ms_at{};   ///< milliseconds to close a share of the gap, by that share; NaN if never
  std::vector<SingleNetwork> singles{};
  std::vector<MeasuredPoint> curve{}, entropy{};
  /// "routing pays", "nothing to route", "no gain over a mix of the networks", or, where there is no interval, "nothing
  /// is known: no pixel was counted" or "nothing is known: one file"
  std::string verdict{};
};

namespace detail {

/// The least x at which a value is reached; NaN if none.
inline double first_reaching(const Knots& knots, double value) {
  for (std::size_t i = 0; i < knots.size(); ++i) {
    if (knots[i][1] < value) continue;
    if (i == 0) return knots[0][0];
    const auto &a = knots[i - 1], &b = knots[i];
    return std::lerp(a[0], b[0], (value - a[1]) / (b[1] - a[1]));
  }
  return std::numeric_limits<double>::quiet_NaN();
}

/// Groups in which some pixel is counted, numbered anew; images of the others are of group size().
inline GroupedImages counted_groups(const RoutingTable& table, const GroupedImages& all) {
  std::vector<bool> counted(all.size(), false);
  const Index cells = table.patches * table.classes * table.classes;
  for (std::size_t i = 0; i < all.of_image.size(); ++i)
    for (const metrics::Confusion<4>& of_model : table.confusion) {
      const Index* const counts = of_model.data() + static_cast<Index>(i) * cells;
      if (std::any_of(counts, counts + cells, [](Index n) { return n != 0; })) counted[all.of_image[i]] = true;
    }
  GroupedImages result;
  std::vector<std::size_t> number(all.size());
  for (std::size_t g = 0; g < all.size(); ++g) {
    number[g] = result.size();
    if (counted[g]) result.images.push_back(all.images[g]);
  }
  for (const std::size_t g : all.of_image) result.of_image.push_back(counted[g] ? number[g] : result.size());
  return result;
}

/// What some choices give, summed over the images of each group, so that a resample is a weighted sum.
struct GroupSums {
  std::vector<double> overlap;  ///< (groups, 2 K): pixels in the intersection of each class, then in its union
  std::vector<double> ms;       ///< milliseconds of all images of a group
  std::vector<double> left;     ///< patches that left the coarse model
};

/// One point of a resample.
struct ResampledPoint {
  double iou = 0, ms = 0, share = 0;
};

/// costs: of a router in milliseconds.
inline GroupSums group_sums(const RoutingTable& table, const std::vector<Index>& choices, const WorkCosts& costs,
                            const GroupedImages& groups) {
  const metrics::Confusion<3> counts = image_counts(table, choices);
  const auto classes = static_cast<std::size_t>(table.classes);
  GroupSums sums{std::vector<double>(groups.size() * 2 * classes, 0.0), std::vector<double>(groups.size(), 0.0),
                 std::vector<double>(groups.size(), 0.0)};
  for (Index image = 0; image < table.images; ++image) {
    const std::size_t g = groups.of_image[static_cast<std::size_t>(image)];
    if (g == groups.size()) continue;
    for (std::size_t k = 0; k < classes; ++k) {
      const metrics::detail::Overlap overlap(counts.data() + image * table.classes * table.classes, table.classes,
                                             static_cast<Index>(k));
      sums.overlap[g * 2 * classes + k] += static_cast<double>(overlap.both);
      sums.overlap[g * 2 * classes + classes + k] += static_cast<double>(overlap.either);
    }
    sums.ms[g] += costs.estimate + costs.decide;
  }
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const std::size_t g = groups.of_image[i / static_cast<std::size_t>(table.patches)];
    if (g == groups.size() || choices[i] == 0) continue;
    sums.ms[g] += costs.patch[static_cast<std::size_t>(choices[i])];
    ++sums.left[g];
  }
  return sums;
}

/// A point when every group counts `weight` times. overlap: room for 2 K numbers.
inline ResampledPoint resampled(const GroupSums& sums, const std::vector<double>& weight, const GroupedImages& groups,
                                double patches, metrics::ClassMean class_mean, std::vector<double>& overlap) {
  std::fill(overlap.begin(), overlap.end(), 0.0);
  double images = 0;
  ResampledPoint point;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    if (weight[g] == 0) continue;
    const double* const in = sums.overlap.data() + g * overlap.size();
    double* const out = overlap.data();
    for (std::size_t c = 0; c < overlap.size(); ++c) out[c] += weight[g] * in[c];
    images += weight[g] * groups.images[g];
    point.ms += weight[g] * sums.ms[g];
    point.share += weight[g] * sums.left[g];
  }
  point.ms /= images;
  point.share /= images * patches;
  const std::size_t classes = overlap.size() / 2;
  double present = 0;
  for (std::size_t k = 0; k < classes; ++k) {
    if (overlap[classes + k] == 0) continue;
    ++present;
    point.iou += overlap[k] / overlap[classes + k];
  }
  const double counted = class_mean == metrics::ClassMean::all ? static_cast<double>(classes) : present;
  point.iou = present > 0 ? point.iou / counted : std::numeric_limits<double>::quiet_NaN();
  return point;
}

/// All that is resampled, and what does not change with the sample.
struct CurveSums {
  GroupedImages groups;
  std::vector<GroupSums> singles, curve, entropy;
  std::vector<double> single_ms;
  std::size_t best = 1;      ///< expert
  double low = 0, high = 0;  ///< the window of areas, ms
  double patches = 1;        ///< of an image
  std::size_t classes = 2;
  metrics::ClassMean class_mean{};

  bool has_area() const { return high > low; }
};

/// The figures of one resample.
struct ResampledFigures {
  double coarse = 0, gap = 0;
  double area_over_hull = std::numeric_limits<double>::quiet_NaN(), area_over_entropy = area_over_hull;
  Knots by_ms{}, by_share{};  ///< IoU of the curve
};

/// IoU by milliseconds. Who pays for less than the cheapest point has f1's answer.
inline Knots knots_by_ms(std::vector<ResampledPoint> points, double coarse_ms, double coarse_iou) {
  std::stable_sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.ms < b.ms; });
  Knots knots;
  if (coarse_ms < points.front().ms) knots = {{coarse_ms, coarse_iou}, {points.front().ms, coarse_iou}};
  for (const ResampledPoint& p : points) knots.push_back({p.ms, p.iou});
  return knots;
}

inline Knots knots_by_share(std::vector<ResampledPoint> points) {
  std::stable_sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.share < b.share; });
  Knots knots;
  knots.reserve(points.size());
  for (const ResampledPoint& p : points) knots.push_back({p.share, p.iou});
  return knots;
}

inline ResampledFigures figures(const CurveSums& sums, const std::vector<double>& weight) {
  std::vector<double> overlap(2 * sums.classes);
  const auto points_of = [&](const std::vector<GroupSums>& all) {
    std::vector<ResampledPoint> points;
    points.reserve(all.size());
    for (const GroupSums& s : all)
      points.push_back(resampled(s, weight, sums.groups, sums.patches, sums.class_mean, overlap));
    return points;
  };
  ResampledFigures f;
  if (sums.groups.size() == 0) {
    f.coarse = f.gap = std::numeric_limits<double>::quiet_NaN();
    return f;
  }
  const std::vector<ResampledPoint> singles = points_of(sums.singles), curve = points_of(sums.curve);
  f.coarse = singles[0].iou;
  f.gap = singles[sums.best].iou - f.coarse;
  f.by_ms = knots_by_ms(curve, sums.single_ms[0], f.coarse);
  f.by_share = knots_by_share(curve);
  if (!sums.has_area()) return f;
  Knots networks;
  for (std::size_t k = 0; k < singles.size(); ++k) networks.push_back({sums.single_ms[k], singles[k].iou});
  const Knots hull = upper_hull(std::move(networks));
  const Knots entropy = knots_by_ms(points_of(sums.entropy), sums.single_ms[0], f.coarse);
  const double mean = mean_between(f.by_ms, sums.low, sums.high);
  f.area_over_hull = mean - mean_between(hull, sums.low, sums.high);
  f.area_over_entropy = mean - mean_between(entropy, sums.low, sums.high);
  return f;
}

/// The figures of every resample, groups drawn with replacement.
inline std::vector<ResampledFigures> bootstrap(const CurveSums& sums, int resamples, Key key) {
  std::vector<ResampledFigures> all;
  const std::size_t n = sums.groups.size();
  for (int r = 0; r < resamples; ++r) {
    const Key draws = key.fold(static_cast<std::uint64_t>(r));
    std::vector<double> weight(n, 0.0);
    for (std::size_t i = 0; i < n; ++i)
      ++weight[static_cast<std::size_t>(draws.uniform_int(static_cast<std::uint64_t>(i), static_cast<Index>(n)))];
    all.push_back(figures(sums, weight));
  }
  return all;
}

/// 95 % interval and standard deviation of one figure over the resamples; NaN where it is not defined.
struct Spread {
  std::array<double, 2> interval;
  double deviation = 0;
};
inline Spread spread_of(const std::vector<ResampledFigures>& resamples, double ResampledFigures::*figure,
                        std::size_t groups) {
  std::vector<double> values;
  values.reserve(resamples.size());
  for (const ResampledFigures& f : resamples) values.push_back(f.*figure);
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (groups < 2 || std::any_of(values.begin(), values.end(), [](double v) { return is_nan(v); }))
    return {{nan, nan}, nan};
  return {{metrics::quantile(values, 0.025), metrics::quantile(values, 0.975)}, metrics::standard_deviation(values)};
}
inline double z_of(double area, double deviation) {
  return deviation > 0 ? area / deviation : std::numeric_limits<double>::quiet_NaN();
}

/// A threshold on the mean entropy takes no time to speak of.
inline CurveCosts without_decision(CurveCosts costs) {
  costs.ms.decide = costs.macs.decide = 0;
  return costs;
}

inline CurveSums curve_sums(const RoutingTable& table, const RoutingCurve& learned, const RoutingCurve& entropy,
                            const CurveCosts& costs, const CurveReportOptions& options,
                            const std::vector<MeasuredPoint>& singles) {
  CurveSums sums;
  sums.groups = counted_groups(table, grouped(table.images, options.groups));
  sums.patches = static_cast<double>(table.patches);
  sums.classes = static_cast<std::size_t>(table.classes);
  sums.class_mean = options.class_mean;
  const CurveCosts of_entropy = without_decision(costs);
  const auto add = [&](std::vector<GroupSums>& to, const std::vector<Index>& choices, const CurveCosts& of) {
    to.push_back(group_sums(table, choices, of.ms, sums.groups));
  };
  for (std::size_t k = 0; k < singles.size(); ++k) {
    add(sums.singles, std::vector<Index>(learned[0].choices.size(), static_cast<Index>(k)), costs);
    sums.single_ms.push_back(singles[k].ms);
    if (k > 1 && singles[k].iou > singles[sums.best].iou) sums.best = k;
  }
  for (const CurvePoint& p : learned) add(sums.curve, p.choices, costs);
  for (const CurvePoint& p : entropy) add(sums.entropy, p.choices, of_entropy);
  const double way = sums.single_ms[sums.best] - sums.single_ms[0];
  sums.low = sums.single_ms[0] + options.from * way;
  sums.high = sums.single_ms[0] + options.to * way;
  return sums;
}

/// The parts of a report that are shares of the gap.
inline void share_the_gap(const ResampledFigures& f, CurveReport& report) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const bool defined = f.gap > 0;
  report.apgr = defined ? (mean_between(f.by_share, 0, 1) - f.coarse) / f.gap : nan;
  for (const auto& [name, share] : {std::pair("0.1", 0.1), {"0.2", 0.2}, {"0.3", 0.3}, {"0.5", 0.5}})
    report.closed[name] = defined ? (value_at(f.by_share, share) - f.coarse) / f.gap : nan;
  for (const auto& [name, part] : {std::pair("0.5", 0.5), {"0.8", 0.8}, {"0.95", 0.95}})
    report.ms_at[name] = defined ? first_reaching(f.by_ms, f.coarse + part * f.gap) : nan;
}

}  // namespace detail

/// What a learned curve is worth beside the single networks and the entropy cascade. corrected: of every model, whether
/// it corrects the coarse one's answer, whose pass it then needs alone too. It is "routing pays" when the interval of
/// the gap lies above 0 and so does that of the area over the hull, "nothing to route" when that of the gap does not.
/// With fewer than two groups nothing is known; where no pixel was counted all figures are NaN.
inline CurveReport report_curves(const RoutingTable& table, const RoutingCurve& learned, const RoutingCurve& entropy,
                                 const CurveCosts& costs, const std::vector<bool>& corrected,
                                 const CurveReportOptions& options, Key key) {
  check<ValueError>(table.models() >= 2 && static_cast<Index>(corrected.size()) == table.models(), "report_curves",
                    "it is said of ", corrected.size(), " models whether they correct, there are ", table.models(),
                    ", expected at least two");
  check<ValueError>(!learned.empty() && !entropy.empty(), "report_curves", "a curve has no points");
  check<ValueError>(options.resamples >= 2, "report_curves", options.resamples, " resamples, expected at least 2");
  check<ValueError>(options.from >= 0 && options.from < options.to, "report_curves", "areas from ", options.from,
                    " to ", options.to, " of the way to the best expert, expected rising numbers from 0");
  CurveReport report;
  report.curve = measure(table, learned, costs, options.class_mean);
  report.entropy = measure(table, entropy, detail::without_decision(costs), options.class_mean);
  std::vector<MeasuredPoint> singles;
  for (Index k = 0; k < table.models(); ++k) {
    const MeasuredPoint& s =
        singles.emplace_back(single(table, k, costs, corrected[static_cast<std::size_t>(k)], options.class_mean));
    report.singles.push_back({message("f", k + 1), s.iou, s.image_iou, s.ms, s.gmac});
  }
  const detail::CurveSums sums = detail::curve_sums(table, learned, entropy, costs, options, singles);
  const auto all = detail::figures(sums, std::vector<double>(sums.groups.size(), 1.0));
  const auto resamples = detail::bootstrap(sums, options.resamples, key);
  using Figures = detail::ResampledFigures;
  const auto gap = detail::spread_of(resamples, &Figures::gap, sums.groups.size());
  const auto over_hull = detail::spread_of(resamples, &Figures::area_over_hull, sums.groups.size());
  const auto over_entropy = detail::spread_of(resamples, &Figures::area_over_entropy, sums.groups.size());
  report.groups = static_cast<Index>(sums.groups.size());
  report.gap = all.gap;
  report.gap_interval = gap.interval;
  report.area_over_hull = all.area_over_hull;
  report.area_over_hull_interval = over_hull.interval;
  report.z_over_hull = detail::z_of(all.area_over_hull, over_hull.deviation);
  report.area_over_entropy = all.area_over_entropy;
  report.area_over_entropy_interval = over_entropy.interval;
  report.z_over_entropy = detail::z_of(all.area_over_entropy, over_entropy.deviation);
  detail::share_the_gap(all, report);
  report.verdict = report.groups == 0                      ? "nothing is known: no pixel was counted"
                   : is_nan(report.gap_interval[0])        ? "nothing is known: one file"
                   : !(report.gap_interval[0] > 0)         ? "nothing to route"
                   : report.area_over_hull_interval[0] > 0 ? "routing pays"
                                                           : "no gain over a mix of the networks";
  return report;
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
