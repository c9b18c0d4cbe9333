#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "examples/all_files.hpp"
#include "examples/child_process.hpp"
#include "support/temporary_folder.hpp"

namespace synthesize_test {

using Catch::Matchers::Contains;
namespace fs = std::filesystem;

TEST_CASE("make_electrodes completes its own set, and writes over nobody's picture") {
  const TemporaryFolder folder;
  const fs::path out = folder / "set";
  const auto make = [&] {
    return run_program(folder.path(),
                       {PASER_MAKE_ELECTRODES, "--out", out.string(), "--count", "2", "1", "0", "--threads", "1"});
  };
  const auto first = make();
  INFO(first.err);
  REQUIRE(first.status == 0);
  const auto whole = all_of(out);
  fs::remove(out / "train_label" / "electrode_00001.png");
  CHECK(make().status == 0);
  CHECK(all_of(out) == whole);

  // A set of before there were manifests, stopped between an image and its mask.
  fs::remove(out / ".paser_outputs");
  fs::remove(out / "train_label" / "electrode_00001.png");
  CHECK(make().status == 0);
  CHECK(all_of(out) == whole);

  // With its mask or without it, known to the program or not.
  for (const char* gone : {"nothing", "train_label/electrode_00001.png", ".paser_outputs"}) {
    CAPTURE(gone);
    fs::remove(out / gone);
    std::ofstream(out / "train_images" / "electrode_00001.png") << "mine";
    const auto refused = make();
    CHECK(refused.status == 2);
    CHECK_THAT(refused.err, Contains("train_images/electrode_00001.png") && Contains("choose another place") &&
                                !Contains("--overwrite"));
    CHECK(content_of(out / "train_images" / "electrode_00001.png") == "mine");
    fs::remove(out / "train_images" / "electrode_00001.png");
    CHECK(make().status == 0);
    CHECK(all_of(out) == whole);
  }
}

TEST_CASE("what make_electrodes may not replace is refused before an image is made, in a dry run too") {
  const TemporaryFolder folder;
  const fs::path out = folder / "set", description = out / "electrodes.json";
  const auto make = [&](bool dry = false) {
    std::vector<std::string> words{PASER_MAKE_ELECTRODES, "--out", out.string(), "--count", "2", "0", "1"};
    for (const char* size : {"height=32", "width=32"}) words.insert(words.end(), {"--set", size});
    if (dry) words.emplace_back("--dry-run");
    return run_program(folder.path(), words);
  };
  REQUIRE(make().status == 0);
  const auto whole = all_of(out);
  const std::string described = content_of(description), first = content_of(out / "train_images/electrode_00000.png");
  const auto refused = [&](const char* sentence) {
    INFO(sentence);
    for (const bool dry : {true, false}) {
      const auto ended = make(dry);
      CHECK(ended.status == 2);
      CHECK_THAT(ended.err, Contains(sentence));
      CHECK_FALSE(fs::exists(out / "train_images"));
    }
  };

  fs::remove_all(out / "train_images");
  auto edited = nlohmann::ordered_json::parse(described);
  edited["note"] = "of April";
  std::ofstream(description) << edited;
  refused("electrodes.json: was changed since paser synthesize wrote it");
  CHECK(nlohmann::ordered_json::parse(content_of(description)) == edited);
  std::ofstream(description) << described;

  // Other pictures under the last name that would come, where nothing tells whose they are.
  const fs::path last = out / "test_images/electrode_00000.png";
  const std::string picture = content_of(last);
  for (const std::string& other : {std::string("mine"), first}) {
    fs::remove(out / ".paser_outputs");
    std::ofstream(last, std::ios::binary) << other;
    refused("test_images/electrode_00000.png' is there, and paser synthesize did not write it");
    CHECK(content_of(last) == other);
  }
  std::ofstream(last, std::ios::binary) << picture;
  CHECK_THAT(make(true).out, Contains("2 images of 32 x 32") && !Contains("test_images"));
  CHECK(make().status == 0);
  CHECK(all_of(out) == whole);
}

TEST_CASE("make_electrodes says of parts without images that there are none") {
  const TemporaryFolder folder;
  const auto make = [&](const char* train, std::vector<std::string> more = {}) {
    std::vector<std::string> words{PASER_MAKE_ELECTRODES,
                                   "--out",
                                   (folder / ("set" + std::string(train))).string(),
                                   "--count",
                                   train,
                                   "0",
                                   "0",
                                   "--set",
                                   "height=32",
                                   "--set",
                                   "width=32"};
    words.insert(words.end(), more.begin(), more.end());
    const auto ended = run_program(folder.path(), words);
    INFO(ended.err);
    CHECK(ended.status == 0);
    return ended.out;
  };
  CHECK_THAT(make("1"), Contains("train: 1 image, pore ") && Contains("(1 - share)") &&
                            Contains("validation: no images\ntest: no images\n") && !Contains("0 images"));
  CHECK_THAT(make("0"), Contains("train: no images\n") && !Contains("%") &&
                            Contains("class weights: none, since there are no training images\n"));
  const auto made = nlohmann::json::parse(make("0", {"--json"}));
  CHECK(made.at("class_weights").is_null());
  CHECK(made.at("shares").at("test").is_null());
}

}  // namespace synthesize_test
