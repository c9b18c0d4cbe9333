#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <numeric>
#include <vector>

#include "paser/core/tensor.hpp"

namespace paser::pipeline {

/// What is charged for sending one patch to model k; the reward weighs it by lambda.
using Costs = std::vector<double>;

/// Each model's share of the sum of some expense: cost_k = expense_k / sum. With parameter counts this is the paper's
/// Eq. 3; multiply-accumulates, measured milliseconds or bytes sent are other choices of the same form. Throws
/// ValueError when an expense is negative or all are zero.
inline Costs cost_shares(const std::vector<double>& expenses) {
  for (const double e : expenses) check<ValueError>(e >= 0, "cost_shares", "an expense must not be negative, got ", e);
  const double total = std::accumulate(expenses.begin(), expenses.end(), 0.0);
  check<ValueError>(total > 0, "cost_shares", "the expenses sum to zero");
  Costs costs;
  for (const double e : expenses) costs.push_back(e / total);
  return costs;
}

/// The small network's answer is there before any choice is made: charge nothing for keeping it (the released code's
/// rule).
inline Costs with_free_coarse(Costs costs) {
  check<ValueError>(!costs.empty(), "with_free_coarse", "no models");
  costs[0] = 0;
  return costs;
}

/// The same costs in units of what can be gained: scaled so that the most expensive model costs `gain`, for example the
/// mean IoU that it gains over f1 on a patch. With lambda 1/2 it then pays where it gains more than that; under Eq. 3
/// the paper's large network would have to gain 0.94. Throws ValueError unless 0 < gain <= 1.
inline Costs normalised_to_gain(Costs costs, double gain) {
  check<ValueError>(gain > 0 && gain <= 1, "normalised_to_gain", "the gain must lie in (0,1], got ", gain);
  const double largest = costs.empty() ? 0 : *std::max_element(costs.begin(), costs.end());
  check<ValueError>(largest > 0, "normalised_to_gain", "no model costs anything");
  for (double& c : costs) c *= gain / largest;
  return costs;
}

/// The cost of every patch's action. actions: (N, P).
template <class T>
Tensor<T, 2> cost_of(const Tensor<std::int32_t, 2>& actions, const Costs& costs) {
  Tensor<T, 2> result(actions.shape());
  T* out = result.mutable_data();
  for (Index i = 0; i < actions.numel(); ++i) {
    const std::int32_t a = actions.data()[i];
    check<ValueError>(a >= 0 && static_cast<std::size_t>(a) < costs.size(), "cost_of", "action ", a, " at patch ", i,
                      ", there are ", costs.size(), " models");
    out[i] = static_cast<T>(costs[static_cast<std::size_t>(a)]);
  }
  return result;
}

/// The share of patches that went to each model.
inline std::vector<double> usage(const Tensor<std::int32_t, 2>& actions, Index models) {
  std::vector<double> share(static_cast<std::size_t>(models), 0.0);
  for (const std::int32_t a : actions.values()) share.at(static_cast<std::size_t>(a)) += 1;
  for (double& s : share) s /= static_cast<double>(std::max<Index>(actions.numel(), 1));
  return share;
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
