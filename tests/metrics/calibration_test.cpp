#include "paser/metrics/calibration.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "paser/core/finite.hpp"
#include "paser/core/random.hpp"

namespace calibration_cases {

using namespace paser;
using metrics::Calibration;

Labels labels(const std::vector<std::int32_t>& values) {
  Labels l({1, 1, static_cast<Index>(values.size())});
  std::copy(values.begin(), values.end(), l.mutable_data());
  return l;
}
template <class T = float>
Tensor<T, 3> confidences(const std::vector<double>& values) {
  Tensor<T, 3> c({1, 1, static_cast<Index>(values.size())});
  std::transform(values.begin(), values.end(), c.mutable_data(), [](double v) { return static_cast<T>(v); });
  return c;
}
constexpr double none = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("the calibration error is that of a table by hand") {
  // Five bins. (0.4, 0.6]: 0.5 right, 0.5625 wrong: accuracy 1/2, confidence 0.53125. (0.8, 1]: 0.875 right, 0.9375
  // right, 1 wrong: 2/3, 0.9375. The error: (2 * 0.03125 + 3 * (0.9375 - 2/3)) / 5 = 0.175.
  Calibration c(5);
  c.add(labels({1, 0, 2, 1, 0}), confidences({0.5, 0.5625, 0.875, 0.9375, 1}), labels({1, 1, 2, 1, 1}));
  CHECK(c.count() == 5);
  CHECK(c.error() == Approx(0.175).margin(1e-12));
  const auto table = c.table();
  REQUIRE(table.size() == 5);
  CHECK(table[2].count == 2);
  CHECK(table[2].low == Approx(0.4));
  CHECK(table[2].high == Approx(0.6));
  CHECK(table[2].confidence == 0.53125);
  CHECK(table[2].accuracy == 0.5);
  CHECK(table[4].count == 3);
  CHECK(table[4].confidence == 0.9375);
  CHECK(table[4].accuracy == Approx(2.0 / 3));
  for (const std::size_t empty : {0, 1, 3}) {
    CHECK(table[empty].count == 0);
    CHECK(is_nan(table[empty].accuracy));
    CHECK(is_nan(table[empty].confidence));
  }
}

TEST_CASE("a bin holds its upper end and not its lower one; 0 is in the first") {
  Calibration c(4);
  c.add(labels({0, 0, 0, 0, 0, 0}), confidences({0, 0.25, 0.2500001, 0.5, 0.75, 1}), labels({0, 0, 0, 0, 0, 0}));
  const auto table = c.table();
  CHECK(table[0].count == 2);
  CHECK(table[1].count == 2);
  CHECK(table[2].count == 1);
  CHECK(table[3].count == 1);
}

TEST_CASE("what is right half of the time and says so has no error, and one that is always sure has a half") {
  for (const auto& [sure, error] : {std::pair{0.5, 0.0}, {1.0, 0.5}}) {
    Calibration c;
    c.add(labels({0, 1, 0, 1}), confidences({sure, sure, sure, sure}), labels({0, 1, 1, 0}));
    CHECK(c.error() == error);
  }
}

TEST_CASE("ignored pixels do not count, and nothing that counts has no error") {
  Calibration some, all;
  some.add(labels({0, 7, 1}), confidences({0.75, none, 1}), labels({0, 255, 0}), 255);
  all.add(labels({0, 1}), confidences({0.75, 1}), labels({0, 0}));
  CHECK(some.count() == 2);
  CHECK(some.error() == all.error());
  Calibration nothing;
  CHECK(is_nan(nothing.error()));
  nothing.add(labels({0}), confidences({1}), labels({255}), 255);
  CHECK(nothing.count() == 0);
  CHECK(is_nan(nothing.error()));
}

TEST_CASE("parts that are merged in any order have the bits of the whole") {
  const Index n = 1000;
  std::vector<std::int32_t> said, is;
  std::vector<double> sure;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(n); ++i) {
    said.push_back(static_cast<std::int32_t>(Key{1}.uniform_int(i, 3)));
    is.push_back(static_cast<std::int32_t>(Key{2}.uniform_int(i, 3)));
    sure.push_back(Key{3}.uniform(i));
  }
  Calibration whole, forwards, backwards;
  whole.add(labels(said), confidences(sure), labels(is));
  std::vector<Calibration> parts;
  for (std::ptrdiff_t begin = 0; begin < n; begin += 77) {
    const std::ptrdiff_t end = std::min<std::ptrdiff_t>(begin + 77, n);
    parts.emplace_back().add(labels({said.begin() + begin, said.begin() + end}),
                             confidences({sure.begin() + begin, sure.begin() + end}),
                             labels({is.begin() + begin, is.begin() + end}));
  }
  for (auto part = parts.begin(); part != parts.end(); ++part) forwards += *part;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) backwards += *part;
  CHECK(forwards.error() == whole.error());
  CHECK(backwards.error() == whole.error());
  CHECK(forwards.table() == whole.table());
  CHECK(whole.error() > 0.05);
}

TEST_CASE("confidences that are none, other shapes and other bins are refused, and nothing of them is kept") {
  using Catch::Matchers::Contains;
  Calibration c;
  CHECK_THROWS_WITH(c.add(labels({0, 0}), confidences({1, 1.5}), labels({0, 0})),
                    Contains("confidence 1.5 of pixel 1"));
  CHECK_THROWS_AS(c.add(labels({0}), confidences({none}), labels({0})), ValueError);
  CHECK_THROWS_AS(c.add(labels({0}), confidences<double>({-0.1}), labels({0})), ValueError);
  CHECK_THROWS_AS(c.add(labels({0}), confidences({1, 1}), labels({0})), ShapeError);
  CHECK_THROWS_AS(c.add(labels({0, 0}), confidences({1}), labels({0})), ShapeError);
  CHECK(c.count() == 0);
  CHECK_THROWS_WITH(c += Calibration(10), Contains("cannot merge 10 bins into 15"));
  CHECK_THROWS_AS(Calibration(0), ValueError);
  c.add(labels({0}), confidences({1.000001}), labels({0}));  // by rounding of a softmax
  CHECK(c.error() == Approx(0).margin(1e-5));
}

}  // namespace calibration_cases
