#include <catch2/catch.hpp>

#include "examples/child_process.hpp"
#include "examples/tiny_paser.hpp"
#include "support/temporary_folder.hpp"

namespace value_range_programs_test {

using Catch::Matchers::Contains;
namespace fs = std::filesystem;

/// A model of images of 0 .. 4095, or of no range, and one 8-bit image with its mask.
struct Bench {
  explicit Bench(std::optional<paser::io::ValueRange> range) {
    auto d = tiny::description(1);
    d.value_range = range;
    paser::pipeline::save_paser(model(), paser::pipeline::make_paser(d, paser::Key{21}), d);
    for (const char* kind : {"images", "masks"}) fs::create_directories(folder / kind);
    paser::io::write_png(folder / "images" / "a.png", tiny::picture(16, 24, 1, 1));
    paser::io::write_png(folder / "masks" / "a.png", tiny::Bytes::zeros({16, 24, 1}));
  }
  fs::path model() const { return folder / "model.safetensors"; }
  Outcome segment(const std::vector<std::string>& more = {}) const {
    return run({PASER_SEGMENT_IMAGE, model().string(), (folder / "images").string(), "--out", (folder / "out").string(),
                "--quiet"},
               more);
  }
  Outcome evaluate(const std::vector<std::string>& more = {}) const {
    return run({PASER_EVALUATE, model().string(), "--images", (folder / "images").string(), "--masks-folder",
                (folder / "masks").string(), "--masks", "index:3", "--quiet"},
               more);
  }
  Outcome run(std::vector<std::string> words, const std::vector<std::string>& more) const {
    words.insert(words.end(), more.begin(), more.end());
    return run_program(folder.path(), words);
  }
  TemporaryFolder folder;
};

TEST_CASE("images that cannot be those of the model's value range are refused by both programs in the same words") {
  const Bench bench(paser::io::ValueRange{0, 4095});
  const std::string sentence =
      "has 8-bit gray values, 0 .. 255, of which the largest would become 0.0622711 by the value range 0 .. 4095; say "
      "the range of these files (--range), or use those of the range";
  const auto segmented = bench.segment(), evaluated = bench.evaluate();
  CHECK(segmented.status == 1);
  CHECK_THAT(segmented.err, Contains(sentence) && Contains("1 images failed"));
  CHECK(names_in(bench.folder / "out").empty());
  CHECK(evaluated.status == 2);
  CHECK_THAT(evaluated.err, Contains(sentence));
  CHECK(bench.segment({"--range", "0,255"}).status == 0);
  CHECK(bench.evaluate({"--range", "0,255"}).status == 0);
}

TEST_CASE("dark images without a range are warned of by both programs, and bright ones are not") {
  const Bench bench({});
  const std::string sentence = "a value range may be missing";
  CHECK_THAT(bench.segment().err, !Contains(sentence));
  CHECK_THAT(bench.evaluate().err, !Contains(sentence));
  paser::io::write_png(bench.folder / "images" / "a.png", tiny::Bytes::full({16, 24, 1}, 9));
  CHECK_THAT(bench.segment().err, Contains(sentence));
  const auto evaluated = bench.evaluate();
  CHECK(evaluated.status == 0);
  CHECK_THAT(evaluated.err, Contains(sentence));
}

TEST_CASE("evaluate tells no spread of one image") {
  const Bench bench({});
  const auto one = bench.evaluate();
  CHECK_THAT(one.out, Contains("1 image: IoU ") && !Contains("95 %"));
  for (const char* kind : {"images", "masks"}) fs::copy(bench.folder / kind / "a.png", bench.folder / kind / "b.png");
  CHECK_THAT(bench.evaluate().out, Contains("2 images: mean IoU ") && Contains("(95 %: "));
}

}  // namespace value_range_programs_test
