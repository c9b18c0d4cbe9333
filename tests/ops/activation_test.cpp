#include <catch2/catch.hpp>
#include <limits>

#include "paser/autograd/gradient_check.hpp"
#include "paser/ops/gelu.hpp"
#include "paser/ops/hardswish.hpp"
#include "paser/ops/relu.hpp"
#include "paser/ops/relu6.hpp"
#include "paser/ops/sigmoid.hpp"
#include "paser/ops/silu.hpp"
#include "support/op_fixture.hpp"
#include "support/recorded.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {
/// f(name, op) for every activation.
template <class F>
void for_all(const F& f) {
  f("relu", [](const auto& v) { return relu(v); });
  f("gelu", [](const auto& v) { return gelu(v); });
  f("hardswish", [](const auto& v) { return hardswish(v); });
  f("silu", [](const auto& v) { return silu(v); });
  f("sigmoid", [](const auto& v) { return sigmoid(v); });
}
}  // namespace

TEST_CASE("activations are PyTorch's, on special values too") {
  const OpFixtures fixtures("ops_activation");
  for_all([&](const std::string& op, const auto& f) {
    for (const std::string suffix : {"", "_special"}) {
      const std::string name = "act_" + op + suffix;
      fixtures.check_op(name, f, {"input"}, fixtures.image(name + "/input"));
    }
  });
}

TEST_CASE("gelu by the tangent is its formula, passes the gradient check and is finite far out") {
  const auto f = [](const auto& v) { return gelu_tanh(v); };
  const auto x = uniform<double>(Key{1}, Shape{301}, -9, 9);
  const auto y = f(x);
  for (Index i = 0; i < x.numel(); ++i) {
    const double v = x(i);
    CHECK(y(i) == Approx(0.5 * v * (1 + std::tanh(0.7978845608028654 * (v + 0.044715 * v * v * v)))).margin(1e-13));
  }
  CHECK(max_abs_difference(f(x.cast<float>()).cast<double>(), f(x.cast<float>().cast<double>())) < 1.5e-6);
  const auto result = gradient_check(f, x);
  INFO(result.where);
  CHECK(result.passed);
  const auto far = Tensor<float, 1>::from({4}, {1e25F, -1e25F, 3e3F, -3e3F});
  CHECK(same_bits(f(far), Tensor<float, 1>::from({4}, {1e25F, -0.F, 3e3F, -0.F})));
  for (const float g : gradient_of(f, far).values()) CHECK(std::isfinite(g));
}

TEST_CASE("relu6 cuts at 0 and at 6, where no gradient passes") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const auto x = Tensor<float, 1>::from({8}, {-1, 0, 0.5f, 5.75f, 6, 7, std::numeric_limits<float>::infinity(), nan});
  const auto y = relu6(x), dx = gradient_of([](const auto&v) { return relu6(v); }, x);
  const std::vector<float> expected{0, 0, 0.5f, 5.75f, 6, 6, 6}, slope{0, 0, 1, 1, 0, 0, 0};
  for (Index i = 0; i < 7; ++i) {
    CHECK(y(i) == expected[static_cast<std::size_t>(i)]);
    CHECK((dx(i) != 0) == (slope[static_cast<std::size_t>(i)] != 0));
  }
  CHECK(std::isnan(y(7)));
}

TEST_CASE("activations pass the gradient check") {
  const auto x = normal<double>(Key{1}, Shape{3, 5, 7}, 0, 3);
  const auto relu6_result = gradient_check([](const auto& v) { return relu6(v); }, x);
  INFO("relu6: " << relu6_result.where);
  CHECK(relu6_result.passed);
  for_all([&](const std::string& name, const auto& f) {
    const auto result = gradient_check(f, x);
    INFO(name << ": " << result.where);
    CHECK(result.passed);
  });
}

TEST_CASE("activations in float are those in double, packets and tail alike") {
  const auto x = uniform<float>(Key{1}, Shape{1003}, -12, 12);
  for_all([&](const std::string& name, const auto& f) {
    INFO(name);
    CHECK(max_abs_difference(f(x).template cast<double>(), f(x.cast<double>())) < 1.5e-6);
  });
}

TEST_CASE("activations of infinities and NaN are PyTorch's") {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const auto x = Tensor<float, 1>::from({3}, {inf, -inf, nan});
  const auto is = [&](const Tensor<float, 1>& y, float at_inf, float at_minus_inf) {
    CHECK(y(0) == at_inf);
    CHECK((y(1) == at_minus_inf || (std::isnan(y(1)) && std::isnan(at_minus_inf))));
    CHECK(std::isnan(y(2)));
  };
  is(relu(x), inf, 0);
  is(sigmoid(x), 1, 0);
  is(silu(x), inf, nan);
  is(gelu(x), inf, nan);
}

TEST_CASE("activations have the same bits for any number of threads") {
  const auto x = normal<float>(Key{1}, Shape{70001});
  for_all([&](const std::string&, const auto& f) {
    CHECK(same_for_all_threads([&] { return f(x); }));
    CHECK(same_for_all_threads([&] { return gradient_of(f, x); }));
  });
}
