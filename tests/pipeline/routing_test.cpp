#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "paser/pipeline/cascade.hpp"
#include "paser/pipeline/cost.hpp"
#include "pipeline/toy.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace {

/// Of an estimator of five passes.
const WorkCosts five_pass_costs{.estimate = 5e9, .decide = 2e9, .coarse = 1e9, .patch = {0, 10e9, 100e9}};
const EvaluationOptions evaluation{.classes = 2, .models = 3, .kinds = 3};

/// Two images of one patch; model k is right on image 0 from k = 1 on, on image 1 only for k = 2.
RoutingTable small_table() {
  RoutingTable table{2, 1, 2, {{0.5, 0.6}, {0.1, 0.4}, {0.0, 0.0}}, {}};
  const auto matrices = [](bool first, bool second) {
    auto counts_of = metrics::Confusion<4>::zeros({2, 1, 2, 2});
    Index* out = counts_of.mutable_data();
    out[first ? 0 : 1] = 4;
    out[first ? 3 : 2] = 4;
    out[4 + (second ? 0 : 1)] = 4;
    out[4 + (second ? 3 : 2)] = 4;
    return counts_of;
  };
  table.confusion = {matrices(false, false), matrices(true, false), matrices(true, true)};
  return table;
}

}  // namespace

TEST_CASE("the cascade's cost is that of every model a patch visits") {
  const auto table = small_table();
  const auto all = evaluate_thresholds(table, {0, 0.2}, five_pass_costs, metrics::ClassMean::present);
  CHECK(all.iou == Approx(1));  // image 0 stops at model 1, image 1 goes on to model 2
  CHECK(all.gmac == Approx((15.0 + 115.0) / 2));
  const auto none = evaluate_thresholds(table, {1, 1}, five_pass_costs, metrics::ClassMean::present);
  CHECK(none.iou == Approx(0));
  CHECK(none.gmac == Approx(5));
}

TEST_CASE("the threshold search finds the cheapest match and the most parsimonious point") {
  const auto points = search_thresholds(small_table(), five_pass_costs, metrics::ClassMean::present, 11);
  CHECK(points.size() == 121);
  for (const auto& p : points) {
    CHECK(p.thresholds[0] >= 0.5 - 1e-12);  // mean 0.55, deviation 0.05
    CHECK(p.thresholds[0] <= 0.6 + 1e-12);
  }
  // The first image is never above the lowest threshold of f1, 0.5, so its answer stays wrong.
  CHECK(iou_match(points, 0.5).iou == Approx(0.5));
  CHECK(iou_match(points, 2.0).iou == Approx(0.5));
  CHECK(most_parsimonious(points).iou / most_parsimonious(points).gmac >= 0.5 / ((5 + 115) / 2.0) - 1e-12);
}

TEST_CASE("the choices of thresholds stay few however many networks there are") {
  CHECK(cascade_steps(2) == 21);
  CHECK(cascade_steps(3) == 21);
  for (const Index models : {4, 5, 6}) CHECK(cascade_steps(models) == 7);
  for (const auto& [models, steps] : std::map<Index, Index>{{7, 6}, {8, 5}, {9, 4}, {10, 3}, {12, 2}, {17, 2}}) {
    CHECK(cascade_steps(models) == steps);
    CHECK(std::pow(static_cast<double>(steps), static_cast<double>(models - 1)) <= 1e5);
  }
  CHECK(cascade_steps(20) == 2);  // half a million
  CHECK(cascade_steps(21) == 1);
  CHECK(cascade_steps(1000) == 1);

  RoutingTable table = small_table();
  WorkCosts costs = five_pass_costs;
  while (table.models() < 30) {
    table.entropy.push_back(table.entropy.back());
    table.confusion.push_back(table.confusion.back());
    costs.patch.push_back(costs.patch.back());
  }
  CHECK_THROWS_WITH(search_thresholds(table, costs, metrics::ClassMean::present, 7),
                    Catch::Contains("7 thresholds for each of 29 models are") && Catch::Contains("at most 1e+06"));
  CHECK(search_thresholds(table, costs, metrics::ClassMean::present, cascade_steps(30)).size() == 1);
  CHECK_THROWS_AS(search_thresholds(small_table(), five_pass_costs, metrics::ClassMean::present, 1001), ValueError);
}

TEST_CASE("the cost-aware cascade weighs what is lost by what every patch pays on its way") {
  const auto table = small_table();
  const auto point = [&](const Thresholds& t) {
    return evaluate_thresholds(table, t, five_pass_costs, metrics::ClassMean::present);
  };
  const auto all = point({0, 0.2}), some = point({0.55, 0.2}), none = point({1, 1});
  CHECK(all.visits == std::vector<double>{1, 1, 0.5});
  CHECK(some.visits == std::vector<double>{1, 0.5, 0.5});
  CHECK(none.visits == std::vector<double>{1, 0, 0});
  const Costs costs{0.1, 0.3, 0.6};
  CHECK(cascade_loss(all, costs, 0.25) == Approx(0.25 * (0.1 + 0.3 + 0.3)));
  CHECK(cascade_loss(none, costs, 0.25) == Approx(0.75 + 0.25 * 0.1));
  const std::vector<CascadePoint> points{all, some, none};
  CHECK(&cost_aware(points, costs, 0) == &points[0]);
  CHECK(&cost_aware(points, costs, 1) == &points[2]);
  // Losses at 0.5: 0.35, 0.525, 0.55; at 0.65: 0.455, 0.5325, 0.415.
  CHECK(&cost_aware(points, costs, 0.5) == &points[0]);
  CHECK(&cost_aware(points, costs, 0.65) == &points[2]);
  CHECK_THROWS_WITH(cascade_loss(all, {0.5, 0.5}, 0.5), Catch::Contains("2 costs of 3 models"));
}

TEST_CASE("the oracle takes the cheapest of the best models") {
  const auto result = evaluate_oracle(small_table(), five_pass_costs, {0, 1}, evaluation);
  CHECK(result.iou == Approx(1));
  CHECK(result.share == std::vector<double>{0, 0.5, 0.5});
  CHECK(result.assignment[0][1] == 1);
  CHECK(result.assignment[1][2] == 1);
  CHECK(result.gmac == Approx((17.0 + 107.0) / 2));
}

TEST_CASE("policies run the models that they say, and what was run is counted") {
  auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  const toy::Set set(30);
  WorkCosts two = five_pass_costs;  // of the estimator's two passes
  two.estimate = 2e9;
  const auto run = [&](const Policy<float>& policy, Key key) {
    Method<float> of_policy = method(paser, policy, key, {1, 8, 8, 2});
    of_policy.costs = two;
    return evaluate_method(of_policy, set, evaluation);
  };
  const auto single = run(Constant{2}, Key{});
  CHECK(single.share == std::vector<double>{0, 0, 1});
  CHECK(single.gmac == Approx(100));
  const auto small = run(Constant{0}, Key{});
  CHECK(small.gmac == Approx(1));
  CHECK(small.iou < 0.9);

  const auto random = run(Random{}, Key{3});
  CHECK(random.gmac == Approx(random.share[0] * 1 + random.share[1] * 10 + random.share[2] * 100));
  for (const double s : random.share) CHECK(s > 0);
  CHECK(run(Random{}, Key{3}).share == random.share);

  const auto routed = run(paser.policy, Key{4});
  CHECK(routed.gmac ==
        Approx(2 * 1 + 2 + routed.share[1] * 10 + routed.share[2] * 100));  // two samples, policy, models

  const auto table = tabulate_routing(paser, set, 2, Key{4});
  std::vector<Index> kinds;
  for (Index i = 0; i < set.size(); ++i) kinds.push_back(i % 3);
  const auto oracle = evaluate_oracle(table, two, kinds, evaluation);
  CHECK(oracle.iou == Approx(1));
  CHECK(oracle.assignment_accuracy() == Approx(1));

  // The toy models' entropy grows with the kind, so the cascade that stops below each next kind is right everywhere.
  const double first = (table.entropy[0][0] + table.entropy[0][1]) / 2,
               second = (table.entropy[1][1] + table.entropy[1][2]) / 2;
  const auto cascade = run(EntropyThreshold{{first, second}}, Key{4});
  CHECK(cascade.iou == Approx(1));
  CHECK(cascade.gmac == Approx((2.0 + 12.0 + 112.0) / 3 + 2));  // and what deciding is said to cost
  const auto predicted = evaluate_thresholds(table, {first, second}, two, evaluation.class_mean);
  CHECK(predicted.iou == Approx(cascade.iou));
  CHECK(predicted.gmac == Approx(cascade.gmac - 2));
  CHECK_THROWS_WITH(run(EntropyThreshold{{first}}, Key{4}), Catch::Contains("1 thresholds for 3 models"));
  CHECK_THROWS_WITH(run(Constant{3}, Key{4}), Catch::Contains("chose model 3, there are 3"));
}

TEST_CASE("a patch keeps f1's answer unless it is sent elsewhere, in a grid of patches too") {
  auto paser = toy::paser(Key{1}, toy::Skill::large_is_best);
  paser.grid = {2, 2};
  const auto batch = toy::Set(3).range(0, 3);
  const Labels coarse = Labels::full({3, 8, 8}, 1);
  Actions actions = Actions::zeros({3, 4});
  actions.mutable_data()[6] = 2;  // image 1, lower left patch
  const Labels refined = apply_experts(paser, batch.images, coarse, actions);
  for (Index n = 0; n < 3; ++n)
    for (Index y = 0; y < 8; ++y)
      for (Index x = 0; x < 8; ++x) {
        const bool sent = n == 1 && y >= 4 && x < 4;
        CHECK(refined(n, y, x) == (sent ? batch.labels(n, y, x) : 1));
      }
}

TEST_CASE("sampled routes are drawn for each image by its number, and answer as they were drawn") {
  auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  const toy::Set set(60);
  const auto batch = set.range(0, 60);
  const auto greedy = segment(paser, batch.images, batch.ids, Key{2});
  paser.policy.as<NetPolicy<float>>()->choice = RouteChoice::sampled;
  const auto drawn = segment(paser, batch.images, batch.ids, Key{2});
  const auto probabilities = paser.policy.probabilities(drawn.state).probabilities();
  std::vector<double> expected(3);
  for (Index i = 0; i < probabilities.numel(); ++i)
    expected[static_cast<std::size_t>(i % 3)] += probabilities.data()[i] / 60;
  const auto share = usage(drawn.answered_by, 3);
  for (std::size_t k = 0; k < 3; ++k) CHECK(share[k] == Approx(expected[k]).margin(0.2));
  CHECK_FALSE(std::ranges::equal(drawn.answered_by.values(), greedy.answered_by.values()));
  const auto again = set.range(40, 60);
  const auto part = segment(paser, again.images, again.ids, Key{2});
  CHECK(std::ranges::equal(part.answered_by.values(), drawn.answered_by.values().subspan(40)));
  CHECK(std::ranges::equal(part.labels.values(), drawn.labels.values().subspan(40 * 64)));
}
