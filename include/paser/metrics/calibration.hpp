#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/core/tensor.hpp"

namespace paser::metrics {

/// The pixels whose confidence lies in one interval.
struct ReliabilityBin {
  double low = 0, high = 0;  ///< the interval (low, high]; the first one holds 0 too
  Index count = 0;           ///< of pixels
  double confidence = 0;     ///< their mean; NaN of none
  double accuracy = 0;       ///< the share whose label is right; NaN of none

  bool operator==(const ReliabilityBin&) const = default;
};

/// Whether confidences are what they say: of the pixels answered with 80 %, are 80 % right? Counts in bins of equal
/// width (Guo et al. 2017, "On Calibration of Modern Neural Networks"). Sums are whole numbers, so that the parts of a
/// data set, added or merged in any order, give the same bits as the whole.
class Calibration {
 public:
  /// Throws ValueError without a bin.
  explicit Calibration(Index bins = 15) {
    check<ValueError>(bins >= 1, "Calibration", bins, " bins, expected at least 1");
    sums_.resize(static_cast<std::size_t>(bins));
  }

  /// Adds pixels. prediction, truth: labels; confidence: the probability of the predicted class. All (N, H, W). Pixels
  /// whose truth is `ignored` do not count. Throws ShapeError when the shapes differ, ValueError on a confidence that
  /// is no number of 0 .. 1; then nothing is added.
  template <class T>
  void add(const Labels& prediction, const Tensor<T, 3>& confidence, const Labels& truth,
           std::optional<std::int32_t> ignored = {}) {
    check_same_shape("Calibration", prediction, truth);
    check(confidence.shape() == truth.shape(), "Calibration", "confidences ", confidence.shape(), " of labels ",
          truth.shape());
    std::vector<Sums> added(sums_.size());
    for (Index i = 0; i < truth.numel(); ++i) {
      const std::int32_t label = truth.data()[i];
      if (ignored && label == *ignored) continue;
      const auto c = static_cast<double>(confidence.data()[i]);
      check<ValueError>(is_finite(c) && c >= 0 && c <= 1 + slack, "Calibration", "confidence ", c, " of pixel ", i,
                        ", expected a probability");
      Sums& s = added[bin_of(c)];
      ++s.count;
      s.right += prediction.data()[i] == label ? 1 : 0;
      s.confidence += static_cast<std::uint64_t>(std::llround(c * unit));
    }
    for (std::size_t b = 0; b < added.size(); ++b) sums_[b] += added[b];
  }

  /// Adds what another one has counted. Throws ValueError when it has other bins.
  Calibration& operator+=(const Calibration& other) {
    check<ValueError>(sums_.size() == other.sums_.size(), "Calibration", "cannot merge ", other.sums_.size(),
                      " bins into ", sums_.size());
    for (std::size_t b = 0; b < sums_.size(); ++b) sums_[b] += other.sums_[b];
    return *this;
  }

  /// Pixels that were counted.
  Index count() const {
    Index all = 0;
    for (const Sums& s : sums_) all += s.count;
    return all;
  }

  /// The reliability table, from the lowest confidence to the highest.
  template <class Table = std::vector<ReliabilityBin>>
  Table table() const {
    Table table;
    const auto bins = static_cast<double>(sums_.size());
    for (const Sums& s : sums_) {
      const auto number = static_cast<double>(table.size()), n = static_cast<double>(s.count);
      const double mean = static_cast<double>(s.confidence) / unit / n, right = static_cast<double>(s.right) / n;
      const double none = std::numeric_limits<double>::quiet_NaN();
      table.push_back(
          {number / bins, (number + 1) / bins, s.count, s.count > 0 ? mean : none, s.count > 0 ? right : none});
    }
    return table;
  }

  /// Expected calibration error: the mean over all pixels of |accuracy - confidence| of their bin, 0 .. 1; NaN when no
  /// pixel was counted.
  double error() const {
    double sum = 0;
    for (const ReliabilityBin& b : table())
      if (b.count > 0) sum += static_cast<double>(b.count) * std::abs(b.accuracy - b.confidence);
    const Index all = count();
    return all > 0 ? sum / static_cast<double>(all) : std::numeric_limits<double>::quiet_NaN();
  }

 private:
  static constexpr double unit = 1 << 24;  ///< confidences are summed in units of 2^-24, the precision of a float
  static constexpr double slack = 1e-5;    ///< by which rounding may lift a probability over 1

  struct Sums {
    Index count = 0, right = 0;
    std::uint64_t confidence = 0;

    Sums& operator+=(const Sums& other) {
      count += other.count;
      right += other.right;
      confidence += other.confidence;
      return *this;
    }
  };

  std::size_t bin_of(double confidence) const {
    const auto last = static_cast<double>(sums_.size()) - 1;
    return static_cast<std::size_t>(
        std::min(std::max(std::ceil(confidence * static_cast<double>(sums_.size())) - 1, 0.0), last));
  }

  std::vector<Sums> sums_;
};

}  // namespace paser::metrics
#include "paser/core/macros_on.inc"
