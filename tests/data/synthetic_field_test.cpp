#include <catch2/catch.hpp>

#include "paser/data/synthetic/distance.hpp"

using namespace paser;
using namespace paser::data;
namespace synthetic = paser::data::synthetic;
using synthetic::Field;

TEST_CASE("synthetic arithmetic: powers, turns and draws are what their names say") {
  CHECK(synthetic::power(2, 10) == 1024);
  CHECK(synthetic::power(0, 0.75) == 0);
  CHECK(synthetic::power(1, 1.3) == 1);
  for (const double base : {0.01, 0.4, 0.99, 7.5})
    for (const double exponent : {0.25, 0.796875, 1.5, 3.140625})  // multiples of 2^-16
      CHECK(synthetic::power(base, exponent) == Approx(std::pow(base, exponent)).epsilon(1e-12));
  for (const float x : {-3.25f, -0.5f, 0.f, 0.125f, 4.f})
    CHECK(synthetic::exponential(x) == Approx(std::exp(x)).epsilon(1e-6));

  const synthetic::Vector v = synthetic::Vector{3, 4}.turned(0.3f);
  CHECK(v.x == Approx(3 * std::cos(0.3) - 4 * std::sin(0.3)).epsilon(0.01));
  CHECK(v.y == Approx(3 * std::sin(0.3) + 4 * std::cos(0.3)).epsilon(0.01));
  CHECK(std::hypot(v.x, v.y) == Approx(5).epsilon(1e-6));

  synthetic::Draws draw(Key{3});
  double sum[3] = {}, squares[3] = {};
  const int n = 20000;
  for (int i = 0; i < n; ++i) {
    const double values[3] = {draw.normal(), draw.gamma(2, 4), draw.log_uniform({1, 8})};
    CHECK(values[2] >= 1);
    CHECK(values[2] <= 8);
    for (int k = 0; k < 3; ++k) sum[k] += values[k], squares[k] += values[k] * values[k];
  }
  const auto mean = [&](int k) { return sum[k] / n; };
  const auto deviation = [&](int k) { return std::sqrt(squares[k] / n - mean(k) * mean(k)); };
  CHECK(mean(0) == Approx(0).margin(0.03));
  CHECK(deviation(0) == Approx(1).epsilon(0.03));
  CHECK(mean(1) == Approx(2).epsilon(0.03));
  CHECK(deviation(1) == Approx(1).epsilon(0.05));  // mean / sqrt(shape)
  CHECK(mean(2) == Approx(7 / std::log(8.)).epsilon(0.03));
}

TEST_CASE("synthetic field: a blur keeps the mean and has the variance that it promises") {
  for (const float sigma : {0.4f, 1.f, 1.7f, 3.3f, 8.f}) {
    INFO("sigma " << sigma);
    Field point(101, 103);
    point(50, 51) = 1;
    const Field spread = synthetic::blurred(point, sigma);
    double sum = 0, down = 0, across = 0;
    for (Index y = 0; y < 101; ++y)
      for (Index x = 0; x < 103; ++x) {
        const double v = spread(y, x);
        sum += v, down += v * double((y - 50) * (y - 50)), across += v * double((x - 51) * (x - 51));
      }
    CHECK(sum == Approx(1).epsilon(1e-5));
    CHECK(down == Approx(sigma * sigma).epsilon(1e-3));
    CHECK(across == Approx(sigma * sigma).epsilon(1e-3));
  }
  const Field flat = synthetic::blurred(Field(20, 30, 0.75f), 40);
  for (const float v : flat.values) CHECK(v == Approx(0.75).epsilon(1e-5));
}

TEST_CASE("synthetic field: a random field has mean 0, variance 1 and the correlation of its width") {
  for (const float sigma : {1.5f, 5.f, 13.f}) {
    INFO("sigma " << sigma);
    const Index n = 200;
    const Field field = synthetic::random_field(Key{9}, n, n + 3, sigma);
    double sum = 0, squares = 0, products = 0;
    const auto lag = static_cast<Index>(sigma + 0.5f);
    Index pairs = 0;
    for (Index y = 0; y < n; ++y)
      for (Index x = 0; x < n + 3; ++x) {
        const double v = field(y, x);
        sum += v, squares += v * v;
        if (x + lag < n + 3) products += v * double(field(y, x + lag)), ++pairs;
      }
    const auto count = static_cast<double>(field.size());
    CHECK(sum / count == Approx(0).margin(0.05));
    CHECK(squares / count == Approx(1).epsilon(0.08));
    // The blur meets itself: correlation exp(-lag^2 / (4 sigma^2)).
    const double expected = std::exp(-double(lag * lag) / (4 * double(sigma) * double(sigma)));
    CHECK(products / static_cast<double>(pairs) == Approx(expected).margin(0.15));
  }
}

TEST_CASE("synthetic field: the distance transform agrees with a search over all pixels") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    synthetic::Map<std::uint8_t> marked(23, 31);
    for (std::size_t i = 0; i < marked.size(); ++i) marked[i] = Key{seed}.uniform(i) < 0.02 * double(seed);
    marked(22, 0) = 1;
    const auto result = synthetic::squared_distance(marked);
    for (Index y = 0; y < 23; ++y)
      for (Index x = 0; x < 31; ++x) {
        Index best = 1 << 20;
        for (Index v = 0; v < 23; ++v)
          for (Index u = 0; u < 31; ++u)
            if (marked(v, u)) best = std::min(best, (v - y) * (v - y) + (u - x) * (u - x));
        REQUIRE(result(y, x) == best);
      }
  }
  const auto nothing = synthetic::squared_distance(synthetic::Map<std::uint8_t>(5, 6));
  for (const auto d : nothing.values) CHECK(d > 5 * 5 + 6 * 6);
}

TEST_CASE("synthetic field: the window maximum and the threshold agree with a search") {
  const Field noise = synthetic::white_noise(Key{4}, 19, 27);
  for (const Index radius : {0, 1, 2, 3, 6, 50}) {
    const Field result = synthetic::window_maximum(noise, radius);
    for (Index y = 0; y < 19; ++y)
      for (Index x = 0; x < 27; ++x) {
        float best = noise(y, x);
        for (Index v = std::max<Index>(0, y - radius); v <= std::min<Index>(18, y + radius); ++v)
          for (Index u = std::max<Index>(0, x - radius); u <= std::min<Index>(26, x + radius); ++u)
            best = std::max(best, noise(v, u));
        REQUIRE(result(y, x) == best);
      }
  }
  CHECK(synthetic::threshold_of_top({3, 1, 2, 5}, 2) == 3);
  CHECK(synthetic::threshold_of_top({3, 1, 2, 5}, 9) == 1);
  CHECK(synthetic::threshold_of_top({3, 1, 2, 5}, 0) > 1e30f);
}
