#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "examples/child_process.hpp"
#include "paser/core/random.hpp"
#include "paser/io/image.hpp"
#include "paser/io/output_folder.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace train_router_test {

namespace {

/// Images of 32 x 32, bright where class 1 is, in the layout of the authors' data. With `hard` the two right quarters
/// have stripes, bright and dark, that are class 1 all the same.
void write_data(const fs::path& folder, bool hard) {
  Index number = 0;
  for (const auto& [part, count] : {std::pair{"train", 6}, {"validation", 2}, {"test", 4}})
    for (int i = 0; i < count; ++i, ++number) {
      const Key key = Key{5}.fold(static_cast<std::uint64_t>(number));
      Tensor<std::uint8_t, 3> image({32, 32, 1}), mask({32, 32, 1});
      for (Index p = 0; p < 1024; ++p) {
        const Index y = p / 32, x = p % 32;
        const bool one = (y / 8 + x / 8 + number) % 2 == 1, striped = hard && x >= 16 && x % 2 == 1;
        mask.mutable_data()[p] = one;
        image.mutable_data()[p] =
            static_cast<std::uint8_t>((one != striped ? 170 : 80) + key.uniform_int(static_cast<std::uint64_t>(p), 60));
      }
      for (const auto& [kind, pixels] : {std::pair{"_images", image}, {"_label", mask}}) {
        const fs::path to = folder / (std::string(part) + kind);
        fs::create_directories(to);
        io::write_png(to / message(i, ".png"), pixels);
      }
    }
}

struct Runs {
  TemporaryFolder folder;

  explicit Runs(bool hard = true) { write_data(folder / "data", hard); }

  Outcome train(std::vector<std::string> more = {}) const {
    std::vector<std::string> words{PASER_TRAIN_ROUTER, "--out", (folder / "run").string(), "--threads", "1"};
    if (std::ranges::none_of(more, [](const auto& word) { return word == "--data" || word == "--images"; }))
      words.insert(words.end(), {"--data", (folder / "data").string()});
    for (const char* setting :
         {"widths=[2,4]", "depths=[1,2]", "grid=[2,2]", "epochs=[3,2]", "folds=2", "router_epochs=3", "resamples=20",
          "router_members=1", "flips=false", "half_turns=false"}) {
      words.emplace_back("--set");
      words.emplace_back(setting);
    }
    words.insert(words.end(), more.begin(), more.end());
    return run_program(folder.path(), words);
  }
  nlohmann::json results() const { return nlohmann::json::parse(std::ifstream(folder / "run" / "results.json")); }
};

}  // namespace

TEST_CASE("train_router leaves what the documents promise, and goes on with a run that is there") {
  const Runs runs;
  const auto first = runs.train();
  INFO(first.err);
  REQUIRE(first.status == 0);
  CHECK_THAT(first.out,
             Contains("gap of the best other network over f1") && Contains("GainRouter") && Contains("PaSeR") &&
                 Contains("prices by the calibration alone") &&
                 Contains("data: 2 folds of 6 training files: networks of a fold judge its images alone\n") &&
                 Contains("\nAdvice  ") && Contains("\nUse it         paser segment "));
  CHECK(first.err.find("by their names") == std::string::npos);
  const auto j = runs.results();
  for (const char* key : {"gap", "gap_interval", "apgr", "area_over_hull", "z_over_hull", "area_over_entropy",
                          "z_over_entropy", "closed", "singles", "curve", "entropy", "verdict", "routers", "unseen",
                          "oracle", "budgets", "floor", "machine", "settings"})
    CHECK(j.contains(key));
  CHECK(j["routers"].contains("PaSeR"));
  CHECK(j["singles"].size() == 2);
  CHECK(j["curve"].front()["share"] == 0);
  CHECK(j["curve"].back()["share"] == 1);
  CHECK(j["budgets"].size() == 5);
  CHECK_THAT(j["split"].get<std::string>(), Contains("2 folds of 6 training files"));
  CHECK_THAT(first.out, Contains("\nAdvice         " + j["advice"].get<std::string>() + "\n"));
  CHECK_THAT(content_of(runs.folder / "run" / "report.html"), Contains(j["advice"].get<std::string>().substr(0, 20)));
  for (const char* file :
       {"curve.svg", "curve.csv", "checkpoints/paser.safetensors", "checkpoints/paser_gain_router.safetensors",
        "checkpoints/paser_policy.safetensors", "report.html"})
    CHECK(fs::exists(runs.folder / "run" / file));

  CHECK_THAT(run_program(runs.folder.path(), {PASER_COMMAND, "compare", (runs.folder / "run").string()}).err,
             Contains("results.json: is of train_router"));

  const auto second = runs.train();
  REQUIRE(second.status == 0);
  CHECK_THAT(second.err, Contains("made in an earlier run"));
  auto again = runs.results(), before = j;
  for (auto* document : {&again, &before}) document->erase("environment");
  CHECK(again == before);

  // Times that are not such as this version measures are measured anew.
  io::OutputFolder(runs.folder / "run", "train_router")
      .write("measured.json", R"({"processor": "any", "threads": "one"})");
  const auto third = runs.train();
  INFO(third.err);
  CHECK(third.status == 0);
  auto machine = nlohmann::json::parse(content_of(runs.folder / "run" / "measured.json"));
  CHECK(machine.at("threads") == 1);

  // So are those of another number of networks.
  machine["patch_ms"].erase(1);
  io::OutputFolder(runs.folder / "run", "train_router").write("measured.json", machine.dump());
  const auto fourth = runs.train();
  INFO(fourth.err);
  CHECK(fourth.status == 0);
  CHECK(nlohmann::json::parse(content_of(runs.folder / "run" / "measured.json")).at("patch_ms").size() == 2);
}

TEST_CASE("train_router compares with the paper's policy, with twins, with chance, and asks for noise") {
  const Runs runs;
  const auto ended = runs.train({"--set", "references=true", "--set", "policy_epochs=1", "--set", "noise=0.2"});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto j = runs.results();
  REQUIRE(j["paper_policy"].size() == 5);
  for (std::size_t i = 1; i < 5; ++i) CHECK(j["paper_policy"][i]["ms"] >= j["paper_policy"][i - 1]["ms"]);
  std::set<double> lambdas;
  for (const auto& p : j["paper_policy"]) lambdas.insert(p["lambda"].get<double>());
  CHECK(lambdas == std::set<double>{0, 0.02, 0.1, 0.3, 0.5});
  // Twins are other networks, and know less of f2's gains than its own truth.
  CHECK(fs::exists(runs.folder / "run" / "checkpoints" / "twin_f2.safetensors"));
  for (const char* name : {"oracle by twin task models", "random"}) {
    REQUIRE(j["routers"].contains(name));
    CHECK(j["routers"][name]["curve"].front()["share"] == 0);
    CHECK(j["routers"][name]["curve"].back()["iou"] == j["curve"].back()["iou"]);
  }
  CHECK(j["routers"]["random"]["curve"] != j["routers"]["oracle by twin task models"]["curve"]);
  const auto ious = [](const nlohmann::json& points) {
    std::vector<double> list;
    for (const auto& p : points) list.push_back(p["iou"].get<double>());
    return list;
  };
  CHECK(ious(j["oracle"]) != ious(j["routers"]["oracle by twin task models"]["curve"]));
  REQUIRE(j["noise"].size() == 6);  // f1, f2, and each of two routers beside chance
  for (const auto& row : j["noise"]) CHECK(row["noisy_iou"] != row["clean_iou"]);
  CHECK(j["noise"][0]["share_clean"] == 0);
  CHECK(j["noise"][1]["share_noisy"] == 1);
  CHECK(j["noise"][3]["share_noisy"] == j["noise"][2]["share_noisy"]);
  CHECK(j["noise"][0]["clean_iou"] == j["singles"][0]["iou"]);
  CHECK(j["domain"]["images"] == 4);
  std::ifstream page(runs.folder / "run" / "report.html");
  const std::string html(std::istreambuf_iterator<char>(page), {});
  CHECK_THAT(html, Contains("Quality against time") && Contains("Salt and pepper on the test images"));
}

TEST_CASE("train_router divides a set in one piece by its names, and says so, and who judges which images") {
  const Runs runs;
  const fs::path plain = runs.folder / "plain";
  for (const char* kind : {"images", "masks"}) fs::create_directories(plain / kind);
  for (const char* part : {"train", "validation", "test"})
    for (const auto& [from, to] : {std::pair{"_images", "images"}, {"_label", "masks"}})
      for (const auto& entry : fs::directory_iterator(runs.folder / "data" / (std::string(part) + from)))
        fs::copy_file(entry.path(), plain / to / (part + entry.path().filename().string()));
  const auto ended = runs.train({"--data", plain.string(), "--set", "folds=0", "--set", "router_share=0.3"});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK_THAT(ended.err, Contains("the images are not divided for training, validation and test: by their names "));
  const auto count = [&](const std::string& what) {  // "by their names 10 for train, 1 for validation, 1 for test"
    const std::string before = ended.err.substr(0, ended.err.rfind(" for " + what));
    return std::stoi(before.substr(before.find_last_of(' ') + 1));
  };
  CHECK(count("train") + count("validation") + count("test") == 12);
  const auto apart = std::lround(0.3 * count("train"));
  CHECK_THAT(ended.out, Contains(message("plain: ", count("train") - apart, " training files for the networks, ", apart,
                                         " others for the routers\n")));
}

TEST_CASE(
    "train_router takes two folders by the options of the other programs, and does without bad files if asked to") {
  const Runs runs;
  const fs::path scans = runs.folder / "scans", masks = runs.folder / "answers";
  for (const auto& [from, to] : {std::pair{"train_images", scans}, {"train_label", masks}}) {
    fs::create_directories(to);
    for (int i = 0; i < 6; ++i)
      for (const char* copy : {"a", "b"})
        fs::copy_file(runs.folder / "data" / from / message(i, ".png"),
                      to / message(copy, i, from == std::string("train_label") ? "_mask.png" : ".png"));
  }
  std::ofstream(scans / "b3.png") << "no image";
  const std::vector<std::string> words{"--images",      scans.string(),    "--masks-folder", masks.string(),
                                       "--mask-suffix", "_mask",           "--set",          "folds=0",
                                       "--set",         "router_share=0.3"};
  const auto refused = runs.train(words);
  CHECK(refused.status == 2);
  CHECK_THAT(refused.err, Contains("b3.png"));
  auto more = words;
  more.emplace_back("--skip-bad");
  const auto ended = runs.train(more);
  INFO(ended.err);
  REQUIRE(ended.status == 5);
  CHECK_THAT(ended.out, Contains("scans: "));
  CHECK_THAT(runs.results().at("left_out").dump(), Contains("b3.png"));
}

TEST_CASE("what train_router trained segments images at any budget") {
  const Runs runs;
  REQUIRE(runs.train().status == 0);
  const auto segment = [&](std::vector<std::string> options) {
    std::vector<std::string> words{PASER_SEGMENT_IMAGE,
                                   (runs.folder / "run").string(),
                                   (runs.folder / "data" / "test_images").string(),
                                   "--variant",
                                   "paser_gain_router",
                                   "--out",
                                   (runs.folder / "out").string(),
                                   "--json",
                                   "--quiet"};
    words.insert(words.end(), options.begin(), options.end());
    const auto ended = run_program(runs.folder.path(), words);
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    return nlohmann::json::parse(ended.out);
  };
  const auto share_of_f1 = [](const nlohmann::json& j) { return j["images"][0]["model_shares"][0].get<double>(); };
  const auto all = segment({"--share", "f2=1"}), none = segment({"--share", "f2=0"});
  CHECK(share_of_f1(all) == 0);
  CHECK(share_of_f1(none) == 1);
  CHECK(all["images"][0]["gmac"] > none["images"][0]["gmac"]);
}

TEST_CASE("evaluate scores what train_router trained, at any budget") {
  const Runs runs;
  REQUIRE(runs.train().status == 0);
  const auto scored = [&](const std::string& share) {
    const auto ended = run_program(
        runs.folder.path(), {PASER_EVALUATE, (runs.folder / "run").string(), "--data", (runs.folder / "data").string(),
                             "--variant", "paser_policy", "--share", share, "--json", "--quiet"});
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    return nlohmann::json::parse(ended.out);
  };
  CHECK(scored("f2=1") != scored("f2=0"));
}

TEST_CASE("where the task models gain nothing for sure, train_router ships f1 and says so") {
  const Runs runs(false);
  // A task model that has seen one step at a tiny rate corrects nothing.
  const auto ended = runs.train({"--set", "rate=[0.02,1e-9]", "--set", "epochs=[12,1]"});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  CHECK(runs.results()["unseen"]["verdict"] == "nothing to route");
  CHECK_THAT(ended.out, Contains("nothing to route") && Contains("ship f1") && Contains("\nAdvice         use f1 "));
  const auto file = (runs.folder / "run" / "checkpoints" / "paser.safetensors").string();
  std::ifstream in(file, std::ios::binary);
  std::string start(4096, '\0');
  in.read(start.data(), 4096);
  CHECK(start.find("constant") != std::string::npos);
}

TEST_CASE("a folder that holds something else than a run is left alone") {
  const Runs runs;
  fs::create_directories(runs.folder / "run");
  std::ofstream(runs.folder / "run" / "results.json") << "mine";
  const auto ended = runs.train();
  CHECK(ended.status == 2);
  CHECK_THAT(ended.err, Contains("holds files and no run"));
  std::string kept;
  std::ifstream(runs.folder / "run" / "results.json") >> kept;
  CHECK(kept == "mine");
}

TEST_CASE("settings that make no run end with 2 and a sentence") {
  const Runs runs;
  const auto refused = [&](const char* setting, const char* sentence) {
    const auto ended = runs.train({"--set", setting});
    CAPTURE(setting);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.err, Contains(sentence));
  };
  refused("folds=7", "6 training files do not make 7 folds");
  refused("folds=1", "expected 0 or 2 .. 20");
  refused("widths=[2]", "expected widths, depths, epochs, batch and rate of the same two or more networks");
  refused("widths=[8,5000]", "at most 4096");
  refused("router_width=1000000", "at least 1 and at most 10000");
  refused("gain=most", "expected set, image or patch");
  refused("gains=set", "did you mean");
  refused("epochs=[0,1]", "epochs = 0, expected a whole number, at least 1");
  refused("grid=[3,2]", "do not divide into 3 x 2 patches");
  // Batch norms of whose batches, of 2 images in 4 patches, 4 patches would run at once.
  const auto parts = runs.train({"--set", "micro_batch=4", "--set",
                                 R"(networks=[{"type":"unet","spec":{"width":2,"depth":1}},{"type":"segformer","spec":)"
                                 R"({"depths":[1,1,1,1],"widths":[4,8,8,8],"heads":[1,1,2,2],"decoder_width":8}}])"});
  CHECK(parts.status == 2);
  CHECK_THAT(parts.err, Contains("f2: BatchNorm: a batch of 8 images runs in parts"));
  CHECK_FALSE(fs::exists(runs.folder / "run" / "config.json"));  // so that the mended command can use the folder
  fs::remove_all(runs.folder / "data" / "test_images");
  fs::remove_all(runs.folder / "data" / "test_label");
  CHECK_THAT(runs.train().err, Contains("there are no test images") && Contains("test_images and test_label"));
}

}  // namespace train_router_test
