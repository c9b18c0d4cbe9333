#pragma once
#include "paser/core/macros_off.inc"

#include "paser/experiment/common_settings.hpp"
#include "paser/experiment/run_folder.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/train_policy.hpp"

/// What the common settings say of the three stages, and what their checkpoints take.
namespace paser::experiment {

/// The settings of a run in the three stages.
template <class S>
concept StagedSettings = std::derived_from<S, RunSettings> && std::derived_from<S, StageSettings>;

/// How rewards become advantages: "batch_mean" or "none" is subtracted.
inline rl::AdvantageOptions advantage(const std::string& baseline) {
  return {.baseline = baseline == "batch_mean" ? rl::Baseline::batch_mean : rl::Baseline::none};
}

/// Stage 1 of network k, as far as `s` knows it.
template <StagedSettings S>
pipeline::PretrainOptions<float> pretrain_options(const S& s, std::size_t k) {
  pipeline::PretrainOptions<float> options;
  options.epochs = s.pretrain_epochs.at(k);
  options.batch = s.pretrain_batch.at(k);
  options.learning_rate = s.pretrain_rate.at(k);
  options.patience = s.patience;
  options.supervised.micro_batch = s.micro_batch;
  return options;
}

/// Stage 2, as far as `s` knows it; the reward is not. baseline: see advantage().
template <StagedSettings S>
pipeline::PolicyOptions<float> policy_options(const S& s, const std::string& baseline) {
  pipeline::PolicyOptions<float> options;
  options.epochs = s.policy_epochs;
  options.batch = s.policy_batch;
  options.learning_rate = s.policy_rate;
  options.patience = s.patience;
  options.advantage = advantage(baseline);
  options.exploit_from = s.exploit_from;
  options.exploit_to = s.exploit_to;
  options.gradient.entropy_bonus = s.entropy_bonus;
  return options;
}

/// Stage 3, as far as `s` knows it; reward, lambda and the number of steps are not. baseline: see advantage().
template <StagedSettings S>
pipeline::FineTuneOptions<float> fine_tune_options(const S& s, const std::string& baseline) {
  pipeline::FineTuneOptions<float> options;
  options.batch = s.fine_tune_batch;
  options.expert_learning_rate = s.fine_tune_rate;
  options.policy_learning_rate = s.fine_tune_policy_rate;
  options.supervised.micro_batch = s.micro_batch;
  options.advantage = advantage(baseline);
  options.exploit_from = s.fine_tune_exploit_from;
  options.exploit_to = s.fine_tune_exploit_to;
  options.gradient.entropy_bonus = s.entropy_bonus;
  return options;
}

/// Of each network.
inline std::vector<double> parameters_of(const pipeline::Paser<float>& paser) {
  std::vector<double> parameters;
  for (const auto& model : paser.models) parameters.push_back(static_cast<double>(nn::count_parameters(model)));
  return parameters;
}

/// Bytes of the networks' and the policy's weights; what is trained and kept of them is not set.
inline RunSize size_of(const pipeline::Paser<float>& paser) {
  RunSize size;
  for (const auto& model : paser.models) size.networks += bytes_of(io::state_dict(model));
  size.policy = bytes_of(io::state_dict(paser.policy));
  return size;
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
