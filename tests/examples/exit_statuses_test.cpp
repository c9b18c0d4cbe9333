#include <catch2/catch.hpp>

#include "examples/bench.hpp"

/// The rule of docs/programs.md: what the options name is read before the work begins, and where it is not there or
/// cannot be read every program ends with 2; what fails afterwards is 1.
namespace exit_statuses {

using namespace bench;

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
  fs::create_symlink("loop", b.path("loop"));
  b.refuses(with({"segment", model, images, b.path("loop")}), "loop cannot be looked at: Too many levels");
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

}  // namespace exit_statuses
