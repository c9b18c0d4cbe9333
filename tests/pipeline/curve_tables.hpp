#pragma once

#include <array>
#include <limits>

#include "paser/pipeline/routing/curve_report.hpp"

/// Tables of which it is known what routing is worth on them.
namespace curve_tables {

using namespace paser;
using namespace paser::pipeline;

inline constexpr double inf = std::numeric_limits<double>::infinity();

/// Errors of every model on every patch, of 50 pixels of each of two classes: so many pixels of each class are wrong.
inline RoutingTable table_of(Index images, Index patches, const std::vector<std::vector<Index>>& errors) {
  RoutingTable table{images, patches, 2, {}, {}};
  for (const auto& of_model : errors) {
    auto& counts = table.confusion.emplace_back(Shape<4>{images, patches, 2, 2});
    for (std::size_t i = 0; i < of_model.size(); ++i) {
      const Index e = of_model[i];
      const std::array<Index, 4> cells{50 - e, e, e, 50 - e};
      std::copy(cells.begin(), cells.end(), counts.mutable_data() + 4 * i);
    }
    table.entropy.emplace_back(of_model.begin(), of_model.end());  // as sure as it is right
  }
  return table;
}

/// IoU of either class where a share of the pixels is wrong.
inline double iou_of(double wrong) {
  return (1 - wrong) / (1 + wrong);
}

inline CurveCosts costs_of(std::vector<double> patch, double estimate = 3, double decide = 1, double coarse = 2) {
  const WorkCosts ms{.estimate = estimate, .decide = decide, .coarse = coarse, .patch = patch};
  for (double& c : patch) c *= 1e9;
  return {ms, {.estimate = 1e9 * estimate, .decide = 0, .coarse = 1e9 * coarse, .patch = patch}};
}

inline std::vector<double> share_of(const RoutingCurve& curve) {
  std::vector<double> shares;
  for (const CurvePoint& p : curve) {
    double left = 0;
    for (const Index k : p.choices) left += k > 0;
    shares.push_back(left / static_cast<double>(p.choices.size()));
  }
  return shares;
}

/// Patches that f1 gets wrong by very different amounts, f2 by 5 pixels all. The entropy knows half of it.
inline RoutingTable hard_and_easy(Index images, Key key) {
  const Index patches = 4;
  std::vector<Index> coarse, fine;
  for (Index i = 0; i < images * patches; ++i) {
    coarse.push_back(key.uniform(static_cast<std::uint64_t>(i)) < 0.3 ? 25 : 5);
    fine.push_back(5);
  }
  RoutingTable table = table_of(images, patches, {coarse, fine});
  for (std::size_t i = 0; i < coarse.size(); ++i)
    table.entropy[0][i] = static_cast<double>(coarse[i]) / 25 + 2 * key.fold(1).uniform(i);
  return table;
}

inline CurveReport report_of(const RoutingTable& table, const RoutingCurve& curve, CurveReportOptions options = {}) {
  return report_curves(table, curve, entropy_curve(table, 1), costs_of({0, 4}, 1, 0.5, 1), {false, false}, options,
                       Key{7});
}

}  // namespace curve_tables
