#include <cmath>

#include "families.hpp"
#include "paser/pipeline/cost.hpp"
#include "paser/pipeline/reward.hpp"
#include "paser/pipeline/work.hpp"
#include "paser/rl/exploration.hpp"

namespace fixtures {

namespace {

using paser::Index;
using paser::Tensor;

/// The cost of an image is the sum over its patches.
std::vector<double> per_image(const Tensor<float, 2>& cost) {
  std::vector<double> sums(static_cast<std::size_t>(cost.shape()[0]), 0.0);
  for (Index i = 0; i < cost.numel(); ++i)
    sums[static_cast<std::size_t>(i / cost.shape()[1])] += static_cast<double>(cost.data()[i]);
  return sums;
}

void check_cost(Case& c) {
  const auto actions = to_tensor<std::int32_t, 2>(c.stored("actions"));
  const auto shares = paser::pipeline::cost_shares(c.numbers("params"));
  const auto eq3 = paser::pipeline::cost_of<float>(actions, shares);
  const auto small_zero = paser::pipeline::cost_of<float>(actions, paser::pipeline::with_free_coarse(shares));
  c.expect("cost_eq3", eq3);
  c.expect("cost_small_zero", small_zero);
  c.expect_numbers("image_cost_eq3", per_image(eq3));
  c.expect_numbers("image_cost_small_zero", per_image(small_zero));
  c.expect_numbers("usage", paser::pipeline::usage(actions, static_cast<Index>(shares.size())));
}

void check_reward(Case& c) {
  auto gain = c.tensor<2>("iou_policy");
  const auto small = c.tensor<2>("iou_small");
  for (paser::Index i = 0; i < gain.numel(); ++i) gain.mutable_data()[i] -= small.data()[i];
  c.expect("reward", paser::pipeline::reward(gain, c.tensor<2>("cost"), c.number("lam")));
}

void check_explore_mixture(Case& c) {
  const double alpha = c.number("alpha");
  Stored exploit = c.stored("u");
  for (double& u : exploit.values) u = paser::rl::exploits(u, alpha) ? 1 : 0;
  c.expect("exploit", exploit);
  const auto policy = paser::rl::Categorical<float>::of_probabilities(c.tensor<3>("probs"));
  c.expect("marginal", paser::rl::exploration_probabilities(policy, alpha));
}

/// Draws from the library's own sampler; the frequencies must be within the stored bounds of the probabilities.
void check_sampling_statistics(Case& c) {
  const Stored& probs = c.stored("probs");
  const Stored& bound = c.stored("freq_bound");
  const Index rows = probs.axis(0), models = probs.axis(1), draws = c.integer("draws");
  const auto policy =
      paser::rl::Categorical<float>::of_probabilities(c.tensor<2>("probs").reshape(paser::Shape<3>{1, rows, models}));
  std::vector<double> counts(probs.values.size(), 0.0);
  const paser::Key key{20240220};
  for (Index draw = 0; draw < draws; ++draw) {
    const auto actions = policy.sample(key.fold(static_cast<std::uint64_t>(draw)));
    for (Index row = 0; row < rows; ++row) counts[static_cast<std::size_t>(row * models + actions.data()[row])] += 1;
  }
  std::string problems;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double difference = std::abs(counts[i] / static_cast<double>(draws) - probs.values[i]);
    if (difference > bound.values[i] || (probs.values[i] == 0 && counts[i] > 0))
      problems += paser::message("entry ", i, " of probability ", probs.values[i], " drawn ", counts[i], " times; ");
  }
  c.expect_rule("freq_bound", problems);
}

void check_pipeline_flops(Case& c) {
  const auto actions = to_tensor<std::int32_t, 2>(c.stored("actions"));
  const paser::pipeline::WorkCosts costs{.estimate = c.number("mc_samples") * c.number("small_full"),
                                         .decide = c.number("policy"),
                                         .coarse = c.number("small_full"),
                                         .patch = {0, c.number("medium_patch"), c.number("large_patch")}};
  paser::pipeline::Work work{.estimated = actions.shape()[0], .coarse = 0, .patches = {0, 0, 0}};
  for (const std::int32_t a : actions.values())
    if (a > 0) ++work.patches.at(static_cast<std::size_t>(a));
  const double total = costs.of(work);
  c.expect_number("total", total);
  c.expect_number("iou_per_gigaflop", c.number("iou") / (total * 1e-9));
}

}  // namespace

void add_routing(Registry& checks) {
  checks["cost"] = check_cost;
  checks["reward"] = check_reward;
  checks["pipeline_flops"] = check_pipeline_flops;
  checks["explore_mixture"] = check_explore_mixture;
  checks["sampling_statistics"] = check_sampling_statistics;
}

}  // namespace fixtures
