#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "examples/bench.hpp"
#include "paser/io/image.hpp"

namespace check_data_test {

using namespace bench;

TEST_CASE("check_data: the exit status says whether a data set can be used, and the bad files are named") {
  const TemporaryFolder folder;
  using Bytes = Tensor<std::uint8_t, 3>;
  const fs::path root = folder / "data", images = root / "train_images", masks = root / "train_label";
  fs::create_directories(images);
  fs::create_directories(masks);
  for (const char* name : {"a.png", "b.png"}) {
    io::write_png(images / name, Bytes::full({8, 9, 1}, 100));
    auto mask = Bytes::full({8, 9, 1}, 0);
    mask.mutable_data()[3] = 1;
    io::write_png(masks / name, mask);
  }
  const auto check_data = [&](std::vector<std::string> words) {
    words.insert(words.begin(), PASER_CHECK_DATA);
    words.push_back("--quiet");
    return run_program(folder.path(), words);
  };
  const std::vector<std::string> pair{images.string(), masks.string()};
  CHECK(check_data(pair).status == 0);
  const auto whole = check_data({root.string(), "--json"});
  CHECK(whole.status == 0);
  const auto j = nlohmann::json::parse(whole.out);
  CHECK(j.contains("train"));

  CHECK(check_data({images.string(), masks.string(), "--map", "0:0"}).status == 1);  // the value 1 has no class
  io::write_png(masks / "b.png", Bytes::full({8, 8, 1}, 0));
  const auto bad = check_data(pair);
  CHECK(bad.status == 1);
  CHECK_THAT(bad.out, Contains("b.png"));
  const auto bad_json = check_data({root.string(), "--json"});
  CHECK(bad_json.status == 1);
  CHECK_THAT(nlohmann::json::parse(bad_json.out).dump(), Contains("b.png"));

  const auto refused = [&](const std::vector<std::string>& words, const std::string& sentence) {
    const auto ended = check_data(words);
    INFO(sentence);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.err, Contains(sentence));
  };
  refused({}, "expected IMAGES MASKS, or the folder of a data set");
  refused({images.string(), (folder / "no").string()}, "is not a folder");
  refused({(folder / "no").string()}, "no");
  refused({images.string(), masks.string(), "--map", "0:zero"}, "0:zero");
  refused({images.string(), masks.string(), "--channels", "2"}, "--channels");
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

}  // namespace check_data_test
