#include "paser/nn/init.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "support/same_bits.hpp"

using namespace paser;

namespace init_cases {

struct Moments {
  double mean = 0, variance = 0;

  template <class T, int Rank>
  explicit Moments(const Tensor<T, Rank>& x) {
    const auto n = static_cast<double>(x.numel());
    for (const T v : x.values()) mean += static_cast<double>(v) / n;
    for (const T v : x.values()) variance += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean) / n;
  }
};

}  // namespace init_cases

TEST_CASE("a normal by its fan-out has variance 2 / fan-out") {
  const init_cases::Moments m(nn::init::he_normal_fan_out<double>(Key{1}, Shape{3, 3, 16, 256}, 9 * 256));
  CHECK(std::abs(m.mean) < 1e-3);
  CHECK(m.variance == Approx(2.0 / (9 * 256)).epsilon(0.02));
}

TEST_CASE("a truncated normal has the moments of its closed form and no value outside") {
  const auto x = nn::init::truncated_normal<double>(Key{1}, Shape{40000}, 0.5, 2, -1.5, 2.5);
  for (const double v : x.values()) CHECK_FALSE((v < -1.5 || v > 2.5));
  const init_cases::Moments m(x);
  CHECK(m.mean == Approx(0.5).margin(0.02));  // the bounds lie one deviation to each side
  // 1 - 2 phi(1) / (2 Phi(1) - 1) of the deviation's square.
  CHECK(m.variance == Approx(4 * 0.2911250947727587).epsilon(0.02));
  CHECK(same_for_all_threads([] { return nn::init::truncated_normal<float>(Key{1}, Shape{9000}, 0, 0.02); }));
  const auto constant = nn::init::truncated_normal<double>(Key{1}, Shape{3}, 1, 0);
  CHECK(constant(2) == 1);
}

TEST_CASE("a truncated normal without room is refused") {
  CHECK_THROWS_AS(nn::init::truncated_normal<float>(Key{1}, Shape{3}, 3, 1), ValueError);
  CHECK_THROWS_AS(nn::init::truncated_normal<float>(Key{1}, Shape{3}, 0, 100), ValueError);
}

TEST_CASE("a truncated normal needs finite numbers") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const auto draw = [](double mean, double deviation, double low, double high) {
    return nn::init::truncated_normal<double>(Key{1}, Shape{8}, mean, deviation, low, high);
  };
  CHECK_THROWS_AS(draw(0, infinity, -infinity, infinity), ValueError);
  CHECK_THROWS_AS(draw(infinity, 1, -infinity, infinity), ValueError);
  for (const double bad : {nan, infinity}) CHECK_THROWS_AS(draw(0, bad, -2, 2), ValueError);
  CHECK_THROWS_AS(draw(0, 1, nan, 2), ValueError);
  CHECK(same_bits(draw(3, 2, -infinity, infinity), draw(3, 2, -1e9, 1e9)));
}
