#include "paser/ops/class_counts.hpp"

#include <catch2/catch.hpp>

using namespace paser;

TEST_CASE("class weights are one minus the share, finite and named for a class that never occurs") {
  ClassCounts counts(3);
  CHECK(counts.weights() == std::vector<double>{1, 1, 1});
  auto labels = Labels::zeros({1, 10, 15});
  std::fill_n(labels.mutable_data(), 50, 1);
  counts.add(labels);
  CHECK(counts.pixels() == std::vector<Index>{100, 50, 0});
  CHECK(counts.weights()[0] == Approx(1.0 / 3));
  CHECK(counts.weights()[1] == Approx(2.0 / 3));
  CHECK(counts.weights()[2] == 1);
  CHECK(counts.absent() == std::vector<Index>{2});
  counts.add(Tensor<std::int32_t, 1>::from({2}, {2, 255}), 255);
  CHECK(counts.absent().empty());
  CHECK_THROWS_WITH(counts.add(Tensor<std::int32_t, 1>::from({2}, {0, 3})), Catch::Contains("label 3 at position 1"));
}

TEST_CASE("class counts that are refused count nothing") {
  ClassCounts counts(2);
  CHECK_THROWS_AS(counts.add(Tensor<std::int32_t, 1>::from({3}, {0, 1, 7})), ValueError);
  CHECK(counts.pixels() == std::vector<Index>{0, 0});
  CHECK_THROWS_WITH(ClassCounts(-1), Catch::Contains("expected at least 1 class, got -1"));
  CHECK_THROWS_WITH(ClassCounts(std::vector<Index>{}), Catch::Contains("expected at least 1 class, got 0"));
  CHECK_THROWS_WITH(ClassCounts(std::vector<Index>{-5, 10}), Catch::Contains("a class has -5 pixels"));
}
