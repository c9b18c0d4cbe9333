#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/metrics/total_variation.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/train_policy.hpp"

namespace paser::pipeline {

/// Settings of stage 3, the joint training of the policy and the models behind f1, and of f1 where that is asked for.
template <class T>
struct FineTuneOptions {
  Index steps = 1000;  ///< at least 1
  Index batch = 128;
  double expert_learning_rate = 1e-4;
  double policy_learning_rate = 1e-4;
  SupervisedOptions<T> supervised{};  ///< of the models that get patches
  /// Of f1, on whole images, with the rate of the others. None: f1 stays as it is, as in the authors' code and under
  /// the paper's "jointly update the large models and RL model"; its "fine-tune all models" speaks for the other.
  std::optional<SupervisedOptions<T>> small{};
  Mode policy_mode = run::training;              ///< see PolicyOptions::mode
  RewardOptions reward{};                        ///< lambda is overwritten by lambda_from .. lambda_to
  double lambda_from = 0.5, lambda_to = 0.5;     ///< linear in the steps
  double exploit_from = 0.95, exploit_to = 1.0;  ///< alpha of Eq. 4, linear in the steps
  rl::ExplorationScope explore = rl::ExplorationScope::batch;
  rl::AdvantageOptions advantage{};
  rl::PolicyGradientOptions gradient{};
  /// Total-variation distances from the policy at the start, ascending, at each of which a copy of everything is kept.
  /// With any, the stage ends when the last is reached.
  std::vector<double> tvd_thresholds;
  Index tvd_every = 1;  ///< steps between two measurements on the validation data, at least 1
  /// Steps between two measurements of the reward on validation data, with the last lambda and greedy routes; the state
  /// with the largest, that of the start included, is the one that is kept. 0: the last state is kept.
  Index validate_every = 0;
};

/// The models and the policy when the distance from the starting policy first reached a threshold, or at the end.
template <class T>
struct Snapshot {
  double threshold = 0, tvd = 0, lambda = 0;
  Index step = 0;
  std::vector<models::AnySegmenter<T>> models;
  Policy<T> policy;
};

/// One Adam step of every model that got a patch on the cross entropy of its patches. Returns losses and gradients.
/// probabilities: of the coarse model's prediction, (N, H, W, K), for models that correct it; no gradient reaches it.
template <class T>
std::vector<SupervisedResult<T>> update_experts(Paser<T>& paser, std::vector<optim::Adam<T>>& adams,
                                                const Tensor<T, 4>& images, const Labels& labels, const ImageIds& ids,
                                                const Actions& actions, Key key,
                                                const std::vector<SupervisedOptions<T>>& options,
                                                const Tensor<T, 4>& probabilities = {}) {
  std::vector<SupervisedResult<T>> results(paser.models.size() - 1);
  for (std::size_t k = 1; k < paser.models.size(); ++k) {
    const std::vector<Index> chosen = patches_of(actions, static_cast<Index>(k));
    results[k - 1].loss = std::numeric_limits<double>::quiet_NaN();
    if (chosen.empty()) continue;
    ImageIds patch_ids;
    const Index patches = paser.grid.patches();
    for (const Index c : chosen)
      patch_ids.push_back(ids[static_cast<std::size_t>(c / patches)] * static_cast<std::uint64_t>(patches) +
                          static_cast<std::uint64_t>(c % patches));
    results[k - 1] = supervised_gradients(
        paser.models[k], expert_patches<T>(paser, static_cast<Index>(k), images, probabilities, paser.grid, chosen),
        data::gather_patches(labels, paser.grid, chosen), patch_ids, key.fold(k), options[k - 1]);
    adams[k - 1].step(paser.models[k], results[k - 1].gradients);
  }
  return results;
}

/// Mean reward over the patches of a data set when every patch goes to its most probable model. `map` and `coarse`
/// are what the policy sees of the whole set and the labels of the coarse model; probabilities: of its prediction, for
/// models that correct it. The processes of a team share the images.
template <class T, data::Source S>
double greedy_reward(const Paser<T>& paser, const S& source, const Tensor<T, 4>& map, const Labels& coarse,
                     const RewardOptions& options, const Tensor<T, 4>& probabilities = {},
                     const distributed::Team& team = {}) {
  std::vector<double> rewards;  // of chunks, times their images
  const PartRange own = distributed::own_images(team, source.size(), 1, 16, 16);
  for_each_chunk(own.end - own.begin, 16, [&](Index first, Index last) {
    const Index begin = own.begin + first, end = own.begin + last;
    const auto batch = source.range(begin, end);
    const Labels small = slice_rows(coarse, begin, end);
    const Actions actions = paser.policy.probabilities(paser.state(slice_rows(map, begin, end))).argmax();
    const Tensor<T, 4> known = probabilities.empty() ? probabilities : slice_rows(probabilities, begin, end);
    const Labels composed = apply_experts(paser, batch.images, small, actions, known);
    rewards.push_back(mean(routing_reward<T>(composed, small, batch.labels, actions, paser.grid, options).reward) *
                      static_cast<double>(end - begin));
  });
  rewards = team.join(std::span<const double>(rewards), "rewards");
  return std::accumulate(rewards.begin(), rewards.end(), 0.0) / static_cast<double>(std::max<Index>(source.size(), 1));
}

namespace detail {

/// Stage 3 as it goes on.
template <class T, data::Source S>
class FineTuning {
 public:
  FineTuning(Paser<T>& paser, const S& train, const S& validation, const FineTuneOptions<T>& options, Stage& stage,
             Key key, std::vector<Snapshot<T>>& snapshots)
      : paser_(paser),
        train_(train),
        validation_(validation),
        options_(options),
        stage_(stage),
        key_(key),
        snapshots_(snapshots),
        order_(key.fold(0), train.size(), options.batch, data::BatchOrder::Last::dropped),
        supervised_(paser.models.size() - 1, options.supervised),
        policy_adam_({.learning_rate = options.policy_learning_rate}),
        coarse_adam_({.learning_rate = options.expert_learning_rate}) {
    check<ValueError>(options.steps >= 1, stage.name.c_str(), "needs at least one step");
    check<ValueError>(options.tvd_every >= 1, stage.name.c_str(), "measures the distance after every ",
                      options.tvd_every, " steps, expected at least 1");
    stage.steps = options.steps;
    snapshots.clear();
    for (std::size_t k = 1; k < paser.models.size(); ++k) {
      adams_.emplace_back(optim::AdamOptions{.learning_rate = options.expert_learning_rate});
      adams_.back().bind(paser.models[k]);
    }
    policy_adam_.bind(paser.policy);
    if (options.small) coarse_adam_.bind(paser.models[0]);
    predict_validation();
    reference_ = validation_routes();
  }

  /// Returns false when interrupted.
  bool run() {
    TrainingState state;
    keep_parts(state, "part_images", options_.supervised, options_.batch * paser_.grid.patches());
    if (options_.small) keep_parts(state, "part_images1", *options_.small, options_.batch);
    keep_groups(state, options_.policy_mode, options_.batch);
    state.keep("policy", paser_.policy).keep("policy_adam", policy_adam_);
    if (options_.small) state.keep("adam1", coarse_adam_);
    for (std::size_t k = first_trained(); k < paser_.models.size(); ++k)
      state.keep(message("model", k + 1), paser_.models[k]);
    for (std::size_t k = 0; k < adams_.size(); ++k) state.keep(message("adam", k + 2), adams_[k]);
    state.keep_tensor("reference", reference_).keep_value("done", done_);
    state.part([this](io::Checkpoint& c) { save_snapshots(c); },
               [this](const io::Checkpoint& c) { load_snapshots(c); });
    return run_stage(stage_, state, [this](Index i) { return step(i); });
  }

 private:
  /// The first model that changes.
  std::size_t first_trained() const { return options_.small ? 0 : 1; }

  /// What the policy sees of the validation data changes with the coarse model alone.
  void predict_validation() {
    Tensor<T, 4> map;
    const auto put = [n = validation_.size()](auto& whole, const auto& part, Index begin) {
      if (part.empty()) return;
      auto shape = part.shape();
      const Index row = part.numel() / shape[0];
      shape[0] = n;
      if (whole.empty()) whole = std::decay_t<decltype(part)>(shape);
      std::copy_n(part.data(), part.numel(), whole.mutable_data() + begin * row);
    };
    for_each_chunk(validation_.size(), paser_.micro_batch * stage_.team.size(), [&](Index begin, Index end) {
      const auto batch = validation_.range(begin, end);
      const auto view = view_coarse(paser_, batch.images, batch.ids, key_.fold(2), stage_.team);
      put(map, view.map, begin);
      put(validation_coarse_, view.labels, begin);
      put(validation_probabilities_, view.probabilities, begin);
    });
    validation_state_ = paser_.state(std::move(map));
  }
  Tensor<T, 3> validation_routes() const { return paser_.policy.probabilities(validation_state_).probabilities(); }

  Snapshot<T> snapshot(double threshold, double tvd, double lambda, Index step) const {
    return {threshold, tvd, lambda, step, paser_.models, paser_.policy};
  }

  void save(io::Checkpoint& c, nlohmann::json& j, const std::string& name, const Snapshot<T>& s) const {
    j = {{"threshold", s.threshold}, {"tvd", s.tvd}, {"lambda", s.lambda}, {"step", s.step}};
    c.put_if_any(name + "_policy", s.policy);
    for (std::size_t k = first_trained(); k < s.models.size(); ++k)
      c.put_if_any(message(name, "_model", k + 1), s.models[k]);
  }
  Snapshot<T> load(const io::Checkpoint& c, const nlohmann::json& j, const std::string& name) const {
    const std::string where = message(c.origin, ": '", name, "'");
    check<FormatError>(j.is_object(), where.c_str(), "expected an object, got ", j.type_name());
    Snapshot<T> s = snapshot(1, 0, 0, 0);
    if (j.contains("threshold")) read_stored(j, where, "threshold", s.threshold, 0.0, 1.0);
    read_stored(j, where, "tvd", s.tvd, 0.0, 1 + 1e-6);  // sums of shares may round upwards
    read_stored(j, where, "lambda", s.lambda, -most_scored, most_scored);
    read_stored(j, where, "step", s.step, Index{0}, stage_.steps);
    c.get_if_any(name + "_policy", s.policy);
    for (std::size_t k = first_trained(); k < s.models.size(); ++k)
      c.get_if_any(message(name, "_model", k + 1), s.models[k]);
    return s;
  }
  void save_snapshots(io::Checkpoint& c) const {
    if (best_.state) {
      save(c, c.info["best"], "best", *best_.state);
      c.info["best"]["reward"] = best_.score;
    }
    c.info["snapshots"] = nlohmann::json::array();
    for (std::size_t i = 0; i < snapshots_.size(); ++i)
      save(c, c.info["snapshots"].emplace_back(), message("snapshot", i), snapshots_[i]);
  }
  void load_snapshots(const io::Checkpoint& c) {
    if (c.info.contains("best")) {
      best_.state = load(c, c.info.at("best"), "best");
      read_stored(c.info.at("best"), c.origin + ": 'best'", "reward", best_.score, best_.none, most_scored);
    }
    const auto list = c.info.find("snapshots");
    const std::size_t most = options_.tvd_thresholds.size() + 1;
    check<FormatError>(list != c.info.end() && list->is_array() && list->size() <= most, c.origin.c_str(),
                       "'snapshots' is ", list == c.info.end() ? "missing" : excerpt(io::json_text(*list)),
                       ", expected a list of at most ", most);
    for (std::size_t i = 0; i < list->size(); ++i) snapshots_.push_back(load(c, (*list)[i], message("snapshot", i)));
  }

  double lambda(Index i) const {
    return optim::linear_schedule(options_.lambda_from, options_.lambda_to, options_.steps)(i);
  }

  std::optional<std::string> step(Index i) {
    if (done_) return std::nullopt;
    if (options_.validate_every > 0 && i == 0) consider(0, 0, options_.lambda_from);
    const auto batch = data::epoch_rows(train_, order_.images(i), order_.epoch(i));
    const Key draw = key_.fold(1).fold(static_cast<std::uint64_t>(i));
    nlohmann::json record = update(batch, draw, i);
    if (options_.small)
      coarse_adam_.step(paser_.models[0], supervised_gradients(paser_.models[0], batch.images, batch.labels, batch.ids,
                                                               draw.fold(3), *options_.small)
                                              .gradients);
    std::string note = message("lambda ", lambda(i));
    if ((i + 1) % options_.tvd_every == 0 || i + 1 == options_.steps ||
        (options_.validate_every > 0 && (i + 1) % options_.validate_every == 0))
      note += measure(i + 1, lambda(i), record);
    stage_.log(i + 1, record);
    return note;
  }

  /// One step of the policy, and of every expert that got a patch, between its actions and their reward. Returns the
  /// log.
  template <class Batch>
  nlohmann::json update(const Batch& batch, Key draw, Index i) {
    RewardOptions reward_options = options_.reward;
    reward_options.lambda = lambda(i);
    const double alpha = optim::linear_schedule(options_.exploit_from, options_.exploit_to, options_.steps)(i);
    const CoarseView<T> view = view_coarse(paser_, batch.images, batch.ids, draw.fold(0), stage_.team);
    const PolicyState<T> state = paser_.state(view.map);
    Actions actions;
    Rewards<T> rewards;
    const auto judge = [&](const Tensor<T, 2>& logits) {
      const rl::Categorical<T> routes(logits, paser_.grid.patches());
      actions = rl::explore(routes, alpha, draw.fold(1), options_.explore).actions;
      update_experts(paser_, adams_, batch.images, batch.labels, batch.ids, actions, draw.fold(2), supervised_,
                     view.probabilities);
      const Labels composed =
          apply_experts(paser_, batch.images, view.labels, actions, view.probabilities, stage_.team);
      rewards = routing_reward<T>(composed, view.labels, batch.labels, actions, paser_.grid, reward_options);
      rl::PolicyGradientOptions gradient = options_.gradient;
      gradient.total = gradient.total.value_or(static_cast<double>(actions.numel()));
      return [gradient, actions, advantage = rl::advantage(rewards.reward, options_.advantage)](
                 const Var<T, 2>& own, Index begin, Index end) {
        return rl::policy_gradient_loss(own, slice_rows(actions, begin, end), slice_rows(advantage, begin, end),
                                        gradient);
      };
    };
    const auto result =
        policy_gradients_by_groups(paser_.policy, state, options_.policy_mode, draw.fold(3), stage_.team, judge);
    policy_adam_.step(paser_.policy, result.gradients);
    return {{"loss", result.loss},        {"reward", mean(rewards.reward)},
            {"cost", mean(rewards.cost)}, {"lambda", reward_options.lambda},
            {"exploit", alpha},           {"share", usage(actions, paser_.actions())}};
  }

  /// The distance from the starting policy after `steps` steps, and the snapshots that it calls for.
  std::string measure(Index steps, double lambda, nlohmann::json& record) {
    if (options_.small) predict_validation();
    const double tvd = metrics::mean_total_variation(reference_, validation_routes());
    record["tvd"] = tvd;
    std::string note = message(", TVD ", tvd);
    const auto& thresholds = options_.tvd_thresholds;
    while (snapshots_.size() < thresholds.size() && tvd >= thresholds[snapshots_.size()])
      snapshots_.push_back(snapshot(thresholds[snapshots_.size()], tvd, lambda, steps));
    done_ = !thresholds.empty() && snapshots_.size() == thresholds.size();
    const bool last = steps == options_.steps && !done_;
    if (options_.validate_every > 0 && (steps % options_.validate_every == 0 || last)) {
      const double reward = consider(steps, tvd, lambda);
      record["validation_reward"] = reward;
      note += message(", validation ", reward);
    }
    if (last) snapshots_.push_back(best_.state ? *best_.state : snapshot(1.0, tvd, lambda, steps));
    return note;
  }

  /// Keeps the state if its validation reward with the last lambda is the largest so far; returns that reward.
  double consider(Index steps, double tvd, double lambda) {
    RewardOptions last = options_.reward;
    last.lambda = options_.lambda_to;
    const double reward = greedy_reward(paser_, validation_, validation_state_.map, validation_coarse_, last,
                                        validation_probabilities_, stage_.team);
    best_.offer(snapshot(1.0, tvd, lambda, steps), reward);
    return reward;
  }

  Paser<T>& paser_;
  const S &train_, &validation_;
  const FineTuneOptions<T>& options_;
  Stage& stage_;
  Key key_;
  std::vector<Snapshot<T>>& snapshots_;
  data::BatchOrder order_;
  std::vector<SupervisedOptions<T>> supervised_;
  std::vector<optim::Adam<T>> adams_;
  optim::Adam<T> policy_adam_, coarse_adam_;
  PolicyState<T> validation_state_;
  Labels validation_coarse_;
  Tensor<T, 4> validation_probabilities_;  ///< of the coarse model, where a model corrects it
  Tensor<T, 3> reference_;
  BestState<std::optional<Snapshot<T>>> best_{};
  bool done_ = false;
};

}  // namespace detail

/// Stage 3. `snapshots` receives one entry for each threshold that was reached. Unless all of them were, and where none
/// was asked for, a last one follows, of threshold 1: the final state, or the best one under validate_every. A stage
/// that was not interrupted thus leaves at least one. `stage.steps` is set here. Returns false when interrupted.
template <class T, class S>
bool fine_tune(Paser<T>& paser, const S& train, const std::type_identity_t<S>& validation, FineTuneOptions<T> options,
               Stage stage, Key key, std::vector<Snapshot<T>>& snapshots) {
  data::require_source<S>();
  options.supervised.team = stage.team;
  if (options.small) options.small->team = stage.team;
  return detail::FineTuning<T, S>(paser, train, validation, options, stage, key, snapshots).run();
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
