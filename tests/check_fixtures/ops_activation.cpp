#include "families.hpp"
#include "paser/ops/dropout.hpp"
#include "paser/ops/gelu.hpp"
#include "paser/ops/hardswish.hpp"
#include "paser/ops/log_softmax.hpp"
#include "paser/ops/relu.hpp"
#include "paser/ops/relu6.hpp"
#include "paser/ops/sigmoid.hpp"
#include "paser/ops/silu.hpp"
#include "paser/ops/softmax.hpp"
#include "run_op.hpp"

namespace fixtures {

namespace {

/// An op on every element: the layout does not matter.
template <class Op>
void check_elementwise(Case& c, const Op& op) {
  with_rank<1>(c.stored("input"), [&]<int Rank>() {
    const auto run = run_op(c, op, c.tensor<Rank>("grad_output"), c.tensor<Rank>("input"));
    c.expect("output", run.output);
    c.expect("grad_input", std::get<0>(run.gradients));
  });
}

/// An op on the distributions along one axis.
template <class Op>
void check_along_axis(Case& c, const Op& op) {
  const paser::Index axis = c.integer("axis");
  with_rank<1>(c.stored("input"), [&]<int Rank>() {
    const auto run = run_op(c, op, c.channels_last<Rank>("grad_output", axis), c.channels_last<Rank>("input", axis));
    c.expect_channels_last("output", run.output, axis);
    c.expect_channels_last("grad_input", std::get<0>(run.gradients), axis);
  });
}

void check_relu(Case& c) {
  check_elementwise(c, [](const auto& x) { return paser::relu(x); });
}
void check_relu6(Case& c) {
  check_elementwise(c, [](const auto& x) { return paser::relu6(x); });
}
void check_gelu(Case& c) {
  check_elementwise(c, [](const auto& x) { return paser::gelu(x); });
}
void check_hardswish(Case& c) {
  check_elementwise(c, [](const auto& x) { return paser::hardswish(x); });
}
void check_silu(Case& c) {
  check_elementwise(c, [](const auto& x) { return paser::silu(x); });
}
void check_sigmoid(Case& c) {
  check_elementwise(c, [](const auto& x) { return paser::sigmoid(x); });
}
void check_softmax(Case& c) {
  check_along_axis(c, [](const auto& x) { return paser::softmax(x); });
}
void check_log_softmax(Case& c) {
  check_along_axis(c, [](const auto& x) { return paser::log_softmax(x); });
}

/// Element by element: the shape does not matter.
void check_dropout(Case& c) {
  const auto flat = [&c](const std::string& role) {
    Stored x = c.stored(role);
    x.shape = {1, 1, 1, static_cast<paser::Index>(x.values.size())};
    return to_tensor<float, 4>(x);
  };
  const auto mask = flat("mask");
  const double p = c.number("p", 0.5);
  const auto run = run_op(
      c, [&](const auto& x) { return paser::dropout_with_mask(x, mask, p); }, flat("grad_output"), flat("input"));
  c.expect("output", run.output);
  c.expect("grad_input", std::get<0>(run.gradients));
}

}  // namespace

void add_activation(Registry& checks) {
  checks["relu"] = check_relu;
  checks["relu6"] = check_relu6;
  checks["gelu"] = check_gelu;
  checks["hardswish"] = check_hardswish;
  checks["silu"] = check_silu;
  checks["sigmoid"] = check_sigmoid;
  checks["softmax"] = check_softmax;
  checks["log_softmax"] = check_log_softmax;
  checks["dropout"] = check_dropout;
}

}  // namespace fixtures
