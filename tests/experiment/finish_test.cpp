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

/// Keeps a trained PaSeR of two networks in a run.
void kept(experiment::RunFolder& run, const std::string& file, const nlohmann::json& info) {
  pipeline::PaserDescription d;
  d.channels = 1;
  d.class_names = {"background", "digit"};
  d.height = d.width = 8;
  d.info = info;
  const pipeline::Paser<float> paser{.models = {unet(1), unet(2)},
                                     .policy = pipeline::Constant{0},
                                     .grid = {2, 2},
                                     .estimator = uncertainty::SoftmaxEntropy{}};
  pipeline::save_paser(run.checkpoint_to_write(file), paser, d);
}

TEST_CASE("what is named for use is the PaSeR that the comparison found best, or the network that it advises") {
  const TemporaryFolder folder;
  experiment::RunFolder run(folder / "run", nlohmann::json{{"seed", 1}}, {}, {.program = "train"});
  for (const auto& [file, name] : {std::pair{"paser", "PaSeR"}, std::pair{"paser_tuned", "PaSeR, tuned reward"},
                                   std::pair{"paser_rival1", "segformer B0"}})
    kept(run, file, {{"name", name}});
  report::Results results;
  results.rows = {{.model = "PaSeR", .kind = "paser", .iou = 0.5, .gmac = 1},
                  {.model = "PaSeR, tuned reward", .kind = "paser", .iou = 0.7, .gmac = 1},
                  {.model = "f1", .kind = "single", .iou = 0.6, .gmac = 0.1},
                  {.model = "segformer B0", .kind = "single", .iou = 0.9, .gmac = 2}};
  const auto used = [&] {
    const auto choice = experiment::best_trained(results, run);
    return choice.name + (choice.only.empty() ? "" : " --only " + choice.only);
  };
  CHECK(used() == "paser_tuned");
  results.rows[0].iou = 0.8;
  CHECK(used() == "paser");
  results.rows[2].iou = 0.796;  // as good as PaSeR, and cheaper
  CHECK(used() == "paser --only f1");
  results.rows[3].gmac = 0.05;
  CHECK(used() == "paser_rival1");
  results.rows[3].gmac = 9;
  const auto tuned = [&](const std::string& file, const std::string& name) {
    kept(run, file, {{"name", name}, {"fine_tuned", {"f1", "f2"}}});
  };
  tuned("paser", "PaSeR");  // its f1 is another one than was compared; the other file's is not
  CHECK(used() == "paser_tuned --only f1");
  tuned("paser_tuned", "PaSeR, tuned reward");
  CHECK(used() == "paser --only f1");
  CHECK_THAT(experiment::best_trained(results, run).remark, Catch::Contains("the row 'f1 of PaSeR'"));
  results.rows.clear();
  CHECK(used() == "paser");
  // What others have put there is not this run's, and need not be a model.
  const auto folder_of = run.path() / "checkpoints";
  std::filesystem::copy_file(folder_of / "paser.safetensors", folder_of / "paser.safetensors.bak");
  io::write_file(folder_of / "paser_a.safetensors", "no model");
  std::filesystem::create_directory(folder_of / "paser_folder");
  CHECK(run.trained() == std::vector<std::string>{"paser", "paser_rival1", "paser_tuned"});
  CHECK(used() == "paser");
}

TEST_CASE("a run that keeps one PaSeR says that the network to use was fine-tuned, too") {
  const TemporaryFolder folder;
  experiment::RunFolder run(folder / "run", nlohmann::json{{"seed", 1}}, {}, {.program = "train"});
  kept(run, "paser", {{"name", "PaSeR"}, {"fine_tuned", {"f2"}}});
  report::Results results;
  results.rows = {{.model = "PaSeR", .kind = "paser", .iou = 0.5, .gmac = 1},
                  {.model = "f2", .kind = "single", .iou = 0.6, .gmac = 0.5}};
  const auto choice = experiment::best_trained(results, run);
  CHECK(choice.only == "f2");
  CHECK_THAT(choice.remark, Catch::Contains("the row 'f2 of PaSeR'"));
}

TEST_CASE("the command that uses what was trained can be typed as it stands, whatever the folder is called") {
  const TemporaryFolder folder;
  const auto used = [&](const std::string& name, const std::string& only = "") {
    experiment::RunFolder run(folder / name, nlohmann::json{{"seed", 1}}, {}, {.program = "train"});
    std::ostringstream out;
    experiment::print_files(out, run, {"paser", only});
    const std::string text = out.str();
    const auto at = text.find("paser segment ");
    return text.substr(at, text.find('\n', at) - at);
  };
  const auto checkpoint = [&](const std::string& name) {
    return (folder / name / "checkpoints" / "paser.safetensors").string();
  };
  CHECK(used("run") == "paser segment " + shell_word(checkpoint("run")) + " IMAGES");
  CHECK(used("r r") == "paser segment '" + checkpoint("r r") + "' IMAGES");
  CHECK(used("$HOME", "segformer B0") == "paser segment '" + checkpoint("$HOME") + "' IMAGES --only 'segformer B0'");
}

}  // namespace finish_test
