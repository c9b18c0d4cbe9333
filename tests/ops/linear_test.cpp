#include "paser/ops/linear.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "paser/nn/gradient_check.hpp"
#include "paser/nn/linear.hpp"

using namespace paser;

TEST_CASE("linear multiplies the last axis and passes its gradient check") {
  const auto x = normal<double>(Key{1}, Shape{2, 3, 4, 5});
  const auto rows = normal<double>(Key{1}, Shape{7, 5});
  const auto weight = normal<double>(Key{2}, Shape{5, 6});
  const auto bias = normal<double>(Key{3}, Shape{6});
  const auto f = [](const auto&... in) { return linear(in...); };
  CHECK(gradient_check(f, rows, weight, bias).passed);
  CHECK(gradient_check(f, x, weight, bias).passed);
  CHECK(gradient_check(f, x, weight).passed);

  const auto y = linear(x, weight, bias);
  CHECK(y.shape() == Shape{2, 3, 4, 6});
  double expected = bias(4);
  for (Index k = 0; k < 5; ++k) expected += x(1, 2, 3, k) * weight(k, 4);
  CHECK(y(1, 2, 3, 4) == Approx(expected));
  CHECK(max_abs_difference(linear(x, weight), linear(x, weight, Tensor<double, 1>::zeros({6}))) == 0);
}

TEST_CASE("linear says which extents do not fit") {
  const auto x = Tensor<float, 2>::zeros({2, 3}), weight = Tensor<float, 2>::zeros({4, 5});
  CHECK_THROWS_WITH(linear(x, weight), Catch::Contains("linear: the last axis of (2,3) has 3 features") &&
                                           Catch::Contains("(4,5) (in,out) expects 4"));
  CHECK_THROWS_AS(linear(weight, Tensor<float, 2>::zeros({5, 2}), Tensor<float, 1>::zeros({5})), ShapeError);
}

TEST_CASE("nn::Linear starts within one over the root of its inputs") {
  const nn::Linear<double> layer(16, 3, Key{7});
  for (const double w : layer.weight.value.values()) CHECK(std::abs(w) <= 0.25);
  CHECK(nn::count_parameters(layer) == 51);
  CHECK(nn::gradient_check(layer, run::inference, Key{}, normal<double>(Key{1}, Shape{2, 16})).passed);
  CHECK_THROWS_AS(nn::Linear<double>(0, 3, Key{}), ShapeError);
}
