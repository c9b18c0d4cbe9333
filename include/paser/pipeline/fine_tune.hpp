#pragma once

#include <optional>

#include "paser/metrics/total_variation.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/train_policy.hpp"

namespace paser::pipeline {

/// Settings of stage 3, the joint training of the policy and the models behind f1, and of f1 where that is asked for.
template <class T>
struct FineTuneOptions {
  Index steps = 1000;
  Index batch = 128;
  double expert_learning_rate = 1e-4;
  double policy_learning_rate = 1e-4;
  SupervisedOptions<T> supervised{};  ///< of the models that get patches
  /// Of f1, on whole images, with the rate of the others. None: f1 stays as it is, as in the authors' code and under
  /// the paper's "jointly update the large models and RL model"; its "fine-tune all models" speaks for the other.
  std::optional<SupervisedOptions<T>> small{};
  Mode policy_mode = run::training;
  RewardOptions reward{};                        ///< lambda is overwritten by lambda_from .. lambda_to
  double lambda_from = 0.5, lambda_to = 0.5;     ///< linear in the steps
  double exploit_from = 0.95, exploit_to = 1.0;  ///< alpha of Eq. 4, linear in the steps
  rl::ExplorationScope explore = rl::ExplorationScope::batch;
  rl::AdvantageSpec advantage{};
  rl::PolicyGradientSpec gradient{};
  /// Total-variation distances from the policy at the start, ascending, at each of which a copy of everything is kept.
  /// With any, the stage ends when the last is reached.
  std::vector<double> tvd_thresholds;
  Index tvd_every = 1;  ///< steps between two measurements on the validation data
  /// Steps between two measurements of the reward on validation data, with the last lambda and greedy routes; the state
  /// with the largest, that of the start included, is the one that is kept. 0: the last state is kept.
  Index validate_every = 0;
};

/// The models and the policy when the distance from the starting policy first reached a threshold.
template <class T>
struct Snapshot {
  double threshold = 0, tvd = 0, lambda = 0;
  Index step = 0;
  std::vector<models::Segmenter<T>> models;
  models::PolicyNet<T> policy;
};

/// One Adam step of every model that got a patch on the cross entropy of its patches. Returns losses and gradients.
template <class T>
std::vector<SupervisedResult<T>> update_experts(Paser<T>& paser, std::vector<optim::Adam<T>>& adams,
                                                const Tensor<T, 4>& images, const Labels& labels, const Ids& ids,
                                                const Actions& actions, Key key,
                                                const std::vector<SupervisedOptions<T>>& options) {
  std::vector<SupervisedResult<T>> results(paser.models.size() - 1);
  for (std::size_t k = 1; k < paser.models.size(); ++k) {
    const std::vector<Index> chosen = Paser<T>::patches_of(actions, static_cast<Index>(k));
    results[k - 1].loss = std::numeric_limits<double>::quiet_NaN();
    if (chosen.empty()) continue;
    Ids patch_ids;
    const Index patches = paser.grid.patches();
    for (const Index c : chosen)
      patch_ids.push_back(ids[static_cast<std::size_t>(c / patches)] * static_cast<std::uint64_t>(patches) +
                          static_cast<std::uint64_t>(c % patches));
    results[k - 1] =
        supervised_gradients(paser.models[k], data::gather_patches(images, paser.grid, chosen),
                             data::gather_patches(labels, paser.grid, chosen), patch_ids, key.fold(k), options[k - 1]);
    adams[k - 1].step(paser.models[k], results[k - 1].gradients);
  }
  return results;
}

/// Mean reward over the patches of a data set when every patch goes to its most probable model. `input` and `coarse`
/// are what the policy sees of the whole set and f1's labels.
template <class T, class Source>
double greedy_reward(const Paser<T>& paser, const Source& source, const Tensor<T, 4>& input, const Labels& coarse,
                     const RewardOptions& options) {
  double sum = 0;
  for_each_run(source.size(), 16, [&](Index begin, Index end) {
    const auto batch = source.range(begin, end);
    const Labels small = slice_rows(coarse, begin, end);
    const Actions actions = paser.routes(slice_rows(input, begin, end)).argmax();
    const Labels composed = paser.refine(batch.images, small, actions);
    sum += mean(routing_reward<T>(composed, small, batch.labels, actions, paser.grid, options).reward) *
           static_cast<double>(end - begin);
  });
  return sum / static_cast<double>(std::max<Index>(source.size(), 1));
}

/// Stage 3. `snapshots` receives one entry for each threshold that was reached, and with no threshold reached or asked
/// for the final state, or the best one under validate_every. `stage.steps` is set here. Returns false when
/// interrupted. Source: see pretrain.
template <class T, class Source>
bool fine_tune(Paser<T>& paser, const Source& train, const Source& validation, const FineTuneOptions<T>& options,
               Stage stage, Key key, std::vector<Snapshot<T>>& snapshots) {
  stage.steps = options.steps;
  const std::size_t experts = paser.models.size() - 1;
  std::vector<optim::Adam<T>> adams;
  for (std::size_t k = 0; k < experts; ++k) {
    adams.emplace_back(optim::AdamOptions{.learning_rate = options.expert_learning_rate});
    adams[k].bind(paser.models[k + 1]);
  }
  optim::Adam<T> policy_adam({.learning_rate = options.policy_learning_rate});
  policy_adam.bind(paser.policy);
  const std::vector<SupervisedOptions<T>> supervised(experts, options.supervised);

  optim::Adam<T> small_adam({.learning_rate = options.expert_learning_rate});
  if (options.small) small_adam.bind(paser.models[0]);

  // What the policy sees of the validation data; it changes with f1 alone.
  Tensor<T, 4> validation_input;
  Labels validation_coarse;
  const auto observe_validation = [&] {
    const auto batch = validation.range(0, validation.size());
    const auto belief = paser.belief(batch.images, batch.ids, key.fold(2));
    validation_input = policy_input(belief);
    validation_coarse = paser.baseline_labels(belief);
  };
  observe_validation();
  Tensor<T, 3> reference = paser.routes(validation_input).probabilities();
  const Index per_epoch = std::max<Index>(1, train.size() / options.batch);
  bool done = false;
  snapshots.clear();
  std::optional<Snapshot<T>> best;
  double best_reward = 0;
  const auto consider = [&](Index step, double tvd, double lambda) {
    RewardOptions last = options.reward;
    last.lambda = options.lambda_to;
    const double reward = greedy_reward(paser, validation, validation_input, validation_coarse, last);
    if (!best || reward > best_reward) {
      best_reward = reward;
      best = Snapshot<T>{1.0, tvd, lambda, step, paser.models, paser.policy};
    }
    return reward;
  };

  const std::size_t trained = options.small ? 0 : 1;  // the first model that changes
  const auto name = [](std::size_t i, const char* what) { return message("snapshot", i, "_", what); };
  const bool finished = run_stage(
      stage,
      [&](io::Checkpoint& c) {
        c.put("policy", paser.policy);
        c.put("policy_adam", policy_adam);
        if (options.small) c.put("adam1", small_adam);
        for (std::size_t k = trained; k <= experts; ++k) c.put(message("model", k + 1), paser.models[k]);
        for (std::size_t k = 0; k < experts; ++k) c.put(message("adam", k + 2), adams[k]);
        c.tensors["reference"] = io::RawTensor::of(reference);
        c.info["done"] = done;
        detail::put_parts(c, "part_images", options.supervised, options.batch * paser.grid.patches());
        if (options.small) detail::put_parts(c, "part_images1", *options.small, options.batch);
        if (best) {
          c.info["best"] = {
              {"reward", best_reward}, {"tvd", best->tvd}, {"lambda", best->lambda}, {"step", best->step}};
          c.put("best_policy", best->policy);
          for (std::size_t k = trained; k < best->models.size(); ++k)
            c.put(message("best_model", k + 1), best->models[k]);
        }
        c.info["snapshots"] = nlohmann::json::array();
        for (std::size_t i = 0; i < snapshots.size(); ++i) {
          const auto& s = snapshots[i];
          c.info["snapshots"].push_back(
              {{"threshold", s.threshold}, {"tvd", s.tvd}, {"lambda", s.lambda}, {"step", s.step}});
          c.put(name(i, "policy"), s.policy);
          for (std::size_t k = trained; k < s.models.size(); ++k)
            c.put(name(i, message("model", k + 1).c_str()), s.models[k]);
        }
      },
      [&](const io::Checkpoint& c) {
        detail::require_same_parts(c, "part_images", options.supervised, options.batch * paser.grid.patches());
        if (options.small) detail::require_same_parts(c, "part_images1", *options.small, options.batch);
        c.get("policy", paser.policy);
        c.get("policy_adam", policy_adam);
        if (options.small) c.get("adam1", small_adam);
        for (std::size_t k = trained; k <= experts; ++k) c.get(message("model", k + 1), paser.models[k]);
        for (std::size_t k = 0; k < experts; ++k) c.get(message("adam", k + 2), adams[k]);
        reference = c.tensors.at("reference").template as<T, 3>();
        done = c.info.at("done").get<bool>();
        if (c.info.contains("best")) {
          const auto& j = c.info.at("best");
          best = Snapshot<T>{1.0, j.at("tvd"), j.at("lambda"), j.at("step"), paser.models, paser.policy};
          best_reward = j.at("reward").template get<double>();
          c.get("best_policy", best->policy);
          for (std::size_t k = trained; k < best->models.size(); ++k)
            c.get(message("best_model", k + 1), best->models[k]);
        }
        for (std::size_t i = 0; i < c.info.at("snapshots").size(); ++i) {
          const auto& j = c.info.at("snapshots")[i];
          Snapshot<T> s{j.at("threshold"), j.at("tvd"), j.at("lambda"), j.at("step"), paser.models, paser.policy};
          c.get(name(i, "policy"), s.policy);
          for (std::size_t k = trained; k < s.models.size(); ++k)
            c.get(name(i, message("model", k + 1).c_str()), s.models[k]);
          snapshots.push_back(std::move(s));
        }
      },
      [&](Index step) -> std::optional<std::string> {
        if (done) return std::nullopt;
        if (options.validate_every > 0 && step == 0) consider(0, 0, options.lambda_from);
        const Index epoch = step / per_epoch, place = step % per_epoch;
        const auto order = permutation(key.fold(0).fold(static_cast<std::uint64_t>(epoch)), train.size());
        const Index begin = place * options.batch, end = std::min(train.size(), begin + options.batch);
        const auto numbers = std::span<const Index>(order).subspan(static_cast<std::size_t>(begin),
                                                                   static_cast<std::size_t>(end - begin));
        const auto batch = data::epoch_rows(train, numbers, epoch);
        const Key draw = key.fold(1).fold(static_cast<std::uint64_t>(step));
        RewardOptions reward_options = options.reward;
        reward_options.lambda = optim::linear_schedule(options.lambda_from, options.lambda_to, options.steps)(step);
        const double alpha = optim::linear_schedule(options.exploit_from, options.exploit_to, options.steps)(step);

        const auto belief = paser.belief(batch.images, batch.ids, draw.fold(0));
        const Labels coarse = paser.baseline_labels(belief);
        const Tensor<T, 4> input = policy_input(belief);
        Actions actions;
        Rewards<T> rewards;
        std::vector<SupervisedResult<T>> updates;
        const auto result = value_and_gradients<T>(options.policy_mode, Key{}, [&](auto& ctx) {
          const auto logits = paser.policy(ctx, ctx.constant(input));
          const rl::Categorical<T> routes(logits.value(), paser.grid.patches());
          actions = rl::explore(routes, alpha, draw.fold(1), options.explore).actions;
          updates =
              update_experts(paser, adams, batch.images, batch.labels, batch.ids, actions, draw.fold(2), supervised);
          const Labels composed = paser.refine(batch.images, coarse, actions);
          rewards = routing_reward<T>(composed, coarse, batch.labels, actions, paser.grid, reward_options);
          return rl::policy_gradient_loss(logits, actions, rl::advantage(rewards.reward, options.advantage),
                                          options.gradient);
        });
        policy_adam.step(paser.policy, result.gradients);
        if (options.small)
          small_adam.step(paser.models[0], supervised_gradients(paser.models[0], batch.images, batch.labels, batch.ids,
                                                                draw.fold(3), *options.small)
                                               .gradients);

        nlohmann::json record{{"loss", result.value},       {"reward", mean(rewards.reward)},
                              {"cost", mean(rewards.cost)}, {"lambda", reward_options.lambda},
                              {"exploit", alpha},           {"share", usage(actions, paser.actions())}};
        std::string note = message("lambda ", reward_options.lambda);
        if ((step + 1) % options.tvd_every == 0 || step + 1 == options.steps ||
            (options.validate_every > 0 && (step + 1) % options.validate_every == 0)) {
          if (options.small) observe_validation();
          const auto now = paser.routes(validation_input).probabilities();
          const double tvd = metrics::mean_total_variation(reference, now);
          record["tvd"] = tvd;
          note += message(", TVD ", tvd);
          while (snapshots.size() < options.tvd_thresholds.size() && tvd >= options.tvd_thresholds[snapshots.size()])
            snapshots.push_back({options.tvd_thresholds[snapshots.size()], tvd, reward_options.lambda, step + 1,
                                 paser.models, paser.policy});
          done = !options.tvd_thresholds.empty() && snapshots.size() == options.tvd_thresholds.size();
          const bool last = step + 1 == options.steps && !done;
          if (options.validate_every > 0 && ((step + 1) % options.validate_every == 0 || last)) {
            record["validation_reward"] = consider(step + 1, tvd, reward_options.lambda);
            note += message(", validation ", record["validation_reward"].template get<double>());
          }
          if (last)
            snapshots.push_back(
                best ? *best : Snapshot<T>{1.0, tvd, reward_options.lambda, step + 1, paser.models, paser.policy});
        }
        stage.log(step + 1, record);
        return note;
      });
  return finished;
}

}  // namespace paser::pipeline
