#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/autograd/tape.hpp"
#include "paser/core/finite.hpp"
#include "paser/core/float_state.hpp"
#include "paser/rl/categorical.hpp"

namespace paser::rl {

/// What is subtracted from the rewards. A baseline that does not depend on the action leaves the expected gradient as
/// it is and lowers its variance; the paper uses none. The mean over a batch depends on the action by the patch's own
/// share in it, which shortens the gradient by that share; of a single patch, whose own reward it would be, nothing is
/// subtracted.
enum class Baseline { none, batch_mean, given };

/// What is subtracted from a reward, and whether it is scaled.
struct AdvantageOptions {
  Baseline baseline = Baseline::none;
  /// Then centre, and divide by the standard deviation over the batch (+ 1e-8); a single patch has none and stays.
  bool normalize = false;
};

/// Reward minus baseline of every patch, all (B, P). `given` is the baseline of Baseline::given, for example the reward
/// of the greedy action. Throws ShapeError when it is missing there.
template <class T>
Tensor<T, 2> advantage(const Tensor<T, 2>& reward, const AdvantageOptions& options = {},
                       const Tensor<T, 2>& given = {}) {
  Tensor<T, 2> result = reward;
  const Index n = reward.numel();
  if (n == 0) return result;
  const FlushDenormals flush;
  T* const a = result.mutable_data();
  const auto mean = [&] {
    double sum = 0;
    for (Index i = 0; i < n; ++i) sum += static_cast<double>(a[i]);
    return sum / static_cast<double>(n);
  };
  const auto subtract = [&](double m) {
    for (Index i = 0; i < n; ++i) a[i] = static_cast<T>(static_cast<double>(a[i]) - m);
  };
  if (options.baseline == Baseline::batch_mean && n > 1) subtract(mean());
  if (options.baseline == Baseline::given) {
    check_same_shape("advantage", reward, given);
    for (Index i = 0; i < n; ++i) a[i] -= given.data()[i];
  }
  if (options.normalize && n > 1) {
    subtract(mean());
    double squares = 0;
    for (Index i = 0; i < n; ++i) squares += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    const double deviation = std::sqrt(squares / static_cast<double>(n)) + 1e-8;
    for (Index i = 0; i < n; ++i) a[i] = static_cast<T>(static_cast<double>(a[i]) / deviation);
  }
  return result;
}

/// What the loss of the policy has beside the advantage.
struct PolicyGradientOptions {
  /// Probabilities are clamped to [clamp, 1 - clamp] before the logarithm, with gradient zero outside, as
  /// torch.distributions.Categorical does with the epsilon of float32. 0: no clamping.
  double clamp = 0x1p-23;
  double entropy_bonus = 0;       ///< times the mean entropy, subtracted from the loss
  std::optional<double> total{};  ///< divide by this instead of the number of patches, for micro-batches
};

namespace detail {

/// What a patch weighs in a mean over `total` of them, or over the rows; 0 when there are none. Throws ValueError when
/// the total is negative or not finite.
inline double share_of_patch(const char* where, Index rows, const std::optional<double>& total) {
  const double patches = total.value_or(static_cast<double>(rows));
  check<ValueError>(is_finite(patches) && patches >= 0, where,
                    "the number that the loss is divided by must be finite and not negative, got ",
                    value_text(patches));
  return patches > 0 ? 1 / patches : 0;
}

/// The loss, and where `gradient` is not null its derivative by the logits.
template <class T>
double policy_gradient(Index rows, Index models, const T* logits, const std::int32_t* actions, const T* advantages,
                       const PolicyGradientOptions& options, T* gradient) {
  const FlushDenormals flush;
  const double share = share_of_patch("policy_gradient_loss", rows, options.total);
  double loss = 0;
  for (Index row = 0; row < rows; ++row) {
    const RowDistribution d(logits + row * models, models);
    const auto chosen = static_cast<std::size_t>(actions[row]);
    const double weight = static_cast<double>(advantages[row]), entropy = options.entropy_bonus != 0 ? d.entropy() : 0;
    double log_p = d.log_p[chosen];
    bool flat = false;
    if (options.clamp > 0) {
      flat = d.p[chosen] < options.clamp || d.p[chosen] > 1 - options.clamp;
      if (flat) log_p = std::log(std::clamp(d.p[chosen], options.clamp, 1 - options.clamp));
    }
    loss -= share * (log_p * weight + options.entropy_bonus * entropy);
    if (gradient == nullptr) continue;
    for (std::size_t k = 0; k < d.p.size(); ++k) {
      double g = flat ? 0 : weight * (d.p[k] - (k == chosen ? 1 : 0));
      if (options.entropy_bonus != 0 && d.p[k] > 0) g += options.entropy_bonus * d.p[k] * (d.log_p[k] + entropy);
      gradient[row * models + static_cast<Index>(k)] = static_cast<T>(share * g);
    }
  }
  return loss;
}

/// A loss whose derivative by the logits is known, recorded.
template <class T, int Rank>
Var<T, 1> record_loss(double loss, const Var<T, Rank>& logits, Tensor<T, Rank> gradient) {
  const FlushDenormals flush;
  return record(Tensor<T, 1>::full({1}, static_cast<T>(loss)), {logits},
                [gradient = std::move(gradient)](const Tensor<T, 1>& dy, GradientSink<T>& grad) {
                  Tensor<T, Rank> dlogits(gradient.shape());
                  kernels::scale(gradient.numel(), dy(0), gradient.data(), dlogits.mutable_data());
                  grad.add(0, std::move(dlogits));
                });
}

/// The number of models; checks that everything fits.
template <class T, int Rank>
Index policy_models(const Shape<Rank>& logits, const Actions& actions, const Tensor<T, 2>& advantages) {
  check_same_shape("policy_gradient_loss", actions, advantages);
  const Index rows = actions.numel(), models = rows > 0 ? logits.numel() / rows : 0;
  check(models >= 1 && models * rows == logits.numel() && logits[0] == actions.shape()[0], "policy_gradient_loss",
        "logits ", logits, " do not fit actions ", actions.shape());
  check_actions("policy_gradient_loss", actions, actions.shape()[0], actions.shape()[1], models);
  return models;
}

}  // namespace detail

/// REINFORCE (Williams 1992): the mean over all patches of -log pi(action) * advantage, minus the entropy bonus. The
/// advantages are constants. logits: (B, P * M) or (B, P, M); actions, advantages: (B, P). Throws ShapeError when they
/// do not fit, ValueError on an action out of range.
template <class T, int Rank>
Tensor<T, 1> policy_gradient_loss(const Tensor<T, Rank>& logits, const Actions& actions, const Tensor<T, 2>& advantages,
                                  const PolicyGradientOptions& options = {}) {
  const Index models = detail::policy_models(logits.shape(), actions, advantages);
  const FlushDenormals flush;
  return Tensor<T, 1>::full(
      {1}, static_cast<T>(detail::policy_gradient(actions.numel(), models, logits.data(), actions.data(),
                                                  advantages.data(), options, static_cast<T*>(nullptr))));
}

/// The same value, recorded. With p the softmax, e the chosen action, H the entropy and b the bonus:
///   dlogits = (advantage (p - e) + b p (log p + H)) / number of patches.
template <class T, int Rank>
Var<T, 1> policy_gradient_loss(const Var<T, Rank>& logits, const Actions& actions, const Tensor<T, 2>& advantages,
                               const PolicyGradientOptions& options = {}) {
  const Index models = detail::policy_models(logits.shape(), actions, advantages);
  Tensor<T, Rank> gradient(logits.shape());
  const double loss = detail::policy_gradient(actions.numel(), models, logits.value().data(), actions.data(),
                                              advantages.data(), options, gradient.mutable_data());
  return detail::record_loss(loss, logits, std::move(gradient));
}

}  // namespace paser::rl
#include "paser/core/macros_on.inc"
