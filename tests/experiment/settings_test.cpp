#include "paser/experiment/settings.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "paser/experiment/common_settings.hpp"

namespace settings_test {

using namespace paser::experiment;
using Catch::Matchers::Contains;
using paser::Index;
using paser::ValueError;

/// An experiment's settings: three of the common groups and some of its own.
struct Own : FolderSettings, NetworkSettings, StageSettings {
  std::string preset = "quick";
  double lambda = 0.5;
  std::vector<double> lambdas;
  std::vector<std::string> costs;
  std::vector<int> sample_counts;

  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    v("preset", s.preset, Anything{}, "a name");
    FolderSettings::visit(s, v);
    NetworkSettings::visit(s, v);
    StageSettings::visit(s, v);
    v("lambda", s.lambda, Range::share(), "what costs weigh");
    v("lambdas", s.lambdas, Range::share(), "more of them");
    v("costs", s.costs, Words{"macs", "time"}, "rules of cost");
    v("sample_counts", s.sample_counts, Range{1, 100}, "numbers of samples");
  }
};

Own with(const std::string& setting) {
  Own s;
  apply(setting, s);
  return s;
}

TEST_CASE("settings: name=value takes JSON, and words without quotes") {
  CHECK(with("policy_epochs=7").policy_epochs == 7);
  CHECK(with("lambda=0.25").lambda == 0.25);
  CHECK(with("lambda=1").lambda == 1);
  CHECK(with("flips=false").flips == false);
  CHECK(with("widths=[2,4]").widths == std::vector<Index>{2, 4});
  CHECK(with("pretrain_rate=[1,0.5,1e-3]").pretrain_rate == std::vector<double>{1, 0.5, 1e-3});
  CHECK(with("value_range=[-0.6,4095]").value_range == std::array{-0.6, 4095.0});
  CHECK(with("lambdas=[]").lambdas.empty());
  CHECK(with("costs=[\"macs\",\"time\"]").costs == std::vector<std::string>{"macs", "time"});
  CHECK(with("seed=18446744073709551615").seed == 18446744073709551615u);
  CHECK(with("masks=0:0,255:1,*:2").masks == "0:0,255:1,*:2");
  CHECK(with("data=some folder/a=b").data == "some folder/a=b");
  CHECK(with("absent_class=\"zero\"").absent_class == "zero");
  CHECK(nlohmann::json(with("samples=5")) == nlohmann::json(Own{}));  // all else as it was
}

TEST_CASE("settings: unknown names are refused with what may be meant") {
  CHECK_THROWS_WITH(with("policy_epoch=7"), Contains("policy_epoch") && Contains("did you mean 'policy_epochs'?"));
  CHECK_THROWS_AS(with("nonsense=1"), ValueError);
  CHECK_THROWS_WITH(with("policy_epochs"), Contains("'policy_epochs', expected name=value"));
  CHECK_THROWS_AS(with("=3"), ValueError);
  CHECK_THROWS_AS(with(""), ValueError);
}

TEST_CASE("settings: values that are nested without end, or of other encodings") {
  CHECK_THROWS_AS(with("policy_epochs=" + std::string(80'000, '[')), ValueError);
  CHECK_THROWS_AS(with("lambdas=" + std::string(50'000, '[') + std::string(50'000, ']')), ValueError);
  CHECK_THROWS_WITH(with("policy_epochs=Stra\xDF"
                         "e"),
                    Contains("Stra") && Contains("xDFe"));
  CHECK(with("data=Stra\xDF"
             "e")
            .data ==
        "Stra\xDF"
        "e");
}

TEST_CASE("settings: values of another kind are refused, not bent") {
  CHECK_THROWS_AS(with("value_range=4095"), ValueError);
  CHECK_THROWS_WITH(with("policy_epochs=many"),
                    Contains("setting policy_epochs = \"many\", expected a whole number, at least 1") &&
                        Contains("such as 200, its default"));
  for (const char* setting :
       {"policy_epochs=1.5", "policy_epochs=true", "flips=1", "flips=yes", "lambda=half", "grid=[8]", "grid=[8,16,64]",
        "widths=8", "widths=[8,16,2.5]", "seed=-1", "seed=1.5", "fit=3", "lambdas=0.5", "costs=[1]",
        "sample_counts=[5.5]", "samples=3000000000", "policy_epochs=null", "masks=[0]"}) {
    INFO(setting);
    CHECK_THROWS_AS(with(setting), ValueError);
  }
}

TEST_CASE("settings: what is illegal is named with what is legal") {
  const auto refused = [](const std::string& setting, const std::string& sentence) {
    INFO(setting);
    CHECK_THROWS_WITH(check_settings(with(setting)), Contains(sentence));
  };
  CHECK_NOTHROW(check_settings(Own{}));
  refused("policy_epochs=0", "setting: policy_epochs = 0, expected a whole number, at least 1 and at most 1e+06");
  refused("dropout=1", "setting: dropout = 1, expected a number, at least 0 and less than 1");
  refused("policy_rate=0", "setting: policy_rate = 0, expected a number, more than 0 and at most 3.4e+38");
  refused("widths=[8,5]", "setting: widths = 5, expected a multiple of 2, at least 2 and at most 4096");
  refused("lambdas=[0,2]", "setting: lambdas = 2, expected a number, at least 0 and at most 1");
  refused("fit=tile", "fit: 'tile', expected whole, crop or tiles, did you mean 'tiles'?");
  refused("costs=[\"macs\",\"watts\"]", "costs: 'watts', expected macs or time");
  refused("absent_class=one", "absent_class: 'one', expected 'left out' or 'zero'");
  Own s;
  s.lambda = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(check_settings(s), Contains("lambda = nan"));
}

TEST_CASE("settings: what is an open end as a float is not within it") {
  const Range open{0, 1, Range::open};
  for (const double x : {0.0, 1e-50, 0.9999999999, 1.0}) CHECK_FALSE(open.holds(x));
  for (const double x : {1e-30, 0.5, 0.9999999}) CHECK(open.holds(x));
  CHECK_FALSE(Range{0, 1, Range::below_high}.holds(0.9999999999));
  CHECK(Range{0, 1, Range::below_high}.holds(0.0));
  CHECK(Range{0, 1, Range::above_low}.holds(0.9999999999));
  CHECK_THROWS_WITH(check_settings(with("dropout=0.9999999999")), Contains("dropout") && Contains("less than 1"));
}

TEST_CASE("settings: lists of networks are of the same number") {
  CHECK_NOTHROW(check_lists({{"widths", 2}, {"depths", 2}}));
  CHECK_THROWS_WITH(check_lists({{"widths", 2}, {"depths", 3}, {"rate", 2}}),
                    Contains("expected widths, depths and rate of the same two or more networks, got 2, 3 and 2"));
  CHECK_THROWS_AS(check_lists({{"widths", 1}, {"depths", 1}}), ValueError);
}

TEST_CASE("settings: JSON holds all of them flat, in one document, and what is absent keeps its default") {
  Own s = with("gray_gain=0.25");
  s.samples = 9;
  const nlohmann::json j = s;
  CHECK(j["gray_gain"] == 0.25);
  CHECK(j["samples"] == 9);
  CHECK(nlohmann::json(nlohmann::json::parse(j.dump()).get<Own>()) == j);
  const Own read = nlohmann::json{{"policy_epochs", 3}}.get<Own>();
  CHECK(read.policy_epochs == 3);
  CHECK(read.fine_tune_batch == Own{}.fine_tune_batch);
  CHECK_THROWS_AS((nlohmann::json{{"policy_epoch", 3}}.get<Own>()), ValueError);
}

TEST_CASE("settings: another program's are read as far as one knows them") {
  FolderSettings folder;
  read_known({{"masks", "battery"}, {"router_width", 7}}, folder);
  CHECK(folder.masks == "battery");
  CHECK_THROWS_AS(read_known({{"masks", 7}}, folder), ValueError);
  CHECK_THROWS_AS(read_settings({{"masks", "battery"}, {"router_width", 7}}, folder), ValueError);
}

TEST_CASE("settings: a model's file does not tell where data lay") {
  Own s;
  s.data = "/home/somebody/cells/";
  s.class_file = "elsewhere/classes.txt";
  s.masks = "a/b";
  const Own kept = without_folders(s);
  CHECK(kept.data == "cells");
  CHECK(kept.class_file == "classes.txt");
  CHECK(kept.masks == "a/b");
}

TEST_CASE("settings: presets are named, and the page has name, default, what is legal and the meaning") {
  Own other;
  other.preset = "careful";
  CHECK(preset_named<Own>({{}, other}, "careful").preset == "careful");
  CHECK_THROWS_WITH(preset_named<Own>({{}, other}, "carefull"), Contains("did you mean 'careful'?"));
  const std::string page = settings_page<Own>("some_program");
  CHECK_THAT(page, Contains("## some_program\n"));
  CHECK_THAT(page, Contains("| `lambda` | `0.5` | a number, at least 0 and at most 1 | what costs weigh |\n"));
  CHECK_THAT(page, Contains("| `costs` | `[]` | a list; each macs or time | rules of cost |\n"));
  CHECK_THAT(page, Contains("| `flips` | `true` | true or false |"));
}

}  // namespace settings_test
