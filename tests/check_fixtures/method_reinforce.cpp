#include "families.hpp"
#include "paser/rl/policy_gradient.hpp"
#include "run_op.hpp"

namespace fixtures {

namespace {

using paser::Index;
using paser::Tensor;

/// log pi of every action under the clamping of the loss: what the loss of one patch says for advantage -1.
Tensor<float, 2> log_probabilities(const Tensor<float, 3>& logits, const paser::rl::Actions& actions,
                                   const paser::rl::PolicyGradientOptions& spec) {
  Tensor<float, 2> result(actions.shape());
  float* out = result.mutable_data();
  const Index models = logits.shape()[2];
  for (Index i = 0; i < actions.numel(); ++i) {
    const auto row =
        Tensor<float, 3>::from({1, 1, models}, std::span(logits.data() + i * models, static_cast<std::size_t>(models)));
    const auto action = paser::rl::Actions::full({1, 1}, actions.data()[i]);
    out[i] = paser::rl::policy_gradient_loss(row, action, Tensor<float, 2>::full({1, 1}, -1), spec)(0);
  }
  return result;
}

void check_reinforce(Case& c) {
  const auto logits = c.tensor<2>("logits"), reward = c.tensor<2>("reward");
  const auto actions = to_tensor<std::int32_t, 2>(c.stored("actions"));
  const Index batch = actions.shape()[0], patches = actions.shape()[1];
  const paser::rl::Categorical<float> policy(logits, patches);
  c.expect("probs", policy.probabilities());
  c.expect("log_prob_unclamped", policy.log_prob(actions));

  const auto by_patch = logits.reshape(paser::Shape<3>{batch, patches, policy.models()});
  for (const bool clamped : {true, false}) {
    const std::string form = clamped ? "" : "_unclamped";
    const paser::rl::PolicyGradientOptions spec{.clamp = clamped ? c.number("clamp_eps") : 0};
    c.expect("log_prob" + form, log_probabilities(by_patch, actions, spec));
    const auto run = run_op(
        c, [&](const auto& x) { return paser::rl::policy_gradient_loss(x, actions, reward, spec); },
        Tensor<float, 1>::full({1}, 1), logits);
    c.expect("loss" + form, run.output);
    c.expect("grad_logits" + form, std::get<0>(run.gradients));
  }
}

}  // namespace

void add_reinforce(Registry& checks) {
  checks["reinforce"] = check_reinforce;
}

}  // namespace fixtures
