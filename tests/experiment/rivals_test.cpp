#include "paser/experiment/rivals.hpp"

#include <catch2/catch.hpp>

#include "experiment/halves.hpp"
#include "paser/models/registered/deeplabv3plus.hpp"
#include "paser/models/registered/matphase.hpp"
#include "paser/models/registered/unet.hpp"
#include "support/temporary_folder.hpp"

namespace rivals_test {

using Catch::Matchers::Contains;
using namespace paser;
using experiment::Rivals;

using Settings = experiment::RivalSettings;
using tiny::Halves;

Settings two() {
  Settings s;
  s.rivals = {
      {"unet", R"({"width":4,"depth":1,"dropout":0})"},
      {"normalised", R"({"mean":[0.5],"deviation":[0.5],"model":{"type":"unet","spec":{"width":4,"depth":1}}})"}};
  s.rival_epochs = {80, 2};
  s.rival_batch = {4, 2};
  s.rival_rate = {3e-2, 1e-3};
  return s;
}

pipeline::PaserDescription beside() {
  pipeline::PaserDescription d;
  d.class_names = {"dark", "bright"};
  d.height = d.width = 8;
  d.grid = {2, 2};
  d.networks = {models::UNetSpec{.classes = 2, .width = 2, .depth = 1, .dropout = 0.2},
                models::UNetSpec{.classes = 2, .width = 4, .depth = 1, .dropout = 0.2}};
  d.estimator = uncertainty::McDropout{2}.spec();
  return d;
}

/// Trains the rivals of a folder; returns the rows of the comparison.
std::deque<experiment::ComparedMethod> train(const std::filesystem::path& out, const Settings& s) {
  const Halves train{0, 8}, validation{100, 4}, test{200, 4};
  Rivals rivals(s, beside(), 0.2, 32, Key{1});
  experiment::RunFolder folder(out, nlohmann::json{{"seed", 1}}, {}, {.program = "mine", .results = {"results.json"}});
  experiment::Stages stages;
  pipeline::PretrainOptions<float> common;  // of a network that sees patches and has a teacher, which rivals do not
  common.grid = {2, 2};
  common.supervised.distillation.emplace();
  rivals.add_stages(stages, folder, train, validation, common, Key{2});
  CHECK(stages.size() == s.rivals.size());
  for (std::size_t k = 0; k < stages.size(); ++k) {
    CHECK(stages[k].name == message("rival", k + 1));
    stages[k].run();
  }
  const auto networks = pipeline::make_paser<float>(beside(), Key{1});
  experiment::MethodComparison<Halves> comparison(test, networks, beside(), {});
  rivals.add_to(comparison, Key{3});
  report::Results results;
  rivals.describe(results);
  CHECK(results.parameters.size() == s.rivals.size());
  return comparison.methods();
}

TEST_CASE("rivals are trained alone, have rows of their own, and are kept as files that segment takes") {
  const TemporaryFolder folder;
  const auto rows = train(folder / "run", two());
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].row.model == "unet");
  CHECK(rows[1].row.model == "unet (2)");
  for (const auto& row : rows) {
    CHECK(row.row.kind == "single");
    CHECK(row.row.gmac > 0);
    CHECK_THAT(row.row.note, Contains("on 8 images") && Contains("whole image"));
    CHECK(row.row.share.empty());  // it is none of the PaSeR's networks
  }
  CHECK(rows[0].row.iou > 0.5);  // it has learned something
  const auto kept = pipeline::load_paser<float>(folder / "run" / "checkpoints" / "paser_rival2.safetensors");
  CHECK(kept.description.grid.patches() == 1);
  CHECK(kept.description.networks.at(0).type == "normalised");
  CHECK(kept.description.class_names == beside().class_names);
  const auto again = train(folder / "run", two());  // found made
  for (std::size_t k = 0; k < 2; ++k) CHECK(again[k].evaluation.image_iou == rows[k].evaluation.image_iou);
}

TEST_CASE("rivals: none is no stage, and lists of other lengths and unknown networks are refused") {
  const TemporaryFolder folder;
  CHECK(train(folder / "run", {}).empty());
  Settings s = two();
  s.rivals.clear();
  CHECK(Rivals(s, beside(), 0, 32, Key{1}).size() == 0);
  s = two();
  s.rival_rate = {1e-3};
  CHECK_THROWS_WITH(Rivals(s, beside(), 0, 32, Key{1}), Contains("rival_rate of 2 networks"));
  s = two();
  s.rivals[0].type = "unett";
  CHECK_THROWS_WITH(Rivals(s, beside(), 0, 32, Key{1}), Contains("did you mean 'unet'"));
}

TEST_CASE("rivals have names that tell them apart, and are named where something is wrong with them") {
  Settings s;
  const std::string unet = R"({"type":"unet","spec":{"width":2,"depth":1}})";
  s.rivals = {{"unet", R"({"width":2,"depth":1})"},
              {"resized", R"({"size":[16,24],"model":)" + unet + "}"},
              {"unet", R"({"width":4,"depth":1})"},
              {"matphase", R"({"width":2})"}};
  s.rival_epochs = s.rival_batch = {1, 1, 1, 1};
  s.rival_rate = {1, 1, 1, 1};
  auto large = beside();
  large.height = large.width = 64;
  large.class_names = {"void", "carbon", "binder"};
  report::Results results;
  const Rivals rivals(s, large, 0, 32, Key{1});
  rivals.describe(results);
  for (const char* name : {"unet", "unet at 16 x 24", "unet (2)", "MatPhase-like"}) {
    INFO(name);
    CHECK(results.parameters.contains(name));
  }
  CHECK(rivals.bytes().size() == 4);
  s.rivals[2].json = R"({"width":4,"depth":1,"classes":5})";
  CHECK_THROWS_WITH(Rivals(s, large, 0, 32, Key{1}), Contains("rival unet (2)") && Contains("5 classes"));
}

TEST_CASE("rivals: a step of one image that a batch norm cannot take is refused before anything is trained") {
  Settings s;
  s.rivals = {{"unet", R"({"width":2,"depth":1})"},
              {"deeplabv3plus", R"({"convention":"vainf","backbone":"mobilenetv2"})"}};
  s.rival_epochs = {1, 1};
  s.rival_batch = {4, 4};
  s.rival_rate = {1, 1};
  const Rivals rivals(s, beside(), 0, 32, Key{1});
  const pipeline::PretrainOptions<float> common{.grid = {2, 2}};
  for (const Index images : {4, 6, 8}) CHECK_NOTHROW(rivals.require_parts({images, 8, 8, 1}, common));
  CHECK_THROWS_WITH(rivals.require_parts({5, 8, 8, 1}, common),
                    Contains("rival deeplabv3plus mobilenetv2") && Contains("In settings: another rival_batch"));
  CHECK_THROWS_WITH(rivals.require_parts({1, 8, 8, 1}, common),
                    Contains("rival deeplabv3plus mobilenetv2") && Contains("There is one training image"));
}

}  // namespace rivals_test
