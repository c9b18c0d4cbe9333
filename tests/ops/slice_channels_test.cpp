#include "paser/ops/slice_channels.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "paser/ops/concat_channels.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using Catch::Contains;

namespace slice_channels_test {

namespace {

const auto first_two = normal<float>(Key{1}, Shape{2, 60, 50, 2}),
           next_nine = normal<float>(Key{2}, Shape{2, 60, 50, 9}), last = normal<float>(Key{3}, Shape{2, 60, 50, 1});

}  // namespace

TEST_CASE("slice_channels takes apart what concat_channels put together") {
  const auto all = concat_channels(first_two, next_nine, last);
  CHECK(same_bits(slice_channels(all, 0, 2), first_two));
  CHECK(same_bits(slice_channels(all, 2, 9), next_nine));
  CHECK(same_bits(slice_channels(all, 11, 1), last));
  CHECK(slice_channels(all, 0, 12).shares_buffer_with(all));
  CHECK(slice_channels(all, 12, 0).shape() == Shape{2, 60, 50, 0});
}

TEST_CASE("slice_channels passes the gradient check, and its gradient is zero in the other channels") {
  const auto x = normal<double>(Key{1}, Shape{2, 5, 3, 7});
  for (const auto& [first, count] : {std::pair<Index, Index>{0, 3}, {2, 4}, {6, 1}, {0, 7}})
    CHECK(gradient_check([&, f = first, n = count](const auto& v) { return slice_channels(v, f, n); }, x).passed);
  const auto dx = detail::among_zeros(Tensor<double, 4>::full({1, 1, 2, 2}, 5), {1, 1, 2, 4}, 1);
  CHECK(std::ranges::equal(dx.values(), std::vector<double>{0, 5, 5, 0, 0, 5, 5, 0}));
}

TEST_CASE("slice_channels has the same bits for any number of threads") {
  CHECK(same_for_all_threads([&] { return slice_channels(next_nine, 3, 5); }));
  CHECK(same_for_all_threads([&] { return detail::among_zeros(next_nine, {2, 60, 50, 17}, 4); }));
}

TEST_CASE("slice_channels is counted as free") {
  Operations operations;
  const Counted<4> x({2, 4, 6, 5}, operations);
  CHECK(slice_channels(x, 1, 3).shape() == Shape{2, 4, 6, 3});
  CHECK(operations.total() == 0);
  CHECK_THROWS_AS(slice_channels(x, 3, 3), ShapeError);
}

TEST_CASE("slice_channels says what is wrong with its input") {
  const auto x = Tensor<float, 4>::zeros({1, 3, 8, 4});
  CHECK_THROWS_AS(slice_channels(x, 2, 3), ShapeError);
  CHECK_THROWS_WITH(slice_channels(x, 2, 3),
                    Contains("slice_channels: expected channels 2 .. 5 (excluded) within the 4 of input (1,3,8,4)"));
  CHECK_THROWS_AS(slice_channels(x, -1, 2), ShapeError);
  CHECK_THROWS_AS(slice_channels(x, 1, -1), ShapeError);
  CHECK_THROWS_AS(slice_channels(x, 5, 0), ShapeError);
}

}  // namespace slice_channels_test
