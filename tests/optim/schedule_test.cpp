#include "paser/optim/schedule.hpp"

#include <catch2/catch.hpp>
#include <cmath>

using namespace paser;

TEST_CASE("schedules pass through the values that define them") {
  const auto linear = optim::linear_schedule(0.7, 0.95, 200);
  CHECK(linear(0) == 0.7);
  CHECK(linear(1) == Approx(0.701256281).epsilon(1e-8));
  CHECK(linear(199) == 0.95);
  CHECK(linear(1000) == 0.95);
  CHECK(optim::linear_schedule(0, 1, 1)(0) == 0);  // one step stays at the start
  CHECK(optim::linear_schedule(0, 1, 1)(7) == 0);

  const auto cosine = optim::cosine_schedule(1e-4, 200, 1e-5);
  CHECK(cosine(0) == 1e-4);
  CHECK(cosine(100) == Approx(5.5e-5));
  CHECK(cosine(200) == Approx(1e-5));
  CHECK(cosine(300) == Approx(1e-5));
  const auto swing = optim::cosine_schedule(1e-4, 200, 1e-5, optim::AfterCosine::swing);
  CHECK(swing(0) == 1e-4);
  CHECK(swing(50) == cosine(50));
  CHECK(swing(200) == Approx(1e-5));
  CHECK(swing(300) == Approx(5.5e-5));
  CHECK(swing(350) == Approx(cosine(50)));
  CHECK(swing(400) == 1e-4);
  CHECK(optim::cosine_schedule(1, 1, 0, optim::AfterCosine::swing)(3) == Approx(0).margin(1e-15));

  const auto poly = optim::poly_schedule(2e-2, 100);
  CHECK(poly(0) == 2e-2);
  CHECK(poly(50) == Approx(2e-2 * std::pow(0.5, 0.9)));
  CHECK(poly(99) == Approx(2e-2 * std::pow(0.01, 0.9)));
  CHECK(poly(100) == 0);
  CHECK(poly(101) == 0);
  CHECK(optim::poly_schedule(1, 4, 1)(1) == 0.75);
  CHECK_THROWS_AS(optim::poly_schedule(1, 0), ValueError);

  const auto step = optim::step_schedule(1e-3, 30, 0.5);
  CHECK(step(29) == 1e-3);
  CHECK(step(30) == 5e-4);
  CHECK(step(60) == 2.5e-4);

  const auto warm = optim::warm_up(4, step);
  CHECK(warm(0) == Approx(2.5e-4));
  CHECK(warm(4) == 1e-3);
  CHECK(warm(34) == 5e-4);
  CHECK(optim::constant_schedule(2)(17) == 2);
  CHECK_THROWS_AS(optim::step_schedule(1, 0), ValueError);
  CHECK_THROWS_AS(optim::warm_up(3, nullptr), ValueError);
}
