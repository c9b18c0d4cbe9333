#include "families.hpp"
#include "routing_step.hpp"

namespace fixtures {

namespace {

void check_rl_step(Case& c) {
  RoutingStep step(c);
  const auto state = expect_state(c, step);
  expect_policy_update(c, step, state, apply_experts(step.paser, step.images, state.coarse, step.actions));
}

}  // namespace

void add_rl_step(Registry& checks) {
  checks["rl_step"] = check_rl_step;
}

}  // namespace fixtures
