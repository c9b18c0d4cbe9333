#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "examples/child_process.hpp"
#include "examples/tiny_training.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "support/temporary_folder.hpp"

namespace single_network_test {

using Catch::Matchers::Contains;
namespace fs = std::filesystem;

/// A training of one network alone on tiny data.
struct Bench {
  Bench() { tiny::write_data_set(folder / "data"); }
  Outcome train(const std::string& network, const std::string& run, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{PASER_TRAIN_SEGMENTATION,
                                   "--data",
                                   (folder / "data").string(),
                                   "--out",
                                   (folder / run).string(),
                                   "--threads",
                                   "1",
                                   "--network",
                                   network,
                                   "--set",
                                   "widths=[2,4,2]",
                                   "--set",
                                   "depths=[1,1,1]",
                                   "--set",
                                   "pretrain_epochs=[1,2,1]"};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(folder.path(), words);
  }
  TemporaryFolder folder;
};

TEST_CASE("train_segmentation --network trains one network, says its plan first, and other programs use it") {
  const Bench bench;
  const auto trained = bench.train("f2", "run");
  INFO(trained.err);
  REQUIRE(trained.status == 0);
  for (const char* said : {"6 to train on; 2 for validation", "32 x 32 pixels, 1 channel; 8-bit gray: 6",
                           "no value range is given", "Classes   class 0 ", "2 stages, less than 10 s",
                           "\n  f2       less than 10 s  ", "2 epochs of 3 steps\n", "\n  compare  "})
    CHECK_THAT(trained.err, Contains(said));
  CHECK_THAT(trained.out, Contains("f2") && Contains("paser.safetensors") && !Contains("PaSeR (") && !Contains("f3"));
  const fs::path run = bench.folder / "run";
  CHECK(fs::exists(run / "checkpoints" / "network.safetensors"));
  const auto results = nlohmann::json::parse(content_of(run / "results.json"));
  REQUIRE(results["rows"].size() == 1);

  const auto evaluated = run_program(bench.folder.path(), {PASER_EVALUATE, run.string(), "--json", "--quiet"});
  INFO(evaluated.err);
  REQUIRE(evaluated.status == 0);
  CHECK(nlohmann::json::parse(evaluated.out)["iou"].get<double>() == Approx(results["rows"][0]["iou"].get<double>()));
  CHECK(nlohmann::json::parse(evaluated.out)["gmac"].get<double>() == Approx(results["rows"][0]["gmac"].get<double>()));
  const auto segmented =
      run_program(bench.folder.path(), {PASER_SEGMENT_IMAGE, run.string(), (bench.folder / "data/test_images").string(),
                                        "--out", (bench.folder / "out").string(), "--write", "mask", "--quiet"});
  INFO(segmented.err);
  CHECK(segmented.status == 0);
  CHECK(names_in(bench.folder / "out").size() == 3);
  // The same command again has nothing to do; another network is another run.
  CHECK_THAT(bench.train("f2", "run").err, Contains("made in an earlier run"));
  CHECK_THAT(bench.train("f1", "run").err,
             Contains(R"(this folder holds a run with network = "f2", asked for is "f1")"));
  // What --network and --preset set besides is not named in their place.
  const auto paser = tiny::training(PASER_TRAIN_SEGMENTATION, bench.folder / "data", run);
  CHECK_THAT(run_program(bench.folder.path(), paser).err,
             Contains(R"(this folder holds a run with network = "f2", asked for is "")"));
  const auto rivals = bench.train("f1", "other", {"--preset", "standard", "--dry-run"});
  CHECK(rivals.status == 0);
  CHECK_THAT(rivals.err + rivals.out, !Contains("rival"));
  const auto beside = bench.train("f1", "other",
                                  {"--set", R"(rivals=[{"type":"unet","spec":{}}])", "--set", "rival_epochs=[1]",
                                   "--set", "rival_batch=[1]", "--set", "rival_rate=[1]"});
  CHECK(beside.status == 2);
  CHECK_THAT(beside.err, Contains("beside which no rivals are trained"));
  CHECK_THAT(bench.train("f2", "run", {"--preset", "demo"}).err,
             Contains(R"(holds a run with preset = "own", asked for is "demo")"));
}

TEST_CASE("the setting network trains the same network alone as --network, and a run goes on as it was begun") {
  const Bench bench;
  const auto train = [&](const std::string& run, std::vector<std::string> more) {
    std::vector<std::string> words{PASER_TRAIN_SEGMENTATION,
                                   "--data",
                                   (bench.folder / "data").string(),
                                   "--out",
                                   (bench.folder / run).string(),
                                   "--threads",
                                   "1"};
    for (const char* setting : {"widths=[2,4,2]", "depths=[1,1,1]", "pretrain_epochs=[1,1,1]"})
      words.insert(words.end(), {"--set", setting});
    words.insert(words.end(), more.begin(), more.end());
    return run_program(bench.folder.path(), words);
  };
  const auto settings = [&](const char* run) {
    return nlohmann::json::parse(content_of(bench.folder / run / "config.json")).at("settings");
  };
  REQUIRE(train("option", {"--network", "f2"}).status == 0);
  const auto set = train("setting", {"--set", "network=f2"});
  INFO(set.err);
  REQUIRE(set.status == 0);
  CHECK(settings("setting") == settings("option"));
  CHECK(settings("setting")["split"] == "all");
  CHECK(content_of(bench.folder / "setting/checkpoints/network.safetensors") ==
        content_of(bench.folder / "option/checkpoints/network.safetensors"));
  CHECK_THAT(train("setting", {"--network", "f2"}).err, Contains("made in an earlier run"));
  const std::vector<std::string> other{"--set", "split=thirds", "--set", "distillation=mse", "--set", "micro_batch=2",
                                       "--set", "grid=[2,2]",   "--set", "network=f2"};
  REQUIRE(train("other", other).status == 0);
  const auto again = train("other", {"--set", "network=f2"});
  CHECK(again.status == 0);
  CHECK_THAT(again.err, Contains("made in an earlier run"));
  CHECK(train("other", {"--network", "f2", "--set", "split=all"}).status == 2);
}

TEST_CASE("train_segmentation --network takes networks of the registry, and refuses what is none") {
  const Bench bench;
  const auto named = bench.train("unet:{\"width\":2,\"depth\":1}", "run");
  INFO(named.err);
  CHECK(named.status == 0);
  CHECK_THAT(named.err, Contains("\n  unet     "));
  const auto refused = [&](const std::string& network, const std::vector<std::string>& more,
                           const std::string& sentence) {
    const auto ended = bench.train(network, "none", more);
    INFO(sentence);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.err, Contains(sentence));
    CHECK_FALSE(fs::exists(bench.folder / "none" / "checkpoints"));
  };
  refused("f4", {}, "'f4'");
  refused("unet:[1]", {}, "expected f1, f2, f3");
  refused("f2", {"--stage", "f2"}, "--network");
  const auto stage =
      run_program(bench.folder.path(), tiny::training(PASER_TRAIN_SEGMENTATION, bench.folder / "data",
                                                      bench.folder / "staged", {"--stage", "fine_tune"}));
  CHECK(stage.status == 2);
  CHECK_THAT(stage.err, Contains("Known: f3, f2, f1, policy, fine-tune, questions, compare, all"));
  CHECK_FALSE(fs::exists(bench.folder / "staged"));
}

TEST_CASE("a network of the literature without settings: the message asks for its size, with an example that works") {
  const Bench bench;
  for (const auto& [network, asked] : {std::pair{"segformer", "one of \"B0\" .. \"B5\""},
                                       {"efficientvit", "\"L2\""},
                                       {"deeplabv3plus", "\"backbone\""}}) {
    INFO(network);
    const auto ended = bench.train(network, "run");
    CHECK(ended.status == 2);
    CHECK_THAT(ended.err, Contains(asked));
    std::string example = ended.err.substr(ended.err.find(std::string(network) + ":{"));
    example.resize(example.find('}') + 1);
    std::erase(example, '\n');
    const auto dry = run_program(bench.folder.path(), {PASER_COMMAND, "bench", example, "--dry-run"});
    INFO(example << dry.err);
    CHECK(dry.status == 0);
  }
}

TEST_CASE("a run that began before its settings said how logits are enlarged goes on with the same function") {
  const Bench bench;
  const std::string network =
      R"(efficientvit:{"family":"B","widths":[4,8,8,16,24],"depths":[1,1,1,1,1],"head_features":8,"head_width":8,)"
      R"("head_depth":1,"head_expand":2,"final_expand":2})";
  const fs::path run = bench.folder / "run", checkpoints = run / "checkpoints", file = "checkpoints/paser.safetensors";
  const auto train = [&](const std::string& into, const std::vector<std::string>& settings = {}) {
    std::vector<std::string> more{"--set", "micro_batch=4"};
    for (const std::string& setting : settings) more.insert(more.end(), {"--set", setting});
    return bench.train(network, into, more);
  };
  const auto answer = [&](const std::string& of) {
    const auto spec = paser::pipeline::load_paser(bench.folder / of / file).paser.models[0].spec();
    return nlohmann::json::parse(spec.json).value("answer", "left out");
  };
  REQUIRE(train("run", {"answers=bilinear"}).status == 0);
  CHECK(answer("run") == "left out");
  const std::string trained = content_of(run / file);
  auto configuration = nlohmann::json::parse(content_of(run / "config.json"));
  configuration["settings"].erase("answers");
  std::ofstream(run / "config.json") << configuration.dump();
  for (const char* name : {"network.safetensors", "paser.safetensors"}) fs::remove(checkpoints / name);
  const auto again = train("run");
  INFO(again.err);
  REQUIRE(again.status == 0);
  CHECK(content_of(run / file) == trained);
  const auto other = train("run", {"answers=published"});
  CHECK(other.status == 2);
  CHECK_THAT(other.err, Contains(R"(a run with answers = "bilinear", asked for is "published")"));
  // A new run has EfficientViT's own, and goes on with it.
  REQUIRE(train("new").status == 0);
  CHECK(answer("new") == "bicubic");
  CHECK(content_of(bench.folder / "new" / file) != trained);
  CHECK_THAT(train("new").err, Contains("made in an earlier run"));
}

TEST_CASE("a run finds the data that were typed relative to where it was begun, from any folder") {
  const Bench bench;
  fs::create_directories(bench.folder / "elsewhere");
  const auto in = [&](const std::string& folder, const std::string& command) {
    return run_program(bench.folder.path(),
                       {"/bin/sh", "-c", "cd '" + (bench.folder / folder).string() + "'; " + command});
  };
  const auto trained = in(".", std::string(PASER_TRAIN_SEGMENTATION) +
                                   " --data data --out run --threads 1 --network f1 --set widths=[2,2,2] --set "
                                   "depths=[1,1,1] --set pretrain_epochs=[1,1,1]");
  INFO(trained.err);
  REQUIRE(trained.status == 0);
  const std::string evaluate = std::string(PASER_EVALUATE) + " ../run --json --quiet";
  const auto here = in(".", std::string(PASER_EVALUATE) + " run --json --quiet"), there = in("elsewhere", evaluate);
  INFO(there.err);
  REQUIRE(here.status == 0);
  REQUIRE(there.status == 0);
  CHECK(nlohmann::json::parse(there.out)["per_image"].size() == 3);
  CHECK(nlohmann::json::parse(there.out)["iou"] == nlohmann::json::parse(here.out)["iou"]);
  // The model's file says nothing of folders.
  CHECK(content_of(bench.folder / "run/checkpoints/paser.safetensors").find(bench.folder.path().string()) ==
        std::string::npos);
  // Moved: what was looked for where, and where one is.
  fs::rename(bench.folder / "data", bench.folder / "moved");
  const auto gone = in("elsewhere", evaluate);
  CHECK(gone.status == 2);
  CHECK_THAT(gone.err, Contains("'data', which is neither in ") && Contains("nor here") && Contains("--data"));
  CHECK(in("elsewhere", evaluate + " --data ../moved").status == 0);
  fs::rename(bench.folder / "moved", bench.folder / "elsewhere/data");
  CHECK(in("elsewhere", evaluate).status == 0);
}

constexpr const char* tiny_segformer =
    R"(segformer:{"depths":[1,1,1,1],"widths":[4,8,8,8],"heads":[1,1,2,2],"decoder_width":8})";

TEST_CASE("a network with batch norms whose batches run in parts is refused before anything is written") {
  const Bench bench;
  const auto ended = bench.train(tiny_segformer, "run"), dry = bench.train(tiny_segformer, "run", {"--dry-run"});
  CHECK(ended.status == 2);
  CHECK_THAT(ended.err, Contains("segformer: BatchNorm: a batch of 2 images runs in parts") &&
                            Contains("In settings: ghost_batch=1, or micro_batch=2"));
  CHECK(dry.status == 2);
  CHECK(dry.err.substr(dry.err.find("error: ")) == ended.err.substr(ended.err.find("error: ")));
  CHECK_FALSE(fs::exists(bench.folder / "run"));
  // What the sentence says does.
  for (const char* setting : {"ghost_batch=1", "micro_batch=2"}) {
    const auto mended = bench.train(tiny_segformer, setting, {"--set", setting});
    INFO(mended.err);
    CHECK(mended.status == 0);
  }
}

TEST_CASE("a PaSeR of which one network has batch norms is refused as well, by the name of that network") {
  const Bench bench;
  std::vector<std::string> words =
      tiny::training(PASER_TRAIN_SEGMENTATION, bench.folder / "data", bench.folder / "run",
                     {"--set",
                      std::string(R"(networks=[{"type":"unet","spec":{"width":2,"depth":1}},)") +
                          R"({"type":"segformer","spec":{"depths":[1,1,1,1],"widths":[4,8,8,8],)" +
                          R"("heads":[1,1,2,2],"decoder_width":8}}])",
                      "--set", "pretrain_epochs=[1,1]", "--set", "pretrain_batch=[2,2]", "--set",
                      "pretrain_rate=[0.001,0.001]", "--set", "noise_epochs=[0]", "--set", "micro_batch=2"});
  for (int i = 0; i < 2; ++i) {
    const auto ended = run_program(bench.folder.path(), words);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.err,
               Contains("f2: BatchNorm: a batch of 8 images runs in parts, and the statistics of 2 of them") &&
                   Contains("In settings: ghost_batch=2, or micro_batch=8"));
    CHECK_FALSE(fs::exists(bench.folder / "run"));
    words.push_back("--dry-run");
  }
}

}  // namespace single_network_test
