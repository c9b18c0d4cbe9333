#include "paser/autograd/gradient_check.hpp"

#include <catch2/catch.hpp>

#include "paser/ops/conv2d.hpp"

using namespace paser;

namespace {
/// a * b, element by element; the gradient of b is multiplied by `error`.
Var<double, 1> multiply(const Var<double, 1>& a, const Var<double, 1>& b, double error) {
  Tensor<double, 1> y(a.shape());
  double* const out = y.mutable_data();
  for (Index i = 0; i < y.numel(); ++i) out[i] = a.value()(i) * b.value()(i);
  return record(std::move(y), {a, b},
                [a = a.value(), b = b.value(), error](Tensor<double, 1> dy, GradientSink<double>& grad) {
                  Tensor<double, 1> da(dy.shape()), db(dy.shape());
                  double *const pa = da.mutable_data(), *const pb = db.mutable_data();
                  for (Index i = 0; i < dy.numel(); ++i) {
                    pa[i] = dy(i) * b(i);
                    pb[i] = dy(i) * a(i) * error;
                  }
                  grad.add(0, std::move(da));
                  grad.add(1, std::move(db));
                });
}
}  // namespace

TEST_CASE("gradient_check accepts a right gradient and names the element of a wrong one") {
  const auto a = normal<double>(Key{1}, Shape{7}), b = normal<double>(Key{2}, Shape{7});
  const auto f = [](double error) { return [error](const auto& x, const auto& y) { return multiply(x, y, error); }; };
  const auto right = gradient_check(f(1), a, b);
  CHECK(right.passed);
  CHECK(right.worst < 1e-8);
  const auto wrong = gradient_check(f(1.001), a, b);
  CHECK_FALSE(wrong.passed);
  CHECK(wrong.worst > 1e-5);
  CHECK_THAT(wrong.where, Catch::Contains("input 1 (7), element"));
  CHECK_FALSE(gradient_check(f(NAN), a, b).passed);
}

TEST_CASE("gradient_check samples large inputs and passes on a convolution") {
  const auto x = normal<double>(Key{1}, Shape{2, 9, 7, 4}), w = normal<double>(Key{2}, Shape{3, 3, 2, 6});
  const auto b = normal<double>(Key{3}, Shape{6});
  const Conv2dOptions spec{.stride = {2, 1}, .padding = {1, 0}, .groups = 2};
  const auto result = gradient_check([&](const auto&... in) { return conv2d(in..., spec); },
                                     GradientCheckOptions{.samples = 30}, x, w, b);
  CHECK(result.passed);
}

TEST_CASE("a gradient check that compares nothing does not pass") {
  const auto a = normal<double>(Key{1}, Shape{7});
  const Tensor<double, 1> none({0});
  const auto same = [](const auto& x) { return x; };
  const auto nothing = [&](const auto&) { return Var<double, 1>(none); };
  const auto no_input = gradient_check(same, none), no_output = gradient_check(nothing, a);
  CHECK_FALSE(no_input.passed);
  CHECK_FALSE(no_output.passed);
  CHECK(no_output.where == "nothing was compared: the output has no element");
  CHECK(gradient_check(same, GradientCheckOptions{.samples = 1}, a).passed);
  for (const Index bad : {0, -1})
    CHECK_THROWS_WITH(gradient_check(same, GradientCheckOptions{.samples = bad}, a),
                      "gradient_check: expected at least 1 sample of each tensor, got " + std::to_string(bad));
}
