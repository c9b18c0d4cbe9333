#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "examples/child_process.hpp"
#include "experiment/tiny_cityscapes.hpp"

namespace cityscapes_test {

using Catch::Matchers::Contains;
namespace fs = std::filesystem;

/// A UNet, a SegFormer that answers at a quarter of the size, a DeepLabV3+ that takes multiples of 16 pixels: tiny
/// ones.
const char* const networks =
    R"(networks=[{"type":"unet","spec":{"width":2,"depth":1}},)"
    R"({"type":"segformer","spec":{"depths":[1,1,1,1],"widths":[4,4,8,8],"heads":[1,1,1,1],"decoder_width":4}},)"
    R"({"type":"deeplabv3plus","spec":{"convention":"smp","backbone":"mobilenetv2","width":8,"head_width":8,)"
    R"("low_width":4}}])";

TEST_CASE("the preset cityscapes: networks of three families in all stages, the report, evaluate and segment_image") {
  const tiny::Cityscapes set;
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  std::vector<std::string> words{PASER_TRAIN_SEGMENTATION,
                                 "--data",
                                 set.root().string(),
                                 "--preset",
                                 "cityscapes",
                                 "--out",
                                 run.string(),
                                 "--threads",
                                 "1"};
  for (const char* setting : {networks, "split=all", "grid=[1,3]", "fit=crop", "size=[64,120]",
                              "pretrain_epochs=[1,1,1]", "policy_epochs=1", "fine_tune_epochs=1", "lambdas=[]",
                              "costs=[]", "budget_gmac=0", "budget_ms=0", "sample_counts=[]", "samples=2"})
    words.insert(words.end(), {"--set", setting});
  const auto trained = run_program(folder.path(), words);
  INFO(trained.err);
  REQUIRE(trained.status == 0);
  CHECK_THAT(trained.err, Contains("3 to train on; 1 of the training images for validation") && Contains("motorcycle"));
  const auto results = nlohmann::json::parse(content_of(run / "results.json"));
  CHECK(results["models"] == nlohmann::json({"f1", "f2", "f3"}));
  CHECK(results["images"].size() == 2);
  CHECK_THAT(content_of(run / "report.html"), Contains("lindau_000001_000019"));

  const auto info =
      nlohmann::json::parse(run_program(folder.path(), {PASER_COMMAND, "info", run.string(), "--json"}).out);
  CHECK(info["networks"].size() == 3);
  CHECK_THAT(info["networks"].dump(), Contains("segformer") && Contains("deeplabv3plus") && Contains("padded"));
  const auto evaluated = run_program(folder.path(), {PASER_EVALUATE, run.string(), "--json", "--quiet"});
  INFO(evaluated.err);
  REQUIRE(evaluated.status == 0);
  const auto segmented =
      run_program(folder.path(), {PASER_SEGMENT_IMAGE, run.string(), (set.root() / "leftImg8bit/val/lindau").string(),
                                  "--out", (folder / "out").string(), "--write", "mask", "--quiet"});
  INFO(segmented.err);
  CHECK(segmented.status == 0);
  CHECK(names_in(folder / "out").size() == 2);
  const auto checked =
      run_program(folder.path(), {PASER_COMMAND, "check", set.root().string(), "--masks", "cityscapes", "--quiet"});
  INFO(checked.out);
  CHECK(checked.status == 0);
  CHECK_THAT(checked.out, Contains("train\n") && Contains("test\n") && Contains("sidewalk"));
  const auto dry = nlohmann::json::parse(run_program(folder.path(), {PASER_COMMAND, "check", set.root().string(),
                                                                     "--masks", "cityscapes", "--dry-run", "--json"})
                                             .out);
  nlohmann::json pairs;  // though the masks' folders hold pictures of other kinds too
  for (const auto& read : dry["reads"])
    if (read.contains("files")) pairs.push_back(read["files"]);
  CHECK(pairs == nlohmann::json({4, 2}));
}

}  // namespace cityscapes_test
