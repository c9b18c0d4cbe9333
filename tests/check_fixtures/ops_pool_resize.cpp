#include "families.hpp"
#include "paser/ops/adaptive_avg_pool2d.hpp"
#include "paser/ops/avg_pool2d.hpp"
#include "paser/ops/concat_channels.hpp"
#include "paser/ops/max_pool2d.hpp"
#include "paser/ops/pad.hpp"
#include "paser/ops/upsample_bilinear.hpp"
#include "paser/ops/upsample_nearest.hpp"
#include "run_op.hpp"

namespace fixtures {

namespace {

using paser::Index;
using paser::Pool2dOptions;

/// Runs op(x) and compares the output and the gradient.
template <class Op>
void check_image_op(Case& c, const Op& op) {
  const auto run = run_op(c, op, c.image("grad_output"), c.image("input"));
  c.expect_image("output", run.output);
  c.expect_image("grad_input", std::get<0>(run.gradients));
}

Pool2dOptions pool_spec(const Case& c) {
  return {.kernel = c.pair("kernel"), .stride = c.pair("stride"), .padding = c.pair("padding")};
}

void check_max_pool2d(Case& c) {
  const Pool2dOptions spec = pool_spec(c);
  check_image_op(c, [&spec](const auto& x) { return paser::max_pool2d(x, spec); });
  const auto [values, indices] = paser::max_pool2d_with_indices(c.image("input"), spec);
  c.expect_image("output", values);
  c.expect("indices", axis_from_last(from_tensor(indices), 1));
}

void check_avg_pool2d(Case& c) {
  const Pool2dOptions spec = pool_spec(c);
  const bool padding_counts = c.flag("count_include_pad", true);
  check_image_op(c, [&](const auto& x) { return paser::avg_pool2d(x, spec, padding_counts); });
}

void check_adaptive_avg_pool2d(Case& c) {
  check_image_op(c, [size = c.pair("output_size")](const auto& x) { return paser::adaptive_avg_pool2d(x, size); });
}

/// The file gives the size of the result even when the op was called with a scale. A factor common to both sides is
/// given to the library as one; two factors are the ratios of the sizes.
paser::ResizeOptions resize_spec(const Case& c) {
  const auto size = c.pair("output_size");
  paser::ResizeOptions spec;
  spec.align_corners = c.flag("align_corners", false);
  const Stored& input = c.stored("input");
  if (c.flag("by_scale", false) && size[0] * input.axis(3) == size[1] * input.axis(2)) {
    spec.scale = static_cast<double>(size[0]) / static_cast<double>(input.axis(2));
  } else {
    spec.size = size;
  }
  return spec;
}

void check_upsample_bilinear(Case& c) {
  check_image_op(c, [spec = resize_spec(c)](const auto& x) { return paser::upsample_bilinear(x, spec); });
}

void check_upsample_nearest(Case& c) {
  check_image_op(c, [spec = resize_spec(c)](const auto& x) { return paser::upsample_nearest(x, spec); });
}

void check_pad(Case& c) {
  const auto sides = c.integers("padding_left_right_top_bottom");
  paser::check<paser::FormatError>(sides.size() == 4, "fixture", "padding has ", sides.size(), " sides, expected 4");
  const paser::PadOptions spec{.left = sides[0], .right = sides[1], .top = sides[2], .bottom = sides[3]};
  const auto value = static_cast<float>(c.number("value", 0));
  check_image_op(c, [&](const auto& x) { return paser::pad(x, spec, value); });
}

/// Concatenates along whatever axis stands last.
template <class... Images>
void check_concat_of(Case& c, Index axis, const Images&... images) {
  const auto run = run_op(
      c, [](const auto&... x) { return paser::concat_channels(x...); }, c.channels_last<4>("grad_output", axis),
      images...);
  c.expect_channels_last("output", run.output, axis);
  std::apply(
      [&](const auto&... gradient) {
        Index i = 0;
        (c.expect_channels_last("grad_input" + std::to_string(i++), gradient, axis), ...);
      },
      run.gradients);
}

/// More inputs than are written out below: one after the other.
void check_concat_of(Case& c, Index axis, const std::vector<paser::Tensor<float, 4>>& images) {
  paser::Tape<float> tape;
  std::vector<paser::Var<float, 4>> variables;
  for (const auto& image : images) variables.push_back(tape.variable(image));
  paser::Var<float, 4> y = variables.at(0);
  for (std::size_t i = 1; i < variables.size(); ++i) y = concat_channels(y, variables[i]);
  tape.backward(y, c.channels_last<4>("grad_output", axis));
  c.expect_channels_last("output", y.value(), axis);
  for (std::size_t i = 0; i < variables.size(); ++i)
    c.expect_channels_last("grad_input" + std::to_string(i), tape.gradient(variables[i]), axis);
}

void check_concat(Case& c) {
  const Index axis = c.integer("axis", 1);
  Index inputs = 0;
  while (c.has_tensor("input" + std::to_string(inputs))) ++inputs;
  std::vector<paser::Tensor<float, 4>> x;
  for (Index i = 0; i < c.integer("inputs", inputs); ++i)
    x.push_back(c.channels_last<4>("input" + std::to_string(i), axis));
  if (x.size() == 1) return check_concat_of(c, axis, x[0]);
  if (x.size() == 2) return check_concat_of(c, axis, x[0], x[1]);
  if (x.size() == 3) return check_concat_of(c, axis, x[0], x[1], x[2]);
  check_concat_of(c, axis, x);
}

}  // namespace

void add_pool_resize(Registry& checks) {
  checks["max_pool2d"] = check_max_pool2d;
  checks["avg_pool2d"] = check_avg_pool2d;
  checks["adaptive_avg_pool2d"] = check_adaptive_avg_pool2d;
  checks["upsample_bilinear"] = check_upsample_bilinear;
  checks["upsample_nearest"] = check_upsample_nearest;
  checks["pad"] = check_pad;
  checks["concat"] = check_concat;
}

}  // namespace fixtures
