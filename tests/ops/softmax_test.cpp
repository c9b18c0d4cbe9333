#include "paser/ops/softmax.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "paser/autograd/gradient_check.hpp"
#include "paser/ops/log_softmax.hpp"
#include "support/op_fixture.hpp"
#include "support/recorded.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {
constexpr auto normal_form = [](const auto& v) { return softmax(v); };
constexpr auto log_form = [](const auto& v) { return log_softmax(v); };
}  // namespace

TEST_CASE("softmax and log_softmax are PyTorch's, also for logits of 300") {
  const OpFixtures fixtures("ops_activation");
  for (const std::string name : {"softmax_channels", "softmax_channels_large"}) {
    fixtures.check_op(name, normal_form, {"input"}, fixtures.image(name + "/input"));
    fixtures.check_op("log_" + name, log_form, {"input"}, fixtures.image("log_" + name + "/input"));
  }
  fixtures.check_op("log_softmax_last", log_form, {"input"}, fixtures.tensor<2>("log_softmax_last/input"));
  const auto rows = fixtures.tensor<4>("softmax_last/input").reshape(Shape{36, 11});
  CHECK(max_abs_difference(softmax(rows), fixtures.tensor<4>("softmax_last/output").reshape(rows.shape())) < 2e-5);
}

TEST_CASE("softmax and log_softmax pass the gradient check for any number of classes") {
  for (const Index k : {1, 2, 3, 7, 8, 19}) {
    const auto x = normal<double>(Key{static_cast<std::uint64_t>(k)}, Shape{2, 3, k}, 0, 2);
    CHECK(gradient_check(normal_form, x).passed);
    CHECK(gradient_check(log_form, x).passed);
  }
}

TEST_CASE("softmax of extreme logits") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  const auto y = softmax(Tensor<float, 2>::from({3, 3}, {1000, 0, -1000, 0, 0, -inf, NAN, 1, 2}));
  CHECK(y(0, 0) == 1);
  CHECK(y(0, 2) == 0);
  CHECK(y(1, 0) == 0.5f);
  CHECK(y(1, 2) == 0);
  CHECK(std::isnan(y(2, 1)));
  const auto z = log_softmax(Tensor<float, 2>::from({1, 2}, {1e6f, 0}));
  CHECK(z(0, 0) == 0);
  CHECK(z(0, 1) == -1e6f);
  // A small logarithm behind a large maximum keeps its digits.
  CHECK(log_softmax(Tensor<float, 2>::from({1, 2}, {1e6f, 1e6f}))(0, 1) == Approx(-std::log(2.0)));
}

TEST_CASE("softmax and log_softmax have the same bits for any number of threads") {
  const auto x = normal<float>(Key{1}, Shape{2, 61, 67, 3});
  CHECK(same_for_all_threads([&] { return softmax(x); }));
  CHECK(same_for_all_threads([&] { return log_softmax(x); }));
  CHECK(same_for_all_threads([&] { return gradient_of(normal_form, x); }));
  CHECK(same_for_all_threads([&] { return gradient_of(log_form, x); }));
}

TEST_CASE("softmax over nothing is refused") {
  CHECK_THROWS_WITH(softmax(Tensor<float, 2>::zeros({3, 0})), Catch::Contains("softmax: the last axis of input (3,0)"));
  CHECK(softmax(Tensor<float, 2>::zeros({0, 3})).shape() == Shape{0, 3});
}
