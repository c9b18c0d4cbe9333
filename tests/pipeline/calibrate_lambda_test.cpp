#include "paser/pipeline/calibrate_lambda.hpp"

#include <catch2/catch.hpp>
#include <limits>

using namespace paser;
using namespace paser::pipeline;

namespace {

/// A world in which a policy of some lambda spends 100 - 80 lambda, and the lambdas that were asked for.
struct World {
  std::vector<double> asked{};

  LambdaSearch calibrate(double budget, int trials, std::vector<LambdaTrial> known = {}) {
    asked.clear();
    return calibrate_lambda(budget, trials, std::move(known), [this](double lambda) {
      asked.push_back(lambda);
      return 100 - 80 * lambda;
    });
  }
};

}  // namespace

TEST_CASE("calibrate_lambda: the smallest lambda that keeps the budget is found by bisection") {
  World world;
  const LambdaSearch few = world.calibrate(50, 4);  // kept from 0.625 on
  CHECK(world.asked == std::vector<double>{0.5, 0.75, 0.625, 0.5625});
  CHECK(few.kept);
  CHECK(few.lambda == 0.625);
  CHECK(few.expense == Approx(50));
  REQUIRE(few.trials.size() == 4);
  CHECK(few.trials[1].lambda == 0.75);
  CHECK(few.trials[1].expense == Approx(40));

  const LambdaSearch fine = world.calibrate(53, 100);
  CHECK(world.asked.size() < 15);  // it ends when the bracket is narrow
  CHECK(fine.kept);
  CHECK(fine.expense <= 53);
  CHECK(fine.lambda == Approx(47.0 / 80).margin(1e-3));
}

TEST_CASE("calibrate_lambda: at most so many policies are trained") {
  World world;
  for (int trials = 0; trials <= 6; ++trials) {
    const LambdaSearch search = world.calibrate(37, trials);
    CHECK(static_cast<int>(world.asked.size()) <= trials);
    CHECK(search.trials.size() == world.asked.size());
  }
  CHECK(world.asked.size() == 6);
}

TEST_CASE("calibrate_lambda: trials that are known narrow the search and are not made again") {
  World world;
  const std::vector<LambdaTrial> known{{0.25, 80}, {0.75, 40}, {0.5, 60}};
  const LambdaSearch search = world.calibrate(52, 1, known);
  CHECK(world.asked == std::vector<double>{0.625});
  CHECK(search.lambda == 0.625);
  CHECK(search.trials.size() == 4);

  const LambdaSearch nothing = world.calibrate(52, 0, known);
  CHECK(world.asked.empty());
  CHECK(nothing.kept);
  CHECK(nothing.lambda == 0.75);
  CHECK(nothing.expense == 40);
}

TEST_CASE("calibrate_lambda: a budget that every policy keeps asks for ever smaller lambdas") {
  World world;
  const LambdaSearch search = world.calibrate(1000, 3);
  CHECK(world.asked == std::vector<double>{0.5, 0.25, 0.125});
  CHECK(search.kept);
  CHECK(search.lambda == 0.125);
}

TEST_CASE("calibrate_lambda: a budget that cannot be kept gives the cheapest policy, and says so") {
  World world;
  const LambdaSearch search = world.calibrate(10, 5);
  CHECK_FALSE(search.kept);
  CHECK(search.lambda == 0.96875);
  CHECK(search.expense == Approx(100 - 80 * 0.96875));

  // The cheapest, not the one of the largest lambda: training is noisy.
  const LambdaSearch noisy = world.calibrate(10, 0, {{0.5, 30}, {0.75, 20}, {0.9, 25}});
  CHECK_FALSE(noisy.kept);
  CHECK(noisy.lambda == 0.75);
  CHECK(noisy.expense == 20);

  const LambdaSearch none = world.calibrate(10, 0);
  CHECK_FALSE(none.kept);
  CHECK(none.trials.empty());
}

TEST_CASE("calibrate_lambda: what cannot be a budget or a number of trials is refused") {
  World world;
  CHECK_THROWS_WITH(world.calibrate(0, 3), Catch::Contains("a positive budget and trials >= 0, got 0 and 3"));
  CHECK_THROWS_AS(world.calibrate(-1, 3), ValueError);
  CHECK_THROWS_AS(world.calibrate(std::numeric_limits<double>::quiet_NaN(), 3), ValueError);
  CHECK_THROWS_AS(world.calibrate(1, -1), ValueError);
  CHECK(world.asked.empty());
}
