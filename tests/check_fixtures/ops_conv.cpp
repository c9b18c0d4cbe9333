#include "families.hpp"
#include "paser/io/torch_layout.hpp"
#include "paser/ops/conv2d.hpp"
#include "paser/ops/conv_transpose2d.hpp"
#include "run_op.hpp"

namespace fixtures {

namespace {

using paser::Tensor;
using paser::io::WeightKind;

/// Runs op(x, weight[, bias]) and compares the output and all gradients.
template <class Op>
void check_weighted(Case& c, WeightKind kind, const Op& op) {
  const auto x = c.image("input"), dy = c.image("grad_output");
  const auto weight = paser::io::weight_from_torch(c.tensor<4>("weight"), kind);
  const auto compare = [&](const auto& run) {
    c.expect_image("output", run.output);
    c.expect_image("grad_input", std::get<0>(run.gradients));
    c.expect("grad_weight", paser::io::weight_to_torch(std::get<1>(run.gradients), kind));
    if constexpr (std::tuple_size_v<decltype(run.gradients)> == 3) c.expect("grad_bias", std::get<2>(run.gradients));
  };
  if (c.flag("bias")) {
    compare(run_op(c, op, dy, x, weight, c.tensor<1>("bias")));
  } else {
    compare(run_op(c, op, dy, x, weight));
  }
}

void check_conv2d(Case& c) {
  const paser::Conv2dOptions spec{.stride = c.pair("stride"),
                                  .padding = c.pair("padding"),
                                  .dilation = c.pair("dilation"),
                                  .groups = c.integer("groups")};
  check_weighted(c, WeightKind::conv, [&spec](const auto&... operands) { return paser::conv2d(operands..., spec); });
}

void check_conv_transpose2d(Case& c) {
  const paser::ConvTranspose2dOptions spec{.stride = c.pair("stride"),
                                           .padding = c.pair("padding"),
                                           .output_padding = c.pair("output_padding"),
                                           .dilation = c.pair("dilation"),
                                           .groups = c.integer("groups")};
  check_weighted(c, WeightKind::transposed_conv,
                 [&spec](const auto&... operands) { return paser::conv_transpose2d(operands..., spec); });
}

}  // namespace

void add_conv(Registry& checks) {
  checks["conv2d"] = check_conv2d;
  checks["conv_transpose2d"] = check_conv_transpose2d;
}

}  // namespace fixtures
