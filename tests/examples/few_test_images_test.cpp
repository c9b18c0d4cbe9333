#include <catch2/catch.hpp>

#include "examples/child_process.hpp"
#include "examples/tiny_run.hpp"
#include "support/temporary_folder.hpp"

/// Trainings whose test images are too few for a statistic.
namespace few_test_images_test {

using Catch::Matchers::Contains;
namespace fs = std::filesystem;

/// All stages and questions, sample_counts as in the presets, with `settings`.
struct Training {
  Training() { tiny_run::write_data(folder / "data"); }

  /// The mask of a test image becomes one without a pixel that counts.
  void ignore(int image) const {
    paser::Tensor<std::uint8_t, 3> mask({32, 32, 1});
    std::fill_n(mask.mutable_data(), mask.numel(), std::uint8_t{255});
    paser::io::write_png(folder / "data" / "test_label" / paser::message("image", image, ".png"), mask);
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
    return nlohmann::json::parse(content_of(folder / "run" / "results.json"));
  }

  TemporaryFolder folder;
  std::string said;
};

/// The statement that a t-test answers.
nlohmann::json of_samples(const nlohmann::json& results) {
  for (const auto& claim : results.at("claims"))
    if (claim.at("text").get<std::string>().find("samples of f1 serve as well") != std::string::npos) return claim;
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
  CHECK_THAT(train.said, Contains("[only compared]  5 samples of f1"));
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

}  // namespace few_test_images_test
