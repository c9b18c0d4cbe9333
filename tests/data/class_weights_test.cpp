#include "paser/data/class_weights.hpp"

#include <catch2/catch.hpp>
#include <locale>

namespace class_weights_test {

using namespace paser;
using Catch::Matchers::Contains;
using Weights = std::vector<double>;

/// Points between the digits and commas for points, as in German.
struct German : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST_CASE("class weights: as given, in every locale") {
  const auto given = [] {
    CHECK(data::class_weights("0.125,2", {1, 1}).weights == Weights{0.125, 2});
    CHECK(data::class_weights("0.9, 0.8 ,0.3", {1, 1, 1}).weights == Weights{0.9, 0.8, 0.3});
    CHECK(data::class_weights("1.500,2e-1", {1, 1}).weights == Weights{1.5, 0.2});
    for (const char* wrong :
         {"", ",", "1,", ",1", "1,,2", "a,1", "0,1", "-1,1", "nan,1", "inf,1", "1 2,3", "0x1,1", "1e999,1"}) {
      INFO(wrong);
      CHECK_THROWS_AS(data::class_weights(wrong, {1, 1}), ValueError);
    }
    CHECK_THROWS_WITH(data::class_weights("1,x", {1, 1}), Contains("'x' in '1,x' is not a positive number"));
    for (const char* out : {"1,1e-320", "1,1e300", "1,1e-50", "1,0", "1,inf"})
      CHECK_THROWS_WITH(data::class_weights(out, {1, 1}), Contains("that a float holds"));
    CHECK_THROWS_WITH(data::class_weights("0.5,0.5,", {1, 1}), Contains("'' in '0.5,0.5,' is not a positive number"));
    CHECK_THROWS_WITH(data::class_weights("1,2,3", {1, 1}), Contains("gives 3 weights, there are 2 classes"));
  };
  given();
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new German));
  given();
  std::locale::global(before);
}

// Case A08: a class that never occurs.
TEST_CASE("class weights: an absent class has a finite weight and one warning") {
  const auto found = data::class_weights("auto", {100, 50, 0});
  CHECK(found.weights.size() == 3);
  for (const double w : found.weights) CHECK(std::isfinite(w));
  CHECK(found.weights[2] == 1);
  CHECK(found.warnings == std::vector<std::string>{"no pixel is of class 2, its weight is 1"});
}

}  // namespace class_weights_test
