#include "paser/rl/exploration.hpp"

#include <catch2/catch.hpp>

using namespace paser;
using rl::ExplorationScope;

TEST_CASE("explored actions have the mixture's frequencies, by batch and by patch") {
  const auto p = Tensor<float, 3>::from({1, 2, 3}, {0.7F, 0.2F, 0.1F, 0, 1, 0});
  const auto policy = rl::Categorical<float>::of_probabilities(p);
  const double alpha = 0.7, draws = 20000;
  const auto expected = rl::exploration_probabilities(policy, alpha);
  CHECK(expected(0, 1, 0) == Approx(0.1));
  const auto scope = GENERATE(ExplorationScope::batch, ExplorationScope::patch);
  std::vector<double> count(6, 0.0);
  double exploited = 0, mixed = 0;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(draws); ++i) {
    const auto e = rl::explore(policy, alpha, Key{5}.fold(i), scope);
    for (Index row = 0; row < 2; ++row) ++count[static_cast<std::size_t>(3 * row + e.actions(0, row))];
    exploited += e.exploited;
    mixed += e.exploited == 0.5 ? 1 : 0;
  }
  for (std::size_t i = 0; i < 6; ++i) {
    const double q = static_cast<double>(expected.data()[i]);
    CHECK(std::abs(count[i] / draws - q) <= 5 * std::sqrt(q * (1 - q) / draws));
  }
  CHECK(std::abs(exploited / draws - alpha) < 0.02);
  CHECK((mixed > 0) == (scope == ExplorationScope::patch));
}

TEST_CASE("alpha one follows the policy, alpha zero ignores it, and the coin is compared in float") {
  const auto policy = rl::Categorical<float>::of_probabilities(Tensor<float, 3>::from({1, 1, 2}, {0, 1}));
  Index other = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    CHECK(rl::explore(policy, 1, Key{i}).actions(0, 0) == 1);
    other += rl::explore(policy, 0, Key{i}).actions(0, 0) == 0 ? 1 : 0;
  }
  CHECK((other > 60 && other < 140));
  CHECK_FALSE(rl::exploits(0.7F, 0.7));
  CHECK(rl::exploits(0.6999, 0.7));
  CHECK_THROWS_AS(rl::explore(policy, 1.1, Key{}), ValueError);
}
