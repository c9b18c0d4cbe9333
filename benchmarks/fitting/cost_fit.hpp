#pragma once

#include <cmath>
#include <iterator>
#include <optional>

#include "fitting/layer_times.hpp"
#include "paser/kernels/conv/cost_model.hpp"

/// The constants of the model of time that lose least on measured times.
namespace fitting {

using kernels::detail::ConvCost;
using kernels::detail::ConvCosts;
using kernels::detail::ConvWork;
using kernels::detail::FewestChannels;

/// One layer in one direction.
struct Case {
  ConvShape shape;
  ConvDirection direction;
  Times times;
  std::array<ConvWork, 3> work;

  double best() const { return *std::min_element(times.begin(), times.end()); }
};

inline std::vector<Case> cases_of(const std::vector<Layer>& layers, const Measured& measured) {
  std::vector<Case> cases;
  for (const auto& layer : layers)
    for (std::size_t d = 0; d < directions.size(); ++d) {
      const ConvShape s = shape_of(layer);
      cases.push_back({s, directions[d], measured.at(layer)[d], kernels::detail::conv_work(s, directions[d])});
    }
  return cases;
}

/// A x = b of up to three unknowns, or nothing where A is singular. Gauss with pivots.
inline std::optional<std::vector<double>> solve(std::vector<std::vector<double>> a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t pivot = i;
    for (std::size_t j = i; j < n; ++j)
      if (std::abs(a[j][i]) > std::abs(a[pivot][i])) pivot = j;
    if (std::abs(a[pivot][i]) == 0) return {};
    std::swap(a[i], a[pivot]);
    std::swap(b[i], b[pivot]);
    for (std::size_t j = 0; j < n; ++j) {
      if (j == i) continue;
      const double factor = a[j][i] / a[i][i];
      for (std::size_t l = i; l < n; ++l) a[j][l] -= factor * a[i][l];
      b[j] -= factor * b[i];
    }
  }
  for (std::size_t i = 0; i < n; ++i) b[i] /= a[i][i];
  return b;
}

/// The costs >= 0 of one algorithm with the least squares of relative errors of its times. An error counts the less the
/// slower the algorithm is beside the best one, since then it decides nothing.
inline ConvCost fit_row(const std::vector<Case>& cases, std::size_t algorithm) {
  ConvCost best{};
  double least = std::numeric_limits<double>::infinity();
  for (unsigned used = 1; used < 8; ++used) {  // which of the three are not 0
    std::vector<std::size_t> unknowns;
    for (std::size_t i = 0; i < 3; ++i)
      if (used >> i & 1U) unknowns.push_back(i);
    const std::size_t n = unknowns.size();
    std::vector<std::vector<double>> a(n, std::vector<double>(n));
    std::vector<double> b(n);
    double squares = 0;
    for (const auto& one : cases) {
      const double time = one.times[algorithm], weight = std::pow(one.best() / time, 2);
      const ConvWork& work = one.work[algorithm];
      const std::array<double, 3> parts{work.products / time, work.values / time, work.pairs / time};
      squares += weight;
      for (std::size_t i = 0; i < n; ++i) {
        b[i] += weight * parts[unknowns[i]];
        for (std::size_t j = 0; j < n; ++j) a[i][j] += weight * parts[unknowns[i]] * parts[unknowns[j]];
      }
    }
    const auto x = solve(a, b);
    if (!x || std::any_of(x->begin(), x->end(), [](double value) { return value < 0; })) continue;
    for (std::size_t i = 0; i < n; ++i) squares -= (*x)[i] * b[i];
    if (squares >= least) continue;
    least = squares;
    std::array<double, 3> cost{};
    for (std::size_t i = 0; i < n; ++i) cost[unknowns[i]] = (*x)[i];
    best = {cost[0], cost[1], cost[2]};
  }
  return best;
}

inline std::size_t choice(const Case& one, const ConvCosts& costs) {
  const auto algorithm = kernels::detail::plan_convolution(one.shape, one.direction, costs).algorithm;
  return static_cast<std::size_t>(std::find(algorithms.begin(), algorithms.end(), algorithm) - algorithms.begin());
}

/// What the choices take beyond the best algorithms, as a part of these.
struct Lost {
  double mean = 0, worst = 0;
};

inline Lost lost(const std::vector<Case>& cases, const ConvCosts& costs) {
  Lost lost;
  for (const auto& one : cases) {
    const double part = one.times[choice(one, costs)] / one.best() - 1;
    lost.mean += part / static_cast<double>(cases.size());
    lost.worst = std::max(lost.worst, part);
  }
  return lost;
}

template <class F>
inline std::vector<Case> those(const std::vector<Case>& cases, const F& wanted) {
  std::vector<Case> some;
  std::copy_if(cases.begin(), cases.end(), std::back_inserter(some), wanted);
  return some;
}
inline auto of_direction(ConvDirection direction) {
  return [direction](const Case& one) { return one.direction == direction; };
}
/// The limits that lose least, of equal ones those that leave most to direct summation.
inline FewestChannels fit_fewest(const std::vector<Case>& cases, ConvDirection direction, ConvCosts costs) {
  FewestChannels best{}, &fewest = costs[static_cast<std::size_t>(direction)].fewest;
  double least = std::numeric_limits<double>::infinity();
  for (const Index read : {32, 16, 8, 4, 1})
    for (const Index written : {32, 16, 8, 4, 1})
      for (const Index pairs : {1024, 512, 256, 128, 64, 1}) {
        fewest = {read, written, pairs};
        const double mean = lost(cases, costs).mean;
        if (mean < least - 1e-4) least = mean, best = fewest;
      }
  return best;
}

/// Three digits of `value`, of which none would be noticed.
inline double rounded(double value) {
  if (value <= 0) return 0;
  const double step = std::pow(10, std::floor(std::log10(value)) - 2);
  return std::round(value / step) * step;
}

/// The table that the library has.
inline ConvCosts present_costs() {
  if (isa() == "x86-64-v4") return kernels::detail::costs_x86_64_v4;
  return isa() == "x86-64" ? kernels::detail::costs_x86_64 : kernels::detail::costs_x86_64_v3;
}

/// Direct summation packs its weights, which moves each of them at least once. Few layers have so many that a fit sees
/// it, but the weights to keep packed are chosen by it.
inline void charge_for_weights(ConvCost& direct) {
  direct.c = std::max(direct.c, direct.b);
}

/// Changes one constant of a direction at a time for as long as the choices lose less: times near each other weigh as
/// much as others in a fit of times, but a choice between them costs nothing.
inline void descend(const std::vector<Case>& cases, ConvDirection direction, ConvCosts& costs) {
  auto& rows = costs[static_cast<std::size_t>(direction)].rows;
  double least = lost(cases, costs).mean;
  for (bool better = true; better;) {
    better = false;
    for (ConvCost& row : rows)
      for (double ConvCost::*const constant : {&ConvCost::a, &ConvCost::b, &ConvCost::c})
        for (const double factor : {0.8, 0.9, 0.97, 1.03, 1.1, 1.25}) {
          const double before = row.*constant;
          row.*constant = rounded(before * factor);
          charge_for_weights(rows[0]);
          const double mean = lost(cases, costs).mean;
          better = better || mean < least - 1e-4;
          if (mean < least - 1e-4)
            least = mean;
          else
            row.*constant = before;
        }
  }
}

/// The rows of a direction whose choices lose least: those of the fit or those that the library has.
inline ConvCosts fit(const std::vector<Case>& cases) {
  ConvCosts costs{};
  double unit = 0;
  for (const auto direction : directions) {
    const auto some = those(cases, of_direction(direction));
    auto& [rows, fewest] = costs[static_cast<std::size_t>(direction)];
    // The limits keep layers out of the rows of Winograd, and the rows decide what the limits are good for.
    for (int step = 0; step < 3; ++step) {
      const auto fitting =
          those(some, [&](const Case& one) { return kernels::detail::fits_winograd(one.shape, one.direction, costs); });
      for (std::size_t a = 0; a < algorithms.size(); ++a) {
        const ConvCost row = fit_row(a == 0 ? some : fitting, a);
        if (unit <= 0) unit = row.a;
        rows[a] = {rounded(row.a / unit), rounded(row.b / unit), rounded(row.c / unit)};
        if (a == 0) charge_for_weights(rows[0]);
      }
      fewest = fit_fewest(some, direction, costs);
    }
    ConvCosts present = present_costs();
    descend(some, direction, costs);
    descend(some, direction, present);
    if (lost(some, present).mean <= lost(some, costs).mean)
      costs[static_cast<std::size_t>(direction)] = present[static_cast<std::size_t>(direction)];
  }
  return costs;
}

}  // namespace fitting
