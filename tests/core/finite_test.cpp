#include "paser/core/finite.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

namespace finite_test {

using namespace paser;

constexpr double inf = std::numeric_limits<double>::infinity();

/// Every place of arrays of every length up to beyond two blocks, in float or double.
template <class T>
void find_everywhere(T bad) {
  for (const Index n : {1, 2, 3, 7, 511, 512, 513, 1023, 1024, 1025, 2049, 2500}) {
    std::vector<T> x(static_cast<std::size_t>(n), std::numeric_limits<T>::max());
    CHECK(first_non_finite(n, x.data()) == n);
    for (Index i = 0; i < n; i += n < 1100 ? 1 : n / 3) {  // every place of a block
      auto y = x;
      y[static_cast<std::size_t>(i)] = bad;
      CHECK(first_non_finite(n, y.data()) == i);
    }
  }
}

TEST_CASE("the first value that is not finite is found at every place, whatever the largest numbers beside it") {
  for (const double bad : {inf, -inf, std::nan(""), -std::nan("")}) {
    find_everywhere(bad);
    find_everywhere(static_cast<float>(bad));
  }
  // The smallest NaN and one with every bit, neither of which arithmetic makes.
  find_everywhere(std::bit_cast<float>(0x7f800001u));
  find_everywhere(std::bit_cast<float>(0xffffffffu));
  CHECK(first_non_finite(0, static_cast<const float*>(nullptr)) == 0);
}

TEST_CASE("subnormal numbers, zeros and the largest numbers are finite") {
  for (const float x : {0.f, -0.f, 1e-45f, -3e38f, std::numeric_limits<float>::max()}) CHECK(is_finite(x));
  for (const double x : {5e-324, -1.7e308}) CHECK(is_finite(x));
  CHECK_FALSE(is_finite(-inf));
  CHECK_FALSE(is_nan(inf));
  CHECK(is_nan(-std::nan("")));
}

TEST_CASE("the message has the tensor, the value, its place and the size") {
  const std::vector<float> x{1, 2, static_cast<float>(-inf), 4};
  CHECK_THROWS_WITH(check_finite("here", 4, x.data(), "weight ", 7),
                    "here: weight 7 has -inf at position 2 of 4, expected finite numbers");
  CHECK_THROWS_AS(check_finite("here", 4, x.data(), "w"), NotFiniteError);
  CHECK_NOTHROW(check_finite("here", 2, x.data(), "w"));
  CHECK_THROWS_WITH(check_finite_value("here", std::nan(""), "the loss"),
                    "here: the loss is nan, expected a finite number");
  CHECK(value_text(0.5f) == "0.5");
}

TEST_CASE("what several threads look through is finite when every number is, and the first that is not is told") {
  std::vector<double> x(100'003, 1.0);
  const auto n = static_cast<Index>(x.size());
  CHECK(all_finite(n, x.data()));
  CHECK(all_finite(0, x.data()));
  for (const std::size_t place : {0u, 16'383u, 16'384u, 70'001u, 100'002u}) {
    auto y = x;
    y[place] = y.back() = inf;
    CHECK_FALSE(all_finite(n, y.data()));
    CHECK_THROWS_WITH(check_finite("here", n, y.data(), "x"),
                      message("here: x has inf at position ", place, " of 100003, expected finite numbers"));
  }
}

}  // namespace finite_test
