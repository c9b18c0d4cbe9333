#include "paser/ops/entropy.hpp"

#include <catch2/catch.hpp>

#include "paser/core/random.hpp"

using namespace paser;

namespace {
template <class T>
T entropy_of(const std::vector<T>& p, double epsilon) {
  return entropy(Tensor<T, 4>::from({1, 1, 1, static_cast<Index>(p.size())}, p), epsilon)(0, 0, 0);
}
}  // namespace

TEMPLATE_TEST_CASE("entropy at the corners of the simplex is exact, positive and bounded", "", float, double) {
  using T = TestType;
  const double epsilon = GENERATE(0.0, probability_epsilon);
  CHECK(entropy_of<T>({0, 0.5, 0.5}, epsilon) == Approx(0.6931472));
  CHECK(entropy_of<T>({T(1) / 3, T(1) / 3, T(1) / 3}, epsilon) == Approx(1.0986123));
  CHECK(entropy_of<T>({T(1) / 3, T(1) / 3, T(1) / 3}, epsilon) <= static_cast<T>(std::log(3.0)));
  const T certain = entropy_of<T>({1, 0, 0}, epsilon);
  CHECK_FALSE(std::signbit(certain));
  CHECK(certain == Approx(epsilon).epsilon(1e-3));
  CHECK(entropy_of<T>({2, 2, 0, 0}, epsilon) == Approx(0.6931472));
  CHECK(std::isnan(entropy_of<T>({NAN, 1}, epsilon)));
}

TEST_CASE("the entropy map is that of every pixel, on any number of threads") {
  const auto p = uniform<float>(Key{1}, Shape{2, 50, 60, 3});
  const auto map = entropy(p);
  for (const Index i : {Index{0}, Index{1234}, Index{5999}}) {
    const float* x = p.data() + 3 * i;
    const double sum = static_cast<double>(x[0] + x[1] + x[2]);
    double h = 0;
    for (int k = 0; k < 3; ++k) h -= static_cast<double>(x[k]) / sum * std::log(static_cast<double>(x[k]) / sum);
    CHECK(static_cast<double>(map.data()[i]) == Approx(h).epsilon(1e-5));
  }
  set_threads(1);
  CHECK(max_abs_difference(map, entropy(p)) == 0);
  set_threads(0);
}

TEST_CASE("entropy refuses an epsilon that cuts the largest probability below the least") {
  const auto p = Tensor<float, 4>::full({1, 1, 1, 4}, 0.25f);
  for (const double epsilon : {-1.0, 0.5, 1.5, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_WITH(entropy(p, epsilon), Catch::Contains("epsilon, is "));
  CHECK(entropy(p, 0.1)(0, 0, 0) == Approx(std::log(4.0)));
}
