#include "paser/pipeline/training_state.hpp"

#include <catch2/catch.hpp>

#include "paser/models/unet.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "pipeline/toy.hpp"
#include "support/temporary_folder.hpp"

namespace training_state_test {

using namespace paser;
using namespace paser::pipeline;

namespace {

using Net = models::StaticUNet<2, 2, 4, 1>;

/// Every number, flag and text in a stage's state, changed to what it cannot be, is refused by file and field; what is
/// `free`, a number that may be any, is refused where it is of another kind.
template <class Train>
void check_refused(const std::filesystem::path& file, const std::vector<std::string>& free, const Train& train) {
  const auto whole = io::Checkpoint::load(file);
  const nlohmann::json leaves = whole.info.flatten();
  const std::vector<nlohmann::json> odd{-1e40,
                                        -2,
                                        1.5,
                                        1e308,
                                        1e-320,
                                        1000000000000000000,
                                        18446744073709551615u,
                                        true,
                                        "x",
                                        nullptr,
                                        nlohmann::json::array()};
  for (const auto& [pointer, value] : leaves.items()) {
    if (pointer == "/stage" || pointer == "/steps") continue;  // see the test of another stage
    const std::string field = pointer.substr(pointer.rfind('/') + 1);
    const bool is_free = std::ranges::find(free, field) != free.end();
    for (const auto& other : odd) {
      if (other.is_boolean() && value.is_boolean()) continue;
      if (value.is_number_float() && other.is_number() && (is_free || (other >= -1 && other <= 1.5))) continue;
      if (value.is_number_float() && other == -2) continue;
      auto changed = whole;
      changed.info[nlohmann::json::json_pointer(pointer)] = other;
      changed.save(file);
      INFO(pointer << " = " << other.dump());
      CHECK_THROWS_AS(train(), FormatError);
      CHECK_THROWS_WITH(train(), Catch::Contains(file.filename().string()) && Catch::Contains("'" + field + "'"));
    }
  }
  whole.save(file);
}

}  // namespace

TEST_CASE("a checkpoint of another stage or length is refused by name") {
  const TemporaryFolder folder;
  const toy::Set set(8);
  PretrainOptions<float> options;
  options.epochs = 1;
  options.batch = 4;
  models::AnySegmenter<float> model = Net(Key{1});
  Stage stage{.name = "first", .file = folder.path() / "stage.safetensors"};
  REQUIRE(pretrain(model, set, set, options, stage, Key{1}));
  options.epochs = 2;
  CHECK_THROWS_WITH(pretrain(model, set, set, options, stage, Key{1}),
                    Catch::Contains("stage.safetensors") && Catch::Contains("\"first\" with 2 steps") &&
                        Catch::Contains("expected \"first\" with 4"));
  options.epochs = 1;
  stage.name = "second";
  CHECK_THROWS_AS(pretrain(model, set, set, options, stage, Key{1}), FormatError);
}

TEST_CASE("what a stage's checkpoint remembers is refused by file and field where the stage cannot have it") {
  const TemporaryFolder folder;
  const toy::Set set(8);
  PretrainOptions<float> options;
  options.epochs = 3;
  options.batch = 4;
  models::AnySegmenter<float> model = Net(Key{1});
  Stage stage{.name = "first", .file = folder.path() / "stage.safetensors"};
  Index steps = 0;
  stage.callbacks.interrupted = [&] { return ++steps == 3; };
  REQUIRE_FALSE(pretrain(model, set, set, options, stage, Key{1}));
  stage.callbacks.interrupted = {};
  check_refused(stage.file, {"epoch_loss"}, [&] { return pretrain(model, set, set, options, stage, Key{1}); });
  const auto whole = io::Checkpoint::load(stage.file);
  for (const char* field : {"step", "best_iou", "epoch_loss"}) {
    auto without = whole;
    without.info.erase(field);
    without.save(stage.file);
    CHECK_THROWS_WITH(pretrain(model, set, set, options, stage, Key{1}),
                      Catch::Contains("stage.safetensors: '" + std::string(field) + "' is missing"));
  }
  for (const Index step : {-1, 7, 1000000}) {
    auto changed = whole;
    changed.info["step"] = step;
    changed.save(stage.file);
    CHECK_THROWS_WITH(pretrain(model, set, set, options, stage, Key{1}),
                      Catch::Contains(message("'step' is ", step, ", expected a whole number of 0 .. 6")));
  }
  auto list = whole;
  list.info = nlohmann::json::array();
  list.save(stage.file);
  CHECK_THROWS_AS(pretrain(model, set, set, options, stage, Key{1}), FormatError);
  whole.save(stage.file);
  CHECK(pretrain(model, set, set, options, stage, Key{1}));
}

TEST_CASE("what the checkpoints of policy training and fine-tuning remember is refused alike") {
  const TemporaryFolder folder;
  const toy::Set set(16);
  const auto fresh = [] {
    auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
    paser.models[1] = Net(Key{2});
    return paser;
  };
  PolicyOptions<float> policy;
  policy.epochs = 2;
  policy.batch = 8;
  policy.reward = {.lambda = 0.1, .costs = cost_shares({1, 2, 3}), .classes = 2};
  FineTuneOptions<float> tune;
  tune.steps = 4;
  tune.batch = 8;
  tune.policy_learning_rate = 1e-2;
  tune.reward = policy.reward;
  tune.tvd_thresholds = {1e-9, 0.99};
  tune.validate_every = 1;
  Stage stage{.name = "toy", .file = folder.path() / "policy.safetensors"};
  Index steps = 0;
  stage.callbacks.interrupted = [&] { return ++steps == 3; };
  const auto train = [&] {
    auto paser = fresh();
    return train_policy(paser, set, set, policy, stage, Key{5});
  };
  REQUIRE_FALSE(train());
  check_refused(stage.file, {}, train);
  stage.file = folder.path() / "tune.safetensors";
  steps = 0;
  const auto fine_tuning = [&] {
    auto paser = fresh();
    std::vector<Snapshot<float>> snapshots;
    return fine_tune(paser, set, set, tune, stage, Key{6}, snapshots);
  };
  REQUIRE_FALSE(fine_tuning());
  REQUIRE(io::Checkpoint::load(stage.file).info.at("snapshots").size() == 1);
  check_refused(stage.file, {}, fine_tuning);
  auto changed = io::Checkpoint::load(stage.file);
  for (const char* field : {"best", "snapshots"}) {
    auto other = changed;
    other.info[field] = 1;
    other.save(stage.file);
    CHECK_THROWS_WITH(fine_tuning(), Catch::Contains("'" + std::string(field) + "'"));
  }
  changed.tensors.erase("reference");
  changed.save(stage.file);
  CHECK_THROWS_WITH(fine_tuning(), Catch::Contains("the tensor 'reference' is missing"));
}

}  // namespace training_state_test
