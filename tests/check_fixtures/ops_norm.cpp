#include "families.hpp"
#include "paser/ops/batch_norm.hpp"
#include "paser/ops/group_norm.hpp"
#include "paser/ops/instance_norm.hpp"
#include "paser/ops/layer_norm.hpp"
#include "run_op.hpp"

namespace fixtures {

namespace {

using paser::Tensor;

/// Compares the output and all gradients; axis `axis` of the input holds the channels or features.
template <class Run>
void expect_run(Case& c, paser::Index axis, const Run& run) {
  c.expect_channels_last("output", run.output, axis);
  c.expect_channels_last("grad_input", std::get<0>(run.gradients), axis);
  if constexpr (std::tuple_size_v<std::remove_cvref_t<decltype(run.gradients)>> == 3) {
    c.expect("grad_weight", std::get<1>(run.gradients));
    c.expect("grad_bias", std::get<2>(run.gradients));
  }
}

/// Runs op(x, weight, bias).
template <int Rank, class Op>
void check_affine(Case& c, paser::Index axis, const Op& op) {
  const auto x = c.channels_last<Rank>("input", axis), dy = c.channels_last<Rank>("grad_output", axis);
  expect_run(c, axis, run_op(c, op, dy, x, c.tensor<1>("weight"), c.tensor<1>("bias")));
}

void check_instance_norm(Case& c) {
  const paser::InstanceNormOptions spec{.eps = c.number("eps")};
  const auto op = [&spec](const auto&... operands) { return paser::instance_norm(operands..., spec); };
  if (c.flag("affine")) {
    check_affine<4>(c, 1, op);
  } else {
    expect_run(c, 1, run_op(c, op, c.image("grad_output"), c.image("input")));
  }
}

void check_batch_norm(Case& c) {
  const paser::BatchNormOptions spec{.eps = c.number("eps"), .momentum = c.number("momentum", 0.1)};
  const auto mean = c.tensor<1>("running_mean"), variance = c.tensor<1>("running_var");
  if (!c.flag("training")) {
    const auto op = [&](const auto&... operands) { return paser::batch_norm(operands..., mean, variance, spec); };
    check_affine<4>(c, 1, op);
    c.expect("running_mean_after", mean);
    c.expect("running_var_after", variance);
    return;
  }
  const auto op = [&](const auto&... operands) {
    const auto result = paser::batch_norm_training(operands..., mean, variance, spec);
    c.expect("running_mean_after", result.running_mean);
    c.expect("running_var_after", result.running_var);
    return result.y;
  };
  check_affine<4>(c, 1, op);
}

void check_layer_norm(Case& c) {
  const paser::LayerNormOptions spec{.eps = c.number("eps")};
  with_rank<1>(c.stored("input"), [&]<int Rank>() {
    const auto op = [&spec](const auto&... operands) { return paser::layer_norm(operands..., spec); };
    check_affine<Rank>(c, c.integer("axis", -1), op);
  });
}

void check_group_norm(Case& c) {
  const paser::GroupNormOptions spec{.groups = c.integer("groups"), .eps = c.number("eps")};
  const auto op = [&spec](const auto&... operands) { return paser::group_norm(operands..., spec); };
  check_affine<4>(c, 1, op);
}

}  // namespace

void add_norm(Registry& checks) {
  checks["instance_norm"] = check_instance_norm;
  checks["batch_norm"] = check_batch_norm;
  checks["layer_norm"] = check_layer_norm;
  checks["group_norm"] = check_group_norm;
}

}  // namespace fixtures
