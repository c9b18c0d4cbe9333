#pragma once
#include "paser/core/macros_off.inc"

#include <functional>
#include <optional>

#include "paser/pipeline/how_far.hpp"
#include "paser/pipeline/routing/patch_policy.hpp"
#include "paser/pipeline/routing/router_examples.hpp"
#include "paser/rl/policy_gradient.hpp"

/// The training of routers on a table of what every model does on every patch. It takes seconds, since no network runs.
namespace paser::pipeline {

/// Settings of the training of a router's head.
struct RouterFit {
  Index width = 32;   ///< of the hidden layer, per member
  Index members = 4;  ///< heads whose outputs are averaged; each is chosen on another part of the images
  Index epochs = 200;
  Index batch = 128;  ///< patches per step
  double learning_rate = 3e-3;
  double weight_decay = 1e-2;  ///< of AdamW
  HowFar how_far{};            ///< in epochs of all members
};

/// How a PatchPolicy gets the gradient of the reward that it expects.
struct PolicyFit {
  bool exact = true;       ///< the sum over all models; else REINFORCE on one drawn by Eq. 4
  double temperature = 1;  ///< of the policy, in units of its head
  double entropy_bonus = 0;
  double exploit_from = 0.7, exploit_to = 0.95;  ///< alpha of Eq. 4, where actions are drawn
  rl::Baseline baseline = rl::Baseline::batch_mean;
  /// Which epoch's weights are kept is judged on held-out patches by the reward that the policy expects; else by that
  /// of its most probable routes, of which few change from epoch to epoch, so that noise of the gains decides.
  bool judged_by_expectation = true;
  /// The price that all patches have in training, in place of the many of which the policy is to learn the whole curve.
  std::optional<double> one_price{};
};

/// Fits a router of expected gains by squared error. patches: of an image. Throws ValueError on settings or costs out
/// of range.
GainRouter<float> fit_gain_router(const RouterExamples& examples, const PatchPrices& prices, Index patches,
                                  const RouterFit& fit, Key key);

/// Trains PaSeR's policy by policy gradient on the reward gain - price cost, at many prices at once. Throws as
/// fit_gain_router.
PatchPolicy<float> train_patch_policy(const RouterExamples& examples, const PatchPrices& prices, Index patches,
                                      const RouterFit& fit, const PolicyFit& policy, Key key);

}  // namespace paser::pipeline

#ifndef PASER_COMPILED  // the trainings are in the library, so that a program need not compile them
#include "paser/pipeline/routing/fitting/heads.hpp"
#endif
#include "paser/core/macros_on.inc"
