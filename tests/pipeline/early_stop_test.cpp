#include <catch2/catch.hpp>

#include "distributed/thread_link.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/train_policy.hpp"
#include "pipeline/toy.hpp"
#include "support/in_pieces.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace early_stop {

using Net = models::StaticUNet<2, 2, 4, 1>;

/// The toy's images. With the opposite labels what is learned is wrong, so that the validation on the right ones falls.
struct Images {
  bool opposite;
  toy::Set set{24};

  Index size() const { return set.size(); }
  toy::Batch rows(std::span<const Index> numbers) const { return turned(set.rows(numbers)); }
  toy::Batch range(Index begin, Index end) const { return turned(set.range(begin, end)); }

 private:
  toy::Batch turned(toy::Batch batch) const {
    std::int32_t* const label = batch.labels.mutable_data();
    for (Index i = 0; opposite && i < batch.labels.numel(); ++i) label[i] = 1 - label[i];
    return batch;
  }
};

PretrainOptions<float> options(Index epochs, Index patience) {
  PretrainOptions<float> o;
  o.epochs = epochs;
  o.batch = 8;  // three steps an epoch
  o.learning_rate = 1e-2;
  o.patience = patience;
  return o;
}

/// What a training leaves behind.
struct Trained {
  models::AnySegmenter<float> model = Net(Key{1});
  std::vector<nlohmann::json> log;
  std::string note;

  Index steps() const { return static_cast<Index>(log.size()); }
  std::vector<std::string> stops() const {
    std::vector<std::string> texts;
    for (const auto& record : log)
      if (record.contains("early_stop")) texts.push_back(record["early_stop"]);
    return texts;
  }
};

void listen(Stage& stage, Trained& trained) {
  stage.callbacks.log = [&](const nlohmann::json& record) { trained.log.push_back(record); };
  stage.callbacks.progress = [&](Index, Index, const std::string& note) { trained.note = note; };
}

Trained trained(const PretrainOptions<float>& o, const distributed::Team& team = {}) {
  Trained result;
  Stage stage{.name = "toy", .team = team};
  listen(stage, result);
  check<ValueError>(pretrain(result.model, Images{true}, Images{false}, o, stage, Key{5}), "toy",
                    "was interrupted");  // Catch's own are not for threads
  return result;
}

}  // namespace early_stop

TEST_CASE("a training whose validation only falls ends after as many validations as its patience, at its best state") {
  using namespace early_stop;
  const Trained first = trained(options(1, 0)), stopped = trained(options(9, 2));
  CHECK(stopped.steps() == 3 * 3);
  CHECK(same_state(stopped.model, first.model));
  REQUIRE(stopped.stops().size() == 1);
  CHECK(stopped.stops()[0] == "no better in 2 validations: the stage is over, and its best state is kept");
  CHECK(stopped.log.back().contains("early_stop"));
  CHECK_THAT(stopped.note, Catch::Matchers::Contains(", no better in 2 validations"));
}

TEST_CASE("a patience of one ends a training at the first validation that is no better") {
  using namespace early_stop;
  const Trained stopped = trained(options(9, 1));
  CHECK(stopped.steps() == 3 * 2);
  CHECK(stopped.stops() ==
        std::vector<std::string>{"no better in 1 validation: the stage is over, and its best state is kept"});
}

TEST_CASE("without patience, and with more than there are validations, every step is made") {
  using namespace early_stop;
  const Trained never = trained(options(4, 0)), late = trained(options(4, 4));
  CHECK(never.steps() == 12);
  CHECK(late.steps() == 12);
  CHECK(never.stops().empty());
  CHECK(late.stops().empty());
  CHECK(same_state(never.model, late.model));
}

TEST_CASE("patience counts validations, not epochs") {
  using namespace early_stop;
  auto o = options(12, 2);
  o.validate_every = 2;
  CHECK(trained(o).steps() == 3 * 6);
}

TEST_CASE("a run that was stopped after every step decides as one that was not") {
  using namespace early_stop;
  const TemporaryFolder folder;
  const Trained whole = trained(options(9, 2));
  for (const Index every : {1, 4}) {
    Trained pieces;
    in_pieces(every, folder / message("stage", every, ".safetensors"), [&](Stage stage) {
      pieces.model = Net(Key{1});
      const auto interrupted = stage.callbacks.interrupted;
      listen(stage, pieces);
      return pretrain(pieces.model, Images{true}, Images{false}, options(9, 2), stage, Key{5});
    });
    CHECK(pieces.log == whole.log);
    CHECK(same_state(pieces.model, whole.model));
  }
}

TEST_CASE("a stage that ended early is done when its program starts again") {
  using namespace early_stop;
  const TemporaryFolder folder;
  for (const Index made : {9, 0}) {
    Trained run;
    Stage stage{.name = "toy", .file = folder / "stage.safetensors"};
    listen(stage, run);
    REQUIRE(pretrain(run.model, Images{true}, Images{false}, options(9, 2), stage, Key{5}));
    CHECK(run.steps() == made);
    CHECK(same_state(run.model, trained(options(1, 0)).model));
  }
}

TEST_CASE("the processes of a stage's team share its steps, and end at the same one") {
  using namespace early_stop;
  auto o = options(9, 2);
  o.supervised.micro_batch = o.supervised.part_images = 2;
  const Trained alone = trained(o);
  CHECK(alone.steps() == 9);
  thread_link::Post post;
  for (const auto& rank : thread_link::with_ranks(
           3, [&](const distributed::Team& team) { return trained(o, team); }, post)) {
    CHECK(rank->log == alone.log);
    CHECK(same_state(rank->model, alone.model));
  }
  const Index weights = nn::count_parameters(alone.model);
  CHECK(post.bytes >= sizeof(float) * static_cast<std::size_t>(2 * 2 * weights * alone.steps()));
}

TEST_CASE("the training of a policy that does not change ends too, and resumes to the same decision") {
  using namespace early_stop;
  PolicyOptions<float> o;
  o.epochs = 8;
  o.batch = 32;
  o.learning_rate = 1e-30;
  o.reward = {.lambda = 0.5, .costs = cost_shares({1, 10, 100}), .classes = 2};
  o.patience = 3;
  const TemporaryFolder folder;
  const toy::Set set(96);
  std::vector<nlohmann::json> logs[2];
  auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  Stage stage{.name = "toy"};
  stage.callbacks.log = [&](const nlohmann::json& record) { logs[0].push_back(record); };
  REQUIRE(train_policy(paser, set, set, o, stage, Key{2}));
  in_pieces(2, folder / "stage.safetensors", [&](Stage part) {
    auto again = toy::paser(Key{1}, toy::Skill::one_kind_each);
    part.callbacks.log = [&](const nlohmann::json& record) { logs[1].push_back(record); };
    return train_policy(again, set, set, o, part, Key{2});
  });
  CHECK(logs[0].size() == 3 * 4);
  CHECK(logs[0].back().contains("early_stop"));
  CHECK(logs[1] == logs[0]);
}

TEST_CASE("a stage without an epoch, and a number of epochs or draws that is none, are refused") {
  using namespace early_stop;
  using Catch::Matchers::Contains;
  for (const Index none : {0, -1}) {
    auto o = options(2, 0);
    o.validate_every = none;
    CHECK_THROWS_WITH(trained(o), Contains(message("validates after every ", none, " epochs, expected at least 1")));
    CHECK_THROWS_WITH(trained(options(none, 0)), Contains("needs at least one epoch"));
  }
  const toy::Set set(8);
  const auto train = [&](Index epochs, int draws) {
    PolicyOptions<float> o;
    o.epochs = epochs;
    o.draws = draws;
    o.reward = {.lambda = 0.5, .costs = cost_shares({1, 10, 100}), .classes = 2};
    auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
    return train_policy(paser, set, set, o, Stage{.name = "toy"}, Key{2});
  };
  CHECK_THROWS_WITH(train(0, 0), Contains("toy") && Contains("needs at least one epoch"));
  CHECK_THROWS_WITH(train(1, -1), Contains("-1 draws, expected 0 or more"));
  CHECK(train(1, 1));
}

TEST_CASE("a patience below 0 is refused") {
  using namespace early_stop;
  CHECK_THROWS_WITH(trained(options(1, -1)),
                    Catch::Matchers::Contains("patience -1, expected a number of validations"));
}
