#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/float_state.hpp"
#include "paser/rl/categorical.hpp"

namespace paser::rl {

/// What one coin decides between the policy and the uniform distribution: all actions of the batch (the released code)
/// or each patch by itself.
enum class ExplorationScope { batch, patch };

/// Actions, and how they came about.
struct Exploration {
  Actions actions;
  double exploited = 0;  ///< the share of patches that followed the policy
};

/// Whether a coin u, uniform in [0,1), says to follow the policy with probability alpha. Compared in float.
inline bool exploits(double u, double alpha) {
  return static_cast<float>(u) < static_cast<float>(alpha);
}

/// The paper's Eq. 4: with probability alpha draw from the policy, else uniformly from all models. Both draws of a
/// patch are functions of the key and the patch alone. Throws ValueError unless 0 <= alpha <= 1.
template <class T>
Exploration explore(const Categorical<T>& policy, double alpha, Key key,
                    ExplorationScope scope = ExplorationScope::batch) {
  check<ValueError>(alpha >= 0 && alpha <= 1, "explore", "alpha must lie in [0,1], got ", alpha);
  const Key coins = key.fold(0), uniform_draws = key.fold(2);
  Exploration result{policy.sample(key.fold(1))};
  std::int32_t* const action = result.actions.mutable_data();
  const Index count = result.actions.numel();
  Index followed = 0;
  for (Index i = 0; i < count; ++i) {
    const auto number = static_cast<std::uint64_t>(i);
    if (exploits(coins.uniform(scope == ExplorationScope::batch ? 0 : number), alpha)) {
      ++followed;
    } else {
      action[i] = static_cast<std::int32_t>(uniform_draws.uniform_int(number, policy.models()));
    }
  }
  result.exploited = count > 0 ? static_cast<double>(followed) / static_cast<double>(count) : 0.0;
  return result;
}

/// The probabilities with which explore() chooses: alpha p + (1 - alpha) / M, (B, P, M).
template <class T>
Tensor<T, 3> exploration_probabilities(const Categorical<T>& policy, double alpha) {
  const FlushDenormals flush;
  Tensor<T, 3> mixed(policy.probabilities().shape());
  T* const out = mixed.mutable_data();
  const double share = (1 - alpha) / static_cast<double>(policy.models());
  for (Index i = 0; i < mixed.numel(); ++i)
    out[i] = static_cast<T>(alpha * static_cast<double>(policy.probabilities().data()[i]) + share);
  return mixed;
}

}  // namespace paser::rl
#include "paser/core/macros_on.inc"
