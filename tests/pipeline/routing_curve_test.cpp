#include "paser/pipeline/routing/routing_curve.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "paser/pipeline/routing/curve_report_json.hpp"

using namespace paser;
using namespace paser::pipeline;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace routing_curve_test {

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

/// Errors of every model on every patch, of 50 pixels of each of two classes: so many pixels of each class are wrong.
RoutingTable table_of(Index images, Index patches, const std::vector<std::vector<Index>>& errors) {
  RoutingTable table{images, patches, 2, {}, {}};
  for (const auto& of_model : errors) {
    auto& counts = table.confusion.emplace_back(Shape<4>{images, patches, 2, 2});
    for (std::size_t i = 0; i < of_model.size(); ++i) {
      const Index e = of_model[i];
      const std::array<Index, 4> cells{50 - e, e, e, 50 - e};
      std::copy(cells.begin(), cells.end(), counts.mutable_data() + 4 * i);
    }
    table.entropy.emplace_back(of_model.begin(), of_model.end());  // as sure as it is right
  }
  return table;
}

/// IoU of either class where a share of the pixels is wrong.
double iou_of(double wrong) {
  return (1 - wrong) / (1 + wrong);
}

CurveCosts costs_of(std::vector<double> patch, double estimate = 3, double decide = 1, double coarse = 2) {
  const WorkCosts ms{.estimate = estimate, .decide = decide, .coarse = coarse, .patch = patch};
  for (double& c : patch) c *= 1e9;
  return {ms, {.estimate = 1e9 * estimate, .decide = 0, .coarse = 1e9 * coarse, .patch = patch}};
}

std::vector<double> share_of(const RoutingCurve& curve) {
  std::vector<double> shares;
  for (const CurvePoint& p : curve) {
    double left = 0;
    for (const Index k : p.choices) left += k > 0;
    shares.push_back(left / static_cast<double>(p.choices.size()));
  }
  return shares;
}

/// Patches that f1 gets wrong by very different amounts, f2 by 5 pixels all. The entropy knows half of it.
RoutingTable hard_and_easy(Index images, Key key) {
  const Index patches = 4;
  std::vector<Index> coarse, fine;
  for (Index i = 0; i < images * patches; ++i) {
    coarse.push_back(key.uniform(static_cast<std::uint64_t>(i)) < 0.3 ? 25 : 5);
    fine.push_back(5);
  }
  RoutingTable table = table_of(images, patches, {coarse, fine});
  for (std::size_t i = 0; i < coarse.size(); ++i)
    table.entropy[0][i] = static_cast<double>(coarse[i]) / 25 + 2 * key.fold(1).uniform(i);
  return table;
}

CurveReport report_of(const RoutingTable& table, const RoutingCurve& curve, CurveReportOptions options = {}) {
  return report_curves(table, curve, entropy_curve(table, 1), costs_of({0, 4}, 1, 0.5, 1), {false, false}, options,
                       Key{7});
}

}  // namespace

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

TEST_CASE("lines have their mean over any range, with steps and beyond their ends") {
  const Knots knots{{1, 0}, {1, 2}, {3, 4}, {3, 0}};
  CHECK(pipeline::detail::value_at(knots, 0) == 0);
  CHECK(pipeline::detail::value_at(knots, 2) == 3);
  CHECK(pipeline::detail::value_at(knots, 9) == 0);
  CHECK(pipeline::detail::mean_between(knots, 1, 3) == Approx(3));
  CHECK(pipeline::detail::mean_between(knots, 0, 4) == Approx(6.0 / 4));
  CHECK(pipeline::detail::mean_between(knots, 1.5, 2.5) == Approx(3));
  CHECK(pipeline::detail::mean_between(knots, 5, 6) == 0);
  CHECK(pipeline::detail::first_reaching(knots, 3.5) == Approx(2.5));
  CHECK(pipeline::detail::first_reaching(knots, -1) == 1);
  CHECK(std::isnan(pipeline::detail::first_reaching(knots, 5)));
}

TEST_CASE("the figures of a report are those of its definitions") {
  // 30 of 100 patches have 25 errors of 50, f2 has 5 on each. The oracle takes those 30 at once: its curve is a line up
  // to a share of 0.3, where the gap is closed, and level from there.
  std::vector<Index> coarse(100, 5), fine(100, 5);
  for (std::size_t i = 0; i < 30; ++i) coarse[3 * i] = 25;
  const RoutingTable table = table_of(25, 4, {coarse, fine});
  const RoutingCurve best = oracle_curve(table, {0, 4});
  const CurveReport r = report_of(table, best);
  const double f1 = iou_of((0.3 * 25 + 0.7 * 5) / 50), f2 = iou_of(0.1);
  CHECK(r.gap == Approx(f2 - f1));
  CHECK(r.singles[0].name == "f1");
  CHECK(r.singles[0].iou == Approx(f1));
  CHECK(r.singles[0].ms == Approx(1));
  CHECK(r.singles[1].name == "f2");
  CHECK(r.singles[1].iou == Approx(f2));
  CHECK(r.singles[1].ms == Approx(16));
  CHECK(r.closed.size() == 4);
  CHECK(r.closed.at("0.1") == Approx(1.0 / 3));
  CHECK(r.closed.at("0.2") == Approx(2.0 / 3));
  CHECK(r.closed.at("0.3") == Approx(1));
  CHECK(r.closed.at("0.5") == Approx(1));
  CHECK(r.ms_at.size() == 3);
  CHECK(r.ms_at.at("0.5") == Approx(1.5 + 16 * 0.15));
  CHECK(r.ms_at.at("0.8") == Approx(1.5 + 16 * 0.24));
  CHECK(r.ms_at.at("0.95") == Approx(1.5 + 16 * 0.285));
  CHECK(r.apgr == Approx(0.3 / 2 + 0.7));
  // From 2.5 to 8.5 ms the curve rises to 6.3 ms and is level from there; the mix rises from 0.1 to 0.5 of the gap.
  const double at_low = 1 / (16 * 0.3), curve = ((at_low + 1) / 2 * 3.8 + 2.2) / 6;
  CHECK(r.area_over_hull == Approx(r.gap * (curve - 0.3)));
  // Here entropy is the number of errors: the cascade has the same line, half a millisecond earlier, for it decides by
  // nothing.
  const double ahead = 0.5 / (16 * 0.3), cascade = ((at_low + ahead + 1) / 2 * 3.3 + 2.7) / 6;
  CHECK(r.area_over_entropy == Approx(r.gap * (curve - cascade)));
  CHECK(r.groups == 25);
  CHECK(r.curve.size() == best.size());
  CHECK(r.entropy.size() == 3);
}

TEST_CASE("what a router costs before it sends a patch is counted against it") {
  const RoutingTable table = hard_and_easy(50, Key{2});
  const RoutingCurve curve = oracle_curve(table, {0, 4});
  const auto area = [&](double estimate) {
    return report_curves(table, curve, entropy_curve(table, 1), costs_of({0, 4}, estimate, 0, 1), {false, false}, {},
                         Key{1})
        .area_over_hull;
  };
  CHECK(area(1) > area(4));
  CHECK(area(4) > area(8));
  // Where even the cheapest point lies beyond the window there is f1's answer in it, below the mix.
  const CurveReport r = report_of(table, curve);
  CHECK(area(20) == Approx(-0.3 * r.gap));
  // The same where a curve has no point that is as cheap, rather than the IoU of its dear ones.
  CHECK(report_of(table, {curve.back()}).area_over_hull == Approx(-0.3 * r.gap));
}

TEST_CASE("the verdict tells a router from one that knows nothing, and both from networks without a gap") {
  const RoutingTable table = hard_and_easy(200, Key{4});
  const CurveReport pays = report_of(table, oracle_curve(table, {0, 4}));
  CHECK(pays.verdict == "routing pays");
  CHECK(pays.gap_interval[0] < pays.gap);
  CHECK(pays.gap < pays.gap_interval[1]);
  CHECK(pays.area_over_hull_interval[0] > 0);
  CHECK(pays.z_over_hull > 5);
  CHECK(pays.area_over_entropy > 0);
  CHECK(pays.area_over_entropy < pays.area_over_hull);
  CHECK(pays.area_over_entropy_interval[0] > 0);
  CHECK(pays.z_over_entropy > 2);

  const CurveReport blind = report_of(table, random_curve(table, 1, Key{8}));
  CHECK(blind.verdict == "no gain over a mix of the networks");
  CHECK(blind.apgr == Approx(0.5).margin(0.1));
  CHECK(blind.z_over_hull < 2);

  std::vector<Index> coarse, fine;
  for (std::uint64_t i = 0; i < 400; ++i) {
    coarse.push_back(Key{1}.below(i, 20));
    fine.push_back(Key{2}.below(i, 20));
  }
  const RoutingTable equal = table_of(100, 4, {coarse, fine});
  CHECK(report_of(equal, oracle_curve(equal, {0, 4})).verdict == "nothing to route");
  for (Index& e : fine) e += 5;
  const RoutingTable worse = table_of(100, 4, {coarse, fine});
  const CurveReport none = report_of(worse, oracle_curve(worse, {0, 4}));
  CHECK(none.verdict == "nothing to route");
  CHECK(none.gap < 0);
  CHECK(std::isnan(none.apgr));
  CHECK(std::isnan(none.ms_at.at("0.5")));
}

TEST_CASE("an expert that is better and no dearer leaves no area to measure") {
  const RoutingTable table = hard_and_easy(50, Key{4});
  const CurveReport r = report_curves(table, oracle_curve(table, {0, 4}), entropy_curve(table, 1),
                                      costs_of({0, 4}, 1, 1, 40), {false, false}, {}, Key{});
  CHECK(r.gap_interval[0] > 0);
  CHECK(std::isnan(r.area_over_hull));
  CHECK(std::isnan(r.z_over_hull));
  CHECK(r.verdict == "no gain over a mix of the networks");
}

TEST_CASE("the interval of the gap is the bootstrap's: as wide as its standard error says") {
  const RoutingTable table = hard_and_easy(200, Key{5});
  const CurveReport r = report_of(table, random_curve(table, 1, Key{8}));
  // f1's share of wrong pixels is 0.1 + 0.4 times the share of hard patches; each of 800 is drawn anew with its image.
  const double hard = (r.gap_interval[1] - r.gap_interval[0]) / 2 / 1.96;
  const double slope = 2 / std::pow(1 + 0.22, 2);  // of iou_of at 0.1 + 0.4 * 0.3
  CHECK(hard == Approx(slope * 0.4 * std::sqrt(0.3 * 0.7 / 800)).epsilon(0.2));
  CHECK(report_of(table, random_curve(table, 1, Key{8})).gap_interval == r.gap_interval);
}

TEST_CASE("tiles of one file are resampled together, which widens the intervals") {
  const RoutingTable one = hard_and_easy(40, Key{6});
  RoutingTable table = joined(std::vector<RoutingTable>(4, one));  // every image four times
  CurveReportOptions together;
  for (Index i = 0; i < 160; ++i) together.groups.push_back(1000 - 3 * (i % 40));
  const auto width = [](const CurveReport& r) { return r.gap_interval[1] - r.gap_interval[0]; };
  const RoutingCurve curve = oracle_curve(table, {0, 4});
  const CurveReport r = report_of(table, curve, together);
  CHECK(r.gap == Approx(report_of(one, oracle_curve(one, {0, 4})).gap));
  CHECK(width(r) == Approx(2 * width(report_of(table, curve))).epsilon(0.2));
  together.groups.pop_back();
  CHECK_THROWS_WITH(report_of(table, curve, together), Contains("groups of 159 images, expected 160"));
}

TEST_CASE("wrong options of a report are refused") {
  const RoutingTable table = hard_and_easy(5, Key{6});
  const RoutingCurve curve = oracle_curve(table, {0, 4});
  CHECK_THROWS_AS(report_of(table, {}), ValueError);
  CHECK_THROWS_WITH(report_of(table, curve, {.resamples = 1}), Contains("1 resamples, expected at least 2"));
  CHECK_THROWS_WITH(report_of(table, curve, {.from = 0.5, .to = 0.5}), Contains("areas from 0.5 to 0.5"));
  CHECK_THROWS_WITH(report_curves(table, curve, curve, costs_of({0, 4}), {false}, {}, Key{}),
                    Contains("it is said of 1 models whether they correct, there are 2"));
}

TEST_CASE("the IoU of a resample averages over classes as the options say") {
  RoutingTable table = hard_and_easy(10, Key{6});
  RoutingTable more{10, 4, 3, table.entropy, {}};  // a third class that never occurs
  for (const auto& counts : table.confusion) {
    auto& wide = more.confusion.emplace_back(metrics::Confusion<4>::zeros({10, 4, 3, 3}));
    for (Index i = 0; i < 40; ++i)
      for (Index c = 0; c < 4; ++c) wide.mutable_data()[9 * i + 3 * (c / 2) + c % 2] = counts.data()[4 * i + c];
  }
  const RoutingCurve curve = oracle_curve(table, {0, 4});
  const CurveReport two = report_of(table, curve), three = report_of(more, curve);
  CHECK(three.gap == Approx(two.gap));
  CHECK(three.gap_interval[1] == Approx(two.gap_interval[1]));
  const CurveReport all = report_of(more, curve, {.class_mean = metrics::ClassMean::all});
  CHECK(all.gap == Approx(two.gap * 2 / 3));
  CHECK(all.gap_interval[1] == Approx(two.gap_interval[1] * 2 / 3));
  CHECK(all.curve[1].iou == Approx(two.curve[1].iou * 2 / 3));
}

TEST_CASE("a report is written with its keys, what is not defined as null") {
  const RoutingTable table = hard_and_easy(50, Key{2});
  CurveReport r = report_of(table, oracle_curve(table, {0, 4}));
  r.ms_at["0.95"] = std::nan("");
  const json j = r;
  std::set<std::string> keys;
  for (const auto& [key, value] : j.items()) keys.insert(key);
  CHECK(keys == std::set<std::string>{"groups", "gap", "gap_interval", "area_over_hull_interval",
                                      "area_over_entropy_interval", "apgr", "area_over_hull", "z_over_hull",
                                      "area_over_entropy", "z_over_entropy", "closed", "ms_at", "singles", "curve",
                                      "entropy", "verdict"});
  CHECK(j["gap"] == r.gap);
  CHECK(j["gap_interval"] == json::array({r.gap_interval[0], r.gap_interval[1]}));
  CHECK(j["closed"]["0.3"] == r.closed["0.3"]);
  CHECK(j["ms_at"]["0.5"] == r.ms_at["0.5"]);
  CHECK(j["ms_at"]["0.95"].is_null());
  CHECK(j["singles"].size() == 2);
  CHECK(j["singles"][1] == json({{"name", "f2"},
                                 {"iou", r.singles[1].iou},
                                 {"image_iou", r.singles[1].image_iou},
                                 {"ms", r.singles[1].ms},
                                 {"gmac", r.singles[1].gmac}}));
  CHECK(j["curve"].size() == r.curve.size());
  CHECK(j["curve"][1] == json({{"share", r.curve[1].share},
                               {"iou", r.curve[1].iou},
                               {"image_iou", r.curve[1].image_iou},
                               {"ms", r.curve[1].ms},
                               {"gmac", r.curve[1].gmac}}));
  CHECK(j["entropy"].size() == r.entropy.size());
  CHECK(j["verdict"] == "routing pays");
}

}  // namespace routing_curve_test
