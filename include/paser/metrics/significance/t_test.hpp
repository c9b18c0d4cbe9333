#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/metrics/significance/incomplete_beta.hpp"
#include "paser/metrics/statistics.hpp"

/// \file
/// Not part of the umbrella metrics.hpp, for compile time; see kernels/special/incomplete_beta.hpp.
namespace paser::metrics {

/// Whether two means differ.
struct TTest {
  double difference = 0;  ///< mean of a - mean of b
  double t = 0;           ///< the difference in standard errors
  double df = 0;          ///< degrees of freedom
  double p = 0;           ///< two-sided: the chance of |t| at least this large when the means are equal
};

/// The chance that |T| >= |t| for Student's distribution with df > 0 degrees of freedom:
/// I_x(df/2, 1/2) at x = df / (df + t^2) (Abramowitz and Stegun 26.7.1).
inline double student_two_sided(double t, double df) {
  if (!is_finite(t) && !is_nan(t)) return 0;
  return detail::incomplete_beta(df / 2, 0.5, df / (df + t * t));
}

namespace detail {

inline TTest t_test_of(double difference, double error, double df) {
  const double t = difference / error;
  return {difference, t, df, student_two_sided(t, df)};
}

}  // namespace detail

/// Student's test of pairs: whether the mean of a[i] - b[i] is zero, df = n - 1. For one set of images measured twice.
/// When all differences are zero, t and p are NaN: there is nothing to judge by; when they are equal but not zero, t is
/// infinite and p is 0. Throws ShapeError when the lengths differ, ValueError on fewer than two pairs.
inline TTest paired_t_test(std::span<const double> a, std::span<const double> b) {
  check(a.size() == b.size(), "paired_t_test", "expected pairs, got ", a.size(), " and ", b.size(), " values");
  check<ValueError>(a.size() >= 2, "paired_t_test", "expected at least 2 pairs, got ", a.size());
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  const auto n = static_cast<double>(a.size());
  return detail::t_test_of(mean(differences), std::sqrt(variance(differences) / n), n - 1);
}

/// Welch's test of two independent samples, whose variances may differ, with the degrees of freedom of Welch and
/// Satterthwaite. Two constant samples: df is n_a + n_b - 2, t and p as in paired_t_test. Throws ValueError when a
/// sample has fewer than two values.
inline TTest welch_t_test(std::span<const double> a, std::span<const double> b) {
  check<ValueError>(a.size() >= 2 && b.size() >= 2, "welch_t_test", "expected at least 2 values in each sample, got ",
                    a.size(), " and ", b.size());
  const auto n_a = static_cast<double>(a.size()), n_b = static_cast<double>(b.size());
  const double v_a = variance(a) / n_a, v_b = variance(b) / n_b, v = v_a + v_b;
  const double df = v > 0 ? v * v / (v_a * v_a / (n_a - 1) + v_b * v_b / (n_b - 1)) : n_a + n_b - 2;
  return detail::t_test_of(mean(a) - mean(b), std::sqrt(v), df);
}

}  // namespace paser::metrics
#include "paser/core/macros_on.inc"
