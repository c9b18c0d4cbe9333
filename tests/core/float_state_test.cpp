#include "paser/core/float_state.hpp"

#include <catch2/catch.hpp>
#include <cfenv>
#include <limits>
#include <vector>

#include "paser/core/parallel.hpp"

using namespace paser;

namespace {

/// Half the smallest normal number, computed when the program runs.
float half_of_smallest() {
  volatile float smallest = std::numeric_limits<float>::min(), half = 0.5f;
  return smallest * half;
}

float third() {
  volatile float one = 1, three = 3;
  return one / three;
}

constexpr bool can_flush = detail::flush_bits != 0;

}  // namespace

TEST_CASE("FlushDenormals makes zero of subnormal numbers, and then gives the state back") {
  REQUIRE(half_of_smallest() > 0);
  const auto before = detail::float_control();
  {
    const FlushDenormals flush;
    CHECK((half_of_smallest() == 0) == can_flush);
    {
      const FlushDenormals again;
      CHECK((half_of_smallest() == 0) == can_flush);
    }
    CHECK((half_of_smallest() == 0) == can_flush);
  }
  CHECK(detail::float_control() == before);
  CHECK(half_of_smallest() > 0);
}

TEST_CASE("FlushDenormals rounds to nearest whatever the caller has set, and gives that back") {
  const float nearest = third();
  std::fesetround(FE_DOWNWARD);
  const float down = third();
  const auto before = detail::float_control();
  float inside = 0;
  {
    const FlushDenormals flush;
    inside = third();
  }
  const bool unchanged = detail::float_control() == before;
  const float after = third();
  std::fesetround(FE_TONEAREST);
  REQUIRE(down < nearest);
  CHECK(unchanged);
  CHECK(after == down);
  if (can_flush) CHECK(inside == nearest);
}

TEST_CASE("every thread of a parallel loop flushes, and only inside of it") {
  for (const int n : {1, 2, 3}) {
    set_threads(n);
    const auto before = detail::float_control();
    std::vector<float> inside(64, -1.0f);
    parallel_each(64, [&](Index i) { inside[static_cast<std::size_t>(i)] = half_of_smallest(); });
    int flushed = 0;
    for (const float value : inside) flushed += value == 0;
    CHECK(flushed == (can_flush ? 64 : 0));
    CHECK(detail::float_control() == before);
    CHECK(half_of_smallest() > 0);
  }
  set_threads(0);
}
