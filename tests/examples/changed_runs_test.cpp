#include <catch2/catch.hpp>

#include "examples/bench.hpp"
#include "paser/io/checkpoint.hpp"
#include "paser/io/json.hpp"

/// Files of a run, or of a job, that somebody changed: every program that reads them names the file and the field.
namespace changed_runs_test {

using namespace bench;

namespace {

/// The file with one field changed, as long as this lives.
class Changed {
 public:
  Changed(const std::string& file, const std::string& pointer, const nlohmann::json& value)
      : file_(file), before_(content_of(file)) {
    auto document = nlohmann::json::parse(before_);
    document[nlohmann::json::json_pointer(pointer)] = value;
    std::ofstream(file_) << document;
  }
  Changed(const Changed&) = delete;
  Changed& operator=(const Changed&) = delete;
  ~Changed() { std::ofstream(file_) << before_; }

 private:
  std::string file_, before_;
};

/// It has no words of the library that reads JSON, and none of the standard library's.
bool speaks_plainly(const std::string& text) {
  for (const char* word : {"json.exception", "_M_range_check", "filesystem error"})
    if (text.find(word) != std::string::npos) return false;
  return true;
}

}  // namespace

TEST_CASE("evaluate tells which setting of a run's config.json is none, and which of a model's file") {
  const Bench b;
  const std::string run = b.path("run"), model = run + "/checkpoints/paser.safetensors";
  REQUIRE(b.run(tiny::training("train", b.path("set"), run)).status == 0);
  REQUIRE(b.run({"evaluate", run}).status == 0);
  const auto refused = [&](const std::string& pointer, const nlohmann::json& value, const std::string& field) {
    INFO(pointer << " " << value);
    const Changed changed(run + "/config.json", pointer, value);
    for (const Words& words : {Words{"evaluate", run}, Words{"evaluate", run, "--dry-run"}}) {
      const auto ended = b.run(words);
      CHECK(ended.status == 2);
      CHECK_THAT(ended.err, Contains("run/config.json: ") && Contains(field));
      CHECK(speaks_plainly(ended.err));
    }
  };
  for (const nlohmann::json& none : {nlohmann::json::array(), nlohmann::json(5), nlohmann::json()})
    refused("/settings", none, "'settings' is " + none.dump() + ", expected an object");
  for (const nlohmann::json& none : {nlohmann::json::array(), nlohmann::json(5), nlohmann::json()})
    refused("/settings/data", none, "setting data = " + none.dump() + ", expected a text");
  refused("", nlohmann::json::array(), "is not the configuration of a run");
  refused("/settings/data", std::string("set\0x", 5), "'data' has a NUL");
  refused("/working_folder", std::string("\0", 1), "'working_folder' has a NUL");

  auto checkpoint = io::Checkpoint::load(model);
  const auto stored = [&](const std::string& pointer, const nlohmann::json& value, const std::string& field) {
    auto changed = checkpoint;
    changed.info[nlohmann::json::json_pointer(pointer)] = value;
    changed.save(b.path("changed.safetensors"));
    const auto ended = b.run({"evaluate", b.path("changed.safetensors"), "--data", b.path("set")});
    INFO(pointer << " " << ended.err);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.err, Contains("changed.safetensors: ") && Contains(field));
    CHECK(speaks_plainly(ended.err));
  };
  stored("/info/settings", 5, "'settings' in the description's info: expected an object, got number");
  stored("/info/settings/size", {-5, -5}, "setting: size = -5, expected a whole number");
  stored("/info/settings/size", "large", "setting size = \"large\", expected a list");
  stored("/info/settings/fit", "some", "expected whole, crop or tiles");
  stored("/networks/0/spec/dropout", 1, "network f1: model 'unet': its dropout is 1, expected 0 .. 1 (excluded)");
}

TEST_CASE("a training goes on with no measured.json of a run without a list that no run can have measured") {
  const Bench b;
  const std::string run = b.path("run"), copy = b.path("copy"), file = copy + "/measured.json";
  const auto words = tiny::training("train", b.path("set"), copy);
  REQUIRE(b.run(tiny::training("train", b.path("set"), run)).status == 0);
  const auto copied = [&] {  // as an older version left it, or as it is copied without what is hidden
    fs::remove_all(copy);
    fs::copy(run, copy, fs::copy_options::recursive);
    for (const char* name : {".paser_outputs", "results.json", "methods.csv", "images.csv", "report.html"})
      fs::remove(copy + "/" + name);
  };
  const auto refused = [&](const std::string& pointer, const nlohmann::json& value, const std::string& field) {
    copied();
    const Changed changed(file, pointer, value);
    const auto ended = b.run(words);
    INFO(pointer << " " << value << ": " << ended.err);
    CHECK(ended.status == 1);
    CHECK_THAT(ended.err, Contains("copy/measured.json: ") && Contains(field));
    CHECK(speaks_plainly(ended.err));
  };
  for (const nlohmann::json& times : {nlohmann::json::array(), nlohmann::json{1.5}, nlohmann::json{1, 1, 1, 1}})
    refused("/times/patch_ms", times, message("'patch_ms': has ", times.size(), " times, expected 3"));
  refused("/times/patch_ms/1", -5, "'times': 'patch_ms': -5, expected a number of 0 .. 1e+30");
  refused("/times/patch_ms/1", nullptr, "'patch_ms': null");
  refused("/times/state_ms", -5, "'state_ms': -5");
  refused("/times/runs", 1.5, "'runs': 1.5, expected a whole number");
  refused("/times", 5, "'times'");
  for (const double gain : {1.5, -1.0, 1e40, 1e-300}) refused("/gain", gain, "'gain': ");
  refused("/set", 5, "'set'");
  refused("/set/counts", nlohmann::json::array(), "'counts': counts of f1: 0 numbers, expected 4");
  refused("/set/counts/0", 1.5, "'counts': 1.5, expected a whole number");
  refused("/set/counts", std::vector<Index>(4, std::numeric_limits<Index>::max()), "'counts'");
  for (const nlohmann::json& patches : {nlohmann::json(1.5), nlohmann::json(1e40), nlohmann::json(0)})
    refused("/set/patches", patches, "'patches': " + patches.dump());
  copied();
  auto without = nlohmann::json::parse(content_of(file));
  without.erase("set");
  std::ofstream(file) << without;
  CHECK_THAT(b.run(words).err, Contains("copy/measured.json: 'set': "));
  copied();
  const auto ended = b.run(words);
  INFO(ended.err);
  CHECK(ended.status == 0);
}

TEST_CASE("compare tells which number of a results.json no run can have found") {
  const Bench b;
  const std::string run = b.path("run"), other = b.path("other");
  REQUIRE(b.run(tiny::training("train", b.path("set"), run)).status == 0);
  fs::create_directories(other);
  fs::copy(run + "/results.json", other + "/results.json");
  const auto refused = [&](const std::string& pointer, const nlohmann::json& value, const std::string& field) {
    INFO(pointer << " " << value);
    const Changed changed(other + "/results.json", pointer, value);
    for (const Words& words : {Words{"compare", run, other}, Words{"compare", other, "--json"}}) {
      const auto ended = b.run(words);
      CHECK(ended.status == 2);
      CHECK(ended.out.empty());
      CHECK_THAT(ended.err, Contains("other/results.json") && Contains(field));
    }
  };
  refused("/rows/0/iou", -5, "'iou': -5, expected a number of 0 .. 1, or null");
  refused("/rows/0/iou", 1e308, "'iou': 1e+308");
  refused("/rows/0/gmac", -1, "'gmac': -1, expected a number of 0 .. 1e+30");
  refused("/rows/0/share/0", 2, "'share': 2");
  refused("/seed", -1, "'seed': -1");
  refused("/settings", 5, "'settings': expected an object");
  const Changed unknown(other + "/results.json", "/rows/0/iou", nullptr);  // as of images without a pixel that counts
  const auto ended = b.run({"compare", run, other});
  INFO(ended.err);
  CHECK(ended.status == 0);
}

TEST_CASE("segment-many tells which number of a chunk's summary is none") {
  const Bench b;
  const Words words{"segment-many", b.path("model.safetensors"),
                    "--manifest",   b.path("list"),
                    "--out",        b.path("many"),
                    "--threads",    "1"};
  REQUIRE(b.run(words).status == 0);
  const std::string file = b.path("many") + "/chunk_0000000.json";
  const auto refused = [&](const std::string& pointer, const nlohmann::json& value, const std::string& field) {
    INFO(pointer << " " << value);
    const Changed changed(file, pointer, value);
    const auto ended = b.run(words);
    CHECK(ended.status == 1);
    CHECK(ended.out.empty());
    CHECK_THAT(ended.err, Contains("chunk_0000000.json is no summary of a chunk: ") && Contains(field));
    CHECK(speaks_plainly(ended.err));
  };
  refused("/pixels", {1, 2, 3, 4, 5}, "'pixels' has 5 numbers, expected at most 3");
  refused("/patches", {1, 2, 3, 4}, "'patches' has 4 numbers, expected at most 3");
  refused("/pixels/0", -5, "'pixels' is -5, expected a whole number, 0 or more");
  refused("/done", -5, "'done' is -5");
  refused("/done", 1.5, "'done' is 1.5");
  refused("/lines", 7, "'lines': 7, expected as many as are done or failed: 1");
  refused("/failures", {{"not read", -1}}, "'failures, not read' is -1");
  refused("/hash", "xyz", "'hash': 'xyz', expected 16 hexadecimal digits");
  refused("/gmac", -1, "'gmac': -1");
  const Changed none(file, "/done", 0);
  const Changed coloured(file, "/failures", {{"\x1b[31mred", 1}});
  const auto ended = b.run(words);
  CHECK(ended.status == 1);
  CHECK_THAT(ended.out, Contains("1 \\x1B[31mred") && !Contains("\x1b"));
}

}  // namespace changed_runs_test
