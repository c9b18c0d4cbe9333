#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <thread>

#include "electrodes/settings.hpp"
#include "examples/child_process.hpp"
#include "examples/tiny_run.hpp"
#include "noisy_mnist/config.hpp"
#include "routing/settings.hpp"
#include "segmentation/options.hpp"
#include "support/temporary_folder.hpp"

namespace settings_ranges_test {

using namespace paser;
using Catch::Contains;

/// Numbers that nobody means, and a word. A setting that is a list gets each of them in every place.
const std::vector<std::string> odd{"0", "-1", "1e18", "4294967298", "1000000", "0.5", "nan", "-1e400", "\"x\"", "null"};

/// What a setting is with `value` as its number, or in each place of its list.
std::vector<std::string> with(const nlohmann::json& old, const std::string& value) {
  if (!old.is_array()) return {value};
  std::vector<std::string> all;
  const std::size_t n = std::max<std::size_t>(old.size(), 1);
  for (std::size_t at = 0; at < n; ++at) {
    std::string list;
    for (std::size_t i = 0; i < n; ++i) list += (i > 0 ? "," : "[") + (i == at ? value : old[i].dump());
    all.push_back(list + "]");
  }
  return all;
}

/// All settings, each once with each of the odd values; those that are taken, as name=value. Any other end than a
/// ValueError that names the setting fails.
template <class Settings, class Check>
std::vector<std::string> taken(const Settings& start, const Check& check) {
  std::vector<std::string> accepted;
  const nlohmann::json document = start;
  for (const auto& [name, old] : document.items())
    for (const std::string& value : odd)
      for (const std::string& text : with(old, value)) {
        const std::string setting = name + "=" + text;
        INFO(setting);
        Settings changed = start;
        try {
          experiment::apply(setting, changed);
          check(changed);
          accepted.push_back(setting);
        } catch (const ValueError& error) {
          const bool word = old.is_string() || (old.is_array() && (old.empty() || old[0].is_string()));
          if (!word) CHECK_THAT(error.what(), Contains(name) || Contains("micro-batch"));
        }
      }
  return accepted;
}

bool takes(const std::vector<std::string>& accepted, const std::string& setting) {
  return std::find(accepted.begin(), accepted.end(), setting) != accepted.end();
}

segmentation::Config tiny_config() {
  segmentation::Config c = segmentation::demo();
  c.lambdas.clear();
  c.costs.clear();
  c.sample_counts.clear();
  return c;
}

TEST_CASE("every setting of train_segmentation is taken, or refused by its name") {
  const auto accepted = taken(tiny_config(), [](const auto& c) { segmentation::checked(c); });
  for (const char* setting : {"fine_tune_batch=0", "policy_batch=0", "belief_draws=-1", "train_images=-1",
                              "test_images=-1", "validation_images=-1", "samples=1e18", "samples=4294967298",
                              "lambda=-1", "fine_tune_rate=nan", "micro_batch=0", "grid=[0,4]", "grid=[4,-1]",
                              "policy_epochs=1000000000", "seed=-1", "temperature=0", "sample_counts=[0]"})
    CHECK_FALSE(takes(accepted, setting));
  for (const char* setting : {"seed=0", "seed=4294967298", "train_images=0", "lambda=0.5", "fine_tune_rate=1e18",
                              "fine_tune_batch=1000000", "lambdas=[0]"})
    CHECK(takes(accepted, setting));
}

TEST_CASE("what is asked twice of train_segmentation is refused by the setting's name") {
  for (const auto& [setting, twice] : {std::pair{"costs=[\"macs\",\"time\",\"macs\"]", "costs has macs twice"},
                                       {"sample_counts=[2,3,2]", "sample_counts has 2 twice"}}) {
    segmentation::Config c = tiny_config();
    experiment::apply(setting, c);
    CHECK_THROWS_WITH(segmentation::checked(c), Contains(twice));
  }
}

TEST_CASE("every setting of the other programs is taken, or refused by its name") {
  const auto mnist = taken(noisy_mnist::demo(), [](const auto& c) { noisy_mnist::checked(c); });
  CHECK_FALSE(takes(mnist, "samples=0"));
  CHECK_FALSE(takes(mnist, "policy_baseline=\"x\""));
  CHECK_FALSE(takes(mnist, "foreground=0"));
  CHECK(takes(mnist, "seed=0"));
  const auto routing = taken(routing::Settings{}, [](const auto& s) { routing::checked(s); });
  CHECK_FALSE(takes(routing, "train_images=-1"));
  CHECK_FALSE(takes(routing, "depths=[2,0]"));
  CHECK(takes(routing, "folds=0"));
  CHECK_THROWS_WITH(experiment::apply("samples=4294967298", *std::make_unique<noisy_mnist::Config>()),
                    Contains("samples"));
}

TEST_CASE("presets are within the ranges") {
  for (const auto& c : segmentation::presets()) CHECK_NOTHROW(segmentation::checked(c));
  for (const auto& c : noisy_mnist::presets()) CHECK_NOTHROW(noisy_mnist::checked(c));
}

TEST_CASE("the message has the setting, the value and the range") {
  segmentation::Config c;
  c.fine_tune_batch = 0;
  CHECK_THROWS_WITH(segmentation::checked(c),
                    "setting: fine_tune_batch = 0, expected a whole number, at least 1 and at most 1e+06");
  c.fine_tune_batch = 1;
  c.dropout = 1;
  CHECK_THROWS_WITH(segmentation::checked(c), "setting: dropout = 1, expected a number, at least 0 and less than 1");
  c.dropout = std::nan("");
  CHECK_THROWS_WITH(segmentation::checked(c), Contains("dropout = nan"));
}

TEST_CASE("numbers of a list by which files are named have names of their own") {
  noisy_mnist::Config digits;
  digits.tvd = {0.05, 0.0500000001};
  CHECK_THROWS_WITH(noisy_mnist::checked(digits),
                    "setting: tvd has 0.05 and 0.0500000001, expected numbers that differ in their first six digits");
  digits.tvd = {0.05, 0.05};
  CHECK_THROWS_AS(noisy_mnist::checked(digits), ValueError);
  digits.tvd = {0.05, 0.050001, 0.1};
  CHECK_NOTHROW(noisy_mnist::checked(digits));
  segmentation::Config images = tiny_config();
  images.lambdas = {0.5, 0, 0.5000000001};
  CHECK_THROWS_WITH(segmentation::checked(images), Contains("lambdas has 0.5 and 0.5000000001, expected"));
  images.lambdas = {0.5, 0, 0.500001};
  CHECK_NOTHROW(segmentation::checked(images));
}

TEST_CASE("every parameter of make_electrodes is taken, or refused by its name") {
  data::synthetic::ElectrodeParameters defaults;
  data::synthetic::ElectrodeParameters::visit(defaults, [&](const char* name, const auto&) {
    for (const char* value : {"0", "-1", "1e18", "4294967298", "nan", "inf", "x", "", "1,", "nan,nan", "0,1e18"}) {
      const std::string setting = message(name, "=", value);
      INFO(setting);
      data::synthetic::ElectrodeParameters changed;
      bool legal = true;
      try {
        electrodes::apply(setting, changed);
        data::synthetic::check_parameters(changed);
      } catch (const ValueError& error) {
        legal = false;
        CHECK_THAT(error.what(), Contains(name));
      }
      if (legal) CHECK((std::string(value) == "0" || std::string(value) == "-1"));
    }
  });
}

TEST_CASE("a run that would take for ever ends when it is asked to, and can go on") {
  const TemporaryFolder folder;
  tiny_run::write_data(folder / "data");
  const auto log = folder / "run" / "log.jsonl";
  ChildProcess program(tiny_run::command(PASER_TRAIN_SEGMENTATION, folder / "data", folder / "run",
                                         {"pretrain_epochs=[1000000,1000000,1000000]"}),
                       folder / "out", folder / "err");
  while (!program.ended() && content_of(log).empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  program.send(SIGTERM);
  CHECK(program.wait() == 130);
  CHECK_THAT(content_of(folder / "err"), Contains("the same command goes on with it"));
  CHECK(names_in(folder / "run" / "checkpoints").count("f3.safetensors") == 1);
}

TEST_CASE("a run with any odd value that is taken ends by itself, with a sentence where it fails") {
  const TemporaryFolder folder;
  tiny_run::write_data(folder / "data");
  const auto accepted = taken(tiny_config(), [](const auto& c) { segmentation::checked(c); });
  for (const std::string& setting : accepted) {
    const std::string name = setting.substr(0, setting.find('='));
    // Sizes of networks and numbers of epochs that are legal and take long are not odd.
    if (setting.find("1000000") != std::string::npos && name.find("epochs") != std::string::npos) continue;
    if (name == "data" || name == "preset" || name == "class_weights") continue;
    INFO(setting);
    std::filesystem::remove_all(folder / "run");
    const auto [status, out, err] = run_program(
        folder.path(), tiny_run::command(PASER_TRAIN_SEGMENTATION, folder / "data", folder / "run", {setting}));
    CHECK((status == 0 || (status >= 1 && status <= 3 && err.find("error: ") != std::string::npos)));
    if (status == 1) CHECK_THAT(err, !Contains("std::") && !Contains("vector"));
  }
}

}  // namespace settings_ranges_test
