#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <functional>
#include <vector>

#include "paser/core/error.hpp"

namespace paser::pipeline {

/// What a policy that was trained with some lambda spends on an image, in the unit of the budget.
struct LambdaTrial {
  double lambda = 0, expense = 0;
};

/// The cheapest lambda that keeps a budget, and what was tried on the way.
struct LambdaSearch {
  double lambda = 0, expense = 0;
  bool kept = false;  ///< whether the budget is kept; else lambda is that of the smallest expense found
  std::vector<LambdaTrial> trials;
};

/// Finds the smallest lambda in [0,1] with which a policy keeps a budget, by bisection: the larger lambda, the less a
/// policy spends. `train(lambda)` trains a policy and returns its expense on validation data: 1e9 multiply-accumulates,
/// milliseconds, or any other unit, the same as the budget's. `known` holds trials made before; at most `trials` more
/// are made. Throws ValueError unless the budget is positive and trials is not negative.
template <class Train>
LambdaSearch calibrate_lambda(double budget, int trials, std::vector<LambdaTrial> known, const Train& train) {
  if (!(budget > 0) || trials < 0)
    throw ValueError(
        message("calibrate_lambda: expected a positive budget and trials >= 0, got ", budget, " and ", trials));
  LambdaSearch search;
  search.trials = std::move(known);
  const auto attempt = [&](double lambda) {
    search.trials.push_back({lambda, train(lambda)});
    --trials;
  };
  if (search.trials.empty() && trials > 0) attempt(0.5);
  while (trials > 0) {
    // The bracket: the largest lambda that spends too much, and the smallest above it that keeps the budget.
    double low = 0, high = 1;
    for (const LambdaTrial& t : search.trials)
      if (t.expense > budget) low = std::max(low, t.lambda);
    for (const LambdaTrial& t : search.trials)
      if (t.expense <= budget && t.lambda >= low) high = std::min(high, t.lambda);
    if (high - low < 1e-3) break;
    attempt((low + high) / 2);
  }
  const LambdaTrial* best = nullptr;
  for (const LambdaTrial& t : search.trials)
    if (t.expense <= budget && (best == nullptr || t.lambda < best->lambda)) best = &t;
  search.kept = best != nullptr;
  if (best == nullptr)
    for (const LambdaTrial& t : search.trials)
      if (best == nullptr || t.expense < best->expense) best = &t;
  if (best != nullptr) {
    search.lambda = best->lambda;
    search.expense = best->expense;
  }
  return search;
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
