#include "paser/ops/arithmetic.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "paser/ops/reshape.hpp"

using namespace paser;

TEST_CASE("element-wise arithmetic has the right values and gradients") {
  const auto a = normal<double>(Key{1}, Shape{3, 7}), b = normal<double>(Key{2}, Shape{3, 7});
  CHECK(add(a, b)(2, 6) == a(2, 6) + b(2, 6));
  CHECK(subtract(a, b)(2, 6) == a(2, 6) - b(2, 6));
  CHECK(multiply(a, b)(0, 1) == a(0, 1) * b(0, 1));
  CHECK(scale(a, -2.5)(1, 3) == -2.5 * a(1, 3));
  CHECK(gradient_check([](const auto& x, const auto& y) { return add(x, y); }, a, b).passed);
  CHECK(gradient_check([](const auto& x, const auto& y) { return subtract(x, y); }, a, b).passed);
  CHECK(gradient_check([](const auto& x, const auto& y) { return multiply(x, y); }, a, b).passed);
  CHECK(gradient_check([](const auto& x) { return scale(x, 0.7); }, a).passed);
  CHECK(gradient_check([](const auto& x) { return multiply(x, x); }, a).passed);
  CHECK(gradient_check([](const auto& x) { return reshape(multiply(x, x), Shape{7, 3, 1}); }, a).passed);
  CHECK_THROWS_WITH(add(a, Tensor<double, 2>::zeros({7, 3})), Catch::Contains("add: shapes differ: (3,7) and (7,3)"));
}
