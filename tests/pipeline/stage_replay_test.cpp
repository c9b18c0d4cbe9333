#include <catch2/catch.hpp>

#include "paser/pipeline/stage.hpp"
#include "support/temporary_folder.hpp"

namespace stage_replay_test {

using namespace paser;
using Catch::Matchers::Contains;

TEST_CASE("a replay of a step that is behind what is stored is refused before anything is computed") {
  const TemporaryFolder folder;
  Index stop = 5, over = 100, computed = 0;
  const auto run = [&](std::optional<Index> replay) {
    pipeline::Stage stage{.name = "toy", .steps = 10, .file = folder / "stage.safetensors", .replay = replay};
    Index made = 0;
    computed = 0;
    stage.callbacks.interrupted = [&] { return ++made == stop; };
    return pipeline::run_stage(
        stage, pipeline::TrainingState(),
        [&](Index step) -> std::optional<std::string> {
          ++computed;
          if (step == over) return std::nullopt;
          return "";
        },
        [&] { ++computed; });
  };
  REQUIRE_FALSE(run({}));
  const std::string begun = io::read_file(folder / "stage.safetensors");
  for (const Index step : {0, 4}) {
    CHECK_THROWS_AS(run(step), ValueError);
    CHECK_THROWS_WITH(run(step), Contains(message("toy: step ", step + 1, " of 10 cannot run again")) &&
                                     Contains("what is stored lies beyond it, at step 5"));
    CHECK(computed == 0);
  }
  CHECK_THROWS_WITH(run(5), Contains("step 6, which was not finite, is so this time"));
  CHECK(computed == 2);
  CHECK(io::read_file(folder / "stage.safetensors") == begun);
  SECTION("of a stage that is over") {
    stop = 100;
  }
  SECTION("of a stage that was over early") {
    stop = 100;
    over = 7;
  }
  REQUIRE(run({}));
  for (const Index step : {0, 6, 9}) {
    CHECK_THROWS_WITH(run(step), Contains("cannot run again: the stage is over"));
    CHECK(computed == 0);
  }
}

}  // namespace stage_replay_test
