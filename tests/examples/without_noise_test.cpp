#include "without_noise.hpp"

#include <catch2/catch.hpp>

#include "examples/child_process.hpp"
#include "examples/tiny_paser.hpp"
#include "support/temporary_folder.hpp"

namespace without_noise_test {

using namespace paser;
using Catch::Matchers::Contains;

// Case A10: with p = 0 the passes of MC dropout are equal, which is a mistake that nobody sees.
TEST_CASE("MC dropout of a network that drops nothing is said by the programs that use it") {
  const TemporaryFolder folder;
  const std::string picture = (folder / "a.png").string(), out = (folder / "out").string();
  io::write_png(picture, tiny::picture(20, 30, 1, 1));
  for (const double dropout : {0.0, 0.25}) {
    auto description = tiny::description(1);
    description.networks[0] = models::UNetSpec{.classes = 3, .width = 2, .depth = 1, .dropout = dropout};
    const std::string model = (folder / "model.safetensors").string();
    pipeline::save_paser(model, pipeline::make_paser(description, Key{1}), description);
    const auto warns = [&](std::vector<std::string> more) {
      std::vector<std::string> words{PASER_SEGMENT_IMAGE, model, picture, "--out", out, "--quiet"};
      words.insert(words.end(), more.begin(), more.end());
      const auto ended = run_program(folder.path(), words);
      CHECK(ended.status == 0);
      return ended.err.find("f1 drops nothing") != std::string::npos;
    };
    CHECK(warns({}) == (dropout == 0));
    CHECK_FALSE(warns({"--only", "f2"}));
    CHECK_FALSE(warns({"--samples", "1"}));
  }
}

}  // namespace without_noise_test
