#include <catch2/catch.hpp>

#include "noisy_mnist/config.hpp"
#include "paser/io/text.hpp"
#include "routing/settings.hpp"
#include "segmentation/config.hpp"

namespace config_test {

namespace experiment = paser::experiment;

template <class Config>
void survives_json(const std::vector<Config>& presets) {
  for (const Config& preset : presets) {
    const nlohmann::json j = preset;
    CHECK(nlohmann::json(j.get<Config>()) == j);
    CHECK(nlohmann::json(nlohmann::json::parse(j.dump()).get<Config>()) == j);
    CHECK(nlohmann::json(experiment::preset_named(presets, preset.preset)) == j);
  }
}

TEST_CASE("every preset survives JSON") {
  survives_json(segmentation::presets());
  survives_json(noisy_mnist::presets());
}

// Written by: for p in train_segmentation train_noisy_mnist train_router; do $p --list-settings; echo; done
TEST_CASE("standard is own beside the networks of Table 1, and the others than paper are beside none") {
  using namespace segmentation;
  Config standard = segmentation::standard();
  std::vector<std::string> names;
  for (const auto& rival : standard.rivals) names.push_back(rival.type);
  CHECK(names == std::vector<std::string>{"deeplabv3plus", "segformer", "efficientvit", "matphase"});
  CHECK(standard.rivals.size() == paper().rivals.size());
  for (const Config& c : {demo(), own(), cityscapes()}) CHECK(c.rivals.empty());
  // Without rivals nothing is left of them but the preset's name.
  standard.rivals.clear();
  experiment::settle_rivals(standard);
  standard.preset = own().preset;
  CHECK(nlohmann::json(standard) == nlohmann::json(own()));
}

TEST_CASE("the page of settings is what the programs print") {
  const std::string page = paser::io::read_text(PASER_TEST_DATA "/../docs/settings.md");
  for (const std::string& part : {experiment::settings_page<segmentation::Config>("train_segmentation"),
                                  experiment::settings_page<noisy_mnist::Config>("train_noisy_mnist"),
                                  experiment::settings_page<routing::Settings>("train_router")}) {
    INFO(part.substr(0, part.find('\n')));
    CHECK(page.find("\n" + part) != std::string::npos);
  }
}

}  // namespace config_test
