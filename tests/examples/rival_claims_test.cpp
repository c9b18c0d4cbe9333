#include <catch2/catch.hpp>

#include "examples/child_process.hpp"
#include "examples/tiny_run.hpp"
#include "support/temporary_folder.hpp"

/// Networks that a PaSeR of train_segmentation is compared with, and what is said of them.
namespace rival_claims_test {

using Catch::Matchers::Contains;
namespace fs = std::filesystem;

Outcome train(const TemporaryFolder& folder, const std::vector<std::string>& settings,
              const std::vector<std::string>& more = {}) {
  tiny_run::write_data(folder / "data");
  auto words = tiny_run::command(PASER_TRAIN_SEGMENTATION, folder / "data", folder / "run", settings);
  words.insert(words.end(), more.begin(), more.end());
  return run_program(folder.path(), words);
}

TEST_CASE("each compared network of the paper has a claim, with both IoUs, and MatPhase has the paper's two more") {
  const TemporaryFolder folder;
  const auto ended =
      train(folder, {R"(rivals=[{"type":"unet","spec":{"width":2,"depth":1}},{"type":"matphase","spec":{"width":2}}])",
                     "rival_epochs=[1,1]", "rival_batch=[2,2]", "rival_rate=[1e-3,1e-3]"});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto results = nlohmann::json::parse(content_of(folder / "run" / "results.json"));
  const auto row = [&](const std::string& name) {
    for (const auto& r : results.at("rows"))
      if (r.at("model") == name) return r;
    return nlohmann::json();
  };
  const auto claim = [&](const std::string& text) {
    for (const auto& c : results.at("claims"))
      if (c.at("text").get<std::string>().find(text) != std::string::npos) return c;
    return nlohmann::json();
  };
  const auto mine = row("PaSeR"), matphase = row("MatPhase-like");
  CHECK(claim("IoU/GMAC of unet").is_null());  // of which the paper says nothing
  for (const char* name : {"MatPhase-like"}) {
    const auto said = claim(paser::message("2.74 times the IoU/GMAC of ", name));
    REQUIRE(said.is_object());
    const double ours = mine.at("iou").get<double>() / mine.at("gmac").get<double>();
    const double theirs = row(name).at("iou").get<double>() / row(name).at("gmac").get<double>();
    CHECK(said.at("measured").get<double>() == Approx(ours / theirs).epsilon(1e-9));
    CHECK(said.at("reproduced") == (ours >= 2.74 * theirs));
    CHECK_THAT(said.at("explanation").get<std::string>(), Contains("IoU of PaSeR") && Contains(name));
  }
  CHECK(claim("has at most 9.7 % more IoU than PaSeR").at("measured").get<double>() ==
        Approx(matphase.at("iou").get<double>() / mine.at("iou").get<double>() - 1).epsilon(1e-9));
  CHECK(claim("needs 13.97 times").at("measured").get<double>() ==
        Approx(matphase.at("gmac").get<double>() / mine.at("gmac").get<double>()).epsilon(1e-9));
}

TEST_CASE("a compared network whose batch norms would meet a step of one image is refused before anything is written") {
  const TemporaryFolder folder;
  const std::vector<std::string> settings{
      R"(rivals=[{"type":"deeplabv3plus","spec":{"convention":"vainf","backbone":"mobilenetv2"}}])", "rival_epochs=[1]",
      "rival_batch=[1]", "rival_rate=[1e-3]"};
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--dry-run"}}) {
    const auto ended = train(folder, settings, more);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.err, Contains("rival deeplabv3plus mobilenetv2: ") && Contains("another rival_batch"));
    CHECK_FALSE(fs::exists(folder / "run"));
  }
}

}  // namespace rival_claims_test
