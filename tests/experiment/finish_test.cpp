#include "paser/experiment/finish.hpp"

#include <catch2/catch.hpp>

#include "paser/experiment/run_folder.hpp"
#include "paser/models/registered/unet.hpp"
#include "paser/models/unet.hpp"
#include "support/temporary_folder.hpp"

namespace finish_test {

using namespace paser;

models::AnySegmenter<float> unet(std::uint64_t seed) {
  return models::UNet<float>({.in = 1, .classes = 2, .width = 2, .depth = 1, .dropout = 0.5}, Key{seed});
}

TEST_CASE("of two trained PaSeRs that one is named for use which the comparison found best") {
  const TemporaryFolder folder;
  experiment::RunFolder run(folder / "run", nlohmann::json{{"seed", 1}}, {}, {.program = "train"});
  pipeline::PaserDescription d;
  d.channels = 1;
  d.class_names = {"background", "digit"};
  d.height = d.width = 8;
  const pipeline::Paser<float> paser{.models = {unet(1), unet(2)},
                                     .policy = pipeline::Constant{0},
                                     .grid = {2, 2},
                                     .estimator = uncertainty::SoftmaxEntropy{}};
  for (const auto& [file, name] : {std::pair{"paser", "PaSeR"}, std::pair{"paser_tuned", "PaSeR, tuned reward"}}) {
    d.info["name"] = name;
    pipeline::save_paser(run.checkpoint_to_write(file), paser, d);
  }
  report::Results results;
  results.rows = {{.model = "PaSeR", .kind = "paser", .iou = 0.5},
                  {.model = "PaSeR, tuned reward", .kind = "paser", .iou = 0.7},
                  {.model = "f1", .kind = "single", .iou = 0.9}};
  CHECK(experiment::best_trained(results, run) == "paser_tuned");
  results.rows[0].iou = 0.8;
  CHECK(experiment::best_trained(results, run) == "paser");
  results.rows.clear();
  CHECK(experiment::best_trained(results, run) == "paser");
}

}  // namespace finish_test
