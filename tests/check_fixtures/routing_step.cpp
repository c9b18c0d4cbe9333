#include "routing_step.hpp"

namespace fixtures {

using paser::Index;
using paser::Tensor;
using paser::metrics::ClassMean;

namespace {

/// Closed-form weights, the last layer's scaled and its bias replaced.
void load_network(NamedSegmenter& network, std::uint32_t seed, float gain, const std::vector<double>& bias) {
  const auto shapes = paser::io::state_to_torch(paser::io::state_dict(network.model), network.names);
  auto state = closed_form_state(shapes, seed);
  auto& weight = state.at("outc.conv.weight");
  const Stored stored = stored_of(weight);
  std::vector<float> scaled;
  for (const double w : stored.values) scaled.push_back(static_cast<float>(w) * gain);
  weight = raw_of(scaled, stored.shape);
  state.at("outc.conv.bias") = raw_of({bias.begin(), bias.end()}, {static_cast<Index>(bias.size())});
  paser::io::load_torch_state_dict(network.model, state, network.names);
}

ClassMean class_mean(const Case& c) {
  const std::string rule = c.text("iou");
  paser::check<paser::FormatError>(rule == "present" || rule == "all", "fixture", "iou is '", rule,
                                   "', expected present or all");
  return rule == "present" ? ClassMean::present : ClassMean::all;
}

paser::pipeline::Costs costs_of(const Case& c, const RoutingStep& step) {
  std::vector<double> parameters;
  for (const auto& model : step.paser.models)
    parameters.push_back(static_cast<double>(paser::nn::count_parameters(model)));
  paser::check<paser::ValueError>(parameters == c.numbers("params"), "fixture",
                                  "the networks have other numbers of parameters");
  const std::string rule = c.text("cost_small");
  paser::check<paser::FormatError>(rule == "zero" || rule == "eq3", "fixture", "cost_small is '", rule,
                                   "', expected zero or eq3");
  const auto shares = paser::pipeline::cost_shares(parameters);
  return rule == "zero" ? paser::pipeline::with_free_coarse(shares) : shares;
}

/// Channel 1 under the bounds; of channel 0, the class indices, max_mismatch pixels may differ.
void expect_policy_input(Case& c, const Tensor<float, 4>& input) {
  if (!c.has_tensor("policy_input")) return;
  Stored got = axis_from_last(from_tensor(input), 1);
  const Stored& truth = c.stored("policy_input");
  const auto plane = static_cast<std::size_t>(truth.axis(2) * truth.axis(3));
  Index mismatches = 0;
  for (std::size_t i = 0; i < std::min(got.values.size(), truth.values.size()); ++i) {
    if (i / plane % 2 == 1) continue;
    mismatches += got.values[i] != truth.values[i] ? 1 : 0;
    got.values[i] = truth.values[i];
  }
  c.expect("policy_input", got);
  c.expect_that(mismatches <= c.integer("max_mismatch"), "policy_input",
                paser::message("class indices that differ ", mismatches, " > ", c.integer("max_mismatch")));
}

/// Mean IoU of patches and images, under both rules for absent classes.
void expect_quality(Case& c, const RoutingStep& step, const std::string& who, const paser::Labels& prediction) {
  const auto images = paser::metrics::image_confusion(prediction, step.labels, step.classes);
  for (const auto& [name, mean] : {std::pair{"present", ClassMean::present}, {"all", ClassMean::all}}) {
    c.expect(who + "_patch_macro_" + name,
             paser::metrics::patch_iou(prediction, step.labels, step.classes, step.paser.grid, mean));
    c.expect(who + "_image_macro_" + name, paser::metrics::mean_iou(images, mean));
  }
}

}  // namespace

RoutingStep::RoutingStep(const Case& c)
    : images(c.other(c.text("inputs_from")).image("image")),
      labels(c.other(c.text("inputs_from")).labels("labels")),
      actions(to_tensor<std::int32_t, 2>(c.other(c.text("inputs_from")).stored("actions"))),
      paser{
          {},
          paser::pipeline::NetPolicy<float>{paser::models::PolicyNet<float>(c.integer("policy_actions"), paser::Key{})},
          {c.integer("patches_vertical"), c.integer("patches_horizontal")}},
      drop_rate(c.number("drop_rate")) {
  const auto archs = c.texts("archs");
  const auto given_seeds = c.integers("seeds");
  const auto biases = c.numbers("outc_bias");
  paser::check<paser::FormatError>(archs.size() >= 2 && given_seeds.size() == archs.size() &&
                                       biases.size() % archs.size() == 0 && c.text("optimizer", "adam") == "adam",
                                   "fixture", "archs, seeds, outc_bias and optimizer do not fit together");
  classes = static_cast<Index>(biases.size() / archs.size());
  for (std::size_t k = 0; k < archs.size(); ++k) {
    seeds.push_back(static_cast<std::uint32_t>(given_seeds[k]));
    networks.push_back(make_unet(archs[k], images.shape().c(), classes, c.flag("bilinear", true), drop_rate));
    const auto bias = biases.begin() + static_cast<std::ptrdiff_t>(k) * classes;
    load_network(networks[k], seeds[k], static_cast<float>(c.number("outc_gain")), {bias, bias + classes});
    paser.models.push_back(networks[k].model);
  }
  load_closed_form(net(), ::paser::io::policy_names(), static_cast<std::uint32_t>(c.integer("policy_seed")));
  const std::string baseline = c.text("baseline");
  ::paser::check<::paser::FormatError>(baseline == "mean" || baseline == "first_sample", "fixture", "baseline is '",
                                       baseline, "', expected mean or first_sample");
  paser.coarse_answer =
      baseline == "mean" ? ::paser::pipeline::CoarseAnswer::mean : ::paser::pipeline::CoarseAnswer::first_sample;
  samples = static_cast<int>(c.integer("mc_samples"));
  paser.estimator = ::paser::uncertainty::McDropout{samples};
  for (Index n = 0; n < images.shape().n(); ++n) ids.push_back(static_cast<std::uint64_t>(n));
}

RoutingState expect_state(Case& c, const RoutingStep& step) {
  paser::uncertainty::McDropoutOptions<float> spec{.samples = step.samples};
  for (const std::string& tag : c.texts("small_mask_tags")) spec.masks.push_back(step.masks(tag, 0));
  const auto prediction = paser::uncertainty::mc_dropout(step.paser.models[0], step.images, paser::Key{}, spec);
  RoutingState state{step.paser.coarse_labels(prediction), {}};
  state.input = prediction.policy_state();
  c.expect_mismatches("baseline_pred", from_tensor(state.coarse), c.integer("max_mismatch"));
  expect_policy_input(c, state.input);
  return state;
}

void expect_policy_update(Case& c, RoutingStep& step, const RoutingState& state, const paser::Labels& composed) {
  c.expect_mismatches("composed_pred", from_tensor(composed), c.integer("max_mismatch"));
  expect_quality(c, step, "small", state.coarse);
  expect_quality(c, step, "policy", composed);
  c.expect_numbers("usage", paser::pipeline::usage(step.actions, step.paser.actions()));
  const auto rewards = paser::pipeline::routing_reward<float>(
      composed, state.coarse, step.labels, step.actions, step.paser.grid,
      {.lambda = c.number("lam"), .costs = costs_of(c, step), .class_mean = class_mean(c), .classes = step.classes});
  c.expect("cost", rewards.cost);
  c.expect("reward", rewards.reward);

  const paser::Mode mode = c.flag("policy_training") ? paser::run::training : paser::run::inference;
  auto& policy = step.net();
  paser::EvalContext<float> ctx(mode);
  const Tensor<float, 2> logits = policy(ctx, state.input);
  const paser::rl::Categorical<float> routes(logits, step.paser.grid.patches());
  c.expect("policy_logits", logits);
  c.expect("policy_probs", routes.probabilities());
  c.expect("log_prob", routes.log_prob(step.actions));

  const auto names = paser::io::policy_names();
  const auto [loss, gradients] = paser::value_and_gradients<float>(mode, paser::Key{}, [&](auto& run) {
    return paser::rl::policy_gradient_loss(step.paser.policy.record(run, step.paser.state(state.input)), step.actions,
                                           paser::rl::advantage(rewards.reward, {}), {});
  });
  c.expect_number("loss", static_cast<double>(loss));
  expect_gradients(c, torch_gradients(policy, gradients, names), "policy/");
  paser::optim::Adam<float> adam({.learning_rate = c.number("lr")});
  adam.step(policy, gradients);
  expect_parameters(c, policy, names, "policy/");
  expect_buffers(c, policy, gradients, names, "policy/");
}

}  // namespace fixtures
