#pragma once

#include "networks.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "paser/pipeline/net_policy.hpp"

namespace fixtures {

/// What both kinds of step of the method, the policy's and the fine-tuning one, start from: three networks and a policy
/// in closed form, and a batch with given actions.
struct RoutingStep {
  explicit RoutingStep(const Case& c);

  paser::Tensor<float, 4> images;
  paser::Labels labels;
  paser::pipeline::Actions actions;
  paser::ImageIds ids;
  paser::pipeline::Paser<float> paser;
  std::vector<NamedSegmenter> networks;  ///< names and dropout sites; the models that run are those of `paser`
  std::vector<std::uint32_t> seeds;
  double drop_rate;
  paser::Index classes;
  int samples = 0;  ///< of MC dropout

  paser::models::PolicyNet<float>& net() { return paser.policy.as<paser::pipeline::NetPolicy<float>>()->net; }

  /// The masks of a pass of network k.
  paser::MaskSource<float> masks(const std::string& tag, std::size_t k) const {
    return closed_form_masks(tag, seeds[k], drop_rate, networks[k].dropout_sites);
  }
};

/// The prediction of the small network and what the policy sees of it.
struct RoutingState {
  paser::Labels coarse;
  paser::Tensor<float, 4> input;
};
RoutingState expect_state(Case& c, const RoutingStep& step);

/// Everything behind the composed segmentation: qualities, costs, rewards, and the update of the policy.
void expect_policy_update(Case& c, RoutingStep& step, const RoutingState& state, const paser::Labels& composed);

}  // namespace fixtures
