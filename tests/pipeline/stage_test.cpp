#include "paser/pipeline/stage.hpp"

#include <catch2/catch.hpp>

#include "paser/models/unet.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "pipeline/toy.hpp"
#include "support/in_pieces.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace {

using Net = models::StaticUNet<2, 2, 4, 1>;

struct OneWeight {
  Parameter<float, 1> weight;

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("weight", self.weight);
  }
};

}  // namespace

TEST_CASE("pretraining that was interrupted and resumed gives the same bits") {
  const TemporaryFolder folder;
  const toy::Set set(24);
  PretrainOptions<float> options;
  options.epochs = 3;
  options.batch = 8;
  options.learning_rate = 1e-2;
  models::AnySegmenter<float> whole = Net(Key{1});
  REQUIRE(pretrain(whole, set, set, options, Stage{.name = "toy"}, Key{5}));
  models::AnySegmenter<float> pieces = whole;
  in_pieces(2, folder.path() / "stage.safetensors", [&](const Stage& stage) {
    pieces = Net(Key{1});  // a new process knows nothing but the file
    return pretrain(pieces, set, set, options, stage, Key{5});
  });
  CHECK(same_state(whole, pieces));
  CHECK_FALSE(same_state(whole, models::AnySegmenter<float>(Net(Key{1}))));
}

TEST_CASE("a pretraining whose state does not say how many pixels its epoch had goes on, and begins that mean anew") {
  const TemporaryFolder folder;
  const auto file = folder / "stage.safetensors";
  const toy::Set set(24);
  PretrainOptions<float> options;
  options.epochs = 2;
  options.batch = 8;
  options.learning_rate = 1e-2;
  models::AnySegmenter<float> whole = Net(Key{1});
  REQUIRE(pretrain(whole, set, set, options, Stage{.name = "toy"}, Key{5}));
  models::AnySegmenter<float> pieces = Net(Key{1});
  Index steps = 0;
  Stage first{.name = "toy", .file = file};
  first.callbacks.interrupted = [&] { return ++steps >= 2; };
  REQUIRE_FALSE(pretrain(pieces, set, set, options, first, Key{5}));
  auto stored = io::Checkpoint::load(file);
  REQUIRE(stored.info.contains("epoch_pixels"));
  stored.info.erase("epoch_pixels");
  stored.info["epoch_loss"] = 1e6;
  stored.save(file);
  pieces = Net(Key{1});
  std::vector<double> means;
  Stage second{.name = "toy", .file = file};
  second.callbacks.log = [&](const nlohmann::json& r) {
    if (r.contains("epoch_loss")) means.push_back(r["epoch_loss"].get<double>());
  };
  REQUIRE(pretrain(pieces, set, set, options, second, Key{5}));
  CHECK(same_state(whole, pieces));
  REQUIRE(means.size() == 2);
  CHECK(means[0] < 10);
}

namespace {

/// Images whose labels are those of the toy, or the opposite.
struct Opposable {
  toy::Set set;
  bool opposite;
  Index size() const { return set.size(); }
  auto rows(std::span<const Index> numbers) const { return turned(set.rows(numbers)); }
  auto range(Index begin, Index end) const { return turned(set.range(begin, end)); }

 private:
  toy::Batch turned(toy::Batch batch) const {
    std::int32_t* const label = batch.labels.mutable_data();
    for (Index i = 0; opposite && i < batch.labels.numel(); ++i) label[i] = 1 - label[i];
    return batch;
  }
};

}  // namespace

TEST_CASE("a best state from before the interruption is the one that a resumed pretraining keeps") {
  const TemporaryFolder folder;
  const Opposable train{toy::Set(24), true}, validation{toy::Set(24), false};
  PretrainOptions<float> options;
  options.epochs = 4;
  options.batch = 8;
  options.learning_rate = 1e-2;
  std::vector<double> iou;
  Stage stage{.name = "toy"};
  stage.callbacks.log = [&](const nlohmann::json& record) {
    if (record.contains("validation_iou")) iou.push_back(record["validation_iou"]);
  };
  models::AnySegmenter<float> whole = Net(Key{1});
  REQUIRE(pretrain(whole, train, validation, options, stage, Key{5}));
  REQUIRE(iou.size() == 4);
  REQUIRE(std::max_element(iou.begin(), iou.end()) == iou.begin());  // what is learned is wrong
  models::AnySegmenter<float> pieces = whole;
  in_pieces(2, folder.path() / "stage.safetensors", [&](const Stage& part) {
    pieces = Net(Key{1});
    return pretrain(pieces, train, validation, options, part, Key{5});
  });
  CHECK(same_state(whole, pieces));
}

TEST_CASE("policy training and fine-tuning that were interrupted and resumed give the same bits") {
  const TemporaryFolder folder;
  const toy::Set set(24);
  const auto fresh = [] {
    auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
    paser.models[1] = Net(Key{2});
    paser.models[2] = Net(Key{3});
    return paser;
  };
  PolicyOptions<float> policy;
  policy.epochs = 2;
  policy.batch = 8;
  policy.learning_rate = 1e-2;
  policy.reward = {.lambda = 0.1, .costs = cost_shares({1, 2, 3}), .classes = 2};
  FineTuneOptions<float> tune;
  tune.steps = 7;
  tune.batch = 8;
  tune.policy_learning_rate = 1e-2;
  tune.reward = policy.reward;
  tune.lambda_from = 0;
  tune.lambda_to = 1;
  tune.tvd_thresholds = {1e-6, 0.9};

  auto whole = fresh();
  std::vector<Snapshot<float>> snapshots, resumed_snapshots;
  REQUIRE(train_policy(whole, set, set, policy, Stage{.name = "toy"}, Key{5}));
  REQUIRE(fine_tune(whole, set, set, tune, Stage{.name = "toy"}, Key{6}, snapshots));

  auto pieces = fresh();
  in_pieces(2, folder.path() / "policy.safetensors", [&](const Stage& stage) {
    pieces = fresh();
    return train_policy(pieces, set, set, policy, stage, Key{5});
  });
  const auto trained = pieces;
  in_pieces(3, folder.path() / "tune.safetensors", [&](const Stage& stage) {
    pieces = trained;
    return fine_tune(pieces, set, set, tune, stage, Key{6}, resumed_snapshots);
  });
  CHECK(same_state(whole.policy, pieces.policy));
  for (const std::size_t k : {1u, 2u}) CHECK(same_state(whole.models[k], pieces.models[k]));
  REQUIRE(snapshots.size() == resumed_snapshots.size());
  REQUIRE(snapshots.size() >= 1);
  CHECK(snapshots[0].tvd == resumed_snapshots[0].tvd);
  CHECK(same_state(snapshots[0].policy, resumed_snapshots[0].policy));
}

TEST_CASE("a training that was interrupted does not go on with gradients over other parts") {
  const TemporaryFolder folder;
  const toy::Set set(8);
  PretrainOptions<float> options;
  options.epochs = 2;
  options.batch = 4;
  options.supervised.micro_batch = 2;
  models::AnySegmenter<float> model = Net(Key{1});
  Stage stage{.name = "toy", .file = folder.path() / "stage.safetensors"};
  stage.callbacks.interrupted = [] { return true; };
  CHECK_FALSE(pretrain(model, set, set, options, stage, Key{1}));
  options.supervised.micro_batch = 4;
  CHECK_THROWS_WITH(pretrain(model, set, set, options, stage, Key{1}),
                    Catch::Contains("stage.safetensors") && Catch::Contains("added over parts of 2 images") &&
                        Catch::Contains("now over parts of 4") && Catch::Contains("set part_images to 2"));
  options.supervised.part_images = 2;
  CHECK_FALSE(pretrain(model, set, set, options, stage, Key{1}));

  auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  for (std::size_t k = 0; k < 3; ++k) paser.models[k] = Net(Key{2 + k});
  FineTuneOptions<float> tune;
  tune.steps = 3;
  tune.batch = 4;
  tune.reward = {.lambda = 0.1, .costs = cost_shares({1, 2, 3}), .classes = 2};
  tune.small = SupervisedOptions<float>{};
  stage.file = folder.path() / "tune.safetensors";
  std::vector<Snapshot<float>> snapshots;
  CHECK_FALSE(fine_tune(paser, set, set, tune, stage, Key{1}, snapshots));
  auto other = tune;
  other.supervised.micro_batch = 3;
  CHECK_THROWS_AS(fine_tune(paser, set, set, other, stage, Key{1}, snapshots), FormatError);
  other = tune;
  other.small->part_images = 2;
  CHECK_THROWS_AS(fine_tune(paser, set, set, other, stage, Key{1}, snapshots), FormatError);
  tune.supervised.micro_batch = 64;  // a batch is one part as before
  CHECK_FALSE(fine_tune(paser, set, set, tune, stage, Key{1}, snapshots));
}

TEST_CASE("a stage tells what earlier runs have made, and is over when a step has nothing left to do") {
  const TemporaryFolder folder;
  std::vector<std::string> told;
  Index stop_after = 2;
  const auto run = [&] {
    told.clear();
    Index steps = 0;
    Stage stage{.name = "toy", .steps = 10, .file = folder.path() / "stage.safetensors"};
    stage.callbacks.started = [&](Index done, Index total) { told.push_back(message("started ", done, "/", total)); };
    stage.callbacks.progress = [&](Index done, Index total, const std::string& note) {
      told.push_back(message(done, "/", total, " ", note));
    };
    stage.callbacks.interrupted = [&] { return ++steps >= stop_after; };
    return run_stage(
        stage, TrainingState(),
        [](Index step) -> std::optional<std::string> {
          if (step == 3) return std::nullopt;
          return message("step ", step);
        },
        [&] { told.push_back("prepared"); });
  };
  CHECK_FALSE(run());
  CHECK(told == std::vector<std::string>{"prepared", "started 0/10", "1/10 step 0", "2/10 step 1"});
  stop_after = 100;
  CHECK(run());
  CHECK(told == std::vector<std::string>{"prepared", "started 2/10", "3/10 step 2"});
  CHECK(run());
  CHECK(told == std::vector<std::string>{"started 3/3"});
  const auto info = io::Checkpoint::load(folder.path() / "stage.safetensors").info;
  CHECK(info.at("step") == 10);
  CHECK(info.at("made") == 3);
}

TEST_CASE("what a policy needs before its first step is told by images, once") {
  const toy::Set set(12);
  auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  PolicyOptions<float> options;
  options.epochs = 1;
  options.batch = 6;
  options.reward = {.lambda = 0.1, .costs = cost_shares({1, 2, 3}), .classes = 2};
  PolicyCache<float> ground(1, Key{3});
  std::vector<std::string> told;
  Stage stage{.name = "toy"};
  stage.callbacks.preparing = [&](const std::string& part, Index done, Index total) {
    told.push_back(message(part, " ", done, "/", total));
  };
  REQUIRE(train_policy(paser, set, set, options, stage, Key{5}, &ground));
  CHECK(told == std::vector<std::string>{
                    "every network on training images 0/12", "every network on training images 12/12",
                    "every network on validation images 0/12", "every network on validation images 12/12"});
  told.clear();
  REQUIRE(train_policy(paser, set, set, options, stage, Key{5}, &ground));
  CHECK(told.empty());
}

TEST_CASE("the step of a stage that was not finite runs again from what is stored, watched, and stores nothing") {
  const TemporaryFolder folder;
  const auto file = folder / "stage.safetensors";
  bool broken = true;
  OneWeight module;
  auto& weight = module.weight;
  // Squares the weight: 2, 4, 16, 256, 65536, 2^32, 2^64, and then what a float cannot hold.
  const auto run = [&](std::optional<Index> replay, Index stop = 20) {
    weight.value = Tensor<float, 1>::full({1}, 2.0F);
    TrainingState state;
    state.keep("model", module);
    // Only a replay would store often, if it stored.
    Stage stage{.name = "squares", .steps = 20, .file = file, .save_seconds = replay ? -1.0 : 1e9, .replay = replay};
    Index made = 0;
    stage.callbacks.interrupted = [&] { return ++made == stop; };
    return run_stage(stage, state, [&](Index) {
      if (!broken) return std::string();
      TapeContext<float> ctx;
      const auto square = multiply(ctx(weight), ctx(weight));
      ctx.backward(square, Tensor<float, 1>::full({1}, 1.0F));
      check_finite("step", 1, square.value().data(), "the square");
      weight.value = square.value();
      return std::string();
    });
  };
  REQUIRE_FALSE(run({}, 3));
  Index step = -2;
  try {
    run({});
  } catch (const StageNotFiniteError& error) {
    step = error.step;
    CHECK_THAT(error.what(), Catch::Contains("squares, step 7 of 20: step: the square"));
  }
  CHECK(step == 6);
  const auto before = io::read_file(file);
  CHECK_THROWS_WITH(run(6),
                    Catch::Contains("squares, step 7 of 20: forward pass: operation 1 after model.weight was") &&
                        Catch::Contains("has inf"));
  CHECK(io::read_file(file) == before);
  broken = false;
  CHECK_THROWS_WITH(run(6), Catch::Contains("step 7, which was not finite, is so this time"));
  CHECK(io::read_file(file) == before);
}

TEST_CASE("what is not finite before a stage's first step is told as that, and a replay of the first step is another") {
  bool watched = false;
  const auto run = [&](std::optional<Index> replay) {
    OneWeight module;
    TrainingState state;
    state.keep("model", module);
    return run_stage(
        Stage{.name = "squares", .steps = 2, .replay = replay}, state, [](Index) { return std::string(); },
        [&] {
          watched = FiniteWatch::current() != nullptr;
          const float nan = std::numeric_limits<float>::quiet_NaN();
          check_finite("prepare", 1, &nan, "the mean");
        });
  };
  for (const std::optional<Index> replay : {std::optional<Index>{}, {0}, {-1}}) {
    Index step = 7;
    try {
      run(replay);
    } catch (const StageNotFiniteError& error) {
      step = error.step;
      CHECK_THAT(error.what(), Catch::Contains("squares, before its first step: prepare: the mean"));
    }
    CHECK(step == -1);
    CHECK(watched == (replay == -1));
  }
}
