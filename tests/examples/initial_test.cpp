#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "examples/child_process.hpp"
#include "examples/tiny_training.hpp"
#include "paser/experiment/networks.hpp"
#include "paser/io/weights_file.hpp"
#include "paser/models/registered/segformer.hpp"
#include "paser/models/registered/wrappers.hpp"
#include "support/temporary_folder.hpp"

namespace initial_test {

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// The settings of a SegFormer of a few weights, without its braces.
std::string segformer(const std::string& heads) {
  return R"("depths":[1,1],"widths":[4,8],"decoder_width":8,"reductions":[1,1],"mlp_ratios":[1,1],"heads":)" + heads;
}

/// Gray images, and trainings of a UNet and such a SegFormer on them.
struct Bench {
  Bench() { tiny::write_data_set(folder / "data"); }

  std::string path(const std::string& name) const { return (folder / name).string(); }
  Words words(const std::string& heads, const std::string& run, const Words& more) const {
    const std::string networks =
        R"(networks=[{"type":"unet","spec":{"width":2,"depth":1}},{"type":"segformer","spec":{)" + segformer(heads) +
        "}}]";
    Words all = tiny::training(PASER_TRAIN_SEGMENTATION, folder / "data", folder / run);
    for (const std::string& setting :
         {networks, std::string("pretrain_epochs=[1,1]"), std::string("pretrain_batch=[2,2]"),
          std::string("pretrain_rate=[0.001,0.001]"), std::string("micro_batch=4"), std::string("ghost_batch=4")})
      all.insert(all.end(), {"--set", setting});
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Outcome train(const std::string& heads, const std::string& run, const Words& more) const {
    return run_program(folder.path(), words(heads, run, more));
  }
  /// The same network of random weights as a published checkpoint, and as the model that `paser convert` makes of it.
  std::string converted(const std::string& heads, int classes) const {
    const std::string spec = message(R"({"in":1,"classes":)", classes, ",", segformer(heads), "}");
    const auto network = models::make_segmenter<float>("segformer", spec, Key{5});
    io::Safetensors published;
    published.tensors = io::published_state(network);
    io::write_safetensors(path("published.safetensors"), published);
    const auto made =
        run_program(folder.path(), {PASER_COMMAND, "convert", path("published.safetensors"), path("model.safetensors"),
                                    "--network", "segformer:" + spec, "--overwrite"});
    INFO(made.err);
    REQUIRE(made.status == 0);
    return path("model.safetensors");
  }
  nlohmann::json settings(const std::string& run) const {
    return nlohmann::json::parse(content_of(folder / run / "config.json")).at("settings");
  }

  TemporaryFolder folder;
};

TEST_CASE("--initial with a PaSeR of other networks is refused, by the setting and both its values") {
  const Bench b;
  const auto start = b.train("[1,1]", "start", {});
  INFO(start.err);
  REQUIRE(start.status == 0);
  const std::string model = b.path("start/checkpoints/paser.safetensors");
  const auto other = b.train("[1,2]", "other", {"--initial", model});
  CHECK(other.status == 2);
  CHECK_THAT(other.err, Contains("paser.safetensors: its network f2 is a segformer with heads = [1,1], f2 of this run "
                                 "has [1,2]"));
  CHECK_FALSE(fs::exists(b.folder / "other"));
  CHECK_THAT(b.train("[1,1]", "other", {"--initial", model, "--set", "dropout=0.25", "--dry-run"}).err,
             Contains("its network f1 is a unet with dropout = 0.5, f1 of this run has 0.25"));
  const auto dry = b.train("[1,1]", "other", {"--initial", model, "--dry-run"});
  CHECK(dry.status == 0);
  CHECK_THAT(dry.out, Contains("would read   " + model + ": the PaSeR to start from"));
  const auto same = b.train("[1,1]", "same", {"--initial", model, "--stage", "f1"});
  INFO(same.err);
  CHECK(same.status == 0);
  CHECK(b.settings("same")["initial"] == model);
}

TEST_CASE("published weights become a task model of a PaSeR: paser convert, and a list of files to start from") {
  const Bench b;
  const std::string model = b.converted("[1,2]", 5), list = R"(["",")" + model + R"("])";
  const auto dry = b.train("[1,2]", "run", {"--initial", list, "--dry-run"});
  INFO(dry.err);
  CHECK(dry.status == 0);
  CHECK_THAT(dry.out, Contains("would read   " + model + ": the start of f2"));
  CHECK_FALSE(fs::exists(b.folder / "run"));
  const auto trained = b.train("[1,2]", "run", {"--set", "initial=" + list});
  INFO(trained.err);
  REQUIRE(trained.status == 0);
  CHECK_THAT(trained.err, Contains("warning: " + model +
                                   " knows 5 classes, f2 of this run 2: random weights stay in "
                                   "decode_head.classifier.bias, decode_head.classifier.weight"));
  CHECK(b.settings("run")["initial"] == nlohmann::json::parse(list));
  const auto loaded = pipeline::load_paser(b.folder / "run/checkpoints/paser.safetensors");
  CHECK(loaded.description.info["settings"]["initial"] == nlohmann::json::parse(R"(["","model.safetensors"])"));
  CHECK_THAT(b.train("[1,2]", "run", {"--initial", list}).err, Contains("made in an earlier run"));
  // The file is part of the data, and another list another run.
  CHECK_THAT(b.train("[1,2]", "run", {"--initial", R"(["",""])"}).err, Contains("holds a run with initial = "));
  b.converted("[1,2]", 3);
  CHECK_THAT(b.train("[1,2]", "run", {"--initial", list}).err,
             Contains("the data is not that which this run began with: the start of f2 has another content"));

  CHECK_THAT(b.train("[1,1]", "none", {"--initial", list}).err, Contains("heads = [1,2], f2 of this run has [1,1]"));
  CHECK_THAT(b.train("[1,2]", "none", {"--initial", R"([")" + model + R"("])"}).err,
             Contains("initial has 1 entries, expected 2"));
  CHECK_THAT(b.train("[1,2]", "none", {"--initial", R"(["",")" + b.path("published.safetensors") + R"("])"}).err,
             Contains("published.safetensors: not a checkpoint of paser") && Contains("'paser convert'"));
  CHECK_FALSE(fs::exists(b.folder / "none"));
}

TEST_CASE("a network that is trained alone starts from a model of one network") {
  const Bench b;
  const std::string model = b.converted("[1,2]", 2);
  for (const std::string& initial : {model, R"([")" + model + R"("])"}) {
    const std::string run = initial == model ? "text" : "list";
    const auto trained = b.train("[1,2]", run, {"--network", "f2", "--initial", initial});
    INFO(trained.err);
    CHECK(trained.status == 0);
  }
  CHECK(content_of(b.folder / "text/checkpoints/network.safetensors") ==
        content_of(b.folder / "list/checkpoints/network.safetensors"));
  const auto other = b.train("[1,1]", "none", {"--network", "f2", "--initial", model});
  CHECK(other.status == 2);
  CHECK_THAT(other.err, Contains("heads = [1,2], that of this run has [1,1]"));
}

TEST_CASE("train_router's networks start from the files of its setting initial") {
  const Bench b;
  const std::string model = b.converted("[1,2]", 2);
  Words words{PASER_TRAIN_ROUTER, "--data", b.path("data"), "--out", b.path("run"), "--threads", "1", "--dry-run"};
  for (const std::string& setting :
       {R"(networks=[{"type":"unet","spec":{"width":2,"depth":1}},{"type":"segformer","spec":{)" + segformer("[1,2]") +
            "}}]",
        R"(initial=["",")" + model + R"("])", std::string("corrected=false"), std::string("micro_batch=4"),
        std::string("ghost_batch=4"), std::string("grid=[2,2]"), std::string("folds=2")})
    words.insert(words.end(), {"--set", setting});
  const auto dry = run_program(b.folder.path(), words);
  INFO(dry.err);
  CHECK(dry.status == 0);
  CHECK_THAT(dry.out, Contains(model + ": the start of f2"));
  words.insert(words.end(), {"--set", "corrected=true"});
  CHECK_THAT(run_program(b.folder.path(), words).err, Contains("f2 of this run is corrected(resized(segformer))"));
  words.insert(words.end(), {"--set", "references=true"});
  CHECK_THAT(run_program(b.folder.path(), words).err, Contains("initial goes with neither ablations nor references"));
}

}  // namespace initial_test
