#include "paser/core/simd.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace paser;

TEMPLATE_TEST_CASE("the maximum that keeps NaN", "", float, double) {
  constexpr TestType nan = std::numeric_limits<TestType>::quiet_NaN(), inf = std::numeric_limits<TestType>::infinity();
  const auto largest = [](TestType a, TestType b) {
    TestType result[simd::width<TestType>];
    simd::store(result, simd::max_or_nan(simd::broadcast(a), simd::broadcast(b)));
    return result[simd::width<TestType> - 1];
  };
  CHECK((largest(1, 2) == 2 && largest(2, 1) == 2 && largest(-3, -2) == -2 && largest(-inf, inf) == inf));
  for (const TestType x : {TestType(0), TestType(-1), inf, -inf, nan}) {
    CHECK(std::isnan(largest(x, nan)));
    CHECK(std::isnan(largest(nan, x)));
    CHECK(std::isnan(largest(x, -nan)));
    CHECK(std::isnan(largest(-nan, x)));
  }
}
