#include "paser/pipeline/routing/calibration.hpp"
#include "paser/models/unet.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "paser/core/random.hpp"
#include "paser/models/registered/unet.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/pipeline/routing/with_price.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::pipeline;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace calibration_test {

namespace {

/// Three models; the third is given up first, and the middle one answers most patches in between.
Calibration table() {
  return {.points = {{.price = 0, .iou = 0.70, .ms = 20, .gmac = 2.6, .shares = {0, 0.2, 0.8}},
                     {.price = 0.01, .iou = 0.72, .ms = 14, .gmac = 1.6, .shares = {0.1, 0.6, 0.3}},
                     {.price = 0.04, .iou = 0.69, .ms = 8, .gmac = 1.0, .shares = {0.6, 0.4, 0}},
                     {.price = 0.1, .iou = 0.64, .ms = 4, .gmac = 0.5, .shares = {1, 0, 0}}},
          .data = "validation images of superalloy",
          .images = 40};
}

double at(double amount, Budget::Unit unit = Budget::Unit::ms) {
  return price_for_budget(table(), {amount, unit});
}

/// A router of one task model on patches whose gains are drawn with a tail, as gains have.
struct World {
  static constexpr double base_ms = 5, patch_ms = 2;
  std::vector<double> gains;  ///< of 4 patches of each image

  World(Index patches, Key key) {
    for (Index i = 0; i < patches; ++i) gains.push_back(std::pow(key.uniform(static_cast<std::uint64_t>(i)), 3));
  }
  CalibrationPoint at(double price) const {
    double sent = 0;
    for (const double gain : gains) sent += gain > price * patch_ms;
    const double share = sent / static_cast<double>(gains.size());
    return {.price = price, .iou = 0.5, .ms = base_ms + 4 * share * patch_ms, .gmac = 1, .shares = {1 - share, share}};
  }
};

PaserDescription small() {
  PaserDescription d;
  d.class_names = {"pore", "carbon"};
  d.networks = {models::UNetSpec{.in = 1, .classes = 2, .width = 2, .depth = 1},
                models::UNetSpec{.in = 1, .classes = 2, .width = 4, .depth = 1}};
  d.grid = {2, 2};
  d.height = d.width = 8;
  return d;
}

Calibration of_two_models() {
  return {.points = {{.price = -1, .iou = 0.7, .ms = 9, .gmac = 1, .shares = {0, 1}},
                     {.price = 1.0 / 3, .iou = 0.6, .ms = 3, .gmac = 0.4, .shares = {1, 0}}},
          .data = "some images",
          .images = 12};
}

}  // namespace

TEST_CASE("a budget is read with its unit, and nothing else is") {
  CHECK(parse_budget("12ms").amount == 12);
  CHECK(parse_budget("12ms").unit == Budget::Unit::ms);
  CHECK(parse_budget("1GMAC").unit == Budget::Unit::gmac);
  CHECK(parse_budget("0.5 GMAC").amount == 0.5);
  CHECK(parse_budget("2.5e-1 gmac").amount == 0.25);
  for (const char* text :
       {"", "12", "ms", "-1ms", "0ms", "12 s", "12msec", "12  ms", "nanms", "infms", "1,5ms", "ms12"})
    CHECK_THROWS_WITH(parse_budget(text), Contains(message("'", text, "' is none, expected a positive number")));
}

TEST_CASE("a share is read with its network, and nothing else is") {
  CHECK(parse_share("f2=0.3").model == 1);
  CHECK(parse_share("f2=0.3").share == 0.3);
  CHECK(parse_share("f12=1").model == 11);
  CHECK(parse_share("f1=0").share == 0);
  for (const char* text : {"", "f2", "f2=", "=0.3", "0.3", "2=0.3", "f=0.3", "f0=0.3", "f-1=0.3", "f2=1.1", "f2=-0.1",
                           "f2=0.3x", "f2x=0.3", "f2=nan", "g2=0.3"})
    CHECK_THROWS_WITH(parse_share(text), Contains(message("'", text, "' is none, expected a network and its share")));
}

TEST_CASE("the price of a budget lies between those of the neighbouring points, linear in the budget's unit") {
  CHECK(at(14) == Approx(0.01));
  CHECK(at(8) == Approx(0.04));
  CHECK(at(11) == Approx(0.025));
  CHECK(at(17) == Approx(0.005));
  CHECK(at(5) == Approx(0.085));
  CHECK(at(4) == Approx(0.1));
  CHECK(at(0.5, Budget::Unit::gmac) == Approx(0.1));
  CHECK(at(1.3, Budget::Unit::gmac) == Approx(0.025));
}

TEST_CASE("a budget that pays for everything gives the most generous point, one below the cheapest a sentence") {
  CHECK(at(20) == 0);
  CHECK(at(1000) == 0);
  CHECK_THROWS_WITH(at(3.9), Contains("3.9 ms per image is too little: the least is 4, the most that can be used 20"));
  CHECK_THROWS_AS(at(0.4, Budget::Unit::gmac), ValueError);
  CHECK_THROWS_AS(at(std::numeric_limits<double>::quiet_NaN()), ValueError);
  Calibration untimed = table();
  for (CalibrationPoint& p : untimed.points) p.ms = 0;
  CHECK_THROWS_WITH(price_for_budget(untimed, {5, Budget::Unit::ms}), Contains("does not say how many ms"));
}

TEST_CASE("a budget is not exceeded where a higher price costs more in its unit") {
  Calibration c = table();
  c.points[1].ms = 21;  // dearer in time than the point of the lower price
  CHECK(price_for_budget(c, {20.5, Budget::Unit::ms}) == 0);
  CHECK(price_for_budget(c, {8, Budget::Unit::ms}) == Approx(0.04));
  CHECK(price_for_budget(c, {14.5, Budget::Unit::ms}) == Approx(0.01 + 0.03 * 0.5));
}

TEST_CASE("a budget is kept within 5 % on data of the same kind") {
  const World seen(4000, Key{1}), fresh(4000, Key{2});
  Calibration c;
  for (int i = 0; i <= 24; ++i) {
    // Prices at quantiles of the gains: each point sends about as many patches fewer than the one before.
    const double quantile = i / 24.0;
    c.points.push_back(seen.at(i == 0 ? -0.01 : std::pow(quantile, 3) / World::patch_ms + (i == 24 ? 1e-3 : 0)));
  }
  REQUIRE(c.points.front().ms == Approx(13));
  REQUIRE(c.points.back().ms == Approx(5));
  for (const double budget : {5.3, 6.0, 7.7, 9.1, 10.0, 12.4}) {
    INFO(budget);
    CHECK(fresh.at(price_for_budget(c, {budget, Budget::Unit::ms})).ms == Approx(budget).epsilon(0.05));
  }
}

TEST_CASE("a quality gets the cheapest point that has it") {
  CHECK(price_for_quality(table(), 0.69) == 0.04);
  CHECK(price_for_quality(table(), 0.691) == 0.01);
  CHECK(price_for_quality(table(), 0.72) == 0.01);
  CHECK(price_for_quality(table(), 0) == 0.1);
  CHECK_THROWS_WITH(price_for_quality(table(), 0.73), Contains("an IoU of 0.73 cannot be had: the best is 0.72"));
  for (const double none : {-1.0, 1.5, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_WITH(price_for_quality(table(), none),
                      Contains("quality: ") && Contains("expected a number of 0 .. 1"));
  Calibration odd = table();
  odd.points[0] = odd.points[1];  // of equal cost, the better
  odd.points[0].price = 0;
  odd.points[0].iou = 0.71;
  CHECK(price_for_quality(odd, 0.7) == 0.01);
  std::swap(odd.points[0].iou, odd.points[1].iou);
  CHECK(price_for_quality(odd, 0.7) == 0);
  odd = table();
  odd.points[0].ms = 1;
  CHECK(price_for_quality(odd, 0.65) == 0);
  for (CalibrationPoint& p : odd.points) p.ms = 0;
  CHECK(price_for_quality(odd, 0.69) == 0.04);  // without times, by multiply-accumulates
}

TEST_CASE("a share gets the highest price at which the model answers it") {
  CHECK(price_for_share(table(), 1, 0.2) == Approx(0.07));
  CHECK(price_for_share(table(), 1, 0.4) == Approx(0.04));
  CHECK(price_for_share(table(), 1, 0.5) == Approx(0.025));
  CHECK(price_for_share(table(), 1, 0) == 0.1);
  CHECK(price_for_share(table(), 2, 0.55) == Approx(0.005));
  CHECK(price_for_share(table(), 2, 0) == 0.1);
  CHECK(price_for_share(table(), 0, 0.6) == Approx(0.04));
  CHECK(price_for_share(table(), 0, 1) == 0.1);
  CHECK_THROWS_WITH(price_for_share(table(), 1, 0.7),
                    Contains("f2 cannot get 0.7 of the patches") && Contains("0 .. 0.6"));
  CHECK_THROWS_WITH(price_for_share(table(), 3, 0.5), Contains("no network f4 in the calibration, expected f1 .. f3"));
  CHECK_THROWS_AS(price_for_share(table(), -1, 0.5), ValueError);

  Calibration one = table();
  one.points.resize(1);
  CHECK(price_for_share(one, 1, 0.2) == 0);
  CHECK_THROWS_AS(price_for_share(one, 1, 0.3), ValueError);
}

TEST_CASE("a calibration is the same after JSON") {
  const auto after = json::parse(json(table()).dump()).get<Calibration>();
  CHECK(after.data == table().data);
  CHECK(after.images == 40);
  CHECK(after.models() == 3);
  REQUIRE(after.points.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const CalibrationPoint &a = after.points[i], b = table().points[i];
    CHECK(a.price == b.price);
    CHECK(a.iou == b.iou);
    CHECK(a.ms == b.ms);
    CHECK(a.gmac == b.gmac);
    CHECK(a.shares == b.shares);
  }
}

TEST_CASE("a calibration that cannot be is refused, written, read or used") {
  const auto refused = [](const auto& change, const std::string& sentence) {
    INFO(sentence);
    json j = table();
    change(j);
    CHECK_THROWS_WITH(j.get<Calibration>(), Contains(sentence));
    CHECK_THROWS_AS(j.get<Calibration>(), FormatError);
  };
  refused([](json& j) { j["points"] = json::array(); }, "no points");
  refused([](json& j) { j["images"] = -1; }, "-1 images");
  refused([](json& j) { j["images"] = 1.5; }, "images is 1.5, expected a whole number");
  refused([](json& j) { j["images"] = 1e-320; }, "expected a whole number");
  refused([](json& j) { j["images"] = 18446744073709551615u; }, "images is 18446744073709551615");
  refused([](json& j) { j["points"][2]["price"] = 0.005; }, "the price of point 2 is 0.005, expected prices that rise");
  refused([](json& j) { j["points"][0]["iou"] = 1.5; }, "the IoU of point 0 is 1.5");
  refused([](json& j) { j["points"][1]["ms"] = -1; }, "point 1 costs -1 ms");
  refused([](json& j) { j["points"][1]["gmac"] = -1; }, "and -1 GMAC");
  refused([](json& j) { j["points"][1]["shares"] = {0.5, 0.5}; }, "shares of 2 models, expected 3");
  refused([](json& j) { j["points"][1]["shares"] = {0.5, 0.5, 0.5}; }, "sum to 1.5");
  refused([](json& j) { j["points"][1]["shares"] = {-0.5, 1, 0.5}; }, "a share of point 1 is -0.5");
  json without = table();
  without["points"][1].erase("ms");
  CHECK_THROWS_AS(without.get<Calibration>(), json::exception);

  Calibration broken = table();
  broken.points[3].iou = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(json(broken), ValueError);
  CHECK_THROWS_AS(price_for_quality(broken, 0.1), ValueError);
  CHECK_THROWS_AS(price_for_budget(Calibration{}, {1, Budget::Unit::ms}), ValueError);
  CHECK_THROWS_AS(price_for_share(Calibration{}, 0, 1), ValueError);
}

TEST_CASE("a file keeps measured costs and calibration, and has none where none were given") {
  const TemporaryFolder folder;
  const auto file = folder / "p.safetensors";
  const auto paser = make_paser(small(), Key{3});
  save_paser(file, paser, small());
  const auto bare = load_paser(file).description;
  CHECK_FALSE(bare.machine.has_value());
  CHECK_FALSE(bare.calibration.has_value());

  auto d = small();
  d.machine = {.processor = "a processor", .threads = 2, .estimate = 1.0 / 3, .batch = {1, 8}, .patch = {{}, {2, 1}}};
  d.calibration = of_two_models();
  save_paser(file, paser, d);
  const auto loaded = load_paser(file).description;
  REQUIRE(loaded.machine.has_value());
  CHECK(json(*loaded.machine) == json(*d.machine));
  REQUIRE(loaded.calibration.has_value());
  CHECK(json(*loaded.calibration) == json(*d.calibration));

  const auto rewritten = [&](const auto& change) {
    save_paser(file, paser, d);
    auto checkpoint = io::Checkpoint::load(file);
    change(checkpoint.info);
    checkpoint.save(file);
    return load_paser(file);
  };
  CHECK_THROWS_WITH(rewritten([](json& j) { j["calibration"]["points"][0]["iou"] = 7; }),
                    Contains("p.safetensors") && Contains("'calibration'") && Contains("the IoU of point 0 is 7"));
  CHECK_THROWS_WITH(rewritten([](json& j) { j["machine"]["coarse_ms"] = -7; }),
                    Contains("p.safetensors") && Contains("'machine'") && Contains("-7 ms"));
  CHECK_THROWS_AS(rewritten([](json& j) { j["machine"] = "fast"; }), FormatError);
  CHECK_THROWS_AS(rewritten([](json& j) { j["calibration"].erase("data"); }), FormatError);
  CHECK_THROWS_WITH(rewritten([](json& j) { j["machine"]["patch_ms"] = {json::array()}; }),
                    Contains("the costs of a machine are of 1 models, there are 2"));
  d.calibration = table();
  CHECK_THROWS_WITH(save_paser(file, paser, d), Contains("the calibration is of 3 models, there are 2"));
}

TEST_CASE("a policy that weighs gain against cost gets another price, and others have none") {
  const GainRouter<float> router{PatchHead<float>(5, 4, 2, Key{1}), {{0, 1, 3}, 0.5}, 4};
  const Policy<float> before = router, after = with_price(before, 0.125);
  CHECK(price_of(before) == 0.5);
  CHECK(price_of(after) == 0.125);
  REQUIRE(after.as<GainRouter<float>>() != nullptr);
  CHECK(after.as<GainRouter<float>>()->prices.costs == router.prices.costs);

  const Policy<float> learned = PatchPolicy<float>{.head = PatchHead<float>(5, 4, 3, Key{1}), .prices = {{0, 1, 3}, 2}};
  CHECK(price_of(with_price(learned, -1)) == -1);
  CHECK(price_of(learned) == 2);

  const Policy<float> constant = Constant{1};
  CHECK_FALSE(price_of(constant).has_value());
  CHECK_THROWS_WITH(with_price(constant, 1), Contains("a policy of type 'constant' has no price"));
  CHECK_THROWS_AS(with_price(constant, 1), ValueError);
  CHECK_THROWS_WITH(with_price(before, std::nan("")), Contains("the price is nan, expected a finite number"));
}

}  // namespace calibration_test
