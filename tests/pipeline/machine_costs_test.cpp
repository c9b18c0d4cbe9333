#include "paser/pipeline/routing/machine_costs.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>

using namespace paser;
using namespace paser::pipeline;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace machine_costs_test {

namespace {

MachineCosts measured() {
  return {.processor = "a processor",
          .threads = 4,
          .estimate = 3.5,
          .decide = 0.25,
          .coarse = 3,
          .batch = {1, 4, 16},
          .patch = {{}, {4, 2, 1.5}, {17, 12, 9}}};
}

}  // namespace

TEST_CASE("the time of a patch lies between those measured, by the logarithm of how many run together") {
  const MachineCosts m = measured();
  CHECK(m.patch_ms(1, 1) == 4);
  CHECK(m.patch_ms(1, 4) == 2);
  CHECK(m.patch_ms(1, 2) == Approx(3));
  CHECK(m.patch_ms(2, 8) == Approx(10.5));
  CHECK(m.patch_ms(2, 6) == Approx(12 - 3 * std::log2(1.5) / 2));
  CHECK(m.patch_ms(1, 16) == 1.5);
  CHECK(m.patch_ms(1, 500) == 1.5);
  MachineCosts from_two = m;
  from_two.batch = {2, 4, 16};
  CHECK(from_two.patch_ms(1, 1) == 4);
  CHECK_THROWS_WITH(m.patch_ms(0, 1), Contains("no times of model 0, expected 1 .. 2"));
  CHECK_THROWS_AS(m.patch_ms(3, 1), ValueError);
  CHECK_THROWS_WITH(m.patch_ms(1, 0), Contains("0 patches together, expected 1 or more"));
}

TEST_CASE("work is costed in milliseconds by how many patches run together") {
  const Work work{.estimated = 2, .coarse = 1, .patches = {0, 3, 1}};
  CHECK(work_costs(measured(), 1).of(work) == Approx(2 * 3.75 + 3 + 3 * 4 + 17));
  CHECK(work_costs(measured(), 16).of(work) == Approx(2 * 3.75 + 3 + 3 * 1.5 + 9));
}

TEST_CASE("the costs of a machine are the same after JSON") {
  MachineCosts before = measured();
  before.busy = true;
  const auto after = json::parse(json(before).dump()).get<MachineCosts>();
  CHECK(after.processor == before.processor);
  CHECK(after.threads == before.threads);
  CHECK(after.busy);
  CHECK(after.estimate == before.estimate);
  CHECK(after.decide == before.decide);
  CHECK(after.coarse == before.coarse);
  CHECK(after.batch == before.batch);
  CHECK(after.patch == before.patch);
}

TEST_CASE("costs of a machine that cannot be are refused, written or read") {
  const auto refused = [](const auto& change, const std::string& sentence) {
    INFO(sentence);
    json j = measured();
    change(j);
    CHECK_THROWS_WITH(j.get<MachineCosts>(), Contains(sentence));
    CHECK_THROWS_AS(j.get<MachineCosts>(), FormatError);
  };
  refused([](json& j) { j["coarse_ms"] = -1; }, "the time of the coarse model is -1 ms, expected 0 or more");
  refused([](json& j) { j["estimate_ms"] = -0.5; }, "the time of the estimator is -0.5");
  refused([](json& j) { j["decide_ms"] = -2; }, "the time of the policy is -2");
  refused([](json& j) { j["patch_ms"][2][1] = -3; }, "the time of a patch is -3");
  refused([](json& j) { j["threads"] = 0; }, "of 0 threads");
  refused([](json& j) { j["threads"] = (std::int64_t{1} << 33) + 1; },
          "threads is 8589934593, expected a whole number");
  refused([](json& j) { j["threads"] = 1.5; }, "threads is 1.5, expected a whole number");
  refused([](json& j) { j["batch"] = {1.5, 4, 16}; }, "in batch is 1.5, expected a whole number");
  refused([](json& j) { j["batch"] = ~std::uint64_t{0}; }, "batch is no list");
  refused([](json& j) { j["batch"] = {1, 4, ~std::uint64_t{0} / 2}; }, "expected a whole number of 1 .. 1000000000");
  refused([](json& j) { j["batch"] = {1, 4, 4}; }, "have 4 at place 2, expected positive numbers that rise");
  refused([](json& j) { j["batch"] = {0, 4, 16}; }, "have 0 at place 0");
  refused([](json& j) { j["batch"] = {1, 4}; }, "3 times of model 1 for 2 numbers of patches");
  refused([](json& j) { j["patch_ms"][2] = {1, 2}; }, "2 times of model 2 for 3 numbers");
  refused([](json& j) { j["patch_ms"][0] = {1}; }, "that of the coarse model empty");
  refused([](json& j) { j["patch_ms"] = json::array(); }, "one list of times for each model");
  json without = measured();
  without.erase("coarse_ms");
  CHECK_THROWS_AS(without.get<MachineCosts>(), json::exception);

  MachineCosts broken = measured();
  broken.decide = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(json(broken), Contains("the time of the policy is nan ms"));
  CHECK_THROWS_AS(json(broken), ValueError);
}

}  // namespace machine_costs_test
