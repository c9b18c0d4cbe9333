#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "examples/child_process.hpp"
#include "examples/tiny_training.hpp"
#include "support/temporary_folder.hpp"

/// What --json, --quiet, --dry-run and --version promise, of every subcommand and every trainer.
namespace common_options {

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using Words = std::vector<std::string>;

Words operator+(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// All files and folders below a folder, with the content of the files. The notes that programs keep of what they wrote
/// count too.
std::map<std::string, std::string> tree(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    all[entry.path().string()] = entry.is_regular_file() ? content_of(entry.path()) : "";
  return all;
}

std::string errors_of(const std::string& text) {
  std::string errors;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("error: ")) errors += line + "\n";
  return errors;
}

/// A model, a data set whose masks have three of four classes, two images of other sizes, and a finished run.
struct Bench {
  Bench() {
    fs::create_directories(folder / "bench");
    const auto d = tiny::description(1);
    pipeline::save_paser(path("model.safetensors"), pipeline::make_paser(d, Key{21}), d);
    for (int i = 0; i < 8; ++i) {
      tiny::Bytes mask({16, 24, 1});
      for (Index p = 0; p < mask.numel(); ++p) mask.mutable_data()[p] = static_cast<std::uint8_t>(p % 24 / 5 % 3);
      store("set/images/a", i, tiny::picture(16, 24, 1, static_cast<std::uint64_t>(i)));
      store("set/masks/a", i, mask);
    }
    for (int i = 0; i < 2; ++i) store("new/b", i, tiny::picture(20, 30, 1, static_cast<std::uint64_t>(i)));
    std::ofstream(path("list")) << path("new/b0.png") << "\n" << path("new/b1.png") << "\n";
    REQUIRE(run(train("finished")).status == 0);
  }

  std::string path(const std::string& name) const { return (folder / "bench" / name).string(); }
  void store(const std::string& name, int i, const tiny::Bytes& picture) const {
    const fs::path file = path(name + std::to_string(i) + ".png");
    fs::create_directories(file.parent_path());
    io::write_png(file, picture);
  }

  Outcome run(const Words& words) const { return run_program(folder.path(), Words{PASER_COMMAND} + words); }
  std::map<std::string, std::string> files() const { return tree(folder / "bench"); }

  Words data(const std::string& masks = "index:3") const {
    return {"--data", path("set"), "--masks", masks, "--range", "0,255"};
  }
  Words train(const std::string& out, const std::string& masks = "index:3") const {
    return Words{"train", "--out", path(out), "--threads", "1", "--network", R"(unet:{"width":2,"depth":1})"} +
           data(masks) + Words{"--set", "pretrain_epochs=[1,1,1]"};
  }
  Words evaluate() const { return Words{"evaluate", path("model.safetensors"), "--part", "all"} + data(); }
  Words segment() const { return {"segment", path("model.safetensors"), path("new"), "--threads", "1"}; }
  Words segment_many(const std::string& list = "list") const {
    return {"segment-many", path("model.safetensors"), "--manifest", path(list), "--threads", "1"};
  }
  Words synthesize() const {
    return {"synthesize", "--count", "2", "1", "1", "--set", "height=32", "--set", "width=32"};
  }
  Words convert() const { return {"convert", path("model.safetensors"), "--take", "f1"}; }

  TemporaryFolder folder;
};

/// A subcommand at work.
struct Work {
  Words words;
  bool speaks = true;  ///< has progress or notes
  bool again = true;   ///< may run twice
  bool inputs = true;  ///< reads something
};

std::vector<Work> all_of(const Bench& b) {
  return {{Words{"check"} + b.data()},
          {b.train("run")},
          {b.evaluate() + Words{"--out", b.path("scores"), "--csv", b.path("table.csv")}},
          {b.segment() + Words{"--out", b.path("found")}},
          {b.segment_many() + Words{"--out", b.path("many")}},
          {{"compare", b.path("finished")}, false},
          {b.synthesize() + Words{"--out", b.path("electrodes")}, true, true, false},
          {{"info", b.path("model.safetensors")}, false},
          {b.convert() + Words{b.path("f1.safetensors")}, false, false},
          {{"bench", b.path("model.safetensors"), "--rounds", "1"}}};
}

TEST_CASE("every subcommand: --dry-run says what is read and written, and writes nothing; --quiet leaves the result") {
  const Bench b;
  std::set<std::string> tried;
  const std::string version = b.run({"--version"}).out;
  CHECK_THAT(version, Contains("paser ") && Contains("kernels "));
  for (const Work& work : all_of(b)) {
    tried.insert(work.words[0]);
    INFO(work.words[0]);
    CHECK(b.run({work.words[0], "--version"}).out == version);
    const auto before = b.files();
    const auto dry = b.run(work.words + Words{"--dry-run"});
    INFO(dry.err);
    REQUIRE(dry.status == 0);
    CHECK_THAT(dry.out, Contains("would read ") && Contains("would write ") &&
                            Catch::EndsWith("a dry run: nothing was written\n"));
    const auto told = b.run(work.words + Words{"--dry-run", "--json", "--quiet"});
    CHECK(told.status == 0);
    CHECK(told.err.empty());
    CHECK(b.files() == before);
    const auto would = nlohmann::json::parse(told.out);
    CHECK(would.at("dry_run") == true);
    CHECK(would.at("reads").empty() != work.inputs);
    for (const auto& item : would.at("reads")) CHECK(fs::exists(item.at("file").get<std::string>()));

    const auto quiet = b.run(work.words + Words{"--quiet", "--json"});
    INFO(quiet.err);
    REQUIRE(quiet.status == 0);
    CHECK(quiet.err.empty());
    CHECK(nlohmann::json::parse(quiet.out).is_structured());
    // What was written is what was said, file by file or as the folder around it.
    const auto after = b.files();
    std::set<std::string> said;
    for (const auto& item : would.at("writes")) said.insert(item.at("file").get<std::string>());
    for (const std::string& file : said) CHECK(after.contains(file));
    for (const auto& entry : after) {
      const std::string& file = entry.first;
      const bool around = std::ranges::any_of(said, [&](const std::string& s) { return s.starts_with(file + "/"); });
      if (before.contains(file) || around || fs::path(file).filename() == ".paser_outputs") continue;
      bool covered = false;
      for (fs::path at = file; !covered && at.has_relative_path(); at = at.parent_path())
        covered = said.contains(at.string());
      INFO(file);
      CHECK(covered);
    }
    for (const auto& [file, content] : before) CHECK(after.at(file) == content);
    if (!work.again) continue;
    const auto loud = b.run(work.words);
    CHECK(loud.status == 0);
    CHECK(loud.err.empty() != work.speaks);
    CHECK_FALSE(loud.out.empty());
  }
  CHECK(tried.size() == 10);
}

TEST_CASE("every subcommand: --dry-run refuses what the work would refuse, with the same words and status") {
  const Bench b;
  const std::string mine = b.path("mine"), file = b.path("a file");
  for (const char* name : {"evaluation.json", "areas.csv", "b1_mask.png", "chunk_0000000.tar"}) {
    fs::create_directories(mine);
    std::ofstream(fs::path(mine) / name) << "mine";
  }
  for (const std::string& name : {file, b.path("f1.safetensors"), b.path("table.csv"), b.path("empty")})
    std::ofstream(name) << (name == b.path("empty") ? "" : "mine");
  fs::create_directories(b.path("pictures"));
  std::ofstream(fs::path(b.path("pictures")) / "b1_mask.png") << "mine";
  struct Refused {
    Words words;
    int status;
    std::string sentence;
  };
  const std::vector<Refused> all{
      {Words{"check", b.path("none"), b.path("set/masks")}, 2, "is not a folder"},
      {{"check", b.path("set"), "--masks", "0:zero"}, 2, "0:zero"},
      {b.train("mine"), 2, "holds files and no run"},
      {b.train("a file"), 1, "Not a directory"},
      {b.train("run") + Words{"--set", "pretrain_epochs=[0,1,1]"}, 2, "at least 1"},
      {{"train", "--data", b.path("none"), "--out", b.path("run")}, 2, "none"},
      {b.train("finished") + Words{"--seed", "2"}, 2, "holds a run with seed = 1"},
      {b.evaluate() + Words{"--out", mine}, 2, "evaluation.json"},
      {b.evaluate() + Words{"--out", file}, 1, "Not a directory"},
      {b.evaluate() + Words{"--csv", b.path("table.csv")}, 2, "paser evaluate did not write it"},
      {b.evaluate() + Words{"--csv", b.path("none/table.csv")}, 2, "its folder does not exist"},
      {b.evaluate() + Words{"--out", b.path("set")}, 2, "is an input of this command"},
      {b.segment() + Words{"--out", mine}, 2, "areas.csv"},
      {b.segment() + Words{"--out", file}, 1, "Not a directory"},
      {b.segment() + Words{"--out", b.path("pictures"), "--write", "mask"}, 1, "b1_mask.png"},
      {b.segment() + Words{b.path("none.png"), "--out", b.path("new1")}, 2, "none.png is not there"},
      {b.segment() + Words{b.path("new/b0.png"), "--out", b.path("new2")}, 1, "another image has written"},
      {b.segment() + Words{"--range", "9,4", "--out", b.path("new3")}, 2, "--range must rise"},
      {{"segment", b.path("none.safetensors"), b.path("new")}, 2, "none.safetensors"},
      {b.segment_many() + Words{"--out", mine}, 2, "chunk_0000000.tar"},
      {b.segment_many("empty") + Words{"--out", b.path("many1")}, 2, "names no image"},
      {b.segment_many("none") + Words{"--out", b.path("many1")}, 2, "does not exist"},
      {{"compare", b.path("finished"), b.path("none")}, 2, "none"},
      {b.synthesize() + Words{"--out", mine}, 2, "is not an empty folder"},
      {b.synthesize() + Words{"--out", file}, 1, "Not a directory"},
      {b.synthesize() + Words{"--out", b.path("new4"), "--set", "height=-3"}, 2, "whole number"},
      {{"info", b.path("none")}, 2, "does not exist"},
      {b.convert() + Words{b.path("f1.safetensors")}, 2, "is there already"},
      {b.convert() + Words{b.path("none/f1.safetensors")}, 2, "its folder does not exist"},
      {{"bench", R"(unte:{})"}, 2, "did you mean 'unet'?"}};
  for (const Refused& refused : all) {
    INFO(refused.words[0] << " " << refused.sentence);
    const auto before = b.files();
    const auto dry = b.run(refused.words + Words{"--dry-run", "--quiet"});
    CHECK(b.files() == before);
    CHECK(dry.status == refused.status);
    CHECK_THAT(dry.err, Contains("error: ") && Contains(refused.sentence));
    const auto real = b.run(refused.words + Words{"--quiet"});
    CHECK(real.status == refused.status);
    CHECK(errors_of(real.err) == errors_of(dry.err));
  }
}

TEST_CASE("--quiet silences no warning") {
  const Bench b;
  CHECK_THAT(b.run({"compare", b.path("finished"), b.path("finished"), "--quiet"}).err,
             Contains("warning: ") && Contains("have the same seed"));
  const auto trained = b.run(b.train("run", "index:4") + Words{"--quiet"});
  CHECK(trained.status == 0);
  CHECK_THAT(trained.err, Contains("warning: validation images: no pixel is of class 3") && !Contains("Images ") &&
                              !Contains("read "));
  CHECK_THAT(b.run(b.train("loud", "index:4")).err, Contains("warning: validation images: no pixel is of class 3") &&
                                                        Contains("Images ") && Contains("read "));
}

TEST_CASE("every trainer: --dry-run ends where training would begin, in a new folder, a run's, and with --fresh") {
  const TemporaryFolder folder;
  const fs::path data = folder / "bench" / "data", out = folder / "bench" / "run";
  tiny::write_data_set(data);
  const Words segmentation = tiny::training(PASER_TRAIN_SEGMENTATION, data, out, {"--set", "tuned_reward=false"});
  const auto run = [&](const Words& words, const Words& more) {
    const auto before = tree(folder / "bench");
    const auto ended = run_program(folder.path(), words + more);
    CHECK(tree(folder / "bench") == before);
    INFO(ended.err);
    CHECK(ended.status == 0);
    return ended.out;
  };
  CHECK_THAT(run(segmentation, {"--dry-run"}),
             Contains("a new run, at most") && Contains((data / "train_images").string() + ": 6 files"));
  CHECK_THAT(
      run({PASER_TRAIN_ROUTER, "--data", data.string(), "--out", out.string(), "--set", "grid=[2,2]"}, {"--dry-run"}),
      Contains("a new run") && Contains("curve.svg") && Contains("nothing was written"));
  CHECK_THAT(run({PASER_TRAIN_NOISY_MNIST, "--out", out.string()}, {"--dry-run", "--quiet"}),
             Contains("a new run") && Contains("mnist: 4 files") && Contains("nothing was written"));
  REQUIRE(run_program(folder.path(), segmentation + Words{"--stage", "f3"}).status == 0);
  CHECK_THAT(run(segmentation, {"--dry-run"}), Contains("the run that is there goes on"));
  const Words other{"--seed", "2", "--fresh", "--dry-run"};
  CHECK_THAT(run(segmentation, other), Contains("a new run, in place of any that is there"));
  tiny::write_data_set(folder / "other");
  Words moved = segmentation;
  moved[2] = (folder / "other").string();
  CHECK_THAT(run(moved, other), Contains("a new run, in place of any that is there"));
  const std::string configuration = content_of(out / "config.json");
  std::ofstream(out / "config.json") << "edited";
  const auto changed = run_program(folder.path(), segmentation + other);
  CHECK(changed.status == 2);
  CHECK_THAT(changed.err, Contains("config.json") && Contains("was changed since"));
  std::ofstream(out / "config.json") << configuration;
  std::ofstream(out / "checkpoints" / "f3.safetensors") << "edited";
  const auto replaced = run_program(folder.path(), segmentation + other);
  CHECK(replaced.status == 2);
  CHECK_THAT(replaced.err, Contains("f3.safetensors") && Contains("is not what train_segmentation writes"));
}

}  // namespace common_options
