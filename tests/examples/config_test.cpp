#include "segmentation/config.hpp"

#include <catch2/catch.hpp>

using namespace segmentation;
using Catch::Matchers::Contains;

namespace {

Config with(const std::string& setting) {
  Config c;
  apply(setting, c);
  return c;
}

}  // namespace

TEST_CASE("segmentation settings: name=value takes JSON, and words without quotes") {
  CHECK(with("policy_epochs=7").policy_epochs == 7);
  CHECK(with("part_images=4").part_images == 4);
  CHECK(with("lambda=0.25").lambda == 0.25);
  CHECK(with("lambda=1").lambda == 1);
  CHECK(with("flips=false").flips == false);
  CHECK(with("widths=[2,4,8]").widths == std::array<Index, 3>{2, 4, 8});
  CHECK(with("pretrain_rate=[1,0.5,1e-3]").pretrain_rate == std::array<double, 3>{1, 0.5, 1e-3});
  CHECK(with("value_range=[-0.6,4095]").value_range == std::array{-0.6, 4095.0});
  CHECK(with("lambdas=[]").lambdas.empty());
  CHECK(with("costs=[\"macs\",\"time\"]").costs == std::vector<std::string>{"macs", "time"});
  CHECK(with("seed=18446744073709551615").seed == 18446744073709551615u);
  CHECK(with("masks=0:0,255:1,*:2").masks == "0:0,255:1,*:2");
  CHECK(with("data=some folder/a=b").data == "some folder/a=b");
  CHECK(with("absent_class=\"zero\"").absent_class == "zero");
  CHECK(nlohmann::json(with("samples=5")) == nlohmann::json(Config{}));  // all else as it was
}

TEST_CASE("segmentation settings: unknown names are refused with what may be meant") {
  CHECK_THROWS_WITH(with("policy_epoch=7"), Contains("policy_epoch") && Contains("did you mean 'policy_epochs'?"));
  CHECK_THROWS_AS(with("nonsense=1"), paser::ValueError);
  CHECK_THROWS_WITH(with("policy_epochs"), Contains("'policy_epochs', expected name=value"));
  CHECK_THROWS_AS(with("=3"), paser::ValueError);
  CHECK_THROWS_AS(with(""), paser::ValueError);
}

TEST_CASE("segmentation settings: values that are nested without end, or of other encodings") {
  CHECK_THROWS_AS(with("policy_epochs=" + std::string(80'000, '[')), paser::ValueError);
  CHECK_THROWS_AS(with("lambdas=" + std::string(50'000, '[') + std::string(50'000, ']')), paser::ValueError);
  CHECK_THROWS_WITH(with("policy_epochs=Stra\xDF"
                         "e"),
                    Contains("Stra") && Contains("xDFe"));
  CHECK(with("data=Stra\xDF"
             "e")
            .data ==
        "Stra\xDF"
        "e");
}

TEST_CASE("segmentation settings: values of another kind are refused, not bent") {
  CHECK_THROWS_AS(with("value_range=4095"), paser::ValueError);
  CHECK_THROWS_WITH(with("policy_epochs=many"),
                    Contains("setting policy_epochs: \"many\" is not of the kind of 200, its default"));
  for (const char* setting :
       {"policy_epochs=1.5", "policy_epochs=true", "flips=1", "flips=yes", "lambda=half", "widths=[8,16]",
        "widths=[8,16,64,128]", "widths=8", "widths=[8,16,2.5]", "seed=-1", "seed=1.5", "cost=3", "lambdas=0.5",
        "costs=[1]", "sample_counts=[5.5]", "samples=3000000000", "policy_epochs=null", "masks=[0]"}) {
    INFO(setting);
    CHECK_THROWS_AS(with(setting), paser::ValueError);
  }
}

TEST_CASE("segmentation settings: every preset survives JSON, and what is absent keeps its default") {
  for (const Config& preset : presets()) {
    const nlohmann::json j = preset;
    CHECK(nlohmann::json(j.get<Config>()) == j);
    CHECK(nlohmann::json(nlohmann::json::parse(j.dump()).get<Config>()) == j);
    CHECK(nlohmann::json(preset_named(preset.preset)) == j);
  }
  const Config c = nlohmann::json{{"policy_epochs", 3}}.get<Config>();
  CHECK(c.policy_epochs == 3);
  CHECK(c.fine_tune_epochs == Config{}.fine_tune_epochs);
  CHECK_THROWS_AS((nlohmann::json{{"policy_epoch", 3}}.get<Config>()), paser::ValueError);
  CHECK_THROWS_WITH(preset_named("standart"), Contains("did you mean 'standard'?"));
}
