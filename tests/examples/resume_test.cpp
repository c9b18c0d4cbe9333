#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "examples/child_process.hpp"
#include "paser/io/checkpoint.hpp"
#include "paser/io/image.hpp"
#include "paser/report/log.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
namespace fs = std::filesystem;

namespace {

/// Noisy images of 32 x 32 with three bands, and their masks, in the layout of the authors' data.
void write_data(const fs::path& root) {
  std::uint64_t number = 0;
  for (const auto& [part, count] : {std::pair{"train", 12}, {"validation", 3}, {"test", 3}}) {
    const fs::path images = root / (std::string(part) + "_images"), masks = root / (std::string(part) + "_label");
    fs::create_directories(images);
    fs::create_directories(masks);
    for (int i = 0; i < count; ++i) {
      const Key key = Key{9}.fold(number++);
      const Index first = 6 + key.uniform_int(5000, 8), second = 18 + key.uniform_int(5001, 8);
      Tensor<std::uint8_t, 3> image({32, 32, 1}), mask({32, 32, 1});
      std::uint8_t *to = image.mutable_data(), *label = mask.mutable_data();
      for (Index p = 0; p < 32 * 32; ++p) {
        const int c = p % 32 < first ? 0 : p % 32 < second ? 1 : 2;
        label[p] = static_cast<std::uint8_t>(c);
        to[p] = static_cast<std::uint8_t>(40 + 60 * c + key.uniform_int(static_cast<std::uint64_t>(p), 70));
      }
      io::write_png(images / (message("image", i) + ".png"), image);
      io::write_png(masks / (message("image", i) + ".png"), mask);
    }
  }
}

/// A run of train_segmentation with all stages, each of a few dozen steps. Nothing in it depends on measured times.
struct Trainer {
  fs::path data, run;

  std::vector<std::string> words() const {
    std::vector<std::string> w{
        PASER_TRAIN_SEGMENTATION, "--data", data.string(), "--out", run.string(), "--preset", "demo", "--threads", "1"};
    for (const char* setting : {"widths=[2,4,4]",
                                "depths=[1,2,2]",
                                "grid=[2,2]",
                                "samples=2",
                                "pretrain_epochs=[16,16,16]",
                                "policy_epochs=20",
                                "policy_batch=2",
                                "question_epochs=20",
                                "fine_tune_epochs=20",
                                "fine_tune_batch=2",
                                "lambdas=[0]",
                                "costs=[\"bytes\"]",
                                "budget_gmac=0.001",
                                "budget_ms=0",
                                "budget_trials=1",
                                "noise=0.05",
                                "noise_epochs=[8,8]",
                                "sample_counts=[2,3]",
                                "fine_tune_small=true",
                                "route_choice=sampled"})
      w.insert(w.end(), {"--set", setting});
    return w;
  }
  ChildProcess start() const { return {words(), run.string() + ".out", run.string() + ".err"}; }
  fs::path log() const { return run / "log.jsonl"; }
};

/// Waits until the program has logged a step of the stage; false when it ended before.
bool wait_for(ChildProcess& program, const fs::path& log, const std::string& stage) {
  const std::string wanted = nlohmann::json(stage).dump();
  const auto start = static_cast<std::streamoff>(content_of(log).size());
  for (const auto begin = std::chrono::steady_clock::now();
       std::chrono::steady_clock::now() - begin < std::chrono::seconds(120);) {
    std::ifstream in(log);
    in.seekg(start);
    for (std::string line; std::getline(in, line);)
      if (line.find("\"stage\":" + wanted) != std::string::npos) return true;
    if (program.ended()) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  FAIL("no step of " << stage << " in 120 s");
  return false;
}

/// The checkpoint of a stage, and whether the stage is finished.
std::optional<std::pair<fs::path, bool>> checkpoint_of(const fs::path& run, const std::string& stage) {
  for (const auto& entry : fs::directory_iterator(run / "checkpoints")) {
    const auto info = io::Checkpoint::load(entry.path()).info;
    if (info.value("stage", "") == stage) return std::pair{entry.path(), info.at("step") == info.at("steps")};
  }
  return {};
}

/// The stages of a run in their order.
std::vector<std::string> stages_of(const fs::path& log) {
  std::vector<std::string> stages;
  for (const auto& record : report::read_log(log))
    if (const auto stage = record.at("stage").get<std::string>(); stages.empty() || stages.back() != stage)
      stages.push_back(stage);
  return stages;
}

/// Starts the trainer and ends it by a signal in the middle of a stage. On a machine that is so busy that the stage was
/// over first, its checkpoint is taken away and the trainer started again.
void end_in(const Trainer& trainer, const std::string& stage, int signal_number) {
  for (int attempt = 0; attempt < 20; ++attempt) {
    auto program = trainer.start();
    const bool there = wait_for(program, trainer.log(), stage);
    if (there) program.send(signal_number);
    const int status = program.wait();
    const auto checkpoint = checkpoint_of(trainer.run, stage);
    if (there && !(checkpoint && checkpoint->second)) {
      CHECK(status == (signal_number == SIGINT ? 130 : -signal_number));
      if (signal_number == SIGINT) CHECK(checkpoint.has_value());
      return;
    }
    if (checkpoint) fs::remove(checkpoint->first);
  }
  FAIL("stage " << stage << " was never met half-way");
}

std::map<std::string, std::string> checkpoints(const fs::path& run) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints"))
    files[entry.path().filename().string()] = content_of(entry.path());
  return files;
}

struct Ended {
  int status;
  std::string out, err;
};

Ended evaluated(const TemporaryFolder& folder, std::vector<std::string> words) {
  words.insert(words.begin(), PASER_EVALUATE);
  words.insert(words.end(), {"--threads", "1", "--quiet"});
  ChildProcess program(words, folder / "evaluate.out", folder / "evaluate.err");
  const int status = program.wait();
  return {status, content_of(folder / "evaluate.out"), content_of(folder / "evaluate.err")};
}

}  // namespace

TEST_CASE("a word that no setting has is told before anything is written or trained") {
  const TemporaryFolder folder;
  write_data(folder / "data");
  const fs::path run = folder / "run";
  for (const std::string setting :
       {"tuned_gradient=exakt", "policy_view=pixel", "costs=[\"watts\"]", "cost_scale=log", "teacher_view=none",
        "distillation=l1", "explore=never", "tuned_baseline=median", "absent_class=one", "route_choice=best"}) {
    INFO(setting);
    const auto [status, out, err] = run_program(
        folder.path(),
        {PASER_TRAIN_SEGMENTATION, "--data", (folder / "data").string(), "--out", run.string(), "--set", setting});
    CHECK(status == 2);
    auto word = setting.substr(setting.find('=') + 1);
    std::erase_if(word, [](char c) { return c == '[' || c == ']' || c == '"'; });
    CHECK_THAT(err, Catch::Contains("'" + word + "'"));
    CHECK_FALSE(fs::exists(run));
  }
  const auto [status, out, err] =
      run_program(folder.path(), {PASER_TRAIN_SEGMENTATION, "--data", (folder / "data").string(), "--out", run.string(),
                                  "--set", "part_images=5"});
  CHECK(status == 2);
  CHECK_THAT(err, Catch::Contains("a multiple of part_images, got 16 and 5"));
  CHECK_FALSE(fs::exists(run));
}

TEST_CASE("a training that is interrupted and killed in every stage ends with the bits of one that was not") {
  const TemporaryFolder folder;
  const fs::path data = folder / "data";
  write_data(data);
  const Trainer whole{data, folder / "whole"}, broken{data, folder / "broken"};
  {
    auto program = whole.start();
    const int status = program.wait();
    INFO(content_of(folder / "whole.err"));
    REQUIRE(status == 0);
  }
  const auto stages = stages_of(whole.log());
  CHECK(stages.size() == 13);
  // Nothing that takes time is silent: stages, and all parts of the comparison.
  const std::string told = content_of(folder / "whole.err");
  INFO(told);
  const auto has_line = [&](const std::string& start) { return ("\n" + told).find("\n" + start) != std::string::npos; };
  for (const std::string& stage : stages) CHECK(has_line(stage + "  "));
  for (const std::string part :
       {"read train images", "read validation images", "read test images", "measure: times of the networks in turn",
        "measure: every network on training images", "measure: what f3 gains",
        "policy: every network on validation images", "compare: every network on test images",
        "compare: every network on validation images", "compare: thresholds of the cascade", "compare: f3",
        "compare: random policy", "compare: IDK cascade", "compare: PaSeR, tuned reward",
        "compare: times of all methods in turn", "compare: policies of the questions", "compare: 2 samples of f1",
        "compare: noisy images, f3 with noise-aware f2, f3"}) {
    INFO(part);
    CHECK(has_line(part + "  "));
  }
  for (const std::string& stage : stages) {
    INFO(stage);
    end_in(broken, stage, SIGINT);
    end_in(broken, stage, SIGKILL);
  }
  REQUIRE(broken.start().wait() == 0);
  CHECK_THAT(content_of(folder / "broken.err"),
             Catch::Contains("\npolicy  ") && Catch::Contains(" steps, made in an earlier run\n"));
  const auto expected = checkpoints(whole.run), got = checkpoints(broken.run);
  REQUIRE(expected.size() >= stages.size() + 2);  // and the two finished PaSeRs
  for (const auto& [name, bytes] : expected) {
    INFO(name);
    CHECK((got.contains(name) && got.at(name) == bytes));
  }
  CHECK(got.size() == expected.size());

  // The result is one that `evaluate` measures.
  const auto base = evaluated(folder, {whole.run.string(), "--data", data.string(), "--json"});
  INFO(base.err);
  REQUIRE(base.status == 0);
  const auto j = nlohmann::json::parse(base.out);
  CHECK(j["images"] == 3);
  REQUIRE(j["classes"].size() == 3);
  REQUIRE(j["per_image"].size() == 3);
  double iou = 0, truth = 0;
  Index pixels = 0;
  for (const auto& image : j["per_image"]) iou += image["iou"].get<double>() / 3;
  for (const auto& c : j["classes"]) truth += c["truth_share"].get<double>();
  for (const auto& row : j["confusion"])
    for (const auto& count : row) pixels += count.get<Index>();
  CHECK(j["iou"].get<double>() == Approx(iou));
  CHECK(truth == Approx(1));
  CHECK(pixels == 3 * 32 * 32);

  // It tells what the training program told.
  const auto results = nlohmann::json::parse(content_of(whole.run / "results.json"));
  int found = 0;
  for (const auto& row : results["rows"]) {
    if (row["model"] != "PaSeR") continue;
    ++found;
    CHECK(j["iou"].get<double>() == Approx(row["iou"].get<double>()).margin(1e-6));
    CHECK(j["gmac"].get<double>() == Approx(row["gmac"].get<double>()));
  }
  CHECK(found == 1);

  const auto again = evaluated(folder, {(broken.run / "checkpoints" / "paser.safetensors").string(), "--json"});
  REQUIRE(again.status == 0);
  CHECK(nlohmann::json::parse(again.out)["confusion"] == j["confusion"]);

  // Images that are larger than the model's go window by window.
  const fs::path large = folder / "large", large_masks = folder / "large_masks";
  fs::create_directories(large);
  fs::create_directories(large_masks);
  io::write_png(large / "a.png", Tensor<std::uint8_t, 3>::full({40, 71, 1}, 100));
  io::write_png(large_masks / "a.png", Tensor<std::uint8_t, 3>::full({40, 71, 1}, 1));
  const auto tiled =
      evaluated(folder, {whole.run.string(), "--images", large.string(), "--masks-folder", large_masks.string(),
                         "--only", "f3", "--csv", (folder / "t.csv").string(), "--out", (folder / "out").string()});
  INFO(tiled.err);
  CHECK(tiled.status == 0);
  CHECK(tiled.out.find("f3 100.00 %") != std::string::npos);
  const std::string csv = content_of(folder / "t.csv");
  CHECK(csv.starts_with("image,iou,gmac,share f1,share f2,share f3,iou "));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 2);
  CHECK(csv == content_of(folder / "out" / "images.csv"));
  CHECK(fs::exists(folder / "out" / "masks" / "a.png"));

  const auto noisy = evaluated(folder, {whole.run.string(), "--noise", "0.3", "--only", "f3", "--json"});
  const auto clean = evaluated(folder, {whole.run.string(), "--only", "f3", "--json"});
  CHECK(nlohmann::json::parse(noisy.out)["confusion"] != nlohmann::json::parse(clean.out)["confusion"]);
  CHECK(nlohmann::json::parse(clean.out)["gmac"] < j["gmac"]);

  CHECK(evaluated(folder, {whole.run.string(), "--part", "tests"}).status == 2);
  CHECK(evaluated(folder, {whole.run.string(), "--only", "f4"}).status == 2);
  CHECK(evaluated(folder, {whole.run.string(), "--images", large.string()}).status == 2);
  CHECK(evaluated(folder, {(folder / "nothing.safetensors").string()}).status == 2);
}
