#include "paser/pipeline/paser_file.hpp"
#include "paser/models/unet.hpp"

#include <catch2/catch.hpp>

#include "paser/models/registered/registered.hpp"
#include "paser/pipeline/segment.hpp"
#include "support/same_bits.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::pipeline;
using Catch::Matchers::Contains;

namespace {

using models::UNetSpec;

UNetSpec unet(Index width, Index depth) {
  return {.in = 3, .classes = 3, .width = width, .depth = depth};
}

PaserDescription small() {
  PaserDescription d;
  d.channels = 3;
  d.class_names = {"pore", "carbon", "particle"};
  d.networks = {unet(4, 1),
                UNetSpec{.in = 3, .classes = 3, .width = 6, .depth = 2, .upsampling = models::Upsampling::transposed},
                UNetSpec{.in = 3, .classes = 3, .width = 8, .depth = 2, .dropout = 0.25}};
  d.grid = {2, 3};
  d.height = 16;
  d.width = 24;
  d.estimator = uncertainty::McDropout{2}.spec();
  d.coarse_answer = CoarseAnswer::first_sample;
  d.policy = net_policy_spec({1, 1}, RouteChoice::sampled);
  d.value_range = io::ValueRange{0, 4095};
  d.info["preset"] = "demo";
  return d;
}

/// Writes the file again with its description changed.
template <class Change>
void rewrite(const io::Path& file, const Change& change) {
  auto checkpoint = io::Checkpoint::load(file);
  change(checkpoint);
  checkpoint.save(file);
}

}  // namespace

TEST_CASE("a file says what its policy reads, and one that does not say has the paper's") {
  const TemporaryFolder folder;
  const auto file = folder / "p.safetensors";
  auto description = small();
  description.policy = net_policy_spec({2, 3});
  const auto paser = make_paser(description, Key{3});
  const auto& net = paser.policy.as<NetPolicy<float>>()->net;
  CHECK(net.windows == std::array<Index, 2>{2, 3});
  save_paser(file, paser, small());
  const auto [loaded, d] = load_paser(file);
  CHECK(loaded.policy.spec() == description.policy);
  const auto map = uniform<float>(Key{4}, Shape{1, 16, 24, 2});
  CHECK(same_bits(infer(net, map), infer(loaded.policy.as<NetPolicy<float>>()->net, map)));

  save_paser(file, make_paser(small(), Key{3}), small());
  rewrite(file, [](auto& c) { c.info["policy"]["spec"] = nlohmann::json::object(); });
  CHECK(load_paser(file).paser.policy.spec() == net_policy_spec());
}

TEST_CASE("policy and estimator of a file of the first format are what it says, and with what it leaves out") {
  const TemporaryFolder folder;
  const auto file = folder / "p.safetensors";
  auto by_patch = small();
  by_patch.policy = net_policy_spec({2, 3});
  const auto paser = make_paser(by_patch, Key{3});
  save_paser(file, paser, by_patch);
  const auto old = [&](const char* policy, const char* choice) {
    rewrite(file, [&](auto& c) {
      c.info["format"] = "paser/1";
      for (const char* later : {"estimator", "coarse_answer", "policy", "choice"}) c.info.erase(later);
      c.info["samples"] = 7;
      c.info["baseline"] = "mean";
      if (policy) c.info["policy"] = policy;
      if (choice) c.info["choice"] = choice;
    });
    return load_paser(file);
  };
  const auto told = old("patch", "sampled");
  CHECK(told.paser.estimator.spec() == uncertainty::McDropout{7}.spec());
  CHECK(told.paser.coarse_answer == CoarseAnswer::mean);
  CHECK(told.paser.policy.spec() == net_policy_spec({2, 3}, RouteChoice::sampled));
  const auto map = uniform<float>(Key{4}, Shape{1, 16, 24, 2});
  CHECK(same_bits(paser.policy.probabilities(paser.state(map)).probabilities(),
                  told.paser.policy.probabilities(told.paser.state(map)).probabilities()));
  CHECK_THROWS_WITH(old("pixel", nullptr), Contains("reads 'pixel', expected 'image' or 'patch'"));
  CHECK_THROWS_WITH(old("patch", "best"), Contains("'best', expected 'most_probable' or 'sampled'"));

  save_paser(file, make_paser(small(), Key{3}), small());
  CHECK(old(nullptr, nullptr).paser.policy.spec() == net_policy_spec());
}

TEST_CASE("every policy and estimator of the library is saved and comes back with its answers") {
  const TemporaryFolder folder;
  const auto file = folder / "p.safetensors";
  auto paser = make_paser(small(), Key{3});
  const auto images = uniform<float>(Key{4}, Shape{2, 16, 24, 3});
  for (const Policy<float>& policy :
       {Policy<float>(Constant{1}), Policy<float>(Random{}), Policy<float>(EntropyThreshold{{1.0 / 3, 0.9}})}) {
    paser.policy = policy;
    paser.estimator = uncertainty::SoftmaxEntropy{};
    save_paser(file, paser, small());
    const auto [loaded, d] = load_paser(file);
    CHECK(loaded.policy.spec() == policy.spec());
    const auto before = segment(paser, images, {7, 9}, Key{5}), after = segment(loaded, images, {7, 9}, Key{5});
    CHECK(same_bits(before.labels, after.labels));
    CHECK(same_bits(before.answered_by, after.answered_by));
  }
  paser.estimator = uncertainty::Ensemble<float>{{models::UNet<float>(unet(4, 1), Key{8})}};
  save_paser(file, paser, small());
  const auto ensemble = load_paser(file).paser;
  CHECK(same_bits(paser.predict_coarse(images, {7, 9}, Key{5}).probabilities,
                  ensemble.predict_coarse(images, {7, 9}, Key{5}).probabilities));
  rewrite(file, [](auto& c) { c.tensors.erase("estimator/member1.stem.weight"); });
  CHECK_THROWS_AS(load_paser(file), FormatError);
  paser.policy = Oracle{};
  CHECK_THROWS_WITH(save_paser(file, paser, small()), Contains("the policy's spec() names no type"));
}

TEST_CASE("a saved Paser comes back with its description and its answers") {
  const TemporaryFolder folder;
  const auto paser = make_paser(small(), Key{3});
  save_paser(folder / "p.safetensors", paser, small());
  const auto [loaded, d] = load_paser(folder / "p.safetensors");
  CHECK(d.channels == 3);
  CHECK(d.class_names == small().class_names);
  CHECK(d.grid == data::PatchGrid{2, 3});
  CHECK(d.height == 16);
  CHECK(d.width == 24);
  CHECK(d.value_range->high == 4095);
  CHECK(d.info["preset"] == "demo");
  REQUIRE(d.networks.size() == 3);
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(d.networks[k].type == "unet");
    CHECK(nlohmann::json::parse(d.networks[k].json) == nlohmann::json::parse(small().networks[k].json));
  }
  CHECK(loaded.estimator.spec() == uncertainty::McDropout{2}.spec());
  CHECK(loaded.coarse_answer == CoarseAnswer::first_sample);
  CHECK(loaded.policy.spec() == net_policy_spec({1, 1}, RouteChoice::sampled));
  Tensor<float, 4> images({2, 16, 24, 3});
  float* x = images.mutable_data();
  for (Index i = 0; i < images.numel(); ++i) x[i] = static_cast<float>(Key{4}.uniform(static_cast<std::uint64_t>(i)));
  const auto before = segment(paser, images, {7, 9}, Key{5}), after = segment(loaded, images, {7, 9}, Key{5});
  CHECK(same_bits(before.labels, after.labels));
  CHECK(same_bits(before.answered_by, after.answered_by));
  CHECK(same_bits(before.state.map, after.state.map));
  for (std::size_t k = 0; k < 3; ++k) CHECK(same_bits(infer(paser.models[k], images), infer(loaded.models[k], images)));
}

TEST_CASE("a file of the first format, whose networks are UNets without a name, opens") {
  const TemporaryFolder folder;
  const auto paser = make_paser(small(), Key{3});
  save_paser(folder / "p.safetensors", paser, small());
  rewrite(folder / "p.safetensors", [](auto& c) {
    c.info["networks"] = nlohmann::json::parse(R"([
      {"in": 3, "classes": 3, "width": 4, "depth": 1, "dropout": 0.5, "upsampling": "bilinear"},
      {"in": 3, "classes": 3, "width": 6, "depth": 2, "dropout": 0.5, "upsampling": "transposed"},
      {"in": 3, "classes": 3, "width": 8, "depth": 2, "dropout": 0.25, "upsampling": "bilinear"}])");
  });
  const auto loaded = load_paser(folder / "p.safetensors");
  CHECK(loaded.description.networks[1].type == "unet");
  const auto images = uniform<float>(Key{4}, Shape{1, 16, 24, 3});
  const auto before = segment(paser, images, {7}, Key{5}), after = segment(loaded.paser, images, {7}, Key{5});
  CHECK(same_bits(before.labels, after.labels));
  CHECK(same_bits(before.answered_by, after.answered_by));
  save_paser(folder / "again.safetensors", loaded.paser, loaded.description);
  CHECK(io::Checkpoint::load(folder / "again.safetensors").info["networks"][1]["spec"]["width"] == 6);
}

TEST_CASE("the networks, the grid, the estimator and the coarse answer written are the Paser's own") {
  const TemporaryFolder folder;
  auto paser = make_paser(small(), Key{3});
  paser.estimator = uncertainty::SoftmaxEntropy{};
  paser.coarse_answer = CoarseAnswer::mean;
  auto d = small();
  d.grid = {1, 1};
  d.networks.clear();
  save_paser(folder / "p.safetensors", paser, d);
  const auto loaded = load_paser<double>(folder / "p.safetensors");
  CHECK(loaded.description.grid == data::PatchGrid{2, 3});
  CHECK(loaded.description.networks.size() == 3);
  CHECK(loaded.paser.estimator.spec().type == "softmax_entropy");
  CHECK(loaded.paser.coarse_answer == CoarseAnswer::mean);
}

TEST_CASE("a description that does not fit its Paser is refused before anything is written") {
  const TemporaryFolder folder;
  const auto paser = make_paser(small(), Key{3});
  auto d = small();
  d.class_names.pop_back();
  CHECK_THROWS_WITH(save_paser(folder / "p", paser, d), Contains("knows 3 classes, expected 3 channels and 2 classes"));
  d = small();
  d.height = 15;
  CHECK_THROWS_WITH(save_paser(folder / "p", paser, d), Contains("do not divide into 2 x 3 patches"));
  d = small();
  d.networks[2] = unet(8, 4);
  CHECK_THROWS_WITH(make_paser(d, Key{}),
                    Contains("network f3 takes sides of at least 16") && Contains("a patch has 8 x 8"));
  d = small();
  d.networks[1].type = "unett";
  CHECK_THROWS_AS(make_paser(d, Key{}), ValueError);
  CHECK_THROWS_WITH(make_paser(d, Key{}), Contains("network f2: unknown model 'unett', did you mean 'unet'?"));
  d.networks.clear();
  CHECK_THROWS_WITH(make_paser(d, Key{}), Contains("names no network"));
  auto strange = paser;
  strange.models[1] = nn::Conv2d<float>({.in = 3, .out = 3, .kernel = 1}, Key{1});
  CHECK_THROWS_WITH(save_paser(folder / "p", strange, small()),
                    Contains("network f2 does not say how to make it again") && Contains("models::ModelSpec"));
  CHECK_FALSE(std::filesystem::exists(folder / "p"));
}

TEST_CASE("a file that is there is not replaced by a Paser where it is to be kept") {
  const TemporaryFolder folder;
  const auto paser = make_paser(small(), Key{3});
  io::write_file(folder / "mine", "mine");
  CHECK_THROWS_AS(save_paser(folder / "mine", paser, small(), io::Existing::keep), IoError);
  CHECK(io::read_file(folder / "mine") == "mine");
  save_paser(folder / "new", paser, small(), io::Existing::keep);
  CHECK(load_paser(folder / "new").paser.models.size() == 3);
}

TEST_CASE("a file whose parts do not fit is refused with a sentence") {
  const TemporaryFolder folder;
  const auto file = folder / "p.safetensors";
  save_paser(file, make_paser(small(), Key{3}), small());
  const auto refused = [&](const auto& change, const std::string& sentence) {
    save_paser(file, make_paser(small(), Key{3}), small());
    rewrite(file, change);
    CHECK_THROWS_AS(load_paser(file), FormatError);
    CHECK_THROWS_WITH(load_paser(file), Contains(file.string()) && Contains(sentence));
  };
  refused([](auto& c) { c.info = nlohmann::json::object(); }, "holds no description");
  refused([](auto& c) { c.info.erase("classes"); }, "'classes' not found");
  refused([](auto& c) { c.info["grid"] = 4; }, "cannot be read, at 'grid'");
  refused([](auto& c) { c.info["value_range"] = {nullptr, 1}; }, "cannot be read, at 'value_range'");
  refused([](auto& c) { c.info["value_range"] = {0, 1, 2}; }, "'value_range' has 3 numbers, expected 2");
  refused([](auto& c) { c.info["coarse_answer"] = "median"; }, "'median'");
  refused([](auto& c) { c.info["estimator"]["type"] = "mc_dropuot"; }, "did you mean 'mc_dropout'?");
  refused([](auto& c) { c.info["estimator"]["spec"]["samples"] = 0; }, "makes 0 samples");
  refused([](auto& c) { c.info["estimator"]["spec"]["samples"] = 10001; }, "expected 1 .. 10000");
  refused(
      [](auto& c) {
        c.info["estimator"] = {{"type", "ensemble"}, {"spec", {{"members", {c.info["networks"][0]}}}}};
        c.info["estimator"]["spec"]["members"][0]["spec"]["width"] = 60000;
      },
      "there are 0 numbers for its members");
  refused([](auto& c) { c.info["estimator"]["spec"]["samples"] = "many"; }, "'samples' is \"many\"");
  refused([](auto& c) { c.info["policy"]["spec"]["choise"] = "sampled"; }, "did you mean 'choice'?");
  refused([](auto& c) { c.info["policy"]["spec"]["windows"] = {3, 2}; }, "expected 1 x 1 or the 2 x 3 patches");
  refused([](auto& c) { c.info["policy"] = {{"type", "constant"}, {"spec", {{"model", 3}}}}; }, "there are 3");
  refused([](auto& c) { c.info["networks"][0]["spec"]["upsampling"] = "nearest"; }, "network f1: model 'unet'");
  refused([](auto& c) { c.info["networks"][0]["spec"]["classes"] = 4; }, "network f1");
  refused([](auto& c) { c.info["networks"][0]["spec"]["classes"] = 2; }, "network f1 takes 3 channels and knows 2");
  refused([](auto& c) { c.info["networks"][1]["type"] = "pyramid"; }, "network f2: unknown model 'pyramid'");
  refused([](auto& c) { c.info["networks"][1].erase("spec"); }, "'spec' not found");
  refused([](auto& c) { c.info["networks"][1] = 7; }, "network f2: model 'unet': expected an object");
  refused([](auto& c) { c.info["networks"] = nlohmann::json::array(); }, "names no network");
  refused([](auto& c) { c.info["networks"][2]["spec"]["width"] = 60000; }, "'f3' has");
  refused([](auto& c) { c.info["grid"] = {{"rows", 4}, {"columns", 6}}; }, "one for 72 actions");
  refused([](auto& c) { c.tensors.erase("f2/stem.weight"); }, "'f2' has");
  refused([](auto& c) { c.tensors["f4/stem.weight"] = c.tensors["f1/stem.weight"]; },
          "'f4/stem.weight' belongs to nothing");
  refused([](auto& c) { c.tensors["estimator/member1.stem.weight"] = c.tensors["f1/stem.weight"]; },
          "3 networks, the policy 'net' and the estimator 'mc_dropout'");
  refused([](auto& c) { c.info["policy"] = {{"type", "random"}, {"spec", nlohmann::json::object()}}; }, "'policy/");
  refused([](auto& c) { c.info["estimator"]["spec"] = nlohmann::json::object(); }, "'samples'");
  refused([](auto& c) { c.info["classes"][1] = c.info["classes"][0]; }, "two classes have the name");
  refused([](auto& c) { c.info["classes"][1] = std::string(1001, 'x'); },
          "has a name of 1001 bytes, expected at most 1000");
  CHECK_THROWS_AS(load_paser(folder / "none.safetensors"), IoError);
}

TEST_CASE("the operations of a Paser are those of its parts") {
  const auto paser = make_paser(small(), Key{3});
  const auto costs = mac_costs(paser, small());
  CHECK(costs.coarse == static_cast<double>(paser.models[0].count({1, 16, 24, 3}).total()));
  CHECK(costs.estimate == 2 * costs.coarse);
  CHECK(costs.patch.size() == 3);
  CHECK(costs.patch[2] == static_cast<double>(paser.models[2].count({1, 8, 8, 3}).total()));
  const auto& net = paser.policy.as<NetPolicy<float>>()->net;
  CHECK(costs.decide == static_cast<double>(count_operations(net, Shape{1, 16, 24, 2}).total()));
}

TEST_CASE("the paper's networks cost what fvcore counts") {
  PaserDescription d;
  d.class_names = {"pore", "carbon", "particle"};
  d.networks = {UNetSpec{.classes = 3, .width = 8, .depth = 2}, UNetSpec{.classes = 3, .width = 16, .depth = 4},
                UNetSpec{.classes = 3, .width = 64, .depth = 4}};
  d.grid = {4, 4};
  d.height = 224;
  d.width = 256;
  const auto costs = mac_costs(make_paser(d, Key{1}), d);
  CHECK(costs.coarse == 312'639'488);
  CHECK(costs.patch[1] == 142'047'232);
  CHECK(costs.patch[2] == 2'245'648'384);
  CHECK(costs.decide == 254'837'504);
}

TEST_CASE("a file whose networks are wrapped more than eight times is refused before they are made, and not written") {
  const TemporaryFolder folder;
  const auto file = folder / "p.safetensors";
  save_paser(file, make_paser(small(), Key{3}), small());
  const auto wrapped = [](int times) {
    models::ModelSpec spec = UNetSpec{.in = 3, .classes = 3, .width = 4, .depth = 1};
    for (int i = 0; i < times; ++i) spec = {"padded", "{\"multiple\":2,\"model\":" + spec.text() + "}"};
    return spec;
  };
  rewrite(file, [&](auto& checkpoint) { checkpoint.info["networks"][1] = wrapped(9); });
  CHECK_THROWS_AS(load_paser(file), FormatError);
  CHECK_THROWS_WITH(load_paser(file),
                    Contains("p.safetensors: 9 networks are wrapped around another, expected at most 8"));
  rewrite(file, [&](auto& checkpoint) { checkpoint.info["networks"][1] = wrapped(250 / 2); });
  CHECK_THROWS_WITH(load_paser(file), Contains("125 networks are wrapped"));
  auto d = small();
  d.networks[1] = wrapped(8);
  const auto deep = folder / "deep.safetensors";
  save_paser(deep, make_paser(d, Key{3}), d);
  CHECK(models::wrappers_in<nlohmann::json>(load_paser(deep).description.networks[1]) == 8);
  auto paser = make_paser(d, Key{3});
  paser.models[1] = models::Padded<float>(paser.models[1], 2);
  CHECK_THROWS_AS(save_paser(deep, paser, d), ValueError);
}
