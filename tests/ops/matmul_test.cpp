#include "paser/ops/matmul.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"

using namespace paser;

TEST_CASE("matmul multiplies every matrix of the batch and passes its gradient check") {
  const auto a = normal<double>(Key{1}, Shape{2, 3, 5, 4}), b = normal<double>(Key{2}, Shape{2, 3, 4, 6});
  const auto f = [](const auto& x, const auto& y) { return matmul(x, y); };
  CHECK(gradient_check(f, a, b).passed);
  CHECK(gradient_check(f, normal<double>(Key{1}, Shape{7, 3}), normal<double>(Key{2}, Shape{3, 5})).passed);

  const auto y = matmul(a, b);
  CHECK(y.shape() == Shape{2, 3, 5, 6});
  double expected = 0;
  for (Index k = 0; k < 4; ++k) expected += a(1, 2, 3, k) * b(1, 2, k, 5);
  CHECK(y(1, 2, 3, 5) == Approx(expected));
}

TEST_CASE("matmul refuses matrices that do not fit, naming both") {
  const auto a = Tensor<float, 3>::zeros({2, 3, 4});
  CHECK_THROWS_WITH(matmul(a, Tensor<float, 3>::zeros({2, 3, 4})), Catch::Contains("(2,3,4) by (2,3,4)"));
  CHECK_THROWS_AS(matmul(a, Tensor<float, 3>::zeros({1, 4, 4})), ShapeError);
}
