#include <catch2/catch.hpp>
#include <fstream>

#include "examples/child_process.hpp"
#include "examples/tiny_training.hpp"
#include "support/temporary_folder.hpp"

namespace class_order_test {

using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// A tiny run whose classes are named by a file: dark 0, bright 1.
struct Bench {
  Bench() {
    tiny::write_data_set(folder / "data");
    classes("dark 0\nbright 1\n");
    const auto trained = train("run");
    INFO(trained.err);
    REQUIRE(trained.status == 0);
  }

  void classes(const std::string& text) const { std::ofstream(folder / "classes.txt") << text; }
  Outcome train(const std::string& run, Words more = {}) const {
    more.insert(more.end(), {"--class-file", (folder / "classes.txt").string()});
    return run_program(folder.path(),
                       tiny::training(PASER_TRAIN_SEGMENTATION, folder / "data", folder / run, std::move(more)));
  }
  Outcome evaluate(Words more = {}) const {
    more.insert(more.begin(), {PASER_EVALUATE, (folder / "run").string(), "--quiet"});
    return run_program(folder.path(), more);
  }

  TemporaryFolder folder;
};

TEST_CASE("evaluate refuses masks whose classes are named in another order than the model's, or otherwise") {
  const Bench b;
  CHECK(b.evaluate().status == 0);
  CHECK(b.evaluate({"--masks", "0:0,1:1"}).status == 0);
  CHECK(b.evaluate({"--masks", "index:2"}).status == 0);
  const auto refused = [&](const std::string& sentence, const Words& more = {}) {
    const auto ended = b.evaluate(more);
    INFO(sentence);
    CHECK(ended.status == 2);
    CHECK(ended.out.empty());
    CHECK_THAT(ended.err, Contains(sentence));
  };
  b.classes("bright 1\ndark 0\n");
  refused(
      "classes.txt: names the classes 'bright', 'dark'; expected the same in the order of the model, 'dark', 'bright'");
  b.classes("pore 0\nmetal 1\n");
  refused("names the classes 'pore', 'metal'; expected those of the model, 'dark', 'bright'");
  refused("--masks index:4: has 4 classes, expected those of the model, at most 2", {"--masks", "index:4"});
  refused("has 3 classes, expected those of the model, at most 2", {"--masks", "0:0,1:1,2:2"});
}

TEST_CASE("a training does not start from a model whose classes are in another order, and tells of other ones") {
  const Bench b;
  const std::string model = (b.folder / "run/checkpoints/paser.safetensors").string();
  CHECK_THAT(b.train("same", {"--initial", model}).err, !Contains("trained for the classes"));
  b.classes("bright 1\ndark 0\n");
  const auto refused = b.train("reordered", {"--initial", model});
  CHECK(refused.status == 2);
  CHECK_THAT(refused.err,
             Contains("paser.safetensors: its networks know the classes 'dark', 'bright'; expected them in "
                      "the order of this run, 'bright', 'dark'"));
  CHECK_FALSE(fs::exists(b.folder / "reordered" / "checkpoints"));
  b.classes("pore 0\nmetal 1\n");
  const auto tuned = b.train("tuned", {"--initial", model});
  CHECK(tuned.status == 0);
  CHECK_THAT(tuned.err, Contains("paser.safetensors was trained for the classes 'dark', 'bright', which here become "
                                 "'pore', 'metal'"));
}

}  // namespace class_order_test
