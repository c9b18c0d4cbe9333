#include <catch2/catch.hpp>
#include <fstream>

#include "paser/experiment/run_folder.hpp"
#include "support/temporary_folder.hpp"

namespace run_folder_fresh_test {

using namespace paser;
using Catch::Matchers::Contains;
using experiment::RunChoice;
using experiment::RunFolder;
using experiment::RunNeeds;
namespace fs = std::filesystem;

const nlohmann::json settings{{"seed", 1}};

void put(const fs::path& file, const std::string& content) {
  std::ofstream(file, std::ios::binary) << content;
}

/// The content of every file of a run, and which of them its list names.
std::map<std::string, std::string> content_of_run(const fs::path& run) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(run))
    if (entry.is_regular_file() && entry.path().filename() != io::OutputManifest::file_name)
      files[entry.path().lexically_relative(run).string()] = io::read_file(entry.path());
  const io::OutputFolder folder(run, "look");
  for (const auto& [name, file] : folder.listed()) files["list: " + name] = file.program;
  return files;
}

/// A run with a checkpoint, a log and results.
void make_run(const fs::path& run) {
  RunFolder r(run, settings, {}, {.program = "train", .results = {"results.json"}});
  io::Checkpoint checkpoint;
  checkpoint.info["step"] = 3;
  checkpoint.save(r.checkpoint_to_write("f1"));
  r.run("f1", "f1", [](const pipeline::Stage& stage) {
    stage.log(1, {{"loss", 1}});
    return true;
  });
  r.write("results.json", "numbers");
  r.add_cost({"f1", 1});
}

TEST_CASE("a start with --fresh that is refused leaves the run that is there as it was, and may go on") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  make_run(run);
  RunChoice fresh{.fresh = true};
  RunNeeds needs{.program = "train", .results = {"results.json", "report.html"}};
  std::string refusal;
  SECTION("a page of somebody else, which the run would end at") {
    put(run / "report.html", "mine");
    refusal = "report.html' is there, and train did not write it";
  }
  SECTION("a log of events of somebody else") {
    put(run / "events.out.tfevents.paser", "mine");
    fresh.tensorboard = true;
    refusal = "events.out.tfevents.paser' is there, and train did not write it";
  }
  SECTION("a list of the data of somebody else") {
    fs::remove(run / "data.json");
    RunFolder(run, settings, {}, needs).write("data.json", "{}");
    put(run / "data.json", "mine");
    refusal = "data.json' was changed since train wrote it";
  }
  SECTION("no room") {
    needs.bytes = 2 * fs::space(run).available;
    refusal = "the checkpoints of a run need";
  }
  SECTION("a file of the run itself that somebody changed, be it the last one by name") {
    put(run / "stages.json", "mine");
    refusal = "stages.json' was changed since train wrote it";
  }
  const auto before = content_of_run(run);
  REQUIRE(before.contains("checkpoints/f1.safetensors"));
  for (const bool dry : {true, false}) {
    fresh.dry_run = dry;
    CHECK_THROWS_WITH(RunFolder(run, settings, fresh, needs), Contains(refusal));
    CHECK(content_of_run(run) == before);
  }
}

TEST_CASE("a start with --fresh that nothing refuses begins without anything of the run that was there") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  const nlohmann::json others{{"seed", 2}};
  make_run(run);
  RunFolder(run, others, {.fresh = true}, {.program = "train", .results = {"results.json"}});
  std::vector<std::string> names;
  for (const auto& [name, content] : content_of_run(run)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"config.json", "data.json", "list: config.json", "list: data.json",
                                          "list: log.jsonl", "log.jsonl"});
  CHECK(io::read_file(run / "log.jsonl").empty());
  CHECK_NOTHROW(RunFolder(run, others, {}, {.program = "train"}));
}

}  // namespace run_folder_fresh_test
