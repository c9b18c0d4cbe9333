#include "paser/ops/max_pool2d.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "paser/autograd/gradient_check.hpp"
#include "support/op_fixture.hpp"
#include "support/recorded.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {
constexpr Pool2dOptions halve{}, three{{3, 3}, {2, 2}, {1, 1}}, uneven{{2, 3}, {1, 2}, {1, 0}};
}

TEST_CASE("max_pool2d is PyTorch's, indices and ties included") {
  const OpFixtures fixtures("ops_pool_resize");
  for (const std::string name :
       {"maxpool2x2", "maxpool2x2_odd", "maxpool2x2_ties", "maxpool3x3_s2_p1", "maxpool3x3_s2_p1_ties"}) {
    const Pool2dOptions options = name.find("3x3") == std::string::npos ? halve : three;
    const auto x = fixtures.image(name + "/input");
    fixtures.check_op(
        name, [&](const auto& v) { return max_pool2d(v, options); }, {"input"}, x);
    const auto [values, indices] = max_pool2d_with_indices(x, options);
    CHECK(same_bits(values, max_pool2d(x, options)));
    const auto expected = fixtures.tensor<4, Index>(name + "/indices");
    CHECK(same_bits(io::nchw_from_nhwc(indices), expected));
  }
}

TEST_CASE("max_pool2d passes the gradient check for any channel count") {
  for (const Index c : {1, 3, 4, 5, 8, 11}) {
    const auto x = normal<double>(Key{static_cast<std::uint64_t>(c)}, Shape{2, 7, 9, c});
    for (const auto& options : {halve, three, uneven}) {
      const auto result = gradient_check([&](const auto& v) { return max_pool2d(v, options); }, x);
      INFO(result.where);
      CHECK(result.passed);
    }
  }
}

TEST_CASE("max_pool2d lets NaN through and gives a window of -inf its own value") {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (const Index c : {1, 8}) {
    auto x = Tensor<double, 4>::full({1, 4, 4, c}, -inf);
    x.mutable_data()[c - 1] = nan;  // the first place of the first window
    x.mutable_data()[7 * c] = nan;  // the last place of the second
    const auto y = max_pool2d(x);
    CHECK(std::isnan(y(0, 0, 0, c - 1)));
    CHECK(std::isnan(y(0, 0, 1, 0)));
    CHECK(y(0, 1, 1, 0) == -inf);
    CHECK(max_pool2d_with_indices(x).indices(0, 0, 0, c - 1) == 0);
    CHECK(max_pool2d_with_indices(x).indices(0, 0, 1, 0) == 7);
  }
}

TEST_CASE("max_pool2d has the same bits for any number of threads") {
  const auto x = normal<float>(Key{1}, Shape{3, 33, 31, 20});
  CHECK(same_for_all_threads([&] { return max_pool2d(x, three); }));
  CHECK(same_for_all_threads([&] { return gradient_of([](const auto& v) { return max_pool2d(v, three); }, x); }));
}

TEST_CASE("max_pool2d says what is wrong with its input") {
  const auto x = Tensor<float, 4>::zeros({1, 3, 8, 2});
  CHECK_THROWS_WITH(max_pool2d(x, {{4, 4}, {2, 2}, {0, 0}}),
                    Catch::Contains("max_pool2d: input (1,3,8,2)") && Catch::Contains("smaller than the window of 4"));
  CHECK_THROWS_WITH(max_pool2d(x, {{2, 2}, {2, 2}, {2, 2}}), Catch::Contains("at most half of the kernel"));
  CHECK_THROWS_WITH(max_pool2d(x, {{2, 2}, {0, 2}, {0, 0}}), Catch::Contains("at least 1"));
  Tape<float> tape;
  const auto large = tape.variable(Tensor<float, 4>::zeros({1, 20, 20, 1}));
  CHECK_THROWS_WITH(max_pool2d(large, {{17, 17}, {1, 1}, {0, 0}}), Catch::Contains("256 places"));
}
