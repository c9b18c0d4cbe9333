#pragma once

#include "paser/pipeline/fine_tune.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/train_policy.hpp"
#include "segmentation/networks.hpp"
#include "segmentation/ranges.hpp"

/// What the settings of a run mean for its stages. Every function throws ValueError naming a setting that has no such
/// value.
namespace segmentation {

/// How a policy is paid and how it learns from that: a rule of costs with its scale, lambda; what tames the gradient,
/// how it is got, and what the policy sees.
struct Reward {
  std::string cost, scale, baseline, gradient, view;
  double lambda = 0.5, entropy_bonus = 0;
};

/// The reward of the settings; the paper's in every preset, up to the setting `gain`.
inline Reward main_reward(const Config& c) {
  return {c.cost, c.cost_scale, c.reward_baseline, c.policy_gradient, c.policy_view, c.lambda, c.entropy_bonus};
}

/// That of the second PaSeR: costs scaled to the gain, and the settings tuned_...
inline Reward tuned_reward(const Config& c) {
  return {c.cost, "gain", c.tuned_baseline, c.tuned_gradient, c.tuned_view, c.tuned_lambda, c.tuned_entropy_bonus};
}

inline paser::metrics::ClassMean class_mean(const Config& c) {
  paser::check<paser::ValueError>(c.absent_class == "left out" || c.absent_class == "zero", "absent_class", "'",
                                  c.absent_class, "', expected 'left out' or 'zero'");
  return c.absent_class == "zero" ? paser::metrics::ClassMean::all : paser::metrics::ClassMean::present;
}

inline paser::rl::ExplorationScope exploration(const Config& c) {
  paser::check<paser::ValueError>(c.explore == "batch" || c.explore == "patch", "explore", "'", c.explore,
                                  "', expected batch or patch");
  return c.explore == "batch" ? paser::rl::ExplorationScope::batch : paser::rl::ExplorationScope::patch;
}

inline paser::rl::AdvantageOptions advantage(const Reward& r) {
  using paser::rl::Baseline;
  paser::check<paser::ValueError>(r.baseline == "none" || r.baseline == "batch_mean", "reward_baseline", "'",
                                  r.baseline, "', expected none or batch_mean");
  return {.baseline = r.baseline == "batch_mean" ? Baseline::batch_mean : Baseline::none};
}

inline pipeline::PolicyGradient gradient(const Reward& r) {
  paser::check<paser::ValueError>(r.gradient == "sampled" || r.gradient == "exact", "policy_gradient", "'", r.gradient,
                                  "', expected sampled or exact");
  return r.gradient == "exact" ? pipeline::PolicyGradient::exact : pipeline::PolicyGradient::sampled;
}

inline bool normalised_to_gain(const Reward& r) {
  paser::check<paser::ValueError>(r.scale == "shares" || r.scale == "gain", "cost_scale", "'", r.scale,
                                  "', expected shares or gain");
  return r.scale == "gain";
}

inline bool by_patch(const Reward& r) {
  paser::check<paser::ValueError>(r.view == "image" || r.view == "patch", "policy_view", "'", r.view,
                                  "', expected image or patch");
  return r.view == "patch";
}

inline pipeline::PatchGain patch_gain(const Config& c) {
  paser::check<paser::ValueError>(c.gain == "set" || c.gain == "image" || c.gain == "patch", "gain", "'", c.gain,
                                  "', expected set, image or patch");
  return c.gain == "patch" ? pipeline::PatchGain::patch_iou : pipeline::PatchGain::additive;
}

/// What belongs to the gain in every reward; costs, lambda and the set that gains are measured on are not set.
inline pipeline::RewardOptions gain_options(const Config& c, const Data& data) {
  return {.class_mean = class_mean(c),
          .classes = data.classes(),
          .ignored = paser::data::ignored_label,
          .gain = patch_gain(c)};
}

/// The loss of stages 1 and 3.
inline pipeline::SupervisedOptions<float> supervised_options(const Config& c, const Data& data) {
  pipeline::SupervisedOptions<float> options;
  options.class_weights = data.weights().weights;
  options.ignored = paser::data::ignored_label;
  options.micro_batch = c.micro_batch;
  options.part_images = c.part_images;
  return options;
}

/// What f1 learns from f3, if anything.
inline std::optional<paser::DistillationOptions> distillation(const Config& c) {
  using paser::DistillationOptions;
  paser::check<paser::ValueError>(c.teacher_view == "patches" || c.teacher_view == "image", "teacher_view", "'",
                                  c.teacher_view, "', expected patches or image");
  if (c.distillation == "none") return {};
  paser::check<paser::ValueError>(c.distillation == "mse" || c.distillation == "kl", "distillation", "'",
                                  c.distillation, "', expected none, mse or kl");
  DistillationOptions kd;
  kd.kind = c.distillation == "mse" ? DistillationOptions::Kind::mse : DistillationOptions::Kind::kl;
  kd.alpha = c.distillation_weight;
  kd.temperature = c.temperature;
  return kd;
}

/// The settings, when every word in them means something and every number is in its range: a run of an hour should not
/// end at its last stage for a misspelt one.
inline const Config& checked(const Config& c) {
  check_ranges(c);
  (void)class_mean(c);
  (void)exploration(c);
  (void)patch_gain(c);
  (void)distillation(c);
  (void)route_choice(c);
  pipeline::SupervisedOptions<float> batches;
  batches.micro_batch = c.micro_batch;
  batches.part_images = c.part_images;
  (void)pipeline::images_per_part(batches);
  for (const Reward& r : {main_reward(c), tuned_reward(c)}) {
    (void)advantage(r);
    (void)gradient(r);
    (void)by_patch(r);
    (void)normalised_to_gain(r);
    check_cost(r.cost);
  }
  for (const std::string& cost : c.costs) check_cost(cost);
  return c;
}

/// Stage 1 of network k: f1 sees whole images, and may learn from f3; the others see patches.
inline pipeline::PretrainOptions<float> pretrain_options(const Config& c, const Data& data, std::size_t k) {
  const paser::data::PatchGrid grid{c.grid[0], c.grid[1]};
  pipeline::PretrainOptions<float> options;
  options.epochs = c.pretrain_epochs[k];
  options.batch = c.pretrain_batch[k];
  options.learning_rate = c.pretrain_rate[k];
  options.final_rate = c.pretrain_final_rate;
  options.validate_every = c.validate_every;
  options.patience = c.patience;
  options.class_mean = class_mean(c);
  options.supervised = supervised_options(c, data);
  if (k > 0) options.grid = grid;
  options.supervised.distillation = k > 0 ? std::nullopt : distillation(c);
  if (!options.supervised.distillation) return options;
  options.teacher_grid = c.teacher_view == "patches" ? grid : paser::data::PatchGrid{1, 1};
  options.keep_teacher_logits = c.keep_teacher_logits;
  return options;
}

/// Stage 2 with one reward; `rewards` are its options.
inline pipeline::PolicyOptions<float> policy_options(const Config& c, const Reward& reward,
                                                     const pipeline::RewardOptions& rewards, Index epochs) {
  pipeline::PolicyOptions<float> options;
  options.epochs = epochs;
  options.batch = c.policy_batch;
  options.learning_rate = c.policy_rate;
  options.exploit_from = c.exploit_from;
  options.exploit_to = c.exploit_to;
  options.explore = exploration(c);
  options.reward = rewards;
  options.advantage = advantage(reward);
  options.gradient.entropy_bonus = reward.entropy_bonus;
  options.estimate = gradient(reward);
  options.draws = c.belief_draws;
  options.patience = c.patience;
  return options;
}

/// Stage 3 with one reward, lambda fixed; `rewards` are its options.
inline pipeline::FineTuneOptions<float> fine_tune_options(const Config& c, const Data& data, const Reward& reward,
                                                          const pipeline::RewardOptions& rewards) {
  pipeline::FineTuneOptions<float> options;
  const Index per_epoch = std::max<Index>(1, data.varied(3).size() / c.fine_tune_batch);
  options.steps = c.fine_tune_epochs * per_epoch;
  options.batch = c.fine_tune_batch;
  options.expert_learning_rate = c.fine_tune_rate;
  options.policy_learning_rate = c.fine_tune_policy_rate;
  options.supervised = supervised_options(c, data);
  if (c.fine_tune_small) options.small = options.supervised;
  options.reward = rewards;
  options.lambda_from = options.lambda_to = reward.lambda;
  options.exploit_from = c.fine_tune_exploit_from;
  options.exploit_to = c.fine_tune_exploit_to;
  options.explore = exploration(c);
  options.advantage = advantage(reward);
  options.gradient.entropy_bonus = reward.entropy_bonus;
  options.tvd_every = options.validate_every = per_epoch;
  return options;
}

}  // namespace segmentation
