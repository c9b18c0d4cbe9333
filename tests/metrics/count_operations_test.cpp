#include "paser/metrics/count_operations.hpp"

#include <catch2/catch.hpp>

#include "paser/metrics/model_operations.hpp"
#include "paser/nn/linear.hpp"

using namespace paser;
using metrics::count_operations;

TEST_CASE("counting the networks themselves gives the closed forms") {
  const models::UNet<1, 3, 8, 2> unet(Key{});
  const models::PolicyNet<> policy(48, Key{}), by_patch(48, Key{}, {4, 4});
  for (const Shape<4> images : {Shape<4>{1, 224, 256, 1}, Shape<4>{2, 33, 46, 1}}) {
    const Shape<3> size{images.n(), images.h(), images.w()};
    CHECK(count_operations(unet, images).by_op == metrics::unet_operations(1, 3, 8, 2, size).by_op);
    const Shape<4> belief{images.n(), images.h(), images.w(), 2};
    CHECK(count_operations(policy, belief).by_op == metrics::policy_operations(48, size).by_op);
    CHECK(count_operations(by_patch, belief).by_op == metrics::policy_operations(48, size, 16).by_op);
  }
  CHECK(count_operations(unet, Shape<4>{1, 32, 32, 1}, run::mc_dropout).total() ==
        count_operations(unet, Shape<4>{1, 32, 32, 1}).total());
  CHECK_THROWS_AS(count_operations(unet, Shape<4>{1, 3, 32, 1}), ShapeError);
}

TEST_CASE("each op counts by fvcore's rule") {
  using metrics::Counted;
  metrics::Operations operations;
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
          const auto y = conv_transpose2d(x, Counted<4>({2, 2, 4, 3}, operations), Conv2dSpec{.stride = {2, 2}});
          CHECK(y.shape() == Shape{1, 12, 16, 3});
        }) == 48 * 2 * 2 * 4 * 3);
  const Counted<4> a({2, 3, 5, 7}, operations), b({2, 3, 7, 4}, operations);
  CHECK(counted([&] { CHECK(matmul(a, b).shape() == Shape{2, 3, 5, 4}); }) == 2 * 3 * 5 * 7 * 4);
  CHECK(counted([&] { attention(a, a, a, 1); }) == 2 * 2 * 3 * 5 * 5 * 7);
  const nn::Linear<float> layer(7, 9, Key{});
  CHECK(count_operations(layer, Shape{2, 5, 7}).total() == 2 * 5 * 7 * 9);
}
