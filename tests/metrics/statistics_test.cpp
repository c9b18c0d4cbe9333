#include "paser/metrics/statistics.hpp"

#include <catch2/catch.hpp>
#include <numbers>

#include "paser/metrics/significance/t_test.hpp"

using namespace paser;
using namespace paser::metrics;
using std::numbers::pi;
using Values = std::vector<double>;

TEST_CASE("Mean and standard deviation") {
  const Values v{2, 4, 4, 4, 5, 5, 7, 9};
  CHECK(mean(v) == 5.0);
  CHECK(standard_deviation(v) == Approx(std::sqrt(32.0 / 7)));
  CHECK(std::isnan(mean(Values{})));
  CHECK(std::isnan(standard_deviation(Values{1})));
}

TEST_CASE("Quantiles interpolate between order statistics, as numpy does") {
  const Values v{7, 1, 3, 10};
  CHECK(quantile(v, 0) == 1.0);
  CHECK(quantile(v, 0.25) == Approx(2.5));
  CHECK(quantile(v, 0.5) == Approx(5.0));
  CHECK(quantile(v, 0.9) == Approx(9.1));
  CHECK(quantile(v, 1) == 10.0);
  CHECK(quantile(Values{3}, 0.7) == 3.0);
  CHECK_THROWS_AS(quantile(Values{}, 0.5), ValueError);
  CHECK_THROWS_AS(quantile(Values{1, std::nan("")}, 0.5), ValueError);
  CHECK_THROWS_AS(quantile(v, 1.1), ValueError);
}

TEST_CASE("A box has whiskers at values within 1.5 of its height, the others are outliers") {
  const BoxStats box = box_stats(Values{1, 2, 3, 4, 5, 6, 7, 8, 9, 40, -30});
  CHECK(box.q1 == 2.5);
  CHECK(box.median == 5.0);
  CHECK(box.q3 == 7.5);
  CHECK(box.low == 1.0);
  CHECK(box.high == 9.0);
  CHECK(box.outliers == Values{-30, 40});
  CHECK(box.mean == 5.0);
  const BoxStats steep = box_stats(Values{0, 10, 10, 10.5});  // no value between the lower fence and q1
  CHECK(steep.low == steep.q1);
  CHECK(steep.outliers == Values{0});
  CHECK_THROWS_AS(box_stats(Values{}), ValueError);
}

TEST_CASE("Student's distribution has its closed forms at 1, 2 and 4 degrees of freedom") {
  for (const double t : {0.0, 0.1, 1.0, 2.5, 12.7, 300.0}) {
    CHECK(student_two_sided(t, 1) == Approx(1 - 2 / pi * std::atan(t)).epsilon(1e-9));
    CHECK(student_two_sided(t, 2) == Approx(1 - t / std::sqrt(2 + t * t)).epsilon(1e-9));
    const double s = t / std::sqrt(4 + t * t);
    CHECK(student_two_sided(-t, 4) == Approx(1 - s * (1.5 - 0.5 * s * s)).epsilon(1e-7).margin(1e-12));
  }
  // Critical values of the usual table.
  CHECK(student_two_sided(2.2281, 10) == Approx(0.05).epsilon(1e-4));
  CHECK(student_two_sided(2.7500, 30) == Approx(0.01).epsilon(1e-4));
}

TEST_CASE("The paired test is Student's own example") {
  // Hours of sleep gained by ten patients under two drugs: Student (1908), "The probable error of a mean".
  const Values a{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
  const Values b{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};
  const TTest paired = paired_t_test(a, b);
  CHECK(paired.difference == Approx(-1.58));
  CHECK(paired.t == Approx(-4.0621).epsilon(1e-4));
  CHECK(paired.df == 9.0);
  CHECK(paired.p == Approx(0.002833).epsilon(1e-3));
  const TTest welch = welch_t_test(a, b);
  CHECK(welch.t == Approx(-1.8608).epsilon(1e-4));
  CHECK(welch.df == Approx(17.776).epsilon(1e-4));
  CHECK(welch.p == Approx(0.07939).epsilon(1e-3));
}

TEST_CASE("Samples without spread are judged without dividing by it") {
  const Values one{1, 1, 1}, two{2, 2, 2};
  CHECK(std::isnan(paired_t_test(one, one).p));
  CHECK(paired_t_test(one, two).p == 0.0);
  CHECK(std::isinf(welch_t_test(one, two).t));
  CHECK(welch_t_test(one, two).df == 4.0);
  CHECK_THROWS_AS(paired_t_test(one, Values{1, 2}), ShapeError);
  CHECK_THROWS_AS(welch_t_test(one, Values{1}), ValueError);
}
