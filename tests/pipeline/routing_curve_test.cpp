#include "paser/pipeline/routing/routing_curve.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "pipeline/curve_tables.hpp"

using Catch::Matchers::Contains;

namespace routing_curve_test {

using namespace curve_tables;

TEST_CASE("with one expert a curve sorts the patches by their gain, evenly in their share") {
  Tensor<double, 3> gains({5, 4, 1});
  for (Index i = 0; i < 20; ++i) gains.mutable_data()[i] = 1e-5 * static_cast<double>((i * 7) % 20 - 8);
  const RoutingCurve curve = curve_of_gains(gains, {0, 2}, 6);
  const std::vector<double> shares = share_of(curve);
  REQUIRE(shares.size() == 6);
  for (std::size_t j = 0; j < 6; ++j) CHECK(shares[j] == Approx(0.2 * static_cast<double>(j)));
  CHECK(curve[0].price == inf);
  CHECK(curve[5].price < -4e-5);  // gains of -8e-5 at cost 2
  for (std::size_t j = 1; j < 6; ++j) {
    CHECK(curve[j].price < curve[j - 1].price);
    CHECK(std::isfinite(curve[j].price));
    for (std::size_t i = 0; i < 20; ++i)  // those with the largest gains, and no other
      CHECK(curve[j].choices[i] == (gains.data()[i] > 1e-5 * (11.5 - 4 * static_cast<double>(j)) ? 1 : 0));
  }
}

TEST_CASE("patches of equal gain leave together, and where all gain the last price is 0") {
  const auto gains = Tensor<double, 3>::from({2, 4, 1}, {3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0});
  const RoutingCurve curve = curve_of_gains(gains, {0, 1}, 41);
  CHECK(share_of(curve) == std::vector<double>{0, 0.125, 1});
  CHECK(curve.back().price == 0);
  const auto nothing = Tensor<double, 3>::zeros({2, 4, 1});
  CHECK(share_of(curve_of_gains(nothing, {0, 1})) == std::vector<double>{0, 1});
  CHECK(curve_of_gains(nothing, {0, 1}).back().price < 0);  // a tie goes to the cheaper
}

TEST_CASE("with several experts each patch goes where gain less price times cost is largest, at last to the dearest") {
  const Key key{3};
  Tensor<double, 3> gains({50, 4, 2});
  for (Index i = 0; i < gains.numel(); ++i)
    gains.mutable_data()[i] = 1e-4 * (key.uniform(static_cast<std::uint64_t>(i)) - 0.3);
  const std::vector<double> costs{0, 1, 3};
  const RoutingCurve curve = curve_of_gains(gains, costs, 21);
  const std::vector<double> shares = share_of(curve);
  REQUIRE(curve.size() == 22);
  for (std::size_t j = 0; j < 21; ++j) CHECK(shares[j] == Approx(static_cast<double>(j) / 20));
  std::size_t most = 0;  // models that share the patches at one price
  for (const CurvePoint& p : curve) most = std::max(most, std::set<Index>(p.choices.begin(), p.choices.end()).size());
  CHECK(most == 3);
  for (std::size_t j = 1; j < curve.size(); ++j)
    for (std::size_t i = 0; i < 200; ++i) {
      const double p = curve[j].price, f2 = gains.data()[2 * i] - p, f3 = gains.data()[2 * i + 1] - 3 * p;
      CHECK(curve[j].choices[i] == (f2 > 0 && f2 >= f3 ? 1 : f3 > 0 ? 2 : 0));
    }
  CHECK(curve.back().choices == std::vector<Index>(200, 2));
  CHECK(curve[20].choices != curve.back().choices);
  const auto equal = Tensor<double, 3>::from({1, 1, 2}, {1.0, 1.0});
  CHECK(pipeline::detail::choose_at(0, equal.data(), {0, 3, 1}) == 2);  // the cheaper of two that gain as much
  CHECK(pipeline::detail::choose_at(0, equal.data(), {0, 1, 3}) == 1);
}

TEST_CASE("what a curve cannot be made of is refused") {
  const auto gains = Tensor<double, 3>::zeros({1, 2, 1});
  CHECK_THROWS_WITH(curve_of_gains(gains, {0, 1, 2}), Contains("3 costs for gains"));
  CHECK_THROWS_WITH(curve_of_gains(gains, {0, 0}), Contains("a patch by model 1 costs 0"));
  CHECK_THROWS_WITH(curve_of_gains(gains, {0, 1}, 1), Contains("1 points, expected at least 2"));
  CHECK_THROWS_AS(curve_of_gains(Tensor<double, 3>::full({1, 2, 1}, std::nan("")), {0, 1}), ValueError);
  const RoutingTable table = table_of(1, 2, {{1, 2}, {0, 0}});
  CHECK_THROWS_WITH(entropy_curve(table, 2), Contains("there is no expert 2, expected 1 .. 1"));
  CHECK_THROWS_AS(entropy_curve(table, 0), ValueError);
  CHECK_THROWS_WITH(measure(table, {{0, {0}}}, costs_of({0, 1})), Contains("1 choices for 1 images of 2 patches"));
  CHECK_THROWS_WITH(measure(table, {{0, {0, 2}}}, costs_of({0, 1})), Contains("patch 1 goes to model 2"));
  CHECK_THROWS_AS(measure(table, {{0, {0, 1}}}, costs_of({0})), ValueError);
  CHECK_THROWS_AS(single(table, 2, costs_of({0, 1})), ValueError);
  const std::vector<Index> wrong{0, 2}, few{0}, right{1, 0};
  CHECK_THROWS_WITH(table.composed(0, wrong), Contains("patch 1 goes to model 2, there are 2"));
  CHECK_THROWS_WITH(table.composed(0, few), Contains("1 choices for image 0"));
  CHECK_THROWS_AS(table.composed(1, right), ValueError);
  CHECK_NOTHROW(table.composed(0, right));
}

TEST_CASE("an entropy curve sends the patches of largest entropy, a random one as many") {
  const RoutingTable table = table_of(2, 2, {{9, 20, 1, 4}, {0, 0, 0, 0}});
  const RoutingCurve curve = entropy_curve(table, 1, 5);
  REQUIRE(curve.size() == 5);
  CHECK(curve[0].choices == std::vector<Index>{0, 0, 0, 0});
  CHECK(curve[1].choices == std::vector<Index>{0, 1, 0, 0});
  CHECK(curve[2].choices == std::vector<Index>{1, 1, 0, 0});
  CHECK(curve[3].choices == std::vector<Index>{1, 1, 0, 1});
  CHECK(curve[4].choices == std::vector<Index>{1, 1, 1, 1});
  CHECK(curve[2].price == 6.5);
  CHECK(share_of(random_curve(table, 1, Key{5}, 5)) == share_of(curve));
  const RoutingTable large = hard_and_easy(50, Key{1});
  CHECK(random_curve(large, 1, Key{5})[20].choices != random_curve(large, 1, Key{6})[20].choices);
}

TEST_CASE("points are measured in set and image IoU, and cost what runs at them") {
  const RoutingTable table = table_of(2, 2, {{10, 20, 0, 30}, {5, 5, 5, 5}, {1, 1, 1, 1}});
  const CurveCosts costs = costs_of({0, 4, 10});
  const auto points = measure(table, {{inf, {0, 0, 0, 0}}, {0.5, {1, 2, 0, 1}}}, costs);
  REQUIRE(points.size() == 2);
  CHECK(points[0].share == 0);
  CHECK(points[0].iou == Approx(iou_of(60.0 / 200)));
  CHECK(points[0].image_iou == Approx(iou_of(30.0 / 100)));  // both images have as many errors
  CHECK(points[0].ms == Approx(4));                          // estimator and decision
  CHECK(points[0].gmac == Approx(3));
  CHECK(points[1].price == 0.5);
  CHECK(points[1].share == 0.75);
  CHECK(points[1].shares == std::vector<double>{0.25, 0.5, 0.25});
  CHECK(points[1].iou == Approx(iou_of(11.0 / 200)));
  CHECK(points[1].image_iou == Approx((iou_of(6.0 / 100) + iou_of(5.0 / 100)) / 2));
  CHECK(points[1].ms == Approx(4 + (2 * 4 + 10) / 2.0));
  CHECK(points[1].gmac == Approx(3 + (2 * 4 + 10) / 2.0));

  CHECK(single(table, 0, costs).ms == Approx(2));
  CHECK(single(table, 0, costs).iou == points[0].iou);
  CHECK(single(table, 2, costs).ms == Approx(20));
  CHECK(single(table, 2, costs, true).ms == Approx(22));
  CHECK(single(table, 2, costs).iou == Approx(iou_of(0.02)));
  CHECK(single(table, 2, costs).shares == std::vector<double>{0, 0, 1});
}

TEST_CASE("the hull is linear between its corners and leaves out what a mix beats") {
  const auto at = [](double ms, double iou) {
    MeasuredPoint p;
    p.ms = ms;
    p.iou = iou;
    return p;
  };
  const std::vector<MeasuredPoint> singles{at(20, 0.8), at(2, 0.5), at(10, 0.6), at(6, 0.7), at(30, 0.79)};
  CHECK(hull_iou(singles, 2) == 0.5);
  CHECK(hull_iou(singles, 4) == Approx(0.6));
  CHECK(hull_iou(singles, 6) == Approx(0.7));
  CHECK(hull_iou(singles, 13) == Approx(0.75));  // f3 at 10 ms lies below
  CHECK(hull_iou(singles, 20) == Approx(0.8));
  CHECK(hull_iou(singles, 99) == 0.8);
  CHECK(std::isnan(hull_iou(singles, 1.9)));
  CHECK(upper_hull({{1, 0.5}, {2, 0.6}, {3, 0.7}}).size() == 2);  // on the line is no corner
  CHECK_THROWS_AS(hull_iou({}, 1), ValueError);
}

}  // namespace routing_curve_test
