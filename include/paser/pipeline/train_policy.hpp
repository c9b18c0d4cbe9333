#pragma once

#include "paser/optim/adam.hpp"
#include "paser/optim/schedule.hpp"
#include "paser/pipeline/observation.hpp"
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
  Index epochs = 200;
  Index batch = 128;
  double learning_rate = 1e-4;
  RewardOptions reward{};
  double exploit_from = 0.7, exploit_to = 0.95;  ///< alpha of Eq. 4, linear in the epochs
  rl::ExplorationScope explore = rl::ExplorationScope::batch;
  rl::AdvantageSpec advantage{};
  rl::PolicyGradientSpec gradient{};
  PolicyGradient estimate = PolicyGradient::sampled;
  /// Sets of dropout noise that are drawn once for every image, kept in memory (8 bytes a pixel and set) and used in
  /// turn, epoch by epoch. 0: every step draws anew, as the paper does; slower by the passes of f1.
  int belief_draws = 0;
};

/// Reward of every patch of a batch, and what it came from. All (N, P).
template <class T>
struct Rewards {
  Tensor<T, 2> iou_chosen, iou_small, cost, reward;
};

/// Compares a composed segmentation with f1's own, patch by patch. All label maps (N, H, W).
template <class T>
Rewards<T> routing_reward(const Labels& composed, const Labels& baseline, const Labels& truth, const Actions& actions,
                          const data::PatchGrid& grid, const RewardOptions& options) {
  Rewards<T> r;
  r.iou_chosen = metrics::patch_iou<T>(composed, truth, options.classes, grid, options.class_mean, options.ignored);
  r.iou_small = metrics::patch_iou<T>(baseline, truth, options.classes, grid, options.class_mean, options.ignored);
  r.cost = cost_of<T>(actions, options.costs);
  r.reward = reward(r.iou_chosen, r.iou_small, r.cost, options.lambda);
  return r;
}

/// Loss and gradient of the policy for actions and rewards that are given. input: (N, H, W, 2).
template <class T>
ValueAndGradients<T> policy_gradients(const models::PolicyNet<T>& policy, const Tensor<T, 4>& input,
                                      const Actions& actions, const Tensor<T, 2>& reward, Mode mode,
                                      const rl::AdvantageSpec& advantage = {},
                                      const rl::PolicyGradientSpec& spec = {}) {
  return value_and_gradients<T>(mode, Key{}, [&](auto& ctx) {
    return rl::policy_gradient_loss(policy(ctx, ctx.constant(input)), actions, rl::advantage(reward, advantage), spec);
  });
}

/// Rewards of given actions from a table of tabulate_expert_iou whose rows are `rows`. iou_small, actions: (N, P).
template <class T>
Rewards<T> tabulated_reward(const Tensor<T, 3>& table, std::span<const Index> rows, const Tensor<T, 2>& iou_small,
                            const Actions& actions, const RewardOptions& options) {
  Rewards<T> r;
  r.iou_small = r.iou_chosen = iou_small;
  T* chosen = r.iou_chosen.mutable_data();
  const Index patches = table.shape()[1], experts = table.shape()[2];
  check(experts + 1 == static_cast<Index>(options.costs.size()), "tabulated_reward", "a table of ", experts,
        " experts and ", options.costs.size(), " costs");
  for (Index i = 0; i < actions.numel(); ++i) {
    const std::int32_t a = actions.data()[i];
    if (a > 0) chosen[i] = table(rows[static_cast<std::size_t>(i / patches)], i % patches, a - 1);
  }
  r.cost = cost_of<T>(actions, options.costs);
  r.reward = reward(r.iou_chosen, r.iou_small, r.cost, options.lambda);
  return r;
}

/// The same for every action: (N, P, M).
template <class T>
Tensor<T, 3> tabulated_rewards(const Tensor<T, 3>& table, std::span<const Index> rows, const Tensor<T, 2>& iou_small,
                               const RewardOptions& options) {
  const Shape<2>& shape = iou_small.shape();
  const Index models = table.shape()[2] + 1;
  Tensor<T, 3> all({shape[0], shape[1], models});
  T* const out = all.mutable_data();
  for (Index m = 0; m < models; ++m) {
    const auto r =
        tabulated_reward(table, rows, iou_small, Actions::full(shape, static_cast<std::int32_t>(m)), options);
    for (Index i = 0; i < r.reward.numel(); ++i) out[i * models + m] = r.reward.data()[i];
  }
  return all;
}

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
  double gain = 0;     ///< mean over patches of IoU(chosen) - IoU(f1)
  double entropy = 0;  ///< of the routes, nats
  std::vector<double> share;
  Tensor<T, 3> probabilities;  ///< (N, P, M)
};

/// Routes a whole data set by the most probable action, on the first draw of its beliefs.
template <class T, class Source>
PolicyEvaluation<T> evaluate_policy(const Paser<T>& paser, const Source& source, FrozenSet<T>& frozen,
                                    const RewardOptions& options) {
  const Tensor<T, 3>& table = frozen.experts(paser, source, options);
  PolicyEvaluation<T> result;
  result.share.assign(static_cast<std::size_t>(paser.actions()), 0.0);
  result.probabilities = Tensor<T, 3>({source.size(), paser.grid.patches(), paser.actions()});
  T* probabilities = result.probabilities.mutable_data();
  for_each_run(source.size(), 64, [&](Index begin, Index end) {
    std::vector<Index> rows(static_cast<std::size_t>(end - begin));
    std::iota(rows.begin(), rows.end(), begin);
    const Observation<T> seen = frozen.rows(paser, source, rows, options, 0, Key{});
    const auto routes = paser.routes(seen.input);
    const Actions actions = routes.argmax();
    const auto r = tabulated_reward(table, rows, seen.iou_small, actions, options);
    const double weight = static_cast<double>(end - begin) / static_cast<double>(source.size());
    result.reward += weight * mean(r.reward);
    result.cost += weight * mean(r.cost);
    result.gain += weight * (mean(r.iou_chosen) - mean(r.iou_small));
    result.entropy += weight * mean(routes.entropy());
    const auto share = usage(actions, paser.actions());
    for (std::size_t k = 0; k < share.size(); ++k) result.share[k] += weight * share[k];
    probabilities = std::copy_n(routes.probabilities().data(), routes.probabilities().numel(), probabilities);
  });
  return result;
}

/// What trainings of several policies on the same data and networks can share.
template <class T>
struct PolicyGround {
  FrozenSet<T> train, validation;

  PolicyGround(int belief_draws, Key key) : train(belief_draws, key.fold(3)), validation(1, key.fold(2)) {}
};

/// Stage 2: policy gradient on frozen networks; leaves the policy at its best validation reward. `stage.steps` is set
/// here. Returns false when interrupted. Source: see pretrain. `ground` keeps what further trainings on the same data
/// and networks can use; it then says how often beliefs are drawn.
template <class T, class Source>
bool train_policy(Paser<T>& paser, const Source& train, const Source& validation, const PolicyOptions<T>& options,
                  Stage stage, Key key, PolicyGround<T>* ground = nullptr) {
  const Index per_epoch = (train.size() + options.batch - 1) / options.batch;
  stage.steps = options.epochs * per_epoch;
  PolicyGround<T> own(options.belief_draws, key);
  PolicyGround<T>& frozen = ground != nullptr ? *ground : own;
  optim::Adam<T> adam({.learning_rate = options.learning_rate});
  adam.bind(paser.policy);
  models::PolicyNet<T> best = paser.policy;
  double best_reward = -1e30;
  Index collapsed = 0;
  const bool finished = run_stage(
      stage,
      [&](io::Checkpoint& c) {
        c.put("policy", paser.policy);
        c.put("best", best);
        c.put("adam", adam);
        c.info["best_reward"] = best_reward;
        c.info["collapsed"] = collapsed;
      },
      [&](const io::Checkpoint& c) {
        c.get("policy", paser.policy);
        c.get("best", best);
        c.get("adam", adam);
        best_reward = c.info.at("best_reward").get<double>();
        collapsed = c.info.at("collapsed").get<Index>();
      },
      [&](Index step) {
        const Tensor<T, 3>& table = frozen.train.experts(paser, train, options.reward);
        const Index epoch = step / per_epoch, place = step % per_epoch;
        const auto order = permutation(key.fold(0).fold(static_cast<std::uint64_t>(epoch)), train.size());
        const Index begin = place * options.batch, end = std::min(train.size(), begin + options.batch);
        const auto rows = std::span<const Index>(order).subspan(static_cast<std::size_t>(begin),
                                                                static_cast<std::size_t>(end - begin));
        const Key draw = key.fold(1).fold(static_cast<std::uint64_t>(step));
        const Observation<T> seen = frozen.train.rows(paser, train, rows, options.reward, epoch, draw.fold(0));
        const bool exact = options.estimate == PolicyGradient::exact;  // draws, for the log, are then of the policy
        const double alpha =
            exact ? 1 : optim::linear_schedule(options.exploit_from, options.exploit_to, options.epochs)(epoch);
        Rewards<T> rewards;
        double entropy = 0;
        Actions actions;
        const auto result = value_and_gradients<T>(run::training, Key{}, [&](auto& ctx) {
          const auto logits = paser.policy(ctx, ctx.constant(seen.input));
          const rl::Categorical<T> routes(logits.value(), paser.grid.patches());
          actions = rl::explore(routes, alpha, draw.fold(1), options.explore).actions;
          rewards = tabulated_reward(table, rows, seen.iou_small, actions, options.reward);
          entropy = mean(routes.entropy());
          if (exact)
            return rl::expected_reward_loss(logits, tabulated_rewards(table, rows, seen.iou_small, options.reward),
                                            options.gradient);
          return rl::policy_gradient_loss(logits, actions, rl::advantage(rewards.reward, options.advantage),
                                          options.gradient);
        });
        adam.step(paser.policy, result.gradients);
        nlohmann::json record{{"loss", result.value},       {"reward", mean(rewards.reward)},
                              {"cost", mean(rewards.cost)}, {"entropy", entropy},
                              {"exploit", alpha},           {"share", usage(actions, paser.actions())}};
        std::string note = message("reward ", mean(rewards.reward));
        if (place + 1 == per_epoch) {
          const auto v = evaluate_policy(paser, validation, frozen.validation, options.reward);
          if (v.reward > best_reward) {
            best_reward = v.reward;
            best = paser.policy;
          }
          record["epoch"] = epoch + 1;
          record["validation_reward"] = v.reward;
          record["validation_cost"] = v.cost;
          note += message(", validation ", v.reward);
          const double low = 0.05 * std::log(static_cast<double>(paser.actions()));
          const double dominant = *std::max_element(v.share.begin(), v.share.end());
          collapsed = v.entropy < low && dominant > 0.98 ? collapsed + 1 : 0;
          if (collapsed == 3)
            record["warning"] = message("the policy has collapsed: for 3 epochs its entropy was below ", low,
                                        " nats and ", 100 * dominant, " % of the patches went to one model");
        }
        stage.log(step + 1, record);
        return note;
      },
      [&] {
        const auto tell = [&](const char* images) {
          return stage.monitor.preparation(message("every network on ", images, " images"));
        };
        frozen.train.experts(paser, train, options.reward, tell("training"));
        frozen.validation.experts(paser, validation, options.reward, tell("validation"));
      });
  if (finished) paser.policy = best;
  return finished;
}

}  // namespace paser::pipeline
