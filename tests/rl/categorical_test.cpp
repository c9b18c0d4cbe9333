#include "paser/rl/categorical.hpp"

#include <catch2/catch.hpp>

using namespace paser;
using rl::Categorical;

namespace {
const auto three = Tensor<double, 3>::from({1, 2, 3}, {0.2, 0.3, 0.5, 0, 1, 0});
}

TEST_CASE("a categorical distribution knows its probabilities, logarithms and entropies") {
  const auto logits = normal<double>(Key{1}, Shape{2, 12});
  const Categorical<double> d(logits, 4);
  CHECK(d.probabilities().shape() == Shape{2, 4, 3});
  const double* x = logits.data() + 12 + 3 * 3;
  const double sum = std::exp(x[0]) + std::exp(x[1]) + std::exp(x[2]);
  CHECK(d.probabilities()(1, 3, 2) == Approx(std::exp(x[2]) / sum));
  const auto actions = rl::Actions::full({2, 4}, 2);
  CHECK(d.log_prob(actions)(1, 3) == Approx(x[2] - std::log(sum)));

  const auto given = Categorical<double>::of_probabilities(three);
  CHECK(given.entropy()(0, 0) == Approx(-0.2 * std::log(0.2) - 0.3 * std::log(0.3) - 0.5 * std::log(0.5)));
  CHECK((given.entropy()(0, 1) == 0 && !std::signbit(given.entropy()(0, 1))));
  CHECK((given.argmax()(0, 0) == 2 && given.argmax()(0, 1) == 1));
  CHECK(Categorical<float>(Tensor<float, 2>::zeros({1, 3}), 1).argmax()(0, 0) == 0);
}

TEST_CASE("samples have the distribution's frequencies, and the impossible is never drawn") {
  const Index draws = 20000;
  const auto p = Tensor<float, 3>::from({1, 5, 3}, {0.2F, 0.3F, 0.5F, 0, 1, 0, 0.999F, 0.001F, 0, 0, 0, 1, 1, 0, 0});
  const auto d = Categorical<float>::of_probabilities(p);
  std::vector<double> count(15, 0.0);
  for (Index i = 0; i < draws; ++i) {
    const auto actions = d.sample(Key{9}.fold(static_cast<std::uint64_t>(i)));
    for (Index row = 0; row < 5; ++row) ++count[static_cast<std::size_t>(3 * row + actions(0, row))];
  }
  for (Index i = 0; i < 15; ++i) {
    const double expected = static_cast<double>(p.data()[i]), n = static_cast<double>(draws);
    const double frequency = count[static_cast<std::size_t>(i)] / n;
    CHECK(std::abs(frequency - expected) <= 5 * std::sqrt(expected * (1 - expected) / n));
  }
  CHECK(max_abs_difference(d.sample(Key{3}), d.sample(Key{3})) == 0);
}

TEST_CASE("a draw of exactly 0 does not fall on a model of probability 0") {
  const Key key{12121362};
  REQUIRE(key.uniform(0) == 0);
  const auto p = Tensor<float, 3>::from({1, 1, 4}, {0, 0, 1, 0});
  CHECK(Categorical<float>::of_probabilities(p).sample(key)(0, 0) == 2);
  CHECK(Categorical<double>(Tensor<double, 3>::zeros({1, 1, 4})).sample(key)(0, 0) == 0);
}

TEST_CASE("what is no distribution is refused") {
  CHECK_THROWS_WITH(Categorical<float>(Tensor<float, 3>::full({1, 1, 2}, NAN)), Catch::Contains("patch 0"));
  CHECK_THROWS_AS(Categorical<float>::of_probabilities(Tensor<float, 3>::zeros({1, 1, 2})), NotFiniteError);
  CHECK_THROWS_AS(Categorical<float>::of_probabilities(Tensor<float, 3>::full({1, 1, 2}, -1.F)), ValueError);
  CHECK_THROWS_WITH(Categorical<float>(Tensor<float, 2>::zeros({1, 7}), 2), Catch::Contains("do not split into 2"));
  const auto d = Categorical<double>::of_probabilities(three);
  CHECK_THROWS_WITH(d.log_prob(rl::Actions::full({1, 2}, 3)), Catch::Contains("action 3 at patch 0"));
}

TEST_CASE("draws by the images' numbers do not depend on the batch, and have the distribution's shares") {
  const auto logits = normal<double>(Key{1}, Shape{3, 4, 3});
  const Categorical<double> routes(logits);
  const auto all = routes.sample(Key{2}, {7, 8, 9});
  Tensor<double, 3> last({1, 4, 3});
  std::copy_n(logits.data() + 24, 12, last.mutable_data());
  const auto alone = Categorical<double>(last).sample(Key{2}, {9});
  for (Index p = 0; p < 4; ++p) CHECK(alone(0, p) == all(2, p));
  CHECK_THROWS_WITH(routes.sample(Key{2}, {1}), Catch::Contains("1 ids for 3 images"));

  std::array<double, 3> share{};
  for (std::uint64_t id = 0; id < 3000; ++id)
    share[static_cast<std::size_t>(Categorical<double>(last).sample(Key{3}, {id})(0, 1))] += 1 / 3000.0;
  for (Index m = 0; m < 3; ++m)
    CHECK(share[static_cast<std::size_t>(m)] == Approx(routes.probabilities()(2, 1, m)).margin(0.04));
}
