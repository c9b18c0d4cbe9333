#include <catch2/catch.hpp>
#include <cstdlib>

#include "examples/child_process.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/report/results_file.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;

/// A run of every stage on a few images; `settings` come last, so that they win.
std::vector<std::string> tiny_mnist(const std::filesystem::path& run, const std::vector<std::string>& settings) {
  std::vector<std::string> words{PASER_TRAIN_NOISY_MNIST, "--out", run.string(), "--threads", "1"};
  for (const char* setting :
       {"pretrain_images=[12,12,6]", "pretrain_epochs=[1,1,1]", "policy_images=12", "policy_epochs=2", "policy_batch=6",
        "fine_tune_images=12", "fine_tune_steps=4", "fine_tune_batch=6", "validation_images=6", "test_images=9",
        "widths=[4,6,8]", "depths=[1,2,2]"})
    words.insert(words.end(), {"--set", setting});
  for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
  return words;
}

TEST_CASE("a run on noisy MNIST tells what it will do, shows every stage, and ends with what is where") {
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  const TemporaryFolder folder;
  const auto run = folder / "run";
  const std::vector<std::string> words =
      tiny_mnist(run, {"tvd=[1e-9]", R"(rivals=[{"type":"unet","spec":{"width":2,"depth":1}}])", "rival_epochs=[2]",
                       "rival_batch=[6]", "rival_rate=[1e-3]"});
  const auto [status, out, err] = run_program(folder.path(), words);
  INFO(out << err);
  REQUIRE(status == 0);
  CHECK_THAT(err, Contains("preset demo, 7 stages, ") && Contains(":\n  f1   ") && Contains("Ctrl-C stops"));
  CHECK_THAT(out, Contains("ms/image: median [quartiles]") && Contains("ms: median of 7 runs on a batch of 9 test"));
  CHECK_THAT(out, Contains((run / "report.html").string()) &&
                      Contains((run / "checkpoints" / "paser_tvd0.safetensors").string()));
  for (const std::string part :
       {"pretrain f1  1 step", "pretrain f2  ", "pretrain f3  ", "policy: every network on training images  12 images",
        "policy  4 steps", "fine-tune  1 of 4 steps", "rival unet  18 steps", "compare: f1  9 images",
        "compare: unet  9 images", "compare: thresholds of the cascade  441",
        "compare: PaSeR on validation images  6 images", "compare: every network on test images  9 images",
        "compare: times of all methods in turn  80 runs"}) {
    INFO(part);
    CHECK_THAT("\n" + err, Contains("\n" + part));
  }
  const auto results = report::read_results(run / "results.json");
  for (const report::Row& row : results.rows) {
    INFO(row.model);
    CHECK(row.ms_spread.has_value() == (row.kind != "bound"));
  }
  CHECK(std::ranges::count(results.rows, std::string("unet"), &report::Row::model) == 1);
  CHECK(results.parameters.at("unet") > 0);
  CHECK(std::ranges::find(results.rows, std::string("unet"), &report::Row::model)->share.empty());
  CHECK_THAT(results.advice, Contains("PaSeR") && Contains("on 9 test images"));
  CHECK_THAT(out, Contains("\nAdvice         " + results.advice + "\n"));
  CHECK(results.stages.at(4).steps == 1);
  CHECK(results.stages.at(4).planned == 4);
  const auto kept = pipeline::load_paser(run / "checkpoints" / "paser_tvd0.safetensors").description;
  const auto large = nlohmann::json::parse(kept.networks.at(2).json);
  CHECK(large["width"] == 8);
  CHECK(large["depth"] == 2);
  const auto samples = std::distance(std::filesystem::directory_iterator(run / "samples" / "images"), {});
  CHECK(samples >= 3);
  const auto scored = run_program(
      folder.path(), {PASER_COMMAND, "evaluate", (run / "checkpoints" / "paser_tvd0.safetensors").string(), "--images",
                      (run / "samples" / "images").string(), "--masks-folder", (run / "samples" / "masks").string(),
                      "--masks", "0:0,255:1", "--part", "all", "--json"});
  INFO(scored.err);
  REQUIRE(scored.status == 0);
  CHECK(nlohmann::json::parse(scored.out)["images"] == samples);

  auto uneven = words;
  uneven.insert(uneven.end(), {"--set", "widths=[4,6]"});
  const auto two = run_program(folder.path(), uneven);
  CHECK(two.status == 2);
  CHECK_THAT(two.err, Contains("of the same two or more networks"));

  const auto again = run_program(folder.path(), words);
  CHECK(again.status == 0);
  CHECK_THAT(again.err, Contains("goes on"));
  CHECK_THAT(again.err, Contains("policy  4 steps, made in an earlier run\nfine-tune  1 steps, made"));

  auto until = words;
  until.insert(until.end(), {"--stage", "f4"});
  const auto refused = run_program(folder.path(), until);
  CHECK(refused.status == 2);
  CHECK_THAT(refused.err, Contains("unknown stage 'f4'"));
  until.back() = "f1";
  CHECK_THAT(run_program(folder.path(), until).err, Contains("1 stage, ") && !Contains("\npolicy"));
  until.back() = "rival1";
  CHECK_THAT(run_program(folder.path(), until).err, Contains("6 stages, ") && !Contains("compare:"));

  for (const std::string wrong : {"policy_epoch=3", "policy_epochs=many", "=3"})
    CHECK(run_program(folder.path(), {PASER_TRAIN_NOISY_MNIST, "--out", run.string(), "--set", wrong}).status == 2);
}

/// What the page of a run says of the paper's statements.
std::vector<report::Claim> claims_with(const std::string& tvd) {
  const TemporaryFolder folder;
  const auto [status, out, err] = run_program(folder.path(), tiny_mnist(folder / "run", {"tvd=" + tvd}));
  INFO(out << err);
  REQUIRE(status == 0);
  return report::read_results(folder / "run" / "results.json").claims;
}

TEST_CASE("the paper's IoU stands beside a distance that the paper has, and a loss beside what was compared") {
  const auto find = [](const std::vector<report::Claim>& claims, const std::string& text) {
    return std::ranges::find_if(claims, [&](const report::Claim& c) { return c.text.starts_with(text); });
  };
  const std::string loss = "The further the policy may move";
  const auto none = claims_with("[]");
  CHECK(find(none, "PaSeR (TVD 0 %): IoU")->paper == 0.8432);
  CHECK(find(none, loss) == none.end());
  const auto tenth = claims_with("[0.1]");
  CHECK(find(tenth, "PaSeR (TVD 10 %): IoU")->paper == 0.8231);
  CHECK(find(tenth, loss)->paper == Approx(0.8432 - 0.8231));
  CHECK(find(tenth, loss)->reproduced.has_value());
  const auto other = claims_with("[0.05,0.2]");
  CHECK(find(other, "PaSeR (TVD 5 %): IoU")->paper == 0.8328);
  CHECK_FALSE(find(other, "PaSeR (TVD 20 %): IoU")->paper);
  CHECK_FALSE(find(other, loss)->paper);
  CHECK_FALSE(find(other, loss)->reproduced);
}

TEST_CASE("patience ends a rival, and PaSeR is above the others only where a test says so") {
  const TemporaryFolder folder;
  const auto [status, out, err] = run_program(
      folder.path(),
      tiny_mnist(folder / "run", {"tvd=[]", "patience=1", "rival_epochs=[40]", "rival_batch=[54]",
                                  R"(rivals=[{"type":"unet","spec":{"width":2,"depth":1}}])", "rival_rate=[1e-9]"}));
  INFO(out << err);
  REQUIRE(status == 0);
  const auto results = report::read_results(folder / "run" / "results.json");
  const auto rival = std::ranges::find_if(results.stages, [](const auto& s) { return s.stage == "rival unet"; });
  REQUIRE(rival != results.stages.end());
  CHECK(rival->steps < rival->planned);
  const auto above =
      std::ranges::find_if(results.claims, [](const auto& c) { return c.text.starts_with("PaSeR's IoU"); });
  REQUIRE(above != results.claims.end());
  CHECK_THAT(above->explanation, Contains("by a t-test on 9 test images") || Contains("equal on all 9"));
  const auto at = above->explanation.find("p = ");
  const double p = at == std::string::npos ? 1 : std::stod(above->explanation.substr(at + 4));
  CHECK(above->reproduced == (*above->measured > 0 && p < 0.05));
}

TEST_CASE("digits of another size than MNIST's are refused by their file, before anything is written") {
  const TemporaryFolder folder;
  const auto number = [](std::uint32_t n) {
    return std::string{static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                       static_cast<char>(n)};
  };
  const auto write = [&](const std::string& part, std::uint32_t height, std::uint32_t width) {
    constexpr std::uint32_t digits = 60;
    io::write_file(
        folder / (part + "-images-idx3-ubyte"),
        number(0x803) + number(digits) + number(height) + number(width) + std::string(digits * height * width, '\x80'));
    io::write_file(folder / (part + "-labels-idx1-ubyte"), number(0x801) + number(digits) + std::string(digits, '\1'));
  };
  const auto refused = [&](const std::string& file, const std::string& size) {
    const auto run = folder / "run";
    auto words = tiny_mnist(run, {});
    words.insert(words.end(), {"--mnist", folder.path().string()});
    const auto [status, out, err] = run_program(folder.path(), words);
    INFO(out << err);
    CHECK(status == 2);
    CHECK_THAT(err, Contains((folder / file).string() + ": digits of " + size + " pixels, expected 28 x 28"));
    CHECK_FALSE(std::filesystem::exists(run));
  };
  write("train", 60, 60);
  write("t10k", 60, 60);
  refused("train-images-idx3-ubyte", "60 x 60");
  write("train", 28, 28);
  write("t10k", 20, 28);
  refused("t10k-images-idx3-ubyte", "20 x 28");
}
