#include "families.hpp"
#include "networks.hpp"
#include "paser/metrics/count_operations.hpp"
#include "paser/models/unet.hpp"
#include "paser/ops/ops.hpp"
#include "paser/pipeline/cost.hpp"

namespace fixtures {

namespace {

using paser::Counted;
using paser::Index;
using paser::Operations;
using paser::Shape;

void expect_operations(Case& c, const Operations& operations) {
  c.expect_number("total", static_cast<double>(operations.total()));
  for (const std::string& op : c.roles("by_op/")) {
    const auto found = operations.by_op.find(op);
    c.expect_number("by_op/" + op, found == operations.by_op.end() ? 0 : static_cast<double>(found->second));
  }
}

/// Counts a network by running its forward definition on shapes.
void check_flops(Case& c) {
  const std::string arch = c.text("arch");
  const Index batch = c.integer("batch"), height = c.integer("height"), width = c.integer("width");
  Operations counted;
  Index parameters = 0;
  if (arch == "policy") {
    const Index actions = c.integer("actions");
    const bool training = c.flag("training", false);
    const paser::models::PolicyNet<float> policy(actions, paser::Key{});
    parameters = paser::nn::count_parameters(policy);
    counted = paser::metrics::count_operations(policy, Shape<4>{batch, height, width, 2},
                                               training ? paser::run::training : paser::run::inference);
  } else {
    const Index channels = c.integer("n_channels", 1), classes = c.integer("n_classes");
    const bool bilinear = c.flag("bilinear");
    const auto [first, depth] = unet_size(arch);
    const auto upsampling = bilinear ? paser::models::Upsampling::bilinear : paser::models::Upsampling::transposed;
    parameters = paser::models::unet_parameters(channels, classes, first, depth, upsampling);
    counted = count_unet(arch, classes, bilinear, {batch, height, width, channels});
  }
  c.expect_that(parameters == c.integer("params"), "params",
                paser::message("got ", parameters, ", expected ", c.integer("params")));
  expect_operations(c, counted);
}

/// One op on an image (N,C,H,W). Channels of weights are those of the image.
void count_image_op(const std::string& rule, const Counted<4>& x, const Counted<1>& channel) {
  const paser::Tensor<float, 1> statistics;
  constexpr paser::Pool2dOptions half{.kernel = {2, 2}, .stride = {2, 2}};
  if (rule == "relu") {
    relu(x);
  } else if (rule == "gelu") {
    gelu(x);
  } else if (rule == "hardswish") {
    hardswish(x);
  } else if (rule == "silu") {
    silu(x);
  } else if (rule == "sigmoid") {
    sigmoid(x);
  } else if (rule == "softmax") {
    softmax(x);
  } else if (rule == "maxpool2x2") {
    max_pool2d(x, half);
  } else if (rule == "avgpool2x2") {
    avg_pool2d(x, half);
  } else if (rule == "adaptive_avg_1x1") {
    adaptive_avg_pool2d(x, {1, 1});
  } else if (rule == "bilinear_x2") {
    upsample_bilinear(x, {.scale = 2});
  } else if (rule == "nearest_x2") {
    upsample_nearest(x, {.scale = 2});
  } else if (rule == "instance_norm") {
    instance_norm(x);
  } else if (rule == "instance_norm_affine") {
    instance_norm(x, channel, channel);
  } else if (rule == "batch_norm_eval") {
    batch_norm(x, channel, channel, statistics, statistics);
  } else if (rule == "batch_norm_train") {
    batch_norm_training(x, channel, channel, statistics, statistics);
  } else if (rule == "group_norm_affine") {
    group_norm(x, channel, channel, {});
  } else if (rule == "add") {
    add(x, x);
  } else if (rule == "mul") {
    multiply(x, x);
  } else if (rule == "concat") {
    concat_channels(x, x);
  } else if (rule == "pad") {
    pad(x, {.right = 1, .bottom = 1});
  } else if (rule == "mean_spatial") {
    // The mean over pixels by plain additions: avg_pool2d with one window as large as the image.
    avg_pool2d(x, {.kernel = {x.shape().h(), x.shape().w()}, .stride = {x.shape().h(), x.shape().w()}});
  } else {
    throw paser::FormatError("fixture: unknown rule '" + rule + "'");
  }
}

/// Products of batches of matrices and layers on tokens; the other factor of a product has as many columns as the
/// input has rows, and the linear layer nine.
template <int Rank>
void count_product(const std::string& rule, const Counted<Rank>& x, const Counted<1>& features) {
  const Shape<Rank>& shape = x.shape();
  Shape<Rank> turned = shape;
  std::swap(turned[Rank - 1], turned[Rank - 2]);
  if (rule == "matmul_batched" || rule == "bmm" || rule == "einsum_bij_bkj") {
    matmul(x, x.free(turned));
  } else if (rule == "linear_3d") {
    linear(x, x.free(Shape<2>{shape.last(), 9}));
  } else if (rule == "layer_norm_affine") {
    layer_norm(x, features, features);
  } else {
    throw paser::FormatError("fixture: unknown rule '" + rule + "'");
  }
}

void check_flops_single(Case& c) {
  const std::string rule = c.text("rule");
  const auto extents = c.integers("input_shape");
  Operations operations;
  if (extents.size() == 3) {
    count_product(rule, Counted<3>({extents[0], extents[1], extents[2]}, operations),
                  Counted<1>({extents[2]}, operations));
  } else if (extents.size() == 4 && rule == "matmul_batched") {
    count_product(rule, Counted<4>({extents[0], extents[1], extents[2], extents[3]}, operations),
                  Counted<1>({extents[3]}, operations));
  } else {
    paser::check<paser::FormatError>(extents.size() == 4, "fixture", "input_shape has ", extents.size(), " extents");
    count_image_op(rule, Counted<4>({extents[0], extents[2], extents[3], extents[1]}, operations),
                   Counted<1>({extents[1]}, operations));
  }
  expect_operations(c, operations);
}

}  // namespace

void add_flops(Registry& checks) {
  checks["flops"] = check_flops;
  checks["flops_single"] = check_flops_single;
}

}  // namespace fixtures
