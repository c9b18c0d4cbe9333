#include "paser/metrics/count_operations.hpp"

#include <catch2/catch.hpp>

#include "paser/models/any_segmenter.hpp"
#include "paser/models/policy_net.hpp"
#include "paser/models/unet.hpp"
#include "paser/nn/linear.hpp"
#include "paser/ops/ops.hpp"

using namespace paser;
using metrics::count_operations;

TEST_CASE("the paper's networks have the operations that fvcore counts") {
  const models::StaticUNet<1, 3, 8, 2> small(Key{});
  const models::StaticUNet<1, 3, 16, 4> medium(Key{});
  const models::StaticUNet<1, 3, 64, 4> large(Key{});
  const models::PolicyNet<> policy(48, Key{});
  CHECK(count_operations(small, Shape{1, 224, 256, 1}).total() == 312'639'488);
  CHECK(count_operations(medium, Shape{1, 56, 64, 1}).total() == 142'047'232);
  CHECK(count_operations(large, Shape{1, 56, 64, 1}).total() == 2'245'648'384);
  CHECK(count_operations(policy, Shape{1, 224, 256, 2}).total() == 254'837'504);
  CHECK(count_operations(small, Shape{5, 224, 256, 1}).total() == 5 * 312'639'488);
  CHECK(count_operations(small, Shape{1, 32, 32, 1}, run::mc_dropout).total() ==
        count_operations(small, Shape{1, 32, 32, 1}).total());
  CHECK_THROWS_AS(count_operations(medium, Shape{1, 15, 64, 1}), ShapeError);
  // A head that reads 16 windows works as often, on rows a sixteenth as long, after a mean over the same pixels.
  const models::PolicyNet<> by_patch(48, Key{}, {4, 4});
  CHECK(count_operations(by_patch, Shape{1, 224, 256, 2}).by_op ==
        count_operations(policy, Shape{1, 224, 256, 2}).by_op);
}

TEST_CASE("a network whose type is forgotten counts as it does itself") {
  const models::StaticUNet<1, 3, 8, 2> unet(Key{});
  const models::AnySegmenter<float> any = unet;
  const models::AnySegmenter<double> exact = models::StaticUNet<1, 3, 8, 2, double>(Key{});
  const Shape<4> images{2, 33, 46, 1};
  CHECK(any.count(images).by_op == count_operations(unet, images).by_op);
  CHECK(exact.count(images, run::training).by_op == count_operations(unet, images).by_op);
  CHECK(count_operations(any, images).total() == any.count(images).total());
  CHECK_THROWS_AS(any.count({1, 3, 32, 1}), ShapeError);
}

TEST_CASE("each op counts by fvcore's rule") {
  Operations operations;
  const Counted<4> x({1, 6, 8, 4}, operations);
  const Counted<1> c({4}, operations);
  const auto counted = [&](const auto& run) {
    operations.by_op.clear();
    run();
    return operations.total();
  };
  CHECK(counted([&] { relu(add(x, x)); }) == 0);
  CHECK(counted([&] { max_pool2d(x, {}); }) == 0);
  CHECK(counted([&] { CHECK(concat_channels(x, x).shape().c() == 8); }) == 0);
  CHECK(counted([&] { CHECK(extend_to(x, 8, 8, Border::edge).shape() == Shape{1, 8, 8, 4}); }) == 0);
  CHECK(counted([&] { instance_norm(x); }) == 4 * 192);
  CHECK(counted([&] { instance_norm(x, c, c); }) == 5 * 192);
  CHECK(counted([&] { group_norm(x, c, c, {}); }) == 5 * 192);
  CHECK(counted([&] { upsample_bilinear(x, {.scale = 2}); }) == 4 * 4 * 192);
  CHECK(counted([&] { upsample_nearest(x, {.scale = 2}); }) == 4 * 192);
  CHECK(counted([&] { CHECK(adaptive_avg_pool2d(x, {1, 1}).shape() == Shape{1, 1, 1, 4}); }) == 192);
  CHECK(counted([&] {
          conv2d(x, Counted<4>({3, 3, 2, 6}, operations), {.padding = {1, 1}, .groups = 2});
        }) == 48 * 3 * 3 * 2 * 6);
  CHECK(counted([&] {
          const auto y = conv_transpose2d(x, Counted<4>({2, 2, 4, 3}, operations), {.stride = {2, 2}});
          CHECK(y.shape() == Shape{1, 12, 16, 3});
        }) == 48 * 2 * 2 * 4 * 3);
  const Counted<4> a({2, 3, 5, 7}, operations), b({2, 3, 7, 4}, operations);
  CHECK(counted([&] { CHECK(matmul(a, b).shape() == Shape{2, 3, 5, 4}); }) == 2 * 3 * 5 * 7 * 4);
  CHECK(counted([&] { attention(a, a, a, 1); }) == 2 * 2 * 3 * 5 * 5 * 7);
  const nn::Linear<float> layer(7, 9, Key{});
  CHECK(count_operations(layer, Shape{2, 5, 7}).total() == 2 * 5 * 7 * 9);
}

TEST_CASE("shapes that an op refuses are refused when they are counted") {
  Operations operations;
  const Counted<4> x({1, 6, 8, 4}, operations), other({1, 6, 7, 4}, operations);
  CHECK_THROWS_AS(add(x, other), ShapeError);
  CHECK_THROWS_AS(concat_channels(x, other), ShapeError);
  CHECK_THROWS_AS(conv2d(x, Counted<4>({3, 3, 3, 6}, operations)), ShapeError);
  CHECK_THROWS_AS(conv2d(x, Counted<4>({1, 1, 4, 6}, operations), Counted<1>({5}, operations)), ShapeError);
  CHECK_THROWS_AS(conv_transpose2d(x, Counted<4>({2, 2, 3, 3}, operations)), ShapeError);
  CHECK_THROWS_AS(pad(x, {.right = -8}), ShapeError);
  CHECK_THROWS_AS(extend_to(x, 5, 8, Border::mirrored), ShapeError);
  CHECK_THROWS_AS(adaptive_avg_pool2d(x, {0, 1}), ShapeError);
  CHECK_THROWS_AS(attention(x, x, other, 1), ShapeError);
}
