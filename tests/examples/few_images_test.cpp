#include <catch2/catch.hpp>

#include "examples/child_process.hpp"
#include "examples/tiny_run.hpp"
#include "support/temporary_folder.hpp"

/// Trainings whose images are too few for a statistic.
namespace few_images_test {

using Catch::Matchers::Contains;
namespace fs = std::filesystem;

/// All stages and questions, sample_counts as in the presets, with `settings`.
struct Training {
  Training() { tiny_run::write_data(folder / "data"); }

  /// The mask of an image becomes one without a pixel that counts.
  void ignore(int image, const char* part = "test") const {
    paser::Tensor<std::uint8_t, 3> mask({32, 32, 1});
    std::fill_n(mask.mutable_data(), mask.numel(), std::uint8_t{255});
    paser::io::write_png(folder / "data" / (std::string(part) + "_label") / paser::message("image", image, ".png"),
                         mask);
  }
  nlohmann::json operator()(std::vector<std::string> settings) {
    settings.insert(settings.begin(), {"sample_counts=[2,3]", "noise=0.05", "noise_epochs=[1,1]", "lambdas=[0]",
                                       "masks=0:0,1:1,2:2,255:ignore"});
    const auto ended = run_program(
        folder.path(), tiny_run::command(PASER_TRAIN_SEGMENTATION, folder / "data", folder / "run", settings));
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    CHECK(fs::exists(folder / "run" / "report.html"));
    said = ended.out;
    return results();
  }

  /// Networks and routers, of the first three training images.
  Outcome router(std::vector<std::string> settings) const {
    for (const int image : {3, 4, 5})
      for (const char* kind : {"train_images", "train_label"})
        fs::remove(folder / "data" / kind / paser::message("image", image, ".png"));
    std::vector<std::string> words{
        PASER_TRAIN_ROUTER, "--out", (folder / "run").string(), "--data", (folder / "data").string(), "--threads", "1"};
    settings.insert(settings.begin(),
                    {"masks=0:0,1:1,2:2,255:ignore", "widths=[2,4]", "depths=[1,2]", "grid=[2,2]", "epochs=[3,2]",
                     "folds=0", "router_share=0.6", "router_epochs=3", "resamples=20", "router_members=1"});
    for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
    return run_program(folder.path(), words);
  }
  nlohmann::json results() const { return nlohmann::json::parse(content_of(folder / "run" / "results.json")); }

  TemporaryFolder folder;
  std::string said;
};

/// The statement that a t-test answers.
nlohmann::json of_samples(const nlohmann::json& results) {
  for (const auto& claim : results.at("claims"))
    if (claim.at("text").get<std::string>().find(" of f1 serve") != std::string::npos) return claim;
  return {};
}

TEST_CASE("a training with one test image ends with its results, and tells that there is no test") {
  Training train;
  const bool ignored = GENERATE(false, true);
  std::vector<std::string> settings;
  if (ignored)
    for (const int image : {0, 2}) train.ignore(image);
  else
    settings.emplace_back("test_images=1");
  const auto results = train(settings);
  REQUIRE(results.at("box_plots").size() == 2);
  const auto& iou = results["box_plots"][0];
  CHECK(iou.at("groups").size() == 2);
  CHECK_FALSE(iou.contains("test"));
  CHECK_THAT(iou.at("note").get<std::string>(), Contains("one image: no test"));
  CHECK(results["box_plots"][1].contains("test") == ignored);  // entropy is of every image
  const auto claim = of_samples(results);
  REQUIRE(claim.is_object());
  CHECK_FALSE(claim.contains("reproduced"));
  CHECK_FALSE(claim.contains("measured"));
  CHECK_THAT(claim.at("explanation").get<std::string>(), Contains("not known"));
  CHECK_THAT(train.said, Contains("[only compared]  2 samples of f1 serve as well as 3"));
}

TEST_CASE("the statement of samples is of the least and the most that were asked for, in whatever order") {
  Training train;
  const auto results = train({"sample_counts=[3,1,2]"});
  const auto& iou = results.at("box_plots").at(0);
  CHECK(iou.at("groups").at(0).at("name") == "3 samples");
  CHECK(iou.at("test").at("name") == "Welch's t-test, 1 against 3 samples");
  const auto claim = of_samples(results);
  REQUIRE(claim.is_object());
  CHECK(claim.at("text") == "1 sample of f1 serves as well as 3");
  CHECK(claim.at("measured") == iou["test"].at("p"));
}

TEST_CASE("a training whose test images have no pixel that counts ends with its results") {
  Training train;
  for (const int image : {0, 1}) train.ignore(image);
  const auto results = train({"test_images=2"});
  REQUIRE(results.at("box_plots").size() == 1);
  CHECK(results["box_plots"][0].at("unit") == "nats, mean of an image");
  CHECK(results.at("claims").size() > 4);
  for (const auto& claim : results["claims"])
    if (claim.at("text").get<std::string>().find("needs ten times its MACs") == std::string::npos)
      CHECK_FALSE(claim.contains("reproduced"));
  CHECK_THAT(results.at("advice").get<std::string>(), Contains("nothing is known"));
}

TEST_CASE("train_router knows nothing of routing by one file, and does not call that nothing to route") {
  const Training train;
  train.ignore(1, "train");  // of the two that routers learn from
  const auto ended = train.router({});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(train.results().at("unseen").at("groups") == 1);
  CHECK(train.results()["unseen"].at("verdict") == "nothing is known: one file");
  CHECK_THAT(ended.out, Contains("(no interval): nothing is known: one file") && Contains("says nothing of others") &&
                            !Contains("ship f1") && !Contains("nothing to route"));
}

TEST_CASE("train_router ends with its results where no pixel of the test images counts") {
  const Training train;
  for (const int image : {0, 1}) train.ignore(image);
  const auto ended = train.router({"test_images=2"});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto results = train.results();
  CHECK(results.at("verdict") == "nothing is known: no pixel was counted");
  CHECK(results.at("floor").at(0).at("resplits") == 0);
  CHECK_THAT(ended.out, !Contains(" resplits of the test files"));
  CHECK(fs::exists(train.folder / "run" / "report.html"));
  CHECK_FALSE(fs::exists(train.folder / "run" / "curve.svg"));
}

TEST_CASE("train_router refuses training files of which none of one kind counts, before it trains") {
  const Training train;
  for (const int image : {1, 2}) train.ignore(image, "train");
  const auto ended = train.router({});
  CHECK(ended.status == 2);
  CHECK_THAT(ended.err, Contains("no pixel of the 2 training files for the routers counts"));
  CHECK_FALSE(fs::exists(train.folder / "run" / "config.json"));
}

TEST_CASE("train_router refuses a batch that leaves a batch norm one image of a fold, before it trains") {
  const Training train;
  const auto ended = train.router(
      {"folds=2", "batch=[3,3]",
       R"(networks=[{"type":"deeplabv3plus","spec":{"convention":"vainf","backbone":"mobilenetv2","width":8}},)"
       R"({"type":"unet","spec":{"width":2,"depth":1}}])"});
  CHECK(ended.status == 2);
  CHECK_THAT(ended.err, Contains("f1, images outside of fold 1: ") && Contains("There is one training image"));
  CHECK_FALSE(fs::exists(train.folder / "run" / "config.json"));
}

}  // namespace few_images_test
