#include <catch2/catch.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <streambuf>

#include "examples/child_process.hpp"
#include "paser/io/image.hpp"
#include "printed.hpp"
#include "support/temporary_folder.hpp"

namespace standard_output_test {

using namespace paser;
using Catch::Matchers::Contains;

/// Takes nothing, as a file on a full disk.
struct Full : std::streambuf {
  int overflow(int) override { return traits_type::eof(); }
};

TEST_CASE("a program whose output could not be written says so and has not succeeded") {
  Full full;
  std::ostringstream err;
  auto* const before_out = std::cout.rdbuf(&full);
  auto* const before_err = std::cerr.rdbuf(err.rdbuf());
  const int nothing = program::printed(0);
  std::cout << "results";
  const int lost = program::printed(0), failed = program::printed(2);
  std::cout.clear();
  std::cout.rdbuf(before_out);
  std::cerr.rdbuf(before_err);
  CHECK(nothing == 0);
  CHECK(lost == 1);
  CHECK(failed == 2);
  CHECK_THAT(err.str(), Contains("standard output could not be written"));
  CHECK(program::printed(0) == 0);
}

// Case N15.
TEST_CASE("standard output full: every program ends with status 1 and a message") {
  const TemporaryFolder folder;
  const std::filesystem::path full = "/dev/full", err = folder / "stderr.txt";
  if (!std::filesystem::exists(full)) return;
  const auto refused = [&](const std::vector<std::string>& words) {
    INFO(words[0]);
    CHECK(ChildProcess(words, full, err).wait() == 1);
    CHECK_THAT(content_of(err), Contains("standard output could not be written"));
  };
  for (const char* name : {PASER_CHECK_DATA, PASER_EVALUATE, PASER_SEGMENT_IMAGE, PASER_COMPARE_RUNS,
                           PASER_TRAIN_ROUTER, PASER_TRAIN_SEGMENTATION, PASER_TRAIN_NOISY_MNIST})
    refused({name, "--help"});
  refused({PASER_TRAIN_SEGMENTATION, "--list-presets"});
  std::filesystem::create_directories(folder / "images");
  io::write_png(folder / "images" / "a.png", Tensor<std::uint8_t, 3>::full({8, 8, 1}, 1));
  const std::string images = (folder / "images").string();
  refused({PASER_CHECK_DATA, images, images, "--map", "1:0", "--quiet"});
  refused({PASER_CHECK_DATA, images, images, "--map", "1:0", "--quiet", "--json"});
}

// Cases N04 and of names in other encodings, from end to end.
TEST_CASE("check_data: byte order marks, names that are not UTF-8, and names with control characters") {
  const TemporaryFolder folder;
  const std::string stem =
      "Stra\xDF"
      "e\x1B[31m";
  for (const char* kind : {"images", "masks"}) {
    std::filesystem::create_directories(folder / kind);
    for (const std::string& name : {stem, std::string("one")})
      io::write_png(folder / kind / (name + ".png"), Tensor<std::uint8_t, 3>::full({8, 8, 1}, 1));
  }
  io::write_file(folder / "classes.txt", "\xEF\xBB\xBFignore 0\r\nroad 1\r\n");
  io::write_file(folder / "list.txt", "\xEF\xBB\xBFone\r\n" + stem + "\r\n");
  const std::string images = (folder / "images").string(), masks = (folder / "masks").string();
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {PASER_CHECK_DATA, images, masks, "--quiet"});
    return run_program(folder.path(), words);
  };
  const auto listed =
      run({"--class-file", (folder / "classes.txt").string(), "--list", (folder / "list.txt").string()});
  CHECK(listed.status == 0);
  CHECK_THAT(listed.out, Contains("pairs      2 good") && Contains("class 0    100.0 %  128 pixels  road"));
  const auto document = run({"--json", "--class-file", (folder / "classes.txt").string()});
  CHECK(document.status == 0);
  CHECK(nlohmann::json::parse(document.out)["all"]["samples"][0]["name"] == "Stra\\xDFe\x1B[31m");

  std::filesystem::remove(folder / "masks" / (stem + ".png"));
  const auto bad = run({"--map", "1:0"});
  CHECK(bad.status == 1);
  CHECK_THAT(bad.out, Contains("Stra\\xDFe\\x1B[31m.png"));
  CHECK(bad.out.find('\x1B') == std::string::npos);
  const auto missing = run({"--list", (folder / "\x1B[2J.txt").string()});
  CHECK(missing.status == 2);
  CHECK_THAT(missing.err, Contains("\\x1B[2J.txt"));
  io::write_file(folder / "deep.json", std::string(80'000, '['));
  const auto deep = run({"--class-file", (folder / "deep.json").string()});
  CHECK(deep.status == 2);
  CHECK_THAT(deep.err, Contains("deep.json") && Contains("nested deeper"));
}

}  // namespace standard_output_test
