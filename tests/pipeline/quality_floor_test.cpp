#include "paser/pipeline/routing/quality_floor.hpp"

#include <catch2/catch.hpp>

#include "paser/metrics/statistics.hpp"

using namespace paser;
using namespace paser::pipeline;
using Catch::Matchers::Contains;

namespace quality_floor_test {

namespace {

/// Points that save ever more, from the dearest price, at which nothing is paid, to one that costs more than the best
/// network; on every image point i loses `means[i]` on average, with a spread.
struct World {
  std::vector<double> means{0.06, 0.035, 0.0201, 0.0201, 0.005, 0.002, 0.0};

  FloorCandidates sample(Key key, Index images) const {
    FloorCandidates c;
    c.best_ms = 10;
    for (std::size_t i = 0; i < means.size(); ++i) {
      c.prices.push_back(1 - 0.1 * static_cast<double>(i));
      c.ms.push_back(2 + 1.5 * static_cast<double>(i));
      auto& losses = c.losses.emplace_back();
      // What makes an image hard makes it so at every point; the most generous answers as the best network does.
      for (Index n = 0; n < images; ++n)
        losses.push_back(means[i] + (means[i] == 0                                      ? 0
                                     : key.uniform(static_cast<std::uint64_t>(n)) < 0.5 ? -0.1
                                                                                        : 0.1));
    }
    return c;
  }
};

/// Losses that have the same value at every point on all images.
FloorCandidates constant(double loss, Index images) {
  return {.losses = {std::vector<double>(static_cast<std::size_t>(images), loss)},
          .prices = {0.5},
          .ms = {5},
          .best_ms = 10};
}

}  // namespace

TEST_CASE("a floor at 90 % is broken in at most 10 % of the samples, and yet costs are saved") {
  const World world;
  const double e = 0.02;  // points 4 and later keep it, those before them not quite
  int violations = 0, by_mean = 0, saved = 0;
  for (std::uint64_t split = 0; split < 300; ++split) {
    const FloorCandidates c = world.sample(Key{11}.fold(split), 600);
    const FloorChoice choice = certify_floor(c, e);
    if (choice.certified) {
      violations += world.means[choice.point] > e;
      saved += choice.cost_saved > 0;
      CHECK(choice.price == c.prices[choice.point]);
      CHECK(choice.cost_saved == Approx(1 - c.ms[choice.point] / 10));
    }
    // The cheapest point whose mean loss on the sample keeps the floor: what a guarantee is needed against.
    std::size_t cheapest = c.losses.size() - 1;
    while (cheapest > 0 && metrics::mean(c.losses[cheapest - 1]) <= e) --cheapest;
    by_mean += world.means[cheapest] > e;
  }
  INFO(violations << " violations, " << by_mean << " without a test, " << saved << " save cost");
  CHECK(violations <= 300 * (0.1 + 1.645 * std::sqrt(0.1 * 0.9 / 300)));
  CHECK(by_mean > 300 * 0.2);
  CHECK(saved > 300 * 0.8);
  CHECK(violations > 0);  // the level is used
}

TEST_CASE("under the hypothesis a p-value below 10 % comes in at most 10 %, against it in most samples") {
  const auto share_below = [](double mean) {
    int below = 0;
    for (std::uint64_t sample = 0; sample < 500; ++sample) {
      std::vector<double> values;
      for (std::uint64_t i = 0; i < 200; ++i) values.push_back(Key{5}.fold(sample).uniform(i) < 0.3 ? 1.0 : 0.0);
      below += betting_p_value(values, mean, 0.1) <= 0.1;
    }
    return below / 500.0;
  };
  CHECK(share_below(0.3) <= 0.1 + 1.645 * std::sqrt(0.1 * 0.9 / 500));
  CHECK(share_below(0.3) > 0.02);  // it does not waste the level
  CHECK(share_below(0.25) <= 0.02);
  CHECK(share_below(0.45) > 0.9);
}

TEST_CASE("a p-value is 1 where nothing speaks against the hypothesis, and falls as images are added") {
  CHECK(betting_p_value(std::vector<double>(100, 0.6), 0.5, 0.1) == 1);
  double last = 1;
  for (const std::size_t n : {10, 30, 100, 300}) {
    const double p = betting_p_value(std::vector<double>(n, 0.45), 0.5, 0.1);
    CHECK(p < last);
    last = p;
  }
  CHECK(betting_p_value(std::vector<double>(10, 1.0), 1e-6, 0.1) == 1);
  CHECK_THROWS_AS(betting_p_value(std::vector<double>(10, 0.5), 1, 0.1), ValueError);
}

TEST_CASE("a floor that nobody keeps is not certified, nor one for which there are too few images") {
  CHECK_FALSE(certify_floor(constant(0.1, 1000), 0.05).certified);
  CHECK(certify_floor(constant(0.1, 1000), 0.15).certified);
  CHECK(certify_floor(constant(0.0, 1000), 0.01).certified);
  CHECK_FALSE(certify_floor(constant(0.0, 20), 0.01).certified);
  CHECK(certify_floor(constant(-0.1, 1000), -0.05).certified);  // better than the best network
  CHECK_FALSE(certify_floor(constant(-0.1, 1000), -0.15).certified);
  CHECK_FALSE(certify_floor(constant(0.0, 300), 0.01, 0.999).certified);  // more confidence needs more images
  CHECK(certify_floor(constant(0.0, 300), 0.01, 0.7).certified);
}

TEST_CASE("the sequence ends at the first point that fails, though a cheaper one would pass") {
  FloorCandidates c = World{}.sample(Key{1}, 2000);
  CHECK(certify_floor(c, 0.05).point == 1);
  c.losses[3].assign(2000, 0.2);
  const FloorChoice choice = certify_floor(c, 0.05);
  CHECK(choice.certified);
  CHECK(choice.point == 4);
  c.losses.back().assign(2000, 0.2);
  CHECK_FALSE(certify_floor(c, 0.05).certified);
}

TEST_CASE("of what is certified the cheapest is chosen, not the last") {
  FloorCandidates c = World{}.sample(Key{1}, 2000);
  c.ms[1] = 9;
  CHECK(certify_floor(c, 0.05).point == 2);
}

TEST_CASE("images may be sorted in any way: blocks of easy ones do not certify the whole") {
  FloorCandidates c = constant(0, 400);
  for (std::size_t i = 200; i < 400; ++i) c.losses[0][i] = 0.1;
  CHECK_FALSE(certify_floor(c, 0.02).certified);
  std::vector<double> values;
  for (const double loss : c.losses[0]) values.push_back((loss + 1) / 2);
  CHECK(betting_p_value(values, 0.51, 0.1) < 0.2);  // in their own order the easy ones speak first
}

TEST_CASE("the smallest floor is where certification begins") {
  const FloorCandidates c = World{}.sample(Key{3}, 1000);
  const double e = smallest_certifiable(c);
  CHECK(certify_floor(c, e).certified);
  CHECK(certify_floor(c, e).cost_saved > 0);
  const FloorChoice below = certify_floor(c, e - 1e-5);
  CHECK_FALSE((below.certified && below.cost_saved > 0));
  // The first point of the sequence that saves loses 0.002 on average.
  CHECK(e > 0.002);
  CHECK(e < 0.02);
  CHECK(smallest_certifiable(c, 0.99) > e);
  CHECK(smallest_certifiable(constant(-0.3, 1000)) < -0.2);
  FloorCandidates dear = c;
  dear.best_ms = 1;
  CHECK(std::isnan(smallest_certifiable(dear)));
  CHECK(std::isnan(smallest_certifiable(constant(0.5, 1))));
}

TEST_CASE("candidates are the losses of every image, or of a group in the mean") {
  // Two images of one patch with 10 pixels, one class right or wrong: f1 gets 5 and 8 right, f2 10 and 6.
  RoutingTable table{2, 1, 2, {{1, 0}, {0, 0}}, {}};
  const auto add = [&](Index a, Index b) {
    table.confusion.push_back(metrics::Confusion<4>::from({2, 1, 2, 2}, {a, 10 - a, 0, 0, b, 10 - b, 0, 0}));
  };
  add(5, 8);
  add(10, 6);
  const WorkCosts ms{.estimate = 2, .decide = 0, .coarse = 1, .patch = {0, 7}};
  const RoutingCurve curve{{2, {0, 0}}, {1, {1, 0}}, {0, {1, 1}}};
  const FloorCandidates c = floor_candidates(table, curve, {ms, ms}, 1, true);
  REQUIRE(c.losses.size() == 3);
  // IoU of a class that is never predicted wrongly elsewhere is its share of right pixels; wrong ones are of the other.
  CHECK(c.losses[0][0] == Approx(1 - 0.25));
  CHECK(c.losses[0][1] == Approx(0.3 - 0.4));
  CHECK(c.losses[1][0] == Approx(0));
  CHECK(c.losses[1][1] == Approx(0.3 - 0.4));
  CHECK(c.losses[2] == std::vector<double>{0, 0});
  CHECK(c.prices == std::vector<double>{2, 1, 0});
  CHECK(c.ms == std::vector<double>{2, 5.5, 9});
  CHECK(c.best_ms == 8);
  const FloorCandidates one = floor_candidates(table, curve, {ms, ms}, 1, false, metrics::ClassMean::present, {4, 4});
  REQUIRE(one.losses[0].size() == 1);
  CHECK(one.losses[0][0] == Approx((0.75 - 0.1) / 2));
  CHECK(one.best_ms == 7);
}

TEST_CASE("an image without a counted pixel has no loss and does not thin out those of the others") {
  // As above, and in the middle an image of which nothing counts.
  RoutingTable table{3, 1, 2, {{1, 0, 0}, {0, 0, 0}}, {}};
  const auto add = [&](Index a, Index b) {
    table.confusion.push_back(
        metrics::Confusion<4>::from({3, 1, 2, 2}, {a, 10 - a, 0, 0, 0, 0, 0, 0, b, 10 - b, 0, 0}));
  };
  add(5, 8);
  add(10, 6);
  const WorkCosts ms{.estimate = 2, .decide = 0, .coarse = 1, .patch = {0, 7}};
  const RoutingCurve curve{{2, {0, 0, 0}}, {0, {1, 1, 1}}};
  const FloorCandidates c = floor_candidates(table, curve, {ms, ms}, 1, true);
  REQUIRE(c.losses[0].size() == 2);
  CHECK(c.losses[0][0] == Approx(1 - 0.25));
  CHECK(c.losses[0][1] == Approx(0.3 - 0.4));
  const FloorCandidates one = floor_candidates(table, curve, {ms, ms}, 1, true, metrics::ClassMean::present, {4, 4, 4});
  REQUIRE(one.losses[0].size() == 1);
  CHECK(one.losses[0][0] == Approx((0.75 - 0.1) / 2));
  CHECK(floor_candidates(table, curve, {ms, ms}, 1, true, metrics::ClassMean::present, {4, 5, 4}).losses[0].size() ==
        1);
  for (auto& counts : table.confusion) counts = metrics::Confusion<4>::zeros({3, 1, 2, 2});
  CHECK_THROWS_WITH(floor_candidates(table, curve, {ms, ms}, 1, true), Contains("none of the 3 images"));
}

TEST_CASE("wrong candidates and floors are refused") {
  FloorCandidates c = constant(0.1, 10);
  CHECK_THROWS_WITH(certify_floor(c, 1), Contains("the floor lies 1 below the best network"));
  CHECK_THROWS_WITH(certify_floor(c, 0.1, 1), Contains("the confidence is 1"));
  CHECK_THROWS_AS(certify_floor(c, std::nan("")), ValueError);
  c.losses[0][3] = 1.5;
  CHECK_THROWS_WITH(certify_floor(c, 0.1), Contains("a loss is 1.5, expected -1 .. 1"));
  c.losses[0][3] = std::nan("");
  CHECK_THROWS_AS(certify_floor(c, 0.1), ValueError);
  c = constant(0.1, 10);
  c.prices.clear();
  CHECK_THROWS_WITH(certify_floor(c, 0.1), Contains("0 prices and 1 costs for losses at 1 points"));
  CHECK_THROWS_AS(certify_floor({}, 0.1), ValueError);
  c = constant(0.1, 10);
  c.best_ms = 0;
  CHECK_THROWS_AS(certify_floor(c, 0.1), ValueError);
}

}  // namespace quality_floor_test
