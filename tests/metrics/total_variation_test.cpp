#include "paser/metrics/total_variation.hpp"

#include <catch2/catch.hpp>

using namespace paser;

TEST_CASE("total variation is half the sum of differences; over means it forgets the places") {
  const auto p = Tensor<float, 3>::from({1, 2, 3}, {1, 0, 0, 0, 0.5F, 0.5F});
  const auto q = Tensor<float, 3>::from({1, 2, 3}, {0, 0.5F, 0.5F, 1, 0, 0});
  const auto d = metrics::total_variation(p, q);
  CHECK((d(0, 0) == 1 && d(0, 1) == 1));
  CHECK(metrics::mean_total_variation(p, q) == 1);
  CHECK(metrics::total_variation_of_means(p, q) == 0);
  CHECK(metrics::mean_total_variation(p, p) == 0);
  const auto r = Tensor<float, 3>::from({1, 2, 3}, {0.5F, 0.25F, 0.25F, 0, 1, 0});
  CHECK(metrics::total_variation(p, r)(0, 0) == 0.5);
  CHECK(metrics::mean_total_variation(p, r) == 0.5);
  CHECK(metrics::total_variation_of_means(p, r) == Approx(0.375));
  CHECK_THROWS_AS(metrics::total_variation(p, Tensor<float, 3>::zeros({2, 1, 3})), ShapeError);
}
