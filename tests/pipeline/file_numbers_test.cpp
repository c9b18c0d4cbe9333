#include <catch2/catch.hpp>

#include "paser/models/registered/registered.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "support/temporary_folder.hpp"

namespace file_numbers_test {

using namespace paser;
using namespace paser::pipeline;
using Catch::Contains;

PaserDescription tiny() {
  PaserDescription d;
  d.channels = 1;
  d.class_names = {"a", "b"};
  for (const Index width : {2, 4})
    d.networks.push_back(models::UNetSpec{.in = 1, .classes = 2, .width = width, .depth = 1});
  d.grid = {2, 2};
  d.height = d.width = 8;
  d.estimator = uncertainty::McDropout{3}.spec();
  d.policy = net_policy_spec({2, 2});
  d.calibration = Calibration{{{0.5, 0.6, 1, 1, {0.5, 0.5}}}, "images", 5, Domain{{0.5, 1}, {2, 3}, {0.25, 4}}};
  return d;
}

const std::vector<nlohmann::json> odd{
    0, -1, 1.5, 1e18, 2000000000, 4294967298, 1000000, 4294967296, 18446744073709551615u, "x", nullptr, true};

TEST_CASE("every number of a model's description is refused by a FormatError, or means what it says") {
  const TemporaryFolder folder;
  const auto file = folder / "p.safetensors";
  save_paser(file, make_paser(tiny(), Key{1}), tiny());
  const auto good = io::Checkpoint::load(file);
  int refused = 0;
  const nlohmann::json leaves = good.info.flatten();
  for (const auto& [pointer, value] : leaves.items()) {
    if (!value.is_number()) continue;
    for (const auto& other : odd) {
      INFO(pointer << " = " << other.dump());
      auto changed = good;
      changed.info[nlohmann::json::json_pointer(pointer)] = other;
      changed.save(file);
      try {
        const auto [paser, d] = load_paser(file);
        CHECK(other.is_number());
        const nlohmann::json again = d;
        CHECK(again.at(nlohmann::json::json_pointer(pointer)) == other);
      } catch (const FormatError&) {
        ++refused;
      }
    }
  }
  CHECK(refused > 100);
}

TEST_CASE("a field that a model's description does not have is named, in plain words") {
  const TemporaryFolder folder;
  const auto file = folder / "p.safetensors";
  save_paser(file, make_paser(tiny(), Key{1}), tiny());
  const auto good = io::Checkpoint::load(file);
  for (const std::string pointer : {"/channels", "/classes", "/grid", "/grid/columns", "/image/height", "/policy"}) {
    const nlohmann::json::json_pointer field(pointer);
    auto changed = good;
    changed.info[field.parent_pointer()].erase(field.back());
    changed.save(file);
    INFO(pointer);
    CHECK_THROWS_WITH(load_paser(file),
                      Contains("p.safetensors: the description of the PaSeR in it cannot be read, at '" + field.back() +
                               "': key '" + field.back() + "' not found") &&
                          !Contains("json.exception"));
  }
}

TEST_CASE("the samples of a file of the first format are neither cut to 32 bits nor without a bound") {
  const TemporaryFolder folder;
  const auto file = folder / "p.safetensors";
  auto d = tiny();
  d.policy = net_policy_spec({1, 1});
  save_paser(file, make_paser(d, Key{1}), d);
  auto checkpoint = io::Checkpoint::load(file);
  nlohmann::json& info = checkpoint.info;
  info["format"] = "paser/1";
  info["baseline"] = "mean";
  info.erase("estimator");
  info.erase("policy");
  for (const nlohmann::json& samples : {nlohmann::json(4294967298), nlohmann::json(2000000000), nlohmann::json(0),
                                        nlohmann::json(-1), nlohmann::json(2.5)}) {
    info["samples"] = samples;
    checkpoint.save(file);
    INFO(samples.dump());
    CHECK_THROWS_AS(load_paser(file), FormatError);
  }
  info["samples"] = 7;
  checkpoint.save(file);
  CHECK(load_paser(file).paser.estimator.spec() == uncertainty::McDropout{7}.spec());
}

}  // namespace file_numbers_test
