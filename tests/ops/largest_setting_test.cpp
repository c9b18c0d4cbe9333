#include <catch2/catch.hpp>
#include <limits>

#include "paser/autograd/count_context.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/ops/avg_pool2d.hpp"
#include "paser/ops/conv_transpose2d.hpp"
#include "paser/ops/extend_to.hpp"
#include "paser/ops/linear.hpp"
#include "paser/ops/max_pool2d.hpp"
#include "paser/ops/pad.hpp"

namespace largest_setting_test {

using namespace paser;
using Catch::Contains;

constexpr Index most = std::numeric_limits<Index>::max();

TEST_CASE("settings whose arithmetic no Index holds are refused") {
  const auto x = Tensor<float, 4>::full({1, 5, 5, 1}, 1), weight = Tensor<float, 4>::full({3, 3, 1, 1}, 1);
  for (const Index bad : {largest_setting + 1, Index{1} << 62, most}) {
    CHECK_THROWS_WITH(conv2d(x, weight, {.dilation = {bad, bad}}), Contains("must be at most 2147483648"));
    CHECK_THROWS_AS(conv2d(x, weight, {.stride = {1, bad}}), ShapeError);
    CHECK_THROWS_AS(conv2d(x, weight, {.padding = {bad, 1}}), ShapeError);
    CHECK_THROWS_WITH(conv_transpose2d(x, weight, {.stride = {bad, bad}}), Contains("must be at most 2147483648"));
    CHECK_THROWS_AS(conv_transpose2d(x, weight, {.padding = {bad, 0}}), ShapeError);
    CHECK_THROWS_AS(conv_transpose2d(x, weight, {.dilation = {1, bad}}), ShapeError);
    CHECK_THROWS_AS(max_pool2d(x, {{bad, bad}, {1, 1}, {bad / 2, bad / 2}}), ShapeError);
    CHECK_THROWS_AS(avg_pool2d(x, {{1, 1}, {1, bad}, {0, 0}}), ShapeError);
    CHECK_THROWS_WITH(pad(x, {.top = bad, .bottom = bad}), Contains("expected at most 2147483648 pixels"));
    CHECK_THROWS_AS(pad(x, {.left = -bad, .right = bad}), ShapeError);
    CHECK_THROWS_AS(extend_to(x, 8, 8, Border::edge, bad, 0), ShapeError);
  }
  CHECK(conv2d(x, weight, {.stride = {largest_setting, largest_setting}}).shape() == Shape<4>{1, 1, 1, 1});
  // The place of a maximum is stored in a byte.
  const Index side = Index{1} << 31;
  Tape<float> tape;
  CHECK_THROWS_WITH(max_pool2d(tape.variable(x), {{side, side}, {1, 1}, {side / 2, side / 2}}),
                    Contains("more than the 256 places"));
}

TEST_CASE("rows are added of those that are there alone") {
  auto sum = Tensor<float, 2>::zeros({2, 3});
  const auto x = Tensor<float, 2>::full({4, 3}, 1);
  for (const Index first : {Index{-1}, Index{3}, most - 1, most}) CHECK_THROWS_AS(add_rows(sum, x, first), ShapeError);
  add_rows(sum, x, 2);
  CHECK(sum(1, 2) == 1);
}

TEST_CASE("operations that no Index can count are told") {
  const nn::Conv2d<float> conv(nn::Conv2dSpec::same(3, 64), Key{1});
  const auto count = [&](Index side) { return count_operations(conv, Shape<4>{1, side, side, 3}).total(); };
  CHECK(count(Index{1} << 20) == (Index{1} << 40) * 64 * 3 * 9);
  CHECK_THROWS_WITH(count(Index{1} << 27), Contains("more than 2^63 multiply-accumulates"));
  CHECK_THROWS_AS(count(Index{1} << 30), ValueError);
  CHECK_THROWS_AS(count(Index{1} << 40), ShapeError);
  CHECK_THROWS_AS(count(most), ShapeError);
  Operations sum;
  sum.add("conv", most);
  CHECK(sum.total() == most);
  CHECK_THROWS_AS(sum.add("conv", 1), ValueError);
  sum.add("linear", 1);
  CHECK_THROWS_AS(sum.total(), ValueError);
  CHECK(Operations::product({most, most, 0}) == 0);
}

}  // namespace largest_setting_test
