#include <catch2/catch.hpp>

#include "examples/bench.hpp"
#include "paser/io/safetensors.hpp"

/// What is there stays as it is: inputs, and folders in which an output could not be finished.
namespace kept_files_test {

using namespace bench;

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

TEST_CASE("a program without standard output ends with 1, and what it prints goes into no file") {
  const Bench b;
  const std::string command = std::string("exec ") + PASER_COMMAND + " segment " + b.path("model.safetensors") + " " +
                              b.path("new") + " --json --out " + b.path("out") + " >&-";
  CHECK(run_program(b.folder / "scratch", {"/bin/sh", "-c", command}).status == 1);
  CHECK(fs::exists(b.path("out")));
  for (const auto& entry : fs::recursive_directory_iterator(b.path("out")))
    if (entry.is_regular_file()) CHECK_THAT(content_of(entry.path()), !Contains("\"images\""));
}

}  // namespace kept_files_test
