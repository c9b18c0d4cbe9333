#pragma once

#include "paser/experiment/stage_options.hpp"
#include "segmentation/networks.hpp"

/// What the settings of a run mean for its stages.
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

inline paser::rl::ExplorationScope exploration(const Config& c) {
  return c.explore == "batch" ? paser::rl::ExplorationScope::batch : paser::rl::ExplorationScope::patch;
}

/// What belongs to the gain in every reward; costs, lambda and the set that gains are measured on are not set.
inline pipeline::RewardOptions gain_options(const Config& c, const Data& data) {
  return {.class_mean = class_mean(c),
          .classes = data.classes(),
          .ignored = paser::data::ignored_label,
          .gain = c.gain == "patch" ? pipeline::PatchGain::patch_iou : pipeline::PatchGain::additive};
}

/// The loss of stages 1 and 3.
inline pipeline::SupervisedOptions<float> supervised_options(const Config& c, const Data& data) {
  pipeline::SupervisedOptions<float> options;
  options.class_weights = data.weights().weights;
  options.ignored = paser::data::ignored_label;
  options.micro_batch = c.micro_batch;
  options.part_images = c.part_images;
  options.mode.ghost_batch = c.ghost_batch;
  return options;
}

/// What f1 learns from the largest network, if anything.
inline std::optional<paser::DistillationOptions> distillation(const Config& c) {
  using paser::DistillationOptions;
  if (c.distillation == "none") return {};
  DistillationOptions kd;
  kd.kind = c.distillation == "mse" ? DistillationOptions::Kind::mse : DistillationOptions::Kind::kl;
  kd.alpha = c.distillation_weight;
  kd.temperature = c.temperature;
  return kd;
}

/// The settings, when they can be a run. Throws ValueError naming the one that cannot.
inline const Config& checked(const Config& c) {
  using paser::check;
  using paser::ValueError;
  experiment::check_settings(c);
  auto lists = c.lists();
  lists.insert(lists.end(), {{"pretrain_epochs", c.pretrain_epochs.size()},
                             {"pretrain_batch", c.pretrain_batch.size()},
                             {"pretrain_rate", c.pretrain_rate.size()}});
  experiment::check_lists(lists);
  experiment::check_rivals(c);
  experiment::check_names("lambdas", c.lambdas, [](double lambda) { return paser::message(lambda); });
  experiment::check_each_once("costs", c.costs);
  experiment::check_each_once("sample_counts", c.sample_counts);
  check<ValueError>(c.noise == 0 || c.noise_epochs.size() + 1 == c.models(), "setting", "noise_epochs is of ",
                    c.noise_epochs.size(), " networks, expected ", c.models() - 1, ", all but f1");
  for (const Index epochs : c.noise_epochs)
    check<ValueError>(c.noise == 0 || epochs >= 1, "setting", "noise_epochs has ", epochs,
                      ", expected at least 1 where noise is asked for");
  pipeline::SupervisedOptions<float> batches;
  batches.micro_batch = c.micro_batch;
  batches.part_images = c.part_images;
  const Index part = pipeline::images_per_part(batches);
  check<ValueError>(c.ghost_batch == 0 || part % c.ghost_batch == 0, "setting", "ghost_batch = ", c.ghost_batch,
                    ", expected a divisor of the ", part, " images of a part or micro-batch, or 0");
  return c;
}

/// Stage 1 of network k: f1 sees whole images, and may learn from the largest; the others see patches.
inline pipeline::PretrainOptions<float> pretrain_options(const Config& c, const Data& data, std::size_t k) {
  const paser::data::PatchGrid grid{c.grid[0], c.grid[1]};
  auto options = experiment::pretrain_options(c, k);
  options.final_rate = c.pretrain_final_rate;
  options.validate_every = c.validate_every;
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
  auto options = experiment::policy_options(c, reward.baseline);
  options.epochs = epochs;
  options.explore = exploration(c);
  options.reward = rewards;
  options.gradient.entropy_bonus = reward.entropy_bonus;
  options.estimate = reward.gradient == "exact" ? pipeline::PolicyGradient::exact : pipeline::PolicyGradient::sampled;
  options.draws = c.belief_draws;
  options.mode.ghost_batch = c.policy_group;
  return options;
}

/// Stage 3 with one reward, lambda fixed; `rewards` are its options.
inline pipeline::FineTuneOptions<float> fine_tune_options(const Config& c, const Data& data, const Reward& reward,
                                                          const pipeline::RewardOptions& rewards) {
  auto options = experiment::fine_tune_options(c, reward.baseline);
  const Index per_epoch = std::max<Index>(1, data.varied(3).size() / c.fine_tune_batch);
  options.steps = c.fine_tune_epochs * per_epoch;
  options.supervised = supervised_options(c, data);
  // The patches that the policy sends to a network are few, and may be one: too few for the statistics of a batch norm.
  options.supervised.mode = paser::run::frozen_statistics;
  if (c.fine_tune_small) options.small = options.supervised;
  options.policy_mode.ghost_batch = c.policy_group;
  options.reward = rewards;
  options.lambda_from = options.lambda_to = reward.lambda;
  options.explore = exploration(c);
  options.gradient.entropy_bonus = reward.entropy_bonus;
  options.tvd_every = options.validate_every = per_epoch;
  return options;
}

}  // namespace segmentation
