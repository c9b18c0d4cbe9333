#pragma once

#include <optional>

#include "paser/pipeline/routing/calibration.hpp"
#include "paser/pipeline/routing/curve_report.hpp"
#include "paser/pipeline/routing/network_size.hpp"
#include "paser/pipeline/routing/quality_floor.hpp"
#include "paser/pipeline/routing/with_price.hpp"
#include "paser/report/curve_figure.hpp"
#include "paser/report/measure_costs.hpp"
#include "routing/routers.hpp"

/// What routing is worth on images that nothing was trained on. Milliseconds are those of patches that run together
/// `micro_batch` at a time, as they do in a stream of images; a lone patch takes longer.
namespace routing {

namespace report = paser::report;

/// A learned router on a table: the curve of all its budgets against the networks, their mixes and the entropy cascade.
struct Judged {
  std::string name;
  pipeline::CurveReport report;
};

/// A quality floor: what can be certified, and how often it is broken when test images are split again and again.
struct FloorCheck {
  double e = 0, confidence = 0.9;
  Index files = 0;  ///< that certify
  pipeline::FloorChoice choice;
  double smallest = 0;                              ///< the smallest e that can be certified so that cost is saved
  int resplits = 0, certified = 0, violations = 0;  ///< none with fewer than two test files that count
  double saved = 0;                                 ///< mean share of the cost over the certified resplits
};

/// Half of the test files certify a floor, and the mean loss of the other half is compared with it, `resplits` times.
/// That mean is of few files and varies by itself, so that more violations are counted than the guarantee allows.
inline void resplit(const pipeline::FloorCandidates& test, int resplits, Key key, FloorCheck& check) {
  const Index n = static_cast<Index>(test.losses[0].size());
  if (n < 2) return;
  check.resplits = resplits;
  for (int r = 0; r < resplits; ++r) {
    const auto order = paser::permutation(key.fold(static_cast<std::uint64_t>(r)), n);
    pipeline::FloorCandidates half = test;
    for (auto& losses : half.losses) {
      const auto all = losses;
      losses.clear();
      for (Index i = 0; i < n / 2; ++i)
        losses.push_back(all[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
    }
    const auto choice = pipeline::certify_floor(half, check.e, check.confidence);
    if (!choice.certified || choice.cost_saved <= 0) continue;
    ++check.certified;
    check.saved += choice.cost_saved;
    double loss = 0;
    for (Index i = n / 2; i < n; ++i)
      loss += test.losses[choice.point][static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
    check.violations += loss / static_cast<double>(n - n / 2) > check.e;
  }
  if (check.certified > 0) check.saved /= check.certified;
}

/// What networks of an experiment and a router cost on this machine; any head of a router costs the same.
inline pipeline::MachineCosts measure_machine(const Experiment& experiment, const Paser& networks) {
  const Index classes = experiment.data().classes(), models = networks.actions();
  const Settings& s = experiment.settings();
  const pipeline::GainRouter<float> router{
      pipeline::PatchHead<float>(paser::patch_statistics_size(classes), s.router_width * s.router_members, models - 1,
                                 experiment.key(3)),
      {std::vector<double>(static_cast<std::size_t>(models), 0.0), 1.0},
      s.grid[0] * s.grid[1]};
  return experiment::shown("measure: times of all parts in turn", "runs", [&](const pipeline::HowFar& how_far) {
    return report::measure_costs<float>(networks, router, experiment.description().image(),
                                        {.rounds = 9, .progress = how_far});
  });
}

class Comparison {
 public:
  /// networks: of this experiment, and what they cost.
  Comparison(const Experiment& experiment, const Paser& networks, pipeline::MachineCosts machine)
      : experiment_(experiment),
        networks_(networks),
        machine_(std::move(machine)),
        mean_(class_mean(experiment.settings())) {}

  /// What a run of the networks costs, in milliseconds and in multiply-accumulates; `policy` decides.
  pipeline::CurveCosts costs(const pipeline::Policy<float>& policy) const {
    return {pipeline::work_costs(machine_, experiment_.settings().micro_batch),
            pipeline::mac_costs(networks_, policy, experiment_.description().image())};
  }
  pipeline::PatchPrices prices() const {
    pipeline::PatchPrices p;
    p.costs.push_back(0);
    for (Index k = 1; k < networks_.actions(); ++k)
      p.costs.push_back(machine_.patch_ms(k, experiment_.settings().micro_batch));
    return p;
  }

  pipeline::RoutingCurve curve(const Router& router, const pipeline::RoutingTable& table) const {
    return pipeline::curve_of_gains(router.gains(table, networks_.grid), prices().costs);
  }
  /// The same when f1 and one task model are all that there is.
  pipeline::RoutingCurve curve_to(const Router& router, const pipeline::RoutingTable& table, Index model) const {
    const auto all = router.gains(table, networks_.grid);
    const Index experts = all.shape()[2];
    paser::Tensor<double, 3> gains({all.shape()[0], all.shape()[1], 1});
    for (Index i = 0; i < gains.numel(); ++i) gains.mutable_data()[i] = all.data()[i * experts + model - 1];
    auto curve = pipeline::curve_of_gains(gains, {0, prices().costs[static_cast<std::size_t>(model)]});
    for (auto& point : curve)
      for (Index& choice : point.choices) choice *= model;
    return curve;
  }
  /// The entropy cascade to the task model for which it is best.
  pipeline::RoutingCurve entropy_curve(const pipeline::RoutingTable& table, const pipeline::CurveCosts& c) const {
    pipeline::RoutingCurve best;
    double area = 0;
    for (Index k = 1; k < table.models(); ++k) {
      auto candidate = pipeline::entropy_curve(table, k);
      double sum = 0;
      for (const auto& point : pipeline::measure(table, candidate, c, mean_)) sum += point.iou;
      if (best.empty() || sum > area) {  // a sum is NaN where no pixel counts
        area = sum;
        best = std::move(candidate);
      }
    }
    return best;
  }

  pipeline::CurveReport judge(const pipeline::Policy<float>& policy, const pipeline::RoutingCurve& curve,
                              const pipeline::RoutingTable& table, const std::vector<Index>& groups) const {
    const auto c = costs(policy);
    return pipeline::report_curves(
        table, curve, entropy_curve(table, c), c, corrects(),
        {.resamples = static_cast<int>(experiment_.settings().resamples), .class_mean = mean_, .groups = groups},
        experiment_.key(4));
  }
  Judged judge(const Router& router, const pipeline::RoutingTable& table, const std::vector<Index>& groups) const {
    return {router.name, judge(router.policy, curve(router, table), table, groups)};
  }

  /// What each price costs and gains. Prices, shares and costs are those of the router on the images of `pool`; quality
  /// is that at the same share along `honest`, a curve of images that neither networks nor routers had seen.
  pipeline::Calibration calibrate(const Router& router, const pipeline::RoutingTable& pool,
                                  const std::vector<pipeline::MeasuredPoint>& honest, const std::string& images) const {
    const auto iou_at = [&](double share) {
      for (std::size_t i = 1; i < honest.size(); ++i)
        if (honest[i].share >= share) {
          const auto &a = honest[i - 1], &b = honest[i];
          const double along = b.share > a.share ? (share - a.share) / (b.share - a.share) : 1;
          return std::lerp(a.iou, b.iou, std::clamp(along, 0.0, 1.0));
        }
      return honest.back().iou;
    };
    pipeline::Calibration calibration;
    calibration.data = images;
    calibration.images = pool.images;
    if (pool.images >= 3) calibration.domain = pipeline::domain_of(pipeline::image_statistics(pool.statistics));
    auto points = pipeline::measure(pool, curve(router, pool), costs(router.policy), mean_);
    std::reverse(points.begin(), points.end());
    double highest = 0;
    for (const auto& p : points)
      if (paser::is_finite(p.price)) highest = std::max(highest, std::abs(p.price));
    for (const auto& p : points)  // the price at which nothing is sent is any that is high enough
      calibration.points.push_back({.price = paser::is_finite(p.price) ? p.price : 2 * highest + 1e-9,
                                    .iou = iou_at(p.share),
                                    .ms = p.ms,
                                    .gmac = p.gmac,
                                    .shares = p.shares});
    return calibration;
  }

  /// Floors of 0.01, 0.02 and 0.05 below the single network that is best on validation images, at prices that come from
  /// there too, certified on images that neither networks nor routers have seen. gains: of these, by routers that have
  /// not seen them. None where no pixel of these counts.
  std::vector<FloorCheck> floors(const Router& router, const pipeline::RoutingTable& validation,
                                 const pipeline::RoutingTable& unseen, const paser::Tensor<double, 3>& gains,
                                 const std::vector<Index>& unseen_files, const pipeline::RoutingTable& test,
                                 const std::vector<Index>& test_files) const {
    const auto c = costs(router.policy);
    Index best = 0;
    for (Index k = 1; k < validation.models(); ++k)
      if (pipeline::single(validation, k, c, false, mean_).iou >
          pipeline::single(validation, best, c, false, mean_).iou)
        best = k;
    const bool corrected = corrects()[static_cast<std::size_t>(best)];
    std::vector<double> at;
    for (const auto& point : curve(router, validation)) at.push_back(point.price);
    const auto candidates = [&](const pipeline::RoutingTable& table, const paser::Tensor<double, 3>& expected,
                                const std::vector<Index>& files) {
      return pipeline::floor_candidates(table, pipeline::curve_at(expected, prices().costs, at), c, best, corrected,
                                        mean_, files);
    };
    const auto counts = [&](const pipeline::RoutingTable& table) {
      return !paser::is_nan(pipeline::single(table, 0, c, false, mean_).iou);
    };
    std::vector<FloorCheck> checks;
    if (!counts(unseen)) return checks;
    const auto certifying = candidates(unseen, gains, unseen_files);
    std::optional<pipeline::FloorCandidates> tested;
    if (counts(test)) tested = candidates(test, router.gains(test, networks_.grid), test_files);
    const double confidence = experiment_.settings().floor_confidence;
    for (const double e : {0.01, 0.02, 0.05}) {
      FloorCheck check{.e = e, .confidence = confidence, .choice = {}};
      check.files = static_cast<Index>(certifying.losses[0].size());
      check.choice = pipeline::certify_floor(certifying, e, confidence);
      check.smallest = pipeline::smallest_certifiable(certifying, confidence);
      if (tested) resplit(*tested, 300, experiment_.key(7), check);
      checks.push_back(check);
    }
    return checks;
  }

  std::vector<bool> corrects() const {
    std::vector<bool> list;
    for (Index k = 0; k < networks_.actions(); ++k) list.push_back(k > 0 && pipeline::corrects(networks_, k));
    return list;
  }
  paser::metrics::ClassMean mean() const { return mean_; }
  const pipeline::MachineCosts& machine() const { return machine_; }
  std::vector<pipeline::NetworkSize> sizes() const {
    return pipeline::network_sizes(networks_, experiment_.description().image());
  }

 private:
  const Experiment& experiment_;
  const Paser& networks_;
  pipeline::MachineCosts machine_;
  paser::metrics::ClassMean mean_;
};

/// Five budgets, evenly between f1 and the dearest end of the calibration, and what they cost on the test images.
struct BudgetCheck {
  double asked_ms, price, spent_ms, iou;
};
inline std::vector<BudgetCheck> check_budgets(const pipeline::Calibration& calibration, const Router& router,
                                              const Comparison& comparison, const pipeline::RoutingTable& test,
                                              const Paser& networks) {
  std::vector<BudgetCheck> checks;
  double low = 1e300, high = 0;
  for (const auto& p : calibration.points) {
    low = std::min(low, p.ms);
    high = std::max(high, p.ms);
  }
  for (const double at : {0.15, 0.3, 0.45, 0.6, 0.75}) {
    const double asked = low + at * (high - low);
    const double price = pipeline::price_for_budget(calibration, {asked, pipeline::Budget::Unit::ms});
    const auto measured = pipeline::measure(test, {router.at(price, test, networks.grid)},
                                            comparison.costs(router.policy), comparison.mean());
    checks.push_back({asked, price, measured[0].ms, measured[0].iou});
  }
  return checks;
}

}  // namespace routing
