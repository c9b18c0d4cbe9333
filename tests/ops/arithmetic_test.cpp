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

TEST_CASE("rows of a tensor are added to a sum of fewer rows") {
  const auto x = normal<double>(Key{1}, Shape{5, 3, 2});
  auto sum = Tensor<double, 3>::full({2, 3, 2}, 1);
  add_rows(sum, x, 2);
  for (Index row = 0; row < 2; ++row) CHECK(sum(row, 2, 1) == 1 + x(row + 2, 2, 1));
  add_rows(sum, x, 3);
  CHECK(sum(1, 0, 1) == 1 + x(3, 0, 1) + x(4, 0, 1));
  auto none = Tensor<double, 3>::zeros({0, 3, 2});
  add_rows(none, x, 5);
  for (const Index first : {-1, 4}) CHECK_THROWS_WITH(add_rows(sum, x, first), Catch::Contains("add_rows: rows"));
  auto other = Tensor<double, 3>::zeros({2, 3, 1});
  CHECK_THROWS_WITH(add_rows(other, x, 0), Catch::Contains("to a sum of (2,3,1)"));
}
