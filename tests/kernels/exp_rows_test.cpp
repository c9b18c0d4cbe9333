#include "paser/kernels/loops/exp_rows.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

using namespace paser;

TEMPLATE_TEST_CASE("exponentials and logarithms of spans are those of the standard library", "", float, double) {
  const double tolerance = 4.0 * static_cast<double>(std::numeric_limits<TestType>::epsilon());
  for (const Index n : {1, 2, 3, 7, 8, 9, 31}) {
    std::vector<TestType> x, e(static_cast<std::size_t>(n)), l(static_cast<std::size_t>(n));
    for (Index i = 0; i < n; ++i) x.push_back(static_cast<TestType>(0.05 + 0.37 * static_cast<double>(i)));
    kernels::exp_span(n, x.data(), e.data());
    kernels::log_span(n, x.data(), l.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      CHECK(e[i] == Approx(std::exp(x[i])).epsilon(tolerance));
      CHECK(l[i] == Approx(std::log(x[i])).epsilon(tolerance).margin(tolerance));
    }
  }
}

// A pixel's entropy must not depend on the batch that it is in.
TEMPLATE_TEST_CASE("a number's exponential and logarithm have the same bits wherever it stands", "", float, double) {
  std::vector<TestType> alone(1), row(16);
  for (int step = 1; step < 400; ++step) {
    const auto x = static_cast<TestType>(0.0123 * step);
    for (std::size_t n = 1; n <= row.size(); ++n) {
      const auto same = [&](auto span) {
        const auto count = static_cast<Index>(n);
        std::fill(row.begin(), row.end(), x);
        span(1, &x, alone.data());
        span(count, row.data(), row.data());
        return std::all_of(row.begin(), row.begin() + count, [&](TestType y) { return y == alone[0]; });
      };
      REQUIRE(same(kernels::exp_span<TestType>));
      REQUIRE(same(kernels::log_span<TestType>));
    }
  }
}

TEST_CASE("what stands behind a span is left as it is") {
  std::vector<float> x(40, 0.5F);
  kernels::exp_span(5, x.data(), x.data());
  kernels::log_span(5, x.data() + 20, x.data() + 20);
  CHECK((x[5] == 0.5F && x[19] == 0.5F && x[25] == 0.5F));
}
