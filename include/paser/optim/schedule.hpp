#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

namespace paser::optim {

/// A value for each epoch (or step) 0, 1, ...: a learning rate, or the share of exploitation.
using Schedule = std::function<double(Index)>;

/// The same value at every step.
inline Schedule constant_schedule(double value) {
  return [value](Index) { return value; };
}

/// From `start` at 0 to `end` at steps - 1 in equal steps, then constant; `start` throughout when there is one step.
inline Schedule linear_schedule(double start, double end, Index steps) {
  check<ValueError>(steps >= 1, "linear_schedule", "expected at least 1 step, got ", steps);
  return [=](Index i) {
    if (steps == 1) return start;
    if (i >= steps - 1) return end;
    return start + (end - start) * static_cast<double>(i) / static_cast<double>(steps - 1);
  };
}

/// What a cosine_schedule does after its last step: `hold` keeps the lowest value; `swing` goes up again to the highest
/// as slowly as it came down, and so on.
enum class AfterCosine { hold, swing };

/// Half a cosine from `base` at 0 to `low` at `steps`; from there on as `after` says. With `swing` it is
/// torch.optim.lr_scheduler.CosineAnnealingLR of T_max = steps at every step, with `hold` up to T_max.
inline Schedule cosine_schedule(double base, Index steps, double low = 0, AfterCosine after = AfterCosine::hold) {
  check<ValueError>(steps >= 1, "cosine_schedule", "expected at least 1 step, got ", steps);
  return [=](Index i) {
    const Index place = after == AfterCosine::hold ? std::min(i, steps) : i % (2 * steps);
    const double phase = std::numbers::pi * static_cast<double>(place) / static_cast<double>(steps);
    return low + (base - low) * (1 + std::cos(phase)) / 2;
  };
}

/// base * (1 - i / steps)^power at i, from `base` at 0 to 0 at `steps`, then constant: the "poly" schedule that
/// segmentation networks are trained with (Liu et al. 2015; torch.optim.lr_scheduler.PolynomialLR).
inline Schedule poly_schedule(double base, Index steps, double power = 0.9) {
  check<ValueError>(steps >= 1 && power >= 0, "poly_schedule",
                    "expected at least 1 step and a power of at least 0, got ", steps, " and ", power);
  return [=](Index i) {
    return base * std::pow(1 - static_cast<double>(std::min(i, steps)) / static_cast<double>(steps), power);
  };
}

/// `base`, multiplied by gamma after every `interval` (torch.optim.lr_scheduler.StepLR).
inline Schedule step_schedule(double base, Index interval, double gamma = 0.1) {
  check<ValueError>(interval >= 1, "step_schedule", "expected an interval of at least 1, got ", interval);
  return [=](Index i) {
    const Index times = i / interval;
    return base * std::pow(gamma, static_cast<double>(times));
  };
}

/// Rises linearly to the first value of `rest` during `steps` (1/steps of it at 0), then follows `rest` from its start.
/// Throws ValueError when there is no `rest`.
inline Schedule warm_up(Index steps, Schedule rest) {
  check<ValueError>(rest != nullptr, "warm_up", "expected a schedule that follows, got none");
  check<ValueError>(steps >= 0, "warm_up", "expected at least 0 steps, got ", steps);
  return [steps, rest = std::move(rest)](Index i) {
    return i < steps ? rest(0) * static_cast<double>(i + 1) / static_cast<double>(steps) : rest(i - steps);
  };
}

}  // namespace paser::optim
#include "paser/core/macros_on.inc"
