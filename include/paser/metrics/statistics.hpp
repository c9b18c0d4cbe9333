#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "paser/core/finite.hpp"

namespace paser::metrics {

/// The arithmetic mean; NaN of nothing.
inline double mean(std::span<const double> values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

/// The unbiased sample variance, over n - 1; NaN of fewer than two values. Two passes: deviations from the mean.
inline double variance(std::span<const double> values) {
  if (values.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double centre = mean(values);
  double sum = 0;
  for (const double v : values) sum += (v - centre) * (v - centre);
  return sum / static_cast<double>(values.size() - 1);
}

/// The sample standard deviation, over n - 1; NaN of fewer than two values.
inline double standard_deviation(std::span<const double> values) {
  return std::sqrt(variance(values));
}

/// Mean and deviation of those of some values that there are, the others being NaN: scores of images of which some have
/// none.
struct KnownValues {
  double mean = 0;       ///< NaN of nothing
  double deviation = 0;  ///< over their number, not one less; NaN of nothing
  std::size_t count = 0;

  explicit KnownValues(std::span<const double> values) {
    for (const double v : values) {
      if (is_nan(v)) continue;
      mean += v;
      ++count;
    }
    const auto n = static_cast<double>(count);
    mean /= n;
    for (const double v : values)
      if (!is_nan(v)) deviation += (v - mean) * (v - mean) / n;
    deviation = count > 0 ? std::sqrt(deviation) : mean;
  }
};

namespace detail {

/// Quantile of values in ascending order, at least one.
inline double sorted_quantile(std::span<const double> sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(position);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return std::lerp(sorted[low], sorted[high], position - static_cast<double>(low));
}

inline std::vector<double> ascending(const char* where, std::span<const double> values) {
  check<ValueError>(!values.empty(), where, "expected at least one value");
  check<ValueError>(std::none_of(values.begin(), values.end(), [](double v) { return is_nan(v); }), where,
                    "expected numbers, got a NaN among them");
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace detail

/// The value below which a share q in [0,1] of the values lies, by linear interpolation between the order statistics
/// (type 7 of Hyndman and Fan 1996, the default of numpy.quantile). Throws ValueError on no values, a NaN, or a q
/// outside [0,1].
inline double quantile(std::span<const double> values, double q) {
  check<ValueError>(q >= 0 && q <= 1, "quantile", "expected q in [0,1], got ", q);
  return detail::sorted_quantile(detail::ascending("quantile", values), q);
}

/// What a box plot shows (Tukey 1977).
struct BoxStats {
  double low = 0;     ///< the smallest value that is not below q1 - 1.5 (q3 - q1): the end of the lower whisker
  double q1 = 0;      ///< first quartile, see quantile
  double median = 0;  ///< second quartile
  double q3 = 0;      ///< third quartile
  double high = 0;    ///< the largest value that is not above q3 + 1.5 (q3 - q1)
  double mean = 0;
  std::vector<double> outliers{};  ///< the values beyond the whiskers, ascending

  bool operator==(const BoxStats&) const = default;
};

/// Throws ValueError on no values or a NaN.
inline BoxStats box_stats(std::span<const double> values) {
  const std::vector<double> sorted = detail::ascending("box_stats", values);
  BoxStats box;
  box.q1 = detail::sorted_quantile(sorted, 0.25);
  box.median = detail::sorted_quantile(sorted, 0.5);
  box.q3 = detail::sorted_quantile(sorted, 0.75);
  box.mean = mean(sorted);
  const double reach = 1.5 * (box.q3 - box.q1);
  // Interpolated quartiles may lie beyond every value inside the fences; a whisker never ends within the box.
  box.low = box.q1;
  box.high = box.q3;
  for (const double v : sorted) {
    if (v < box.q1 - reach || v > box.q3 + reach) {
      box.outliers.push_back(v);
    } else {
      box.low = std::min(box.low, v);
      box.high = std::max(box.high, v);
    }
  }
  return box;
}

}  // namespace paser::metrics
#include "paser/core/macros_on.inc"
