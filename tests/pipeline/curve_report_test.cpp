#include "paser/pipeline/routing/curve_report.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "paser/pipeline/routing/curve_report_json.hpp"
#include "pipeline/curve_tables.hpp"

using Catch::Matchers::Contains;
using nlohmann::json;

namespace curve_report_test {

using namespace curve_tables;

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
    coarse.push_back(Key{1}.uniform_int(i, 20));
    fine.push_back(Key{2}.uniform_int(i, 20));
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

TEST_CASE("files without a counted pixel change nothing, and where no pixel is counted nothing is known") {
  const RoutingTable one = table_of(1, 4, {{25, 5, 5, 25}, {5, 5, 5, 5}});
  RoutingTable nothing = one;
  for (auto& counts : nothing.confusion) counts = metrics::Confusion<4>::zeros(counts.shape());
  const auto judged = [](const RoutingTable& t, std::vector<Index> files) {
    return report_of(t, oracle_curve(t, {0, 4}), {.groups = std::move(files)});
  };
  const CurveReport counted = judged(joined({one, one}), {1, 2});
  CHECK(counted.verdict == "routing pays");
  CHECK(counted.gap_interval == std::array{counted.gap, counted.gap});
  // The image in the middle holds ignored pixels alone: all of its file, or a tile of one that has others.
  const RoutingTable table = joined({one, nothing, one});
  const CurveReport more = judged(table, {1, 5, 2});
  CHECK(more.groups == 2);
  CHECK(more.gap == counted.gap);
  CHECK(more.gap_interval == counted.gap_interval);
  CHECK(more.area_over_hull == Approx(counted.area_over_hull));
  CHECK(more.apgr == Approx(counted.apgr));
  CHECK(more.verdict == counted.verdict);
  CHECK(judged(table, {1, 1, 2}).gap_interval == counted.gap_interval);

  const CurveReport alone = judged(joined({nothing, one}), {1, 2});
  CHECK(alone.groups == 1);
  CHECK(alone.gap == counted.gap);
  CHECK(std::isnan(alone.gap_interval[0]));
  CHECK(alone.verdict == "nothing is known: one file");

  const CurveReport none = judged(joined({nothing, nothing}), {1, 2});
  CHECK(none.groups == 0);
  CHECK(none.verdict == "nothing is known: no pixel was counted");
  for (const double x : {none.gap, none.gap_interval[0], none.gap_interval[1], none.area_over_hull, none.z_over_hull,
                         none.area_over_entropy, none.apgr, none.closed.at("0.3"), none.ms_at.at("0.5"),
                         none.singles[1].iou, none.curve[0].iou})
    CHECK(std::isnan(x));
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

}  // namespace curve_report_test
