#pragma once
#include "paser/core/macros_off.inc"

#include "paser/rl/policy_gradient.hpp"

namespace paser::rl {

namespace detail {

/// The loss, and where `gradient` is not null its derivative by the logits.
template <class T>
double expected_reward(Index rows, Index models, const T* logits, const T* rewards,
                       const PolicyGradientOptions& options, T* gradient) {
  const FlushDenormals flush;
  const double share = share_of_patch("expected_reward_loss", rows, options.total);
  double loss = 0;
  for (Index row = 0; row < rows; ++row) {
    const RowDistribution d(logits + row * models, models);
    const T* const reward = rewards + row * models;
    double mean = 0;
    for (std::size_t k = 0; k < d.p.size(); ++k) mean += d.p[k] * static_cast<double>(reward[k]);
    const double entropy = options.entropy_bonus != 0 ? d.entropy() : 0;
    loss -= share * (mean + options.entropy_bonus * entropy);
    if (gradient == nullptr) continue;
    for (std::size_t k = 0; k < d.p.size(); ++k) {
      double g = d.p[k] * (mean - static_cast<double>(reward[k]));
      if (options.entropy_bonus != 0 && d.p[k] > 0) g += options.entropy_bonus * d.p[k] * (d.log_p[k] + entropy);
      gradient[row * models + static_cast<Index>(k)] = static_cast<T>(share * g);
    }
  }
  return loss;
}

template <class T, int Rank>
void check_rewards(const Shape<Rank>& logits, const Tensor<T, 3>& rewards) {
  check(logits.numel() == rewards.numel() && logits[0] == rewards.shape()[0] && rewards.shape()[2] >= 1,
        "expected_reward_loss", "logits ", logits, " do not fit rewards ", rewards.shape());
}

}  // namespace detail

/// Minus the mean over all patches of the reward that the policy expects, sum over models m of pi(m) R(m), minus the
/// entropy bonus. Its gradient is what policy_gradient_loss has in the mean over all actions, without the noise of
/// drawing them (the sum over actions of the policy gradient theorem, Sutton et al. 2000); it needs the reward of every
/// action, which frozen networks give. logits: (B, P * M) or (B, P, M); rewards: (B, P, M). `options.clamp` has no
/// meaning here. Throws ShapeError when they do not fit.
template <class T, int Rank>
Tensor<T, 1> expected_reward_loss(const Tensor<T, Rank>& logits, const Tensor<T, 3>& rewards,
                                  const PolicyGradientOptions& options = {}) {
  detail::check_rewards(logits.shape(), rewards);
  const Index models = rewards.shape()[2];
  return Tensor<T, 1>::full(
      {1}, static_cast<T>(detail::expected_reward(rewards.numel() / models, models, logits.data(), rewards.data(),
                                                  options, static_cast<T*>(nullptr))));
}

/// The same value, recorded. With p the softmax, H the entropy and b the bonus:
///   dlogits = (p (sum of p R - R) + b p (log p + H)) / number of patches.
template <class T, int Rank>
Var<T, 1> expected_reward_loss(const Var<T, Rank>& logits, const Tensor<T, 3>& rewards,
                               const PolicyGradientOptions& options = {}) {
  detail::check_rewards(logits.shape(), rewards);
  const Index models = rewards.shape()[2];
  Tensor<T, Rank> gradient(logits.shape());
  const double loss = detail::expected_reward(rewards.numel() / models, models, logits.value().data(), rewards.data(),
                                              options, gradient.mutable_data());
  return detail::record_loss(loss, logits, std::move(gradient));
}

}  // namespace paser::rl
#include "paser/core/macros_on.inc"
