#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "paser/core/shape.hpp"

namespace fixtures {

/// What a tensor may differ by; it must meet every bound it has.
struct Bounds {
  std::optional<double> max_abs;   ///< largest |a - b|; 0 means equal
  std::optional<double> mean_abs;  ///< mean of |a - b|
  std::optional<double> l2;        ///< ||a - b|| / ||b||

  bool any() const { return max_abs || mean_abs || l2; }
};

/// One result that is out of bounds. `excess` is difference / bound: how bad it is, for picking the worst of a case.
struct Failure {
  std::string key;
  std::string what;
  double excess = 0;
};

/// Compares values with their truth, both in the stored order; `shape` is for saying where. Two NaN are equal, and so
/// are two infinities of one sign; every other difference that is not finite is out of any bound.
std::optional<Failure> compare(const std::string& key, std::span<const double> got, std::span<const double> expected,
                               const std::vector<paser::Index>& shape, const Bounds& bounds);

/// Fails when more than `allowed` entries differ at all.
std::optional<Failure> compare_counting(const std::string& key, std::span<const double> got,
                                        std::span<const double> expected, const std::vector<paser::Index>& shape,
                                        paser::Index allowed);

/// A flat position as [i,j,...] of the shape.
std::string position(paser::Index flat, const std::vector<paser::Index>& shape);

}  // namespace fixtures
