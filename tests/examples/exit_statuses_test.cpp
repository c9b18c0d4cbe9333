#include <catch2/catch.hpp>

#include "examples/child_process.hpp"
#include "examples/tiny_training.hpp"
#include "paser/io/safetensors.hpp"
#include "support/temporary_folder.hpp"

/// The rule of docs/programs.md: what the options name is read before the work begins, and where it is not there or
/// cannot be read every program ends with 2; what fails afterwards is 1.
namespace exit_statuses {

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using Words = std::vector<std::string>;

struct Bench {
  Bench() {
    fs::create_directories(path("scratch"));
    const auto d = tiny::description(1);
    pipeline::save_paser(path("model.safetensors"), pipeline::make_paser(d, Key{21}), d);
    tiny::write_data_set(path("set"));
    for (const char* part : {"train", "validation"}) {  // a set whose image is damaged
      for (const char* kind : {"_images", "_label"}) {
        fs::create_directories(path("torn_set"));
        fs::copy(path("set") + "/" + part + kind, path("torn_set") + "/" + part + kind);
      }
    }
    std::ofstream(path("torn_set/train_images/im1.png")) << "no picture";
    fs::create_directories(path("new"));
    io::write_png(path("new/a.png"), tiny::picture(16, 24, 1, 1));
    std::ofstream(path("torn")) << "neither a model nor an image";
    std::ofstream(path("list")) << path("new/a.png") << "\n";
    std::ofstream(path("half_list")) << path("new/a.png") << "\n" << path("none.png") << "\n";
  }

  std::string path(const std::string& name) const { return (folder / name).string(); }
  Outcome run(Words words, const std::string& program = PASER_COMMAND) const {
    words.insert(words.begin(), program);
    return run_program(folder / "scratch", words);
  }
  /// It ends with 2 and a sentence with these words, and makes nothing; the same in a dry run.
  void refuses(Words words, const std::string& sentence, const std::string& program = PASER_COMMAND) const {
    INFO(program << " " << words[0] << " ... " << sentence);
    for (const bool dry : {false, true}) {
      if (dry) words.push_back("--dry-run");
      const auto ended = run(words, program);
      CHECK(ended.status == 2);
      CHECK(ended.out.empty());
      CHECK_THAT(ended.err, Contains("error: ") && Contains(sentence));
      CHECK_FALSE(fs::exists(folder / "out"));
    }
  }

  TemporaryFolder folder;
};

TEST_CASE("exit status 2: a folder, list, file or network that the options name is not there or cannot be read") {
  const Bench b;
  const std::string model = b.path("model.safetensors"), images = b.path("new"), out = b.path("out"),
                    none = b.path("none"), torn = b.path("torn"), set = b.path("set"), torn_set = b.path("torn_set");
  const Words to{"--out", out, "--threads", "1"};
  const auto with = [&to](Words words) {
    words.insert(words.end(), to.begin(), to.end());
    return words;
  };
  b.refuses(with({"segment", none, images}), "none");
  b.refuses(with({"segment", torn, images}), "torn");
  b.refuses(with({"segment", model, images, none}), "none is not there");
  b.refuses(with({"segment", model, "@" + none}), "none");
  b.refuses(with({"segment", model, images, "--variant", "paser"}), "--variant");

  b.refuses(with({"segment-many", none, "--manifest", b.path("list")}), "none");
  b.refuses(with({"segment-many", torn, "--manifest", b.path("list")}), "torn");
  b.refuses(with({"segment-many", model, "--manifest", none}), "none");
  b.refuses(with({"segment-many", model, "--manifest", set}), "set");

  b.refuses(with({"evaluate", none, "--data", set}), "none");
  b.refuses(with({"evaluate", model, "--data", none}), "none");
  b.refuses(with({"evaluate", model, "--data", set, "--list", none}), "none");
  b.refuses(
      with({"evaluate", model, "--images", torn_set + "/train_images", "--masks-folder", torn_set + "/train_label"}),
      "im1.png");

  const std::string unet = R"(unet:{"width":2,"depth":1})";
  b.refuses(with({"train", "--data", none, "--network", unet}), "none");
  b.refuses(with({"train", "--data", none}), "none");
  b.refuses(with({"train", "--data", set, "--list", none}), "none");
  b.refuses(with({"train", "--data", set, "--class-file", none}), "none");
  b.refuses(with({"train", "--data", set, "--network", "unett:{}"}), "unett");
  b.refuses(with({"train", "--data", set, "--network", "f7"}), "f7");
  for (const std::string& initial : {none, torn})
    b.refuses(
        with({"train", "--data", set, "--set", "widths=[2,2,2]", "--set", "depths=[1,1,1]", "--initial", initial}),
        initial);
  b.refuses(with({"train", "--data", torn_set}), "im1.png");
  b.refuses(with({"--data", none}), "none", PASER_TRAIN_ROUTER);
  b.refuses(with({"--data", torn_set}), "im1.png", PASER_TRAIN_ROUTER);
  b.refuses(with({"--mnist", none}), "none", PASER_TRAIN_NOISY_MNIST);

  b.refuses({"check", none}, "none");
  b.refuses({"compare", none}, "none");
  b.refuses({"compare", set}, "set");
  b.refuses({"info", none}, "none");
  b.refuses({"info", torn}, "torn");
  b.refuses({"bench", none}, "none");
  b.refuses({"bench", torn}, "torn");
  b.refuses({"convert", none, b.path("out.safetensors"), "--network", unet}, "none");
  CHECK_FALSE(fs::exists(b.path("out.safetensors")));
}

TEST_CASE("exit status 1: what was begun fails") {
  const Bench b;
  const std::string model = b.path("model.safetensors"), in_the_way = b.path("torn") + "/out";
  // A list of which an image is not there: the others are done.
  const auto half = b.run({"segment", model, "@" + b.path("half_list"), "--out", b.path("half"), "--write", "mask"});
  CHECK(half.status == 1);
  CHECK(fs::exists(b.path("half") + "/a_mask.png"));
  CHECK(b.run({"segment-many", model, "--manifest", b.path("half_list"), "--out", b.path("many")}).status == 1);
  // An output that cannot be made: a file is where its folder should be.
  for (const Words& words :
       {Words{"segment", model, b.path("new")}, Words{"segment-many", model, "--manifest", b.path("list")},
        Words{"train", "--data", b.path("set"), "--network", R"(unet:{"width":2,"depth":1})"},
        Words{"evaluate", model, "--data", b.path("set")}, Words{"synthesize", "--count", "1", "1", "1"}}) {
    Words all = words;
    all.insert(all.end(), {"--out", in_the_way});
    const auto ended = b.run(all);
    INFO(words[0] << ": " << ended.err);
    CHECK(ended.status == 1);
    CHECK_THAT(ended.err, Contains("torn"));
  }
}

TEST_CASE("exit status 5: done, but for bad files that may be left out; without that nothing is begun") {
  const Bench b;
  const std::string set = b.path("set"), out = b.path("out");
  const auto training = [&](const Words& more) {
    Words words = tiny::training("train", set, out, more);
    return b.run(words);
  };
  fs::create_symlink("nowhere", set + "/validation_images/im9.png");
  for (const char* part : {"train", "test"}) fs::resize_file(set + "/" + part + "_images/im1.png", 50);
  for (const Words& more : {Words{}, Words{"--dry-run"}}) {
    const auto refused = training(more);
    CHECK(refused.status == 2);
    CHECK_THAT(refused.err, Contains("train_images/im1.png") && Contains("test_images/im1.png") && Contains("im9.png"));
    CHECK_FALSE(fs::exists(out + "/checkpoints"));
  }
  const auto without = training({"--skip-bad"});
  INFO(without.err);
  REQUIRE(without.status == 5);
  CHECK_THAT(without.err,
             Contains("3 bad files are left out") && Contains("train_images/im1.png: the PNG file is cut off"));
  const auto results = nlohmann::json::parse(content_of(out + "/results.json"));
  CHECK(results.at("left_out").size() == 3);
  CHECK(results.at("left_out").contains(set + "/test_images/im1.png"));
  CHECK_THAT(results.at("data").get<std::string>(), Contains("2 for the test; left out as bad: 3 files"));
  CHECK_THAT(content_of(out + "/report.html"), Contains("left out as bad: 3 files"));
  CHECK(training({"--skip-bad"}).status == 5);  // a run that is there

  const std::string model = out + "/checkpoints/paser.safetensors";
  const auto scored = b.run({"evaluate", model, "--data", set, "--skip-bad", "--json"});
  CHECK(scored.status == 5);
  CHECK(nlohmann::json::parse(scored.out).at("left_out").size() == 1);
  CHECK(b.run({"evaluate", model, "--data", set}).status == 2);

  const auto alone =
      b.run({"train", "--data", set, "--out", b.path("alone"), "--network", R"(unet:{"width":2,"depth":1})", "--set",
             "grid=[2,2]", "--set", "pretrain_epochs=[1,1,1]", "--skip-bad", "--threads", "1"});
  CHECK(alone.status == 5);
}

TEST_CASE("a seed is a whole number that 64 bits hold") {
  const Bench b;
  const std::string model = b.path("model.safetensors");
  for (const char* seed : {"-1", "99999999999999999999999", "1.5", "", "one"})
    for (const Words& words :
         {Words{"segment", model, b.path("new")}, Words{"evaluate", model, "--data", b.path("set")},
          Words{"synthesize", "--out", b.path("out")}, Words{"train", "--data", b.path("set")}}) {
      Words all = words;
      all.insert(all.end(), {"--seed", seed, "--dry-run"});
      const auto ended = b.run(all);
      INFO(words[0] << " --seed '" << seed << "': " << ended.err);
      CHECK(ended.status == 2);
      CHECK_THAT(ended.err, Contains("--seed"));
    }
  CHECK(b.run({"segment", model, b.path("new"), "--seed", "18446744073709551615", "--dry-run"}).status == 0);
}

TEST_CASE("a file that may not grow is told, and nothing is left half written") {
  const Bench b;
  const std::string command = std::string("ulimit -f 1; exec ") + PASER_COMMAND + " segment " +
                              b.path("model.safetensors") + " " + b.path("new") + " --format tiff --out " +
                              b.path("out");
  const auto ended = run_program(b.folder / "scratch", {"/bin/sh", "-c", command});
  INFO(ended.err);
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, Contains("File too large"));
  for (const auto& entry : fs::directory_iterator(b.path("out")))
    CHECK(entry.path().filename().string().find(".tmp") == std::string::npos);
}

TEST_CASE("check refuses training images that a training would refuse") {
  const Bench b;
  for (int i = 0; i < 6; ++i)
    io::write_png(b.path("set") + message("/train_label/im", i, ".png"), tiny::Bytes::full({32, 32, 1}, 1));
  const auto found = b.run({"check", b.path("set"), "--masks", "index:2"});
  CHECK(found.status == 1);
  CHECK_THAT(found.out, Contains("nothing can be learned") && Contains("all pixels are of one class"));
  const auto trained = b.run({"train", "--data", b.path("set"), "--masks", "index:2", "--out", b.path("out")});
  CHECK(trained.status == 2);
  CHECK_THAT(trained.err, Contains("nothing can be learned"));
}

TEST_CASE("what a program reads it does not replace, under whatever name, with --overwrite neither") {
  const Bench b;
  const std::string run = b.path("run"), set = b.path("set"), model = run + "/checkpoints/paser.safetensors";
  REQUIRE(b.run(tiny::training("train", set, run)).status == 0);
  REQUIRE(b.run({"convert", run, b.path("w.safetensors"), "--take", "f2"}).status == 0);
  nlohmann::json index;
  for (const auto& [name, tensor] : io::read_safetensors(b.path("w.safetensors")).tensors)
    index["weight_map"][name] = "w.safetensors";
  std::ofstream(b.path("w.index.json")) << index;
  std::ofstream(b.path("names")) << "im0\n";
  fs::create_directories(b.path("areas"));
  std::ofstream(b.path("areas/areas.csv")) << b.path("new/a.png") << "\n";
  const std::string unet = R"(unet:{"width":2,"depth":1})";
  const std::vector<std::pair<std::string, Words>> cases{
      {model, {"convert", run, model, "--take", "f2"}},
      {b.path("w.safetensors"), {"convert", b.path("w.index.json"), b.path("w.safetensors"), "--network", unet}},
      {run + "/config.json", {"evaluate", run, "--csv", run + "/config.json"}},
      {run + "/results.json", {"evaluate", run, "--csv", run + "/results.json"}},
      {b.path("names"), {"evaluate", run, "--list", b.path("names"), "--csv", b.path("names")}},
      {b.path("areas/areas.csv"), {"segment", run, "@" + b.path("areas/areas.csv"), "--out", b.path("areas")}}};
  for (const auto& [input, words] : cases) {
    const std::string before = content_of(input);
    Words all = words;
    all.push_back("--overwrite");
    const auto ended = b.run(all);
    INFO(input << ": " << ended.err);
    CHECK(ended.status != 0);
    CHECK_THAT(ended.err, Contains(fs::path(input).filename().string()));
    CHECK(content_of(input) == before);
  }
}

TEST_CASE("a program without standard output ends with 1, and what it prints goes into no file") {
  const Bench b;
  const std::string command = std::string("exec ") + PASER_COMMAND + " segment " + b.path("model.safetensors") + " " +
                              b.path("new") + " --json --out " + b.path("out") + " >&-";
  CHECK(run_program(b.folder / "scratch", {"/bin/sh", "-c", command}).status == 1);
  CHECK(fs::exists(b.path("out")));
  for (const auto& entry : fs::recursive_directory_iterator(b.path("out")))
    if (entry.is_regular_file()) CHECK_THAT(content_of(entry.path()), !Contains("\"images\""));
}

TEST_CASE("an option with an empty value is refused: a shell's variable that is not set asks for nothing") {
  const Bench b;
  const std::string model = b.path("model.safetensors");
  for (const Words& words : {Words{"segment", model, b.path("new"), "--budget", ""},
                             {"segment", model, b.path("new"), "--variant", ""},
                             {"evaluate", model, "--data", b.path("set"), "--csv", ""},
                             {"evaluate", model, "--data", b.path("set"), "--out", ""},
                             {"train", "--data", b.path("set"), "--initial", ""}}) {
    const auto ended = b.run(words);
    INFO(words[0] << " " << words[words.size() - 2] << ": " << ended.err);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.err, Contains(words[words.size() - 2]) && Contains("empty"));
  }
}

}  // namespace exit_statuses
