#include "paser/ops/fold_batch_norm.hpp"

#include <catch2/catch.hpp>

#include "paser/core/random.hpp"

using namespace paser;

TEST_CASE("fold_batch_norm says what does not fit") {
  using Catch::Matchers::Contains;
  const auto weight = normal<float>(Key{1}, Shape{3, 3, 2, 4});
  const auto four = Tensor<float, 1>::full({4}, 1), one = Tensor<float, 1>::full({1}, 1);
  const auto fold = [&](const Tensor<float, 1>& bias, const Tensor<float, 1>& beta, double eps) {
    return fold_batch_norm<float>(weight, bias, four, beta, four, four, {.eps = eps});
  };
  CHECK_NOTHROW(fold(four, four, 0));
  CHECK_THROWS_WITH(fold(one, four, 0), Contains("4 channels with a bias of 1 before a norm of 4 weights, 4 biases"));
  CHECK_THROWS_WITH(fold(four, one, 0), Contains("4 channels with a bias of 4 before a norm of 4 weights, 1 biases"));
  CHECK_THROWS_AS(fold(one, four, 0), ShapeError);
  CHECK_THROWS_WITH(fold(four, four, -3), Contains("eps must be finite and not negative, got -3"));
  CHECK_THROWS_AS(fold(four, four, std::numeric_limits<double>::quiet_NaN()), ValueError);
}
