#include <catch2/catch.hpp>

#include "examples/bench.hpp"

namespace option_values_test {

using namespace bench;

TEST_CASE("a seed is a whole number that 64 bits hold") {
  const Bench b;
  const std::string model = b.path("model.safetensors");
  for (const char* seed : {"-1", "99999999999999999999999", "1.5", "", "one"})
    for (const Words& words :
         {Words{"segment", model, b.path("new")}, Words{"evaluate", model, "--data", b.path("set")},
          Words{"synthesize", "--out", b.path("out")}, Words{"train", "--data", b.path("set")}}) {
      Words all = words;
      all.insert(all.end(), {"--seed", seed, "--dry-run"});
      const auto ended = b.run(all);
      INFO(words[0] << " --seed '" << seed << "': " << ended.err);
      CHECK(ended.status == 2);
      CHECK_THAT(ended.err, Contains("--seed"));
    }
  CHECK(b.run({"segment", model, b.path("new"), "--seed", "18446744073709551615", "--dry-run"}).status == 0);
}

TEST_CASE("an option with an empty value is refused: a shell's variable that is not set asks for nothing") {
  const Bench b;
  const std::string model = b.path("model.safetensors");
  for (const Words& words : {Words{"segment", model, b.path("new"), "--budget", ""},
                             {"segment", model, b.path("new"), "--variant", ""},
                             {"evaluate", model, "--data", b.path("set"), "--csv", ""},
                             {"evaluate", model, "--data", b.path("set"), "--out", ""},
                             {"train", "--data", b.path("set"), "--initial", ""}}) {
    const auto ended = b.run(words);
    INFO(words[0] << " " << words[words.size() - 2] << ": " << ended.err);
    CHECK(ended.status == 2);
    CHECK_THAT(ended.err, Contains(words[words.size() - 2]) && Contains("empty"));
  }
}

TEST_CASE("a preset is chosen by --preset: a setting would only change the name of the settings") {
  const Bench b;
  b.refuses({"train", "--data", b.path("set"), "--out", b.path("out"), "--set", "preset=paper"},
            "--set: 'preset=paper' would name the settings and change none; expected --preset");
  b.refuses({"--out", b.path("out"), "--set", "preset=paper"}, "--set: 'preset=paper'", PASER_TRAIN_NOISY_MNIST);
  CHECK_THAT(b.run({"--set", "preset=paper"}, PASER_TRAIN_ROUTER).err, Contains("unknown setting 'preset'"));
}

}  // namespace option_values_test
