#include <catch2/catch.hpp>
#include <vector>

#include "paser/kernels/max_pool2d.hpp"
#include "paser/kernels/reduce.hpp"
#include "paser/kernels/softmax.hpp"
#include "support/random_values.hpp"

using namespace paser;

namespace {

template <class T>
void check_softmax(Index rows, Index n) {
  CAPTURE(rows, n, sizeof(T));
  const auto x = random_values<T>(Key{1}, rows * n, -3, 3);
  auto y = x, log_y = x;
  kernels::softmax_forward(rows, n, x.data(), y.data());
  kernels::log_softmax_forward(rows, n, x.data(), log_y.data());
  double worst = 0;
  for (Index row = 0; row < rows; ++row) {
    double sum = 0;
    for (Index k = 0; k < n; ++k) sum += std::exp(static_cast<double>(x[static_cast<std::size_t>(row * n + k)]));
    for (Index k = 0; k < n; ++k) {
      const auto at = static_cast<std::size_t>(row * n + k);
      const double p = std::exp(static_cast<double>(x[at])) / sum;
      worst = std::max(worst, std::abs(static_cast<double>(y[at]) - p));
      worst = std::max(worst, std::abs(static_cast<double>(log_y[at]) - std::log(p)));
    }
  }
  CHECK(worst < (sizeof(T) == 4 ? 2e-6 : 1e-14));
}

/// The place of the maximum in each window of 2x2, the first of equals, and the pooled map, by the definition.
template <class T>
void check_halving(const Shape<4>& x_shape) {
  CAPTURE(x_shape, sizeof(T));
  const auto s = kernels::pool_shape("test", x_shape, {});
  const Index c = s.c, y_size = s.n * s.out_h * s.out_w * c;
  auto x = random_values<T>(Key{2}, x_shape.numel(), -3, 3);
  for (auto& v : x) v = std::round(v);  // so that there are ties
  const auto dy = random_values<T>(Key{3}, y_size, -3, 3);
  std::vector<T> y(static_cast<std::size_t>(y_size), T(-9)), inferred = y, dx(x.size(), T(-9)), want_dx(x.size(), T(0));
  std::vector<std::uint8_t> tap(static_cast<std::size_t>(y_size), 99);
  kernels::max_pool2d_forward(s, x.data(), y.data(), tap.data());
  kernels::max_pool2d_forward(s, x.data(), inferred.data(), nullptr);
  kernels::max_pool2d_backward(s, dy.data(), tap.data(), dx.data());
  bool same = true;
  for (Index i = 0; i < y_size; ++i) {
    const Index k = i % c, q = i / c % s.out_w, p = i / c / s.out_w % s.out_h, n = i / c / s.out_w / s.out_h;
    const auto place = [&](Index t) {
      return static_cast<std::size_t>(((n * s.h + 2 * p + t / 2) * s.w + 2 * q + t % 2) * c + k);
    };
    Index best = 0;
    for (Index t = 1; t < 4; ++t)
      if (x[place(t)] > x[place(best)]) best = t;
    const auto at = static_cast<std::size_t>(i);
    same = same && tap[at] == best && y[at] == x[place(best)] && inferred[at] == y[at];
    want_dx[place(best)] = dy[at];
  }
  CHECK(same);
  CHECK(dx == want_dx);
}

template <class T>
void check_sums(Index rows, Index channels) {
  CAPTURE(rows, channels, sizeof(T));
  const auto x = random_values<T>(Key{4}, rows * channels, -3, 3);
  std::vector<T> sums(static_cast<std::size_t>(channels), T(-9));
  kernels::sum_per_channel(rows, channels, x.data(), sums.data());
  double worst = 0;
  for (Index c = 0; c < channels; ++c) {
    double sum = 0;
    for (Index row = 0; row < rows; ++row) sum += static_cast<double>(x[static_cast<std::size_t>(row * channels + c)]);
    worst = std::max(worst, std::abs(sum - static_cast<double>(sums[static_cast<std::size_t>(c)])));
  }
  CHECK(worst < (sizeof(T) == 4 ? 1e-6 : 1e-13) * static_cast<double>(rows));
}

TEST_CASE("softmax of any number of rows and classes agrees with the definition") {
  for (const Index n : {1, 2, 3, 4, 5, 10})
    for (const Index rows : {1, 7, 8, 9, 63, 64, 77, 3000}) {
      check_softmax<float>(rows, n);
      check_softmax<double>(rows, n);
    }
}

TEST_CASE("halving max-pools agree with the definition") {
  for (const Shape<4>& x :
       {Shape{2, 6, 8, 8}, Shape{1, 7, 9, 8}, Shape{3, 4, 5, 13}, Shape{1, 2, 2, 40}, Shape{2, 5, 4, 3}}) {
    check_halving<float>(x);
    check_halving<double>(x);
  }
}

TEST_CASE("a NaN spreads to the pooled map") {
  std::vector<float> x(2 * 2 * 8, 1.0f), y(8);
  std::vector<std::uint8_t> tap(8);
  x[2 * 8 + 3] = std::numeric_limits<float>::quiet_NaN();
  kernels::max_pool2d_forward(kernels::pool_shape("test", {1, 2, 2, 8}, {}), x.data(), y.data(), tap.data());
  CHECK(std::isnan(y[3]));
  CHECK(tap[3] == 2);
  CHECK(y[4] == 1);
}

TEST_CASE("sums over rows agree with the definition") {
  for (const Index channels : {1, 3, 4, 8, 10, 16, 100})
    for (const Index rows : {1, 5, 1024, 5000}) {
      check_sums<float>(rows, channels);
      check_sums<double>(rows, channels);
    }
}

}  // namespace
