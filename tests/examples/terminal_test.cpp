#include <catch2/catch.hpp>

#include "examples/bench.hpp"
#include "paser/io/json.hpp"
#include "paser/io/tiff_encoder.hpp"

/// Names and texts from files that would colour, clear or retitle a terminal are shown and not obeyed.
namespace terminal_test {

using namespace bench;

namespace {

const std::string red = "\x1b[31mE", shown = "\\x1B[31mE";

/// It says the text, as one can read it, and sends the terminal nothing else than text.
void says_plainly(const Outcome& ended, int status = 0) {
  INFO(ended.out << ended.err);
  CHECK(ended.status == status);
  CHECK_THAT(ended.out + ended.err, Contains(shown) && !Contains("\x1b"));
}

}  // namespace

TEST_CASE("folders whose names have escape codes reach the terminal as text") {
  const Bench b;
  const std::string set = b.path("set" + red), run = b.path("run" + red);
  fs::rename(b.path("set"), set);
  const auto first = b.run(tiny::training("train", set, run));
  says_plainly(first);
  CHECK_THAT(first.err, Contains("Everything is written to " + b.path("run" + shown)));
  for (const char* file : {"report.html", "results.json", "checkpoints/paser.safetensors"})
    CHECK_THAT(first.out, Contains(b.path("run" + shown) + "/" + file));
  CHECK_THAT(first.out, Contains(b.path("set" + shown)));
  says_plainly(b.run(tiny::training("train", set, run)));
  says_plainly(b.run({"compare", run, run}));  // which have the same seed
  auto results = io::read_json(run + "/results.json");
  results["title"] = red;
  results["settings"][red] = 1;
  fs::create_directories(b.path("titled"));
  io::write_file(b.path("titled/results.json"), io::json_text(results));
  const auto compared = b.run({"compare", b.path("titled"), run});
  says_plainly(compared);
  CHECK_THAT(compared.out, Contains(shown + ", 2 runs"));
  CHECK_THAT(compared.err, Contains("differ in the setting " + shown));
  says_plainly(b.run({"synthesize", "--out", b.path("made" + red), "--count", "1", "0", "0", "--set", "height=32",
                      "--set", "width=32"}));
  says_plainly(b.run({"segment-many", b.path("model.safetensors"), "--manifest", b.path("half_list"), "--out",
                      b.path("many" + red)}),
               1);
  says_plainly(b.run({"info", b.path("none" + red)}), 2);
}

TEST_CASE("a folder whose name has escape codes, of train_router") {
  const Bench b;
  Words words{"--data", b.path("set" + red), "--out", b.path("run" + red), "--threads", "1"};
  fs::rename(b.path("set"), words[1]);
  for (const char* setting : {"widths=[2,4]", "depths=[1,2]", "grid=[2,2]", "epochs=[1,1]", "folds=2",
                              "router_epochs=1", "resamples=20", "router_members=1"})
    words.insert(words.end(), {"--set", setting});
  const auto ended = b.run(words, PASER_TRAIN_ROUTER);
  says_plainly(ended);
  CHECK_THAT(ended.out, Contains("set" + shown + ": ") && Contains(b.path("run" + shown) + "/results.json"));
}

TEST_CASE("what is wrong with an option is told without the escape codes in it") {
  const Bench b;
  const Words image{"segment", b.path("model.safetensors"), b.path("new/a.png"), "--out", b.path("out")};
  for (const Words& more : {Words{"--write", red}, Words{"--seed", red}, Words{"--format", red}, Words{"--" + red},
                            Words{"--threads", red}, Words{"--only", red}}) {
    Words words = image;
    words.insert(words.end(), more.begin(), more.end());
    says_plainly(b.run(words), 2);
  }
  says_plainly(b.run({red}), 2);
}

#ifdef PASER_WITH_TIFF
TEST_CASE("the unit of a TIFF file's pixels is shown without the escape codes in it") {
  const Bench b;
  io::Resolution resolution{.x = 2, .y = 2};
  resolution.imagej_unit = resolution.depth_unit = red;
  resolution.spacing = 3;
  io::TiffEncoder tiff({.pages = 2, .resolution = resolution});
  std::string file = tiff.page(tiny::picture(16, 24, 1, 1));
  file += tiff.page(tiny::picture(16, 24, 1, 2));
  io::write_file(b.path("red.tif"), file);
  const auto told = b.run({"info", b.path("red.tif")});
  says_plainly(told);
  CHECK_THAT(told.out, Contains("a pixel has 0.25 " + shown + "2") && Contains("pages are 3.0 " + shown + " apart"));
}
#endif

}  // namespace terminal_test
