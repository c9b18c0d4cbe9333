#include <catch2/catch.hpp>

#include "examples/segment_image_bench.hpp"
#include "support/tiny_images.hpp"
#include "trained_model.hpp"

using namespace segment_image_bench;
using Catch::Matchers::Contains;

namespace segment_image_target_test {

namespace {

/// From everything to f3, over what the router finds best at no price, to everything by f1.
pipeline::Calibration calibration() {
  return {.points = {{.price = -1000, .iou = 0.68, .ms = 20, .gmac = 2, .shares = {0, 0, 1}},
                     {.price = 0, .iou = 0.7, .ms = 12, .gmac = 1, .shares = {0.3, 0.4, 0.3}},
                     {.price = 1000, .iou = 0.6, .ms = 4, .gmac = 0.5, .shares = {1, 0, 0}}},
          .data = "invented",
          .images = 1};
}

/// Weights by which each network gets patches of the picture below, at no price and at 0.25.
pipeline::GainRouter<float> router(double price) {
  return {pipeline::PatchHead<float>(patch_statistics_size(3), 8, 2, Key{28}),
          {.costs = {0, 0.05, 0.15}, .price = price},
          4};
}

/// A bench whose PaSeR has a price, with a calibration or without.
struct PricedBench : Bench {
  explicit PricedBench(std::optional<pipeline::Calibration> table) : Bench(1) {
    paser.policy = router(0.25);
    auto description = tiny::description(1);
    description.calibration = std::move(table);
    pipeline::save_paser(model(), paser, description);
  }
};

/// The price that the program says it chose, null for none; and whether it segmented as the library does at this price.
nlohmann::json price_of_run(const PricedBench& bench, std::vector<std::string> options, double expected) {
  options.insert(options.end(), {"--write", "routes", "--json"});
  const auto ended = bench.segment(options);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto j = nlohmann::json::parse(ended.out);
  const auto image = tiny::input(tiny::picture(40, 71, 1, 9));
  const auto answer = bench.answer(image, 1, {}, pipeline::Policy<float>(router(expected)));
  CHECK(same_bits(tiny::stored_labels(bench.out() / "image_routes.png"), answer.maps.routes));
  CHECK(j["policy"]["spec"]["price"] == j["price"]);
  return j["price"];
}

}  // namespace

TEST_CASE("segment_image: a budget, a quality or a share sets the price of the policy") {
  const PricedBench bench(calibration());
  const auto image = tiny::input(bench.store("image.png", 40, 71));
  const auto routes_at = [&](double price) {
    return bench.answer(image, 1, {}, pipeline::Policy<float>(router(price))).maps.routes;
  };
  // Prices that do the same would leave nothing to see.
  REQUIRE(kinds_in(routes_at(0)) == 3);
  for (const double all_alike : {-1000, 500, 1000}) REQUIRE(kinds_in(routes_at(all_alike)) == 1);
  REQUIRE_FALSE(same_bits(routes_at(0), routes_at(0.25)));

  CHECK(price_of_run(bench, {}, 0.25) == 0.25);
  CHECK(price_of_run(bench, {"--budget", "100ms"}, -1000) == -1000);
  CHECK(price_of_run(bench, {"--budget", "12ms"}, 0) == 0);
  CHECK(price_of_run(bench, {"--budget", "0.5 GMAC"}, 1000) == 1000);
  CHECK(price_of_run(bench, {"--budget", "0.75GMAC"}, 500) == 500);
  CHECK(price_of_run(bench, {"--quality", "0.69"}, 0) == 0);
  CHECK(price_of_run(bench, {"--quality", "0"}, 1000) == 1000);
  CHECK(price_of_run(bench, {"--share", "f3=1"}, -1000) == -1000);
  CHECK(price_of_run(bench, {"--share", "f1=0.3"}, 0) == 0);
}

TEST_CASE("segment_image: images unlike those of the calibration are told where a target depends on it") {
  const auto numbers = static_cast<std::size_t>(patch_statistics_size(3));
  auto table = calibration();
  std::vector<double> scores;
  for (int i = 0; i < 60; ++i) scores.push_back(1 + i / 100.0);
  table.domain = pipeline::Domain{std::vector<double>(numbers, 50.0), std::vector<double>(numbers, 0.1), scores};
  const PricedBench other(table);
  other.store("image.png", 40, 71);
  const auto told = other.segment({"--budget", "12ms", "--json"});
  CHECK(told.status == 0);
  CHECK_THAT(told.err, Contains("windows are unlike the images of the calibration"));
  const auto j = nlohmann::json::parse(told.out);
  const auto windows = j["images"][0]["windows"].get<Index>();
  CHECK(windows > 1);
  CHECK(j["domain"]["images"] == windows);
  CHECK(j["domain"]["unlike"] == windows);
  CHECK(j["domain"]["other"] == true);
  CHECK_THAT(other.segment({}).err, !Contains("unlike"));  // nothing is promised

  table.domain->deviation.assign(numbers, 1000.0);
  const PricedBench same(table);
  same.store("image.png", 40, 71);
  CHECK_THAT(same.segment({"--budget", "12ms"}).err, !Contains("unlike"));
}

TEST_CASE("segment_image: a policy without a price has none in the document") {
  const PricedBench bench(calibration());
  bench.store("image.png", 16, 24);
  const auto ended = bench.segment({"--only", "f2", "--json"});
  REQUIRE(ended.status == 0);
  const auto j = nlohmann::json::parse(ended.out);
  REQUIRE(j.contains("price"));
  CHECK(j["price"].is_null());
}

TEST_CASE("segment_image: targets that make no sense or cannot be had end with 2 and a sentence") {
  const PricedBench with(calibration()), without({});
  const auto refused = [](const Bench& bench, const std::vector<std::string>& options, const std::string& sentence) {
    bench.store("a.png", 16, 24);
    const auto ended = bench.segment(options);
    INFO(sentence);
    CHECK(ended.status == 2);
    CHECK(ended.out.empty());
    CHECK_THAT(ended.err, Contains(sentence));
    CHECK(names_in(bench.out()).empty());
  };
  refused(with, {"--budget", "12ms", "--quality", "0.6"}, "--budget, --quality and --share exclude each other");
  refused(with, {"--share", "f2=0.1", "--quality", "0"}, "--budget, --quality and --share exclude each other");
  refused(with, {"--budget", "12ms", "--share", "f2=0.1"}, "--budget, --quality and --share exclude each other");
  refused(with, {"--budget", "12ms", "--only", "f2"}, "they exclude each other");
  refused(with, {"--share", "f2=0.1", "--thresholds", "0.5,0.5"}, "they exclude each other");
  refused(with, {"--quality", "0.6", "--samples", "3"}, "--samples changes what the policy sees");
  refused(with, {"--budget", "3ms"}, "3 ms per image is too little: the least is 4");
  refused(with, {"--budget", "12"}, "'12' is none, expected a positive number and its unit");
  refused(with, {"--quality", "0.9"}, "an IoU of 0.9 cannot be had: the best is 0.7");
  refused(with, {"--quality", "good"}, "--quality");
  refused(with, {"--share", "f4=0.1"}, "no network f4 in the calibration");
  refused(with, {"--share", "0.1"}, "'0.1' is none, expected a network and its share");
  refused(without, {"--budget", "12ms"}, "the model holds no calibration");
  refused(without, {"--quality", "0.6"}, "the model holds no calibration");
  refused(without, {"--share", "f2=0.1"}, "the model holds no calibration");
}

TEST_CASE("a target asks for a price only of a policy that has one") {
  auto paser = pipeline::make_paser(tiny::description(1), Key{1});
  const auto chosen = [&](const program::Target& target) {
    return program::chosen_policy(paser, "paser", {}, target, calibration());
  };
  CHECK(chosen({}).spec() == paser.policy.spec());
  CHECK_THROWS_WITH(chosen({.budget = "12ms"}), Contains("a policy of type 'net' has no price"));
  paser.policy = router(0.25);
  CHECK(pipeline::price_of(chosen({})) == 0.25);
  CHECK(pipeline::price_of(chosen({.quality = 0.69})) == 0);
  CHECK(program::chosen_policy(paser, "f3", {}, {}, {}).as<pipeline::Constant>()->model == 2);
  CHECK_FALSE(program::chosen_price({}, {}).has_value());
  CHECK(program::chosen_price(calibration(), {.share = "f2=0.2"}) == Approx(500));
}

}  // namespace segment_image_target_test
