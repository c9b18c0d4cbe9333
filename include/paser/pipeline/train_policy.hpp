#pragma once
#include "paser/core/macros_off.inc"

#include "paser/optim/adam.hpp"
#include "paser/optim/schedule.hpp"
#include "paser/pipeline/policy_data.hpp"
#include "paser/pipeline/policy_groups.hpp"
#include "paser/pipeline/reward.hpp"
#include "paser/rl/expected_reward.hpp"
#include "paser/rl/exploration.hpp"

namespace paser::pipeline {

/// How stage 2 gets the gradient of the policy's expected reward.
enum class PolicyGradient {
  sampled,  ///< REINFORCE on one action of every patch, drawn by Eq. 4: the paper
  exact     ///< the sum over all actions, from the table of what each would give; nothing is drawn, so that `explore`,
            ///< `exploit_from`, `exploit_to` and `advantage` have no meaning
};

/// Settings of stage 2, the training of the policy with all segmentation networks frozen.
template <class T>
struct PolicyOptions {
  Index epochs = 200;  ///< at least 1
  Index batch = 128;
  double learning_rate = 1e-4;
  RewardOptions reward{};
  double exploit_from = 0.7, exploit_to = 0.95;  ///< alpha of Eq. 4, linear in the epochs
  rl::ExplorationScope explore = rl::ExplorationScope::batch;
  rl::AdvantageOptions advantage{};
  rl::PolicyGradientOptions gradient{};
  PolicyGradient estimate = PolicyGradient::sampled;
  /// Sets of dropout noise that are drawn once for every image, kept in memory (8 bytes per pixel and set) and used in
  /// turn, epoch by epoch. 0: every step draws anew, as the paper does; slower by the passes of f1.
  int draws = 0;
  /// Ends the stage once so many epochs in a row had no better validation reward than the best. 0: it runs to its last
  /// epoch.
  Index patience = 0;
  /// Of the policy. ghost_batch: so many images of a batch have common statistics in its batch norms, and processes of
  /// a team share such groups out; 0: every process makes the whole step.
  Mode mode = run::training;
};

/// Reward of every patch of a batch, and what it came from. All (N, P).
template <class T>
struct Rewards {
  Tensor<T, 2> gain, cost, reward;
};

/// Compares a composed segmentation with f1's own, patch by patch. All label maps (N, H, W).
template <class T>
Rewards<T> routing_reward(const Labels& composed, const Labels& baseline, const Labels& truth, const Actions& actions,
                          const data::PatchGrid& grid, const RewardOptions& options) {
  const auto counts = [&](const Labels& labels) {
    return metrics::patch_confusion(labels, truth, options.classes, grid, options.ignored);
  };
  Rewards<T> r;
  r.gain = patch_gain<T>(counts(baseline), counts(composed), options);
  r.cost = cost_of<T>(actions, options.costs);
  r.reward = reward(r.gain, r.cost, options.lambda);
  return r;
}

/// Rewards of given actions, (N, P), from the gains of all of them, (N, P, M): see tabulated_gains.
template <class T>
Rewards<T> rewards_of(const Tensor<T, 3>& gains, const Actions& actions, const RewardOptions& options) {
  const Index models = gains.shape()[2];
  check(models == static_cast<Index>(options.costs.size()), "rewards_of", "gains of ", models, " models and ",
        options.costs.size(), " costs");
  Rewards<T> r{Tensor<T, 2>(actions.shape()), cost_of<T>(actions, options.costs), {}};
  T* const gain = r.gain.mutable_data();
  for (Index i = 0; i < actions.numel(); ++i) gain[i] = gains.data()[i * models + actions.data()[i]];
  r.reward = reward(r.gain, r.cost, options.lambda);
  return r;
}

/// The same for every action: (N, P, M).
template <class T>
Tensor<T, 3> all_rewards(const Tensor<T, 3>& gains, const RewardOptions& options) {
  const Shape<2> shape{gains.shape()[0], gains.shape()[1]};
  const Index models = gains.shape()[2];
  Tensor<T, 3> all(gains.shape());
  T* const out = all.mutable_data();
  for (Index m = 0; m < models; ++m) {
    const auto r = rewards_of(gains, Actions::full(shape, static_cast<std::int32_t>(m)), options);
    for (Index i = 0; i < r.reward.numel(); ++i) out[i * models + m] = r.reward.data()[i];
  }
  return all;
}

/// The mean of all elements.
template <class T>
double mean(const Tensor<T, 2>& x) {
  double sum = 0;
  for (const T v : x.values()) sum += static_cast<double>(v);
  return sum / static_cast<double>(std::max<Index>(x.numel(), 1));
}

/// The policy's greedy choices on a data set.
template <class T>
struct PolicyEvaluation {
  double reward = 0, cost = 0;
  double gain = 0;     ///< mean over patches, see RewardOptions::gain
  double entropy = 0;  ///< of the routes, nats
  std::vector<double> share;
  Tensor<T, 3> probabilities;  ///< (N, P, M)
};

/// Routes a whole data set by the most probable action, on the first draw of its predictions.
template <class T, data::Source S>
PolicyEvaluation<T> evaluate_policy(const Paser<T>& paser, const S& source, PolicyData<T>& known,
                                    const RewardOptions& options) {
  const ExpertCounts& table = known.experts(paser, source, options);
  PolicyEvaluation<T> result;
  result.share.assign(static_cast<std::size_t>(paser.actions()), 0.0);
  result.probabilities = Tensor<T, 3>({source.size(), paser.grid.patches(), paser.actions()});
  T* probabilities = result.probabilities.mutable_data();
  for_each_chunk(source.size(), 64, [&](Index begin, Index end) {
    const std::vector<Index> rows = data::numbers_from(begin, end);
    const PolicyBatch<T> seen = known.rows(paser, source, rows, options, 0, Key{});
    const auto routes = paser.policy.probabilities(paser.state(seen.map));
    const Actions actions = routes.argmax();
    const auto r = rewards_of(tabulated_gains<T>(table, rows, seen.coarse, options), actions, options);
    const double weight = static_cast<double>(end - begin) / static_cast<double>(source.size());
    result.reward += weight * mean(r.reward);
    result.cost += weight * mean(r.cost);
    result.gain += weight * mean(r.gain);
    result.entropy += weight * mean(routes.entropy());
    const auto share = usage(actions, paser.actions());
    for (std::size_t k = 0; k < share.size(); ++k) result.share[k] += weight * share[k];
    probabilities = std::copy_n(routes.probabilities().data(), routes.probabilities().numel(), probabilities);
  });
  return result;
}

/// What trainings of several policies on the same data and networks can share.
template <class T>
struct PolicyCache {
  PolicyData<T> train, validation;

  /// The processes of a team share the images; it is that of the stages.
  PolicyCache(int draws, Key key, const distributed::Team& team = {})
      : train(draws, key.fold(3), team), validation(1, key.fold(2), team) {}
};

namespace detail {

/// Stage 2 as it goes on.
template <class T, data::Source S>
class PolicyTraining {
 public:
  PolicyTraining(Paser<T>& paser, const S& train, const S& validation, const PolicyOptions<T>& options, Stage& stage,
                 Key key, PolicyCache<T>& cache)
      : paser_(paser),
        train_(train),
        validation_(validation),
        options_(options),
        stage_(stage),
        key_(key),
        cache_(cache),
        order_(key.fold(0), train.size(), options.batch),
        adam_({.learning_rate = options.learning_rate}),
        best_{paser.policy},
        early_stop_(options.patience) {
    check<ValueError>(validation.size() > 0, "train_policy",
                      "there are no validation images, which choose the epoch whose policy is kept");
    check<ValueError>(options.epochs >= 1, stage.name.c_str(), "needs at least one epoch");
    stage.steps = options.epochs * order_.per_epoch();
    adam_.bind(paser.policy);
  }

  /// Returns false when interrupted.
  bool run() {
    TrainingState state;
    state.keep("policy", paser_.policy).keep("best", best_.state).keep("adam", adam_);
    state.keep_value("best_reward", best_.score, best_.none, most_scored);
    state.keep_value("collapsed", collapsed_, 0, most_counted);
    early_stop_.keep_in(state);
    keep_groups(state, options_.mode, options_.batch);
    const bool finished = run_stage(
        stage_, state, [this](Index i) { return step(i); }, [this] { prepare(); });
    if (finished) paser_.policy = best_.state;
    return finished;
  }

 private:
  void prepare() {
    const auto tell = [&](const char* images) {
      return stage_.callbacks.preparation(message("every network on ", images, " images"));
    };
    cache_.train.experts(paser_, train_, options_.reward, tell("training"));
    cache_.validation.experts(paser_, validation_, options_.reward, tell("validation"));
  }

  std::optional<std::string> step(Index i) {
    if (early_stop_.over()) return std::nullopt;
    const ExpertCounts& table = cache_.train.experts(paser_, train_, options_.reward);
    const std::span<const Index> images = order_.images(i);
    const Index epoch = order_.epoch(i);
    const Key draw = key_.fold(1).fold(static_cast<std::uint64_t>(i));
    const PolicyBatch<T> seen = cache_.train.rows(paser_, train_, images, options_.reward, epoch, draw.fold(0));
    const Tensor<T, 3> gains = tabulated_gains<T>(table, images, seen.coarse, options_.reward);
    const bool exact = options_.estimate == PolicyGradient::exact;  // draws, for the log, are then of the policy
    const double alpha =
        exact ? 1 : optim::linear_schedule(options_.exploit_from, options_.exploit_to, options_.epochs)(epoch);
    Rewards<T> rewards;
    double entropy = 0;
    Actions actions;
    const auto judge = [&](const Tensor<T, 2>& logits) {
      const rl::Categorical<T> routes(logits, paser_.grid.patches());
      actions = rl::explore(routes, alpha, draw.fold(1), options_.explore).actions;
      rewards = rewards_of(gains, actions, options_.reward);
      entropy = mean(routes.entropy());
      rl::PolicyGradientOptions gradient = options_.gradient;
      gradient.total = gradient.total.value_or(static_cast<double>(actions.numel()));
      return [exact, gradient, actions, all = exact ? all_rewards(gains, options_.reward) : Tensor<T, 3>(),
              advantage = rl::advantage(rewards.reward, options_.advantage)](const Var<T, 2>& own, Index begin,
                                                                             Index end) {
        if (exact) return rl::expected_reward_loss(own, slice_rows(all, begin, end), gradient);
        return rl::policy_gradient_loss(own, slice_rows(actions, begin, end), slice_rows(advantage, begin, end),
                                        gradient);
      };
    };
    const auto result = policy_gradients_by_groups(paser_.policy, paser_.state(seen.map), options_.mode, draw.fold(2),
                                                   stage_.team, judge);
    adam_.step(paser_.policy, result.gradients);
    nlohmann::json record{{"loss", result.loss},        {"reward", mean(rewards.reward)},
                          {"cost", mean(rewards.cost)}, {"entropy", entropy},
                          {"exploit", alpha},           {"share", usage(actions, paser_.actions())}};
    std::string note = message("reward ", mean(rewards.reward));
    if (order_.ends_epoch(i)) note += validate(epoch + 1, record);
    stage_.log(i + 1, record);
    return note;
  }

  std::string validate(Index epoch, nlohmann::json& record) {
    const ExpertCounts& answers = cache_.validation.experts(paser_, validation_, options_.reward);
    const auto counts = [](const auto& table) {
      return std::ranges::any_of(table.values(), [](Index n) { return n > 0; });
    };
    check<ValueError>(answers.empty() || std::ranges::any_of(answers, counts), "train_policy",
                      "no pixel of the validation images counts: they cannot choose the epoch whose policy is kept");
    const auto v = evaluate_policy(paser_, validation_, cache_.validation, options_.reward);
    record["epoch"] = epoch;
    record["validation_reward"] = v.reward;
    record["validation_cost"] = v.cost;
    const double low = 0.05 * std::log(static_cast<double>(paser_.actions()));
    const double dominant = *std::max_element(v.share.begin(), v.share.end());
    collapsed_ = v.entropy < low && dominant > 0.98 ? collapsed_ + 1 : 0;
    if (collapsed_ == 3)
      record["warning"] = message("the policy has collapsed: for 3 epochs its entropy was below ", low, " nats and ",
                                  100 * dominant, " % of the patches went to one model");
    return message(", validation ", v.reward) + early_stop_.saw(best_.offer(paser_.policy, v.reward), record);
  }

  Paser<T>& paser_;
  const S &train_, &validation_;
  const PolicyOptions<T>& options_;
  Stage& stage_;
  Key key_;
  PolicyCache<T>& cache_;
  data::BatchOrder order_;
  optim::Adam<T> adam_;
  BestState<Policy<T>> best_;
  EarlyStop early_stop_;
  Index collapsed_ = 0;
};

}  // namespace detail

/// Stage 2: policy gradient on frozen networks; leaves the policy, which must be one that records, at its best
/// validation reward. `stage.steps` is set here. Returns false when interrupted. `cache` keeps what further trainings
/// on the same data and networks can use; it then says how often predictions are drawn.
template <class T, class S>
bool train_policy(Paser<T>& paser, const S& train, const std::type_identity_t<S>& validation,
                  const PolicyOptions<T>& options, Stage stage, Key key, PolicyCache<T>* cache = nullptr) {
  data::require_source<S>();
  PolicyCache<T> own(options.draws, key, stage.team);
  return detail::PolicyTraining<T, S>(paser, train, validation, options, stage, key, cache ? *cache : own).run();
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
