#include <catch2/catch.hpp>
#include <cmath>

#include "paser/models/registered/registered.hpp"
#include "paser/models/unet.hpp"
#include "paser/nn/linear.hpp"
#include "paser/optim/sgd.hpp"
#include "paser/pipeline/evaluate.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "pipeline/toy.hpp"
#include "support/temporary_folder.hpp"

namespace pipeline_not_finite_test {

using namespace paser;
using namespace paser::pipeline;
using Catch::Contains;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

PaserDescription description() {
  PaserDescription d;
  d.channels = 2;
  d.class_names = {"a", "b"};
  for (const Index width : {2, 4, 4})
    d.networks.push_back(models::UNetSpec{.in = 2, .classes = 2, .width = width, .depth = 1});
  d.grid = {1, 1};
  d.height = d.width = 8;
  d.estimator = uncertainty::McDropout{2}.spec();
  return d;
}

/// Writes a value over an element of a named tensor.
template <class Module>
void set(Module& module, const std::string& name, float value, Index at = 0) {
  bool found = false;
  nn::walk(module, [&](const std::string& path, auto& member) {
    if (path != name) return;
    found = true;
    member.value.mutable_data()[at] = value;
  });
  REQUIRE(found);
}

/// The toy set, a pixel of one image of which is given.
struct Spoilt : toy::Set {
  using toy::Set::Set;
  toy::Batch rows(std::span<const Index> which) const {
    toy::Batch b = toy::Set::rows(which);
    for (std::size_t i = 0; i < which.size(); ++i)
      if (which[i] == 3) b.images.mutable_data()[static_cast<Index>(i) * 128 + 5] = nan;
    return b;
  }
};

TEST_CASE("pretraining tells a loss or weights that are not finite, with stage and step") {
  PretrainOptions<float> options;
  options.epochs = 2;
  options.batch = 4;
  models::AnySegmenter<float> model = models::make_segmenter<float>(description().networks[1], Key{1});
  const toy::Set set(8);
  options.learning_rate = 3e38;
  CHECK_THROWS_WITH(pretrain(model, set, set, options, Stage{.name = "pretrain f2"}, Key{5}),
                    Contains("pretrain f2, step 1 of 4") && Contains("updated at the learning rate 3e+38"));
  options.learning_rate = 1e-3;
  model = models::make_segmenter<float>(description().networks[1], Key{1});
  const Spoilt spoilt(8);
  CHECK_THROWS_WITH(pretrain(model, spoilt, Spoilt(3), options, Stage{.name = "f2"}, Key{5}),
                    Contains("f2, step ") && Contains("the loss is nan"));
}

TEST_CASE("a loss that is not finite is not differentiated") {
  for (const float bad : {nan, HUGE_VALF})
    CHECK_THROWS_WITH(value_and_gradients<float>(
                          run::training, {}, [&](auto& ctx) { return ctx.constant(Tensor<float, 1>::full({1}, bad)); }),
                      Contains("value_and_gradients: the loss is "));
}

TEST_CASE("stages 2 and 3 tell weights that are not finite, of experts and of the policy") {
  const toy::Set set(9);
  auto paser = make_paser(description(), Key{2});
  PolicyOptions<float> policy;
  policy.epochs = 2;
  policy.batch = 3;
  policy.reward = {.costs = {0, 0.1, 0.2}, .classes = 2};
  policy.learning_rate = 3e38;
  auto spoilt = paser;
  CHECK_THROWS_WITH(train_policy(spoilt, set, set, policy, Stage{.name = "policy"}, Key{3}),
                    Contains("policy, step 1 of 6") && Contains("learning rate 3e+38"));
  FineTuneOptions<float> tune;
  tune.steps = 4;
  tune.batch = 3;
  tune.reward = policy.reward;
  tune.exploit_from = tune.exploit_to = 0;  // every model gets patches
  tune.explore = rl::ExplorationScope::patch;
  std::vector<Snapshot<float>> snapshots;
  for (const bool experts : {true, false}) {
    spoilt = paser;
    tune.expert_learning_rate = experts ? 3e38 : 1e-4;
    tune.policy_learning_rate = experts ? 1e-4 : 3e38;
    CHECK_THROWS_WITH(fine_tune(spoilt, set, set, tune, Stage{.name = "fine-tune"}, Key{4}, snapshots),
                      Contains("fine-tune, step 1 of 4") && Contains("learning rate 3e+38"));
  }
  tune.expert_learning_rate = tune.policy_learning_rate = 1e-4;
  tune.small = tune.supervised;
  spoilt = paser;
  tune.expert_learning_rate = 3e38;
  CHECK_THROWS_AS(fine_tune(spoilt, set, set, tune, Stage{.name = "fine-tune"}, Key{4}, snapshots), NotFiniteError);
}

TEST_CASE("the state that was stored last stays, and is of the step before the first bad one") {
  const TemporaryFolder folder;
  Stage stage{.name = "toy", .steps = 5, .file = folder / "stage.safetensors", .save_seconds = -1};
  nn::Linear<float> model(2, 1, Key{1});
  optim::Sgd<float> sgd({.learning_rate = 0.1});
  sgd.bind(model);
  TrainingState state;
  state.keep("model", model).keep("sgd", sgd);
  std::vector<float> weights;
  CHECK_THROWS_WITH(run_stage(stage, state,
                              [&](Index i) {
                                Gradients<float> g;
                                g.add(&model.weight, Tensor<float, 1>::full({2}, i == 3 ? nan : 1.f));
                                sgd.step(model, g);
                                weights.push_back(model.weight.value.data()[0]);
                                return std::string();
                              }),
                    Contains("toy, step 4 of 5: Optimizer::step: the gradient of weight has nan"));
  const auto stored = io::Checkpoint::load(stage.file);
  CHECK(stored.info.at("step") == 3);
  nn::Linear<float> loaded(2, 1, Key{2});
  stored.get("model", loaded);
  CHECK(loaded.weight.value.data()[0] == weights.at(2));
}

TEST_CASE("weights that are not finite are neither saved nor loaded; an older file stays") {
  const TemporaryFolder folder;
  const auto file = folder / "p.safetensors";
  const auto good = make_paser(description(), Key{2});
  save_paser(file, good, description());
  for (const float bad : {nan, HUGE_VALF, -HUGE_VALF}) {
    auto paser = good;
    set(paser.models[2], "head.bias", bad, 1);
    CHECK_THROWS_AS(save_paser(file, paser, description()), NotFiniteError);
    CHECK_THROWS_WITH(save_paser(file, paser, description()),
                      Contains("f3/head.bias has") && Contains("position 1 of 2"));
    CHECK_NOTHROW(load_paser(file));
    auto policy = good;
    set(policy.policy, "head.bias", bad);
    CHECK_THROWS_WITH(save_paser(file, policy, description()), Contains("policy/head.bias has"));

    auto checkpoint = io::Checkpoint::load(file);
    checkpoint.tensors["f3/head.bias"] = io::RawTensor::of(Tensor<float, 1>::from({2}, {0, bad}));
    const auto spoilt = folder / "spoilt.safetensors";
    checkpoint.save(spoilt);
    CHECK_THROWS_AS(load_paser(spoilt), NotFiniteError);
    CHECK_THROWS_WITH(load_paser(spoilt), Contains("spoilt.safetensors: 'f3': head.bias has"));
  }
}

TEST_CASE("a stored number that float cannot hold is not loaded as infinity") {
  const TemporaryFolder folder;
  const auto file = folder / "p.safetensors";
  save_paser(file, make_paser(description(), Key{2}), description());
  auto checkpoint = io::Checkpoint::load(file);
  checkpoint.tensors["f2/head.bias"] = io::RawTensor::of(Tensor<double, 1>::from({2}, {0.0, 1e300}));
  checkpoint.save(file);
  CHECK_THROWS_WITH(load_paser(file), Contains("f2/head.bias") && Contains("element 1 is 1e+300, which is too large"));
  CHECK_THROWS_AS(load_paser(file), FormatError);
}

TEST_CASE("an image with a NaN pixel and a network that overflows give no labels") {
  const auto paser = make_paser(description(), Key{2});
  auto batch = toy::Set(2).range(0, 2);
  const Key key{7};
  CHECK_NOTHROW(segment(paser, batch.images, batch.ids, key));
  auto pixel = batch.images;
  pixel.mutable_data()[130] = nan;
  CHECK_THROWS_WITH(segment(paser, pixel, batch.ids, key),
                    Contains("the images (2,8,8,2) has nan at position 130 of 256"));
  CHECK_THROWS_AS(predict(paser.models[1], pixel), NotFiniteError);
  CHECK_THROWS_AS(argmax_channels(infer(paser.models[1], pixel)), NotFiniteError);
  CHECK_THROWS_AS(paser.predict_coarse(pixel, batch.ids, key), NotFiniteError);
  for (const std::int32_t k : {0, 1, 2}) {
    auto large = paser;
    nn::walk(large.models[static_cast<std::size_t>(k)], [](const std::string& path, auto& member) {
      if (path == "head.weight") std::fill_n(member.value.mutable_data(), member.value.numel(), 3e38f);
    });
    INFO(k);
    CHECK_THROWS_WITH(segment(large, Constant{k}, batch.images, batch.ids, key),
                      Contains(message("the answer of network f", k + 1)) && Contains("inf"));
    if (k > 0) continue;
    CHECK_THROWS_WITH(large.predict_coarse(batch.images, batch.ids, key), Contains("the answer of network f1: "));
    CHECK_THROWS_WITH(segment(large, batch.images, batch.ids, key), Contains("the answer of network f1: "));
  }
}

TEST_CASE("a network of an ensemble that overflows is told by its number") {
  auto paser = make_paser(description(), Key{2});
  const auto batch = toy::Set(2).range(0, 2);
  paser.estimator = uncertainty::Ensemble<float>{.members = {paser.models[0], paser.models[0], paser.models[0]}};
  CHECK_NOTHROW(paser.predict_coarse(batch.images, batch.ids, Key{7}));
  nn::walk(paser.estimator, [](const std::string& path, auto& member) {
    if (path == "member2.head.weight") std::fill_n(member.value.mutable_data(), member.value.numel(), 3e38f);
  });
  CHECK_THROWS_WITH(paser.predict_coarse(batch.images, batch.ids, Key{7}),
                    Contains("the answer of network f1: member 2 of the ensemble: ") && Contains("inf"));
}

}  // namespace pipeline_not_finite_test
