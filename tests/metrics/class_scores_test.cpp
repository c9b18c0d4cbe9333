#include "paser/metrics/class_scores.hpp"

#include <catch2/catch.hpp>
#include <cmath>

using namespace paser;
using namespace paser::metrics;

TEST_CASE("Class scores are the textbook ratios of the counts") {
  //                                                 predicted 0  1  2
  const auto counts = Confusion<2>::from({3, 3}, std::vector<Index>{6, 2, 0,    // truly 0
                                                                    1, 8, 1,    // truly 1
                                                                    0, 0, 2});  // truly 2
  const ClassScores s = class_scores(counts);
  CHECK(s.iou[0] == Approx(6.0 / 9));
  CHECK(s.dice[0] == Approx(12.0 / 15));
  CHECK(s.precision[0] == Approx(6.0 / 7));
  CHECK(s.recall[0] == Approx(6.0 / 8));
  CHECK(s.iou[1] == Approx(8.0 / 12));
  CHECK(s.precision[1] == Approx(0.8));
  CHECK(s.recall[1] == Approx(0.8));
  CHECK(s.precision[2] == Approx(2.0 / 3));
  CHECK(s.recall[2] == Approx(1.0));
  CHECK(s.truth_share == std::vector<double>{8.0 / 20, 10.0 / 20, 2.0 / 20});
  CHECK(s.predicted_share == std::vector<double>{7.0 / 20, 10.0 / 20, 3.0 / 20});
}

TEST_CASE("What a class's scores cannot say is NaN") {
  const auto counts = Confusion<2>::from({3, 3}, std::vector<Index>{4, 1, 0, 0, 0, 0, 0, 0, 0});
  const ClassScores s = class_scores(counts);
  CHECK(s.precision[1] == 0.0);  // predicted, never true
  CHECK(std::isnan(s.recall[1]));
  CHECK(s.iou[1] == 0.0);
  CHECK(std::isnan(s.iou[2]));
  CHECK(std::isnan(s.dice[2]));
  CHECK(std::isnan(s.precision[2]));
  CHECK(s.truth_share[2] == 0.0);
  CHECK(std::isnan(class_scores(Confusion<2>::zeros({2, 2})).truth_share[0]));
}

TEST_CASE("Counts that are not square are refused") {
  CHECK_THROWS_AS(class_scores(Confusion<2>::zeros({2, 3})), ShapeError);
}
