#include "families.hpp"
#include "routing_step.hpp"

namespace fixtures {

namespace {

using paser::Index;

/// One update of every network that got patches, by its own patches.
void expect_expert_updates(Case& c, RoutingStep& step) {
  const bool dropout = c.flag("local_update_dropout");
  std::vector<paser::optim::Adam<float>> adams;
  std::vector<paser::pipeline::SupervisedOptions<float>> options;
  for (std::size_t k = 1; k < step.networks.size(); ++k) {
    adams.emplace_back(paser::optim::AdamOptions{.learning_rate = c.number("lr")});
    auto& o = options.emplace_back();
    o.class_weights = class_weight(c);
    o.micro_batch = step.actions.numel();
    o.mode = dropout ? paser::run::training : paser::run::inference;
    if (dropout) o.masks = step.masks("upd" + std::to_string(k), k);
  }
  const auto updates = paser::pipeline::update_experts(step.paser, adams, step.images, step.labels, step.ids,
                                                       step.actions, paser::Key{}, options);
  for (std::size_t k = 1; k < step.networks.size(); ++k) {
    const std::string prefix = "local" + std::to_string(k) + "/";
    c.expect_number(prefix + "loss", updates[k - 1].loss);
    expect_gradients(c, torch_gradients(step.paser.models[k], updates[k - 1].gradients, step.networks[k].names),
                     prefix);
    expect_parameters(c, step.paser.models[k], step.networks[k].names, prefix);
  }
}

/// As apply_experts, but the networks answer with dropout.
paser::Labels refine_with_dropout(const RoutingStep& step, const paser::Labels& coarse) {
  paser::Labels composed = coarse;
  for (std::size_t k = 1; k < step.networks.size(); ++k) {
    const auto chosen = paser::pipeline::patches_of(step.actions, static_cast<Index>(k));
    if (chosen.empty()) continue;
    paser::EvalContext<float> ctx(paser::run::mc_dropout);
    ctx.masks = step.masks("rew" + std::to_string(k), k);
    const auto logits =
        step.paser.models[k](ctx, paser::data::gather_patches<float, 4>(step.images, step.paser.grid, chosen));
    paser::data::scatter_patches<std::int32_t, 3>(composed, step.paser.grid, chosen, paser::argmax_channels(logits));
  }
  return composed;
}

void check_finetune_step(Case& c) {
  RoutingStep step(c);
  const auto state = expect_state(c, step);
  expect_expert_updates(c, step);
  const auto composed = c.flag("local_reward_dropout")
                            ? refine_with_dropout(step, state.coarse)
                            : apply_experts(step.paser, step.images, state.coarse, step.actions);
  expect_policy_update(c, step, state, composed);
}

}  // namespace

void add_finetune_step(Registry& checks) {
  checks["finetune_step"] = check_finetune_step;
}

}  // namespace fixtures
