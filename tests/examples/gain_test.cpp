#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "examples/child_process.hpp"
#include "examples/tiny_run.hpp"
#include "paser/io/json.hpp"
#include "support/temporary_folder.hpp"

namespace program_gain_test {

using namespace paser;
using Catch::Contains;

TEST_CASE("train_segmentation is paid by the IoU of the set, of the image, or of the patch") {
  const TemporaryFolder folder;
  tiny_run::write_data(folder / "data");
  std::map<std::string, nlohmann::json> measured;
  for (const std::string gain : {"set", "image", "patch", ""}) {  // the last: the preset's
    const auto run = folder / ("run" + gain);
    const auto ended = run_program(
        folder.path(), tiny_run::command(PASER_TRAIN_SEGMENTATION, folder / "data", run,
                                         gain.empty() ? std::vector<std::string>{} : std::vector{"gain=" + gain}));
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    measured[gain] = io::read_json(run / "measured.json");
    CHECK(io::read_json(run / "results.json")["settings"]["gain"] == (gain.empty() ? "set" : gain));
  }
  CHECK(measured[""]["set"] == measured["set"]["set"]);
  CHECK(measured[""]["gain"] == measured["set"]["gain"]);
  CHECK_FALSE(measured["image"].contains("set"));
  CHECK_FALSE(measured["patch"].contains("set"));
  // f1's answers on the images of stage 2, four patches each: a third of the six.
  CHECK(measured["set"]["set"]["patches"] == 8);
  Index pixels = 0;
  for (const auto& count : measured["set"]["set"]["counts"]) pixels += count.get<Index>();
  CHECK(pixels == 2 * 32 * 32);
  const auto wrong = run_program(
      folder.path(), tiny_run::command(PASER_TRAIN_SEGMENTATION, folder / "data", folder / "wrong", {"gain=most"}));
  CHECK(wrong.status == 2);
  CHECK_THAT(wrong.err, Contains("expected set, image or patch"));
}

}  // namespace program_gain_test
