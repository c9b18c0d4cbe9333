#include <catch2/catch.hpp>

#include "distributed/thread_link.hpp"
#include "paser/experiment/finish.hpp"
#include "paser/experiment/run_folder.hpp"
#include "support/temporary_folder.hpp"

namespace run_folder_replay_test {

using namespace paser;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using experiment::RunChoice;
namespace fs = std::filesystem;

/// A run of two stages of ten steps.
class Run {
 public:
  Index wrong = -1;  ///< the step of the second stage that is not finite
  Index stop = 100;  ///< after so many steps of a stage it is interrupted
  Index over = 100;  ///< the step of the second stage that has nothing to do
  // Of the last call:
  Index made = 0;        ///< steps
  Index last_with = -1;  ///< the last step that began with replay.json there

  void operator()(const RunChoice& choice = {}) {
    made = 0;
    last_with = -1;
    experiment::RunFolder run(folder / "run", nlohmann::json{{"seed", 1}}, choice, {.program = "train"});
    for (const bool second : {false, true})
      run.run(second ? "f2" : "f1", second ? "f2" : "f1", [&](pipeline::Stage stage) {
        Index here = 0;
        stage.steps = 10;
        stage.callbacks.interrupted = [&] { return ++here == stop; };
        return pipeline::run_stage(stage, pipeline::TrainingState(), [&](Index step) -> std::optional<std::string> {
          ++made;
          if (failed()) last_with = step;
          if (second && step == over) return std::nullopt;
          if (second && step == wrong) throw NotFiniteError("the loss is nan");
          return "";
        });
      });
  }
  bool failed() const { return fs::exists(folder / "run/replay.json"); }

  TemporaryFolder folder;
};

TEST_CASE("the step that was not finite runs again as long as nothing beyond it is stored, and is forgotten then") {
  Run run;
  run.wrong = 6;
  CHECK_THROWS_WITH(run(), Contains("f2, step 7 of 10: the loss is nan") && Contains("--replay"));
  REQUIRE(run.failed());
  CHECK_THROWS_WITH(run({.replay = true}), Contains("f2, step 7 of 10: the loss is nan"));
  CHECK(run.made == 7);
  run.stop = 3;
  CHECK_THROWS_AS(run({.replay = true}), experiment::Interrupted);
  CHECK_THROWS_AS(run(), experiment::Interrupted);  // before that step
  CHECK(run.failed());
  run.wrong = -1;
  SECTION("by the step after it") {
    run.stop = 5;
    CHECK_THROWS_AS(run(), experiment::Interrupted);
    CHECK(run.made == 5);
    CHECK(run.last_with == 6);
  }
  SECTION("by the end of the stage, be it before that step") {
    run.stop = 100;
    run.over = 5;
    CHECK_NOTHROW(run());
    CHECK(run.last_with == 5);
  }
  CHECK_FALSE(run.failed());
  CHECK_THROWS_WITH(run({.replay = true}), Contains("has no replay.json"));
}

TEST_CASE("what a run has stored beyond a step that was not finite is neither trained on by a replay nor lost") {
  Run run;
  run.wrong = 6;
  CHECK_THROWS_AS(run(), NotFiniteError);
  const fs::path file = run.folder / "run/checkpoints/f2.safetensors";
  const auto stored = [&](Index step) {
    io::Checkpoint checkpoint;
    checkpoint.info = {{"stage", "f2"}, {"steps", 10}, {"step", step}, {"made", step}};
    checkpoint.save(file);
  };
  {
    experiment::RunFolder listed(run.folder / "run", nlohmann::json{{"seed", 1}}, {}, {.program = "train"});
    listed.checkpoint_to_write("f2");
  }
  for (const Index step : {7, 10}) {
    stored(step);
    const std::string before = io::read_file(file);
    CHECK_THROWS_WITH(run({.replay = true}), Contains("step 7 of 10 cannot run again"));
    CHECK(run.made == 0);
    CHECK(run.failed());
    CHECK(io::read_file(file) == before);
  }
  SECTION("it goes on") {
    stored(7);
    run();
    CHECK(run.made == 3);
    CHECK(run.last_with == -1);
  }
  SECTION("it is over") {
    run();
    CHECK(run.made == 0);
  }
  CHECK_FALSE(run.failed());
}

TEST_CASE("a replay trains no stage that comes before its own") {
  Run run;
  run.wrong = 6;
  CHECK_THROWS_AS(run(), NotFiniteError);
  fs::remove(run.folder / "run/checkpoints/f1.safetensors");
  CHECK_THROWS_WITH(run({.replay = true}), Contains("f2 cannot run again before the end of f1"));
  CHECK(run.made == 0);
  CHECK_FALSE(fs::exists(run.folder / "run/checkpoints/f1.safetensors"));
}

TEST_CASE("a replay that does not come to its step says so") {
  Run run;
  run.wrong = 6;
  CHECK_THROWS_AS(run(), NotFiniteError);
  run.over = 4;
  CHECK_THROWS_WITH(run({.replay = true}), Contains("f2 is over before step 7 this time"));
  CHECK(run.failed());
}

TEST_CASE("a replay whose stage the run does not come to is no success") {
  Run run;
  run.wrong = 6;
  CHECK_THROWS_AS(run(), NotFiniteError);
  experiment::RunFolder folder(run.folder / "run", nlohmann::json{{"seed", 1}}, {.replay = true}, {.program = "train"});
  CHECK_THROWS_WITH(folder.end_of_replay("f1"),
                    Contains("--replay: f2, whose step 7 is to run again") && Contains("ends with --stage f1"));
  CHECK_THROWS_AS(folder.end_of_replay(), ValueError);
  const auto compare = experiment::compare_stage(folder, "train", {}, [](report::Results&) {
    FAIL("compared");
    return std::vector<report::Sample>{};
  });
  CHECK_THROWS_WITH(compare.run(), EndsWith("is not among the stages of this run"));
  CHECK(run.failed());
}

TEST_CASE("which step runs again is read from a file of the run alone, and is a whole number") {
  Run run;
  const fs::path file = run.folder / "run/replay.json";
  SECTION("somebody else's file") {
    run();
    std::ofstream(file) << "[]";
    CHECK_THROWS_WITH(run({.replay = true}), Contains("has no replay.json"));
  }
  SECTION("the run's own") {
    run.wrong = 6;
    CHECK_THROWS_AS(run(), NotFiniteError);
    const std::string whole = io::read_file(file);
    const auto refused = [&](const std::string& content, const std::string& sentence) {
      CAPTURE(content);
      std::ofstream(file) << content;
      CHECK_THROWS_AS(run({.replay = true}), FormatError);
      CHECK_THROWS_WITH(run({.replay = true}), Contains("replay.json") && Contains(sentence));
    };
    refused("[]", "expected an object with stage and step");
    refused(R"({"step": 6})", "stage");
    refused(R"({"stage": 2, "step": 6})", "stage");
    for (const char* step : {"1e+30", "2.9", "18446744073709551615", "-5", "\"6\"", "null"})
      refused(message(R"({"stage": "f2", "step": )", step, "}"), "expected a whole number, 0 or more");
    refused(R"({"stage": "f2", "step": 9223372036854775807})", "expected a step that can be counted from 1");
    std::ofstream(file) << whole;
    CHECK_THROWS_WITH(run({.replay = true}), Contains("f2, step 7 of 10: the loss is nan"));
  }
}

TEST_CASE("without a replay a run ends as ever") {
  Run run;
  run.wrong = 6;
  CHECK_THROWS_AS(run(), NotFiniteError);
  const experiment::RunFolder folder(run.folder / "run", nlohmann::json{{"seed", 1}}, {}, {.program = "train"});
  CHECK_NOTHROW(folder.end_of_replay("f1"));
}

TEST_CASE("a rank that alone has a step which is not finite says how one process finds it, and one process does") {
  const TemporaryFolder folder;
  const auto begin = [&](const distributed::Team& team, const RunChoice& choice, bool wrong) -> std::string {
    try {
      experiment::RunFolder run(folder / "run", nlohmann::json{{"seed", 1}}, choice, {.program = "train"}, team);
      run.run("f1", "f1", [&](const pipeline::Stage&) {
        if (wrong) throw pipeline::StageNotFiniteError(6, "f1, step 7 of 10: the loss is nan");
        return true;
      });
    } catch (const NotFiniteError& error) {
      return error.what();
    }
    return "";
  };
  const auto ended =
      thread_link::with_ranks(2, [&](const distributed::Team& team) { return begin(team, {}, team.rank() == 1); });
  CHECK(ended[0]->empty());
  CHECK_THAT(*ended[1], Contains("f1, step 7 of 10: the loss is nan; the same command without mpirun comes to it ") &&
                            EndsWith("with --replay says which operation it was"));
  CHECK_FALSE(fs::exists(folder / "run/replay.json"));
  CHECK_THAT(begin({}, {}, true), EndsWith("nan; the same command with --replay says which operation it was"));
  CHECK(experiment::Replay::read(folder / "run/replay.json").step == 6);
}

}  // namespace run_folder_replay_test
