#include <catch2/catch.hpp>

#include "evaluate/outputs.hpp"
#include "examples/child_process.hpp"
#include "examples/tiny_paser.hpp"
#include "io/output_helpers.hpp"
#include "paser/data/folder.hpp"
#include "paser/pipeline/evaluate.hpp"
#include "paser/pipeline/tiled.hpp"
#include "paser/report/table.hpp"
#include "support/same_bits.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_images.hpp"

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

/// A PaSeR, images and masks in a folder.
class EvaluateBench {
 public:
  EvaluateBench() : paser(pipeline::make_paser(tiny::description(1), Key{21})) {
    fs::create_directories(images());
    fs::create_directories(masks());
    pipeline::save_paser(model(), paser, tiny::description(1));
  }

  fs::path model() const { return folder / "model.safetensors"; }
  fs::path images() const { return folder / "images"; }
  fs::path masks() const { return folder / "masks"; }

  /// Stores an image, and as its mask what `change` makes of f1's answer without noise.
  template <class Change>
  void store(const std::string& name, std::uint64_t number, const Change& change) const {
    const auto picture = tiny::picture(16, 24, 1, number);
    io::write_png(images() / (name + ".png"), picture);
    Labels labels = argmax_channels(infer(paser.models[0], tiny::input(picture)));
    std::int32_t* const label = labels.mutable_data();
    for (Index i = 0; i < labels.numel(); ++i) label[i] = change(label[i], i);
    store_mask(name, labels);
  }
  void store_mask(const std::string& name, const Labels& labels) const {
    io::write_png(masks() / (name + ".png"),
                  labels.cast<std::uint8_t>().reshape<3>({labels.shape()[1], labels.shape()[2], 1}));
  }

  Outcome run(std::vector<std::string> words) const {
    words.insert(words.begin(), PASER_EVALUATE);
    words.insert(words.end(), {"--threads", "1", "--quiet"});
    return run_program(folder.path(), words);
  }
  /// The program on all images and masks.
  Outcome measure(std::vector<std::string> options) const {
    options.insert(options.begin(),
                   {model().string(), "--images", images().string(), "--masks-folder", masks().string()});
    return run(options);
  }

  TemporaryFolder folder;
  pipeline::Paser<float> paser;
};

/// The records of a CSV file, which end as RFC 4180 says.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    REQUIRE(line.ends_with('\r'));
    lines.push_back(line.substr(0, line.size() - 1));
  }
  return lines;
}

}  // namespace

TEST_CASE("evaluate: masks that are f1's own answer, or its opposite, give f1 alone 1 and 0") {
  const EvaluateBench bench;
  bench.store("opposite", 1, [](std::int32_t label, Index) { return (label + 1) % 3; });
  bench.store("right", 2, [](std::int32_t label, Index) { return label; });
  const fs::path table = bench.folder / "table.csv", out = bench.folder / "out";
  const auto ended = bench.measure({"--only", "f1", "--json", "--csv", table.string(), "--out", out.string()});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto j = nlohmann::json::parse(ended.out);
  CHECK(j["images"] == 2);
  CHECK(j["iou"].get<double>() == Approx(0.5));
  CHECK(j["iou_interval"] == nlohmann::json{0.0, 1.0});
  CHECK(j["set_iou"].get<double>() > 0);
  CHECK(j["iou_std"].get<double>() == Approx(0.5));
  CHECK(j["pixel_accuracy"].get<double>() == Approx(0.5));
  CHECK(j["model_shares"] == nlohmann::json{1.0, 0.0, 0.0});
  CHECK(j["per_image"][0]["name"] == "opposite");
  CHECK(j["per_image"][0]["iou"] == 0.0);
  CHECK(j["per_image"][1]["iou"] == 1.0);
  CHECK(j["gmac"].get<double>() == Approx(1e-9 * pipeline::mac_costs(bench.paser, tiny::description(1)).coarse));
  CHECK(nlohmann::json::parse(content_of(out / "evaluation.json")) == j);

  const auto lines = lines_of(content_of(table));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "image,iou,gmac,share f1,share f2,share f3,iou pore,iou carbon,iou particle");
  CHECK(lines[1].starts_with("opposite,0,"));
  CHECK(lines[2].starts_with("right,1,"));
  CHECK_THAT(lines[2], Contains(",1,0,0,"));
  CHECK(content_of(out / "images.csv") == content_of(table));
  CHECK(names_in(out / "masks") == std::set<std::string>{"opposite.png", "right.png"});
  CHECK(same_bits(tiny::stored_labels(out / "masks" / "right.png"), tiny::stored_labels(bench.masks() / "right.png")));

  // f1 is sure of itself to some degree, the same on both; of one it is always right, of the other never.
  const auto error = j["calibration_error"].get<double>();
  CHECK(error > 0);
  CHECK(error < 1);
  const auto bins = lines_of(content_of(out / "reliability.csv"));
  REQUIRE(bins.size() == 16);
  CHECK(bins[0] == "confidence above,up to,pixels,mean confidence,accuracy");
  CHECK_THAT(content_of(out / "reliability.svg"), Contains("expected calibration error " + report::fixed(error, 4)));

  const auto told = bench.measure({"--only", "f1"});
  CHECK_THAT(told.out, Contains("expected calibration error " + report::fixed(error, 4)));
  CHECK_THAT(told.out, Contains("2 images: mean IoU 0.5000 (95 %: 0.0000 .. 1.0000) over images, ") &&
                           Contains("f1 100.00 %, f2 0.00 %"));
}

TEST_CASE("evaluate: an image without a pixel that counts has an empty cell, null, and no weight in the mean") {
  const EvaluateBench bench;
  bench.store("blank", 1, [](std::int32_t, Index) { return 255; });
  bench.store("right", 2, [](std::int32_t label, Index) { return label; });
  const fs::path table = bench.folder / "table.csv";
  const std::vector<std::string> masks{"--only", "f1", "--masks", "0:0,1:1,2:2,255:ignore"};
  auto options = masks;
  options.insert(options.end(), {"--json", "--csv", table.string()});
  const auto ended = bench.measure(options);
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto j = nlohmann::json::parse(ended.out);
  CHECK(j["iou"] == 1.0);
  CHECK(j["iou_interval"] == nlohmann::json{nullptr, nullptr});
  CHECK(j["iou_std"] == 0.0);
  CHECK(j["images_without_iou"] == 1);
  CHECK(j["per_image"][0]["iou"].is_null());
  CHECK(lines_of(content_of(table))[1].starts_with("blank,,"));
  CHECK_THAT(bench.measure(masks).out, Contains("1 of 2 images have no pixel that counts") && Contains("IoU 1.0000"));
}

TEST_CASE("evaluate: PaSeR's IoU, routes and masks are those of the library") {
  const EvaluateBench bench;
  bench.store("a", 1, [](std::int32_t label, Index i) { return i % 5 == 0 ? 2 : label; });
  bench.store("b", 2, [](std::int32_t label, Index i) { return i % 3 == 0 ? 0 : label; });
  const auto large = tiny::picture(40, 71, 1, 3);
  io::write_png(bench.images() / "large.png", large);
  Labels stripes({1, 40, 71});
  std::int32_t* const label = stripes.mutable_data();
  for (Index i = 0; i < stripes.numel(); ++i) label[i] = static_cast<std::int32_t>(i % 71 / 5 % 3);
  bench.store_mask("large", stripes);
  const fs::path out = bench.folder / "out";
  const auto ended = bench.measure({"--seed", "4", "--json", "--out", out.string()});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto j = nlohmann::json::parse(ended.out);

  // The two of the trained size at once, the other window by window.
  const data::SegmentationFolder folder(bench.images(), bench.masks(), {});
  const Key key = Key{4}.fold(7).fold(0);
  const auto costs = pipeline::mac_costs(bench.paser, tiny::description(1));
  const auto pair =
      pipeline::evaluate_method(pipeline::method(bench.paser, bench.paser.policy, key, tiny::description(1).image()),
                                folder.only(std::vector<Index>{0, 1}), {.classes = 3});
  pipeline::TiledOptions windows;
  windows.height = 16;
  windows.width = 24;
  const auto tiled = pipeline::segment_tiled(bench.paser, tiny::input(large), key.fold(folder.id(2)), windows);
  const auto confusion = metrics::confusion(tiled.maps.labels, stripes, 3);
  const double large_iou = metrics::mean_iou(confusion);
  CHECK(j["iou"].get<double>() == Approx((2 * pair.iou + large_iou) / 3));
  REQUIRE(j["per_image"].size() == 3);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(j["per_image"][i]["iou"].get<double>() == Approx(pair.image_iou[i]));
    CHECK(j["per_image"][i]["gmac"].get<double>() > 1e-9 * costs.estimate);
    CHECK(j["per_image"][i]["model_shares"].get<std::vector<double>>() == pair.image_share[i]);
  }
  CHECK(j["per_image"][2]["iou"].get<double>() == Approx(large_iou));
  CHECK(same_bits(tiny::stored_labels(out / "masks" / "large.png"), tiled.maps.labels));
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t p = 0; p < 3; ++p) CHECK(j["confusion"][k][p] == pair.confusion(k, p) + confusion(k, p));
  double patches = 8, to_f1 = 8 * pair.share[0] + static_cast<double>(tiled.summary.patches[0]);
  for (const Index count : tiled.summary.patches) patches += static_cast<double>(count);
  CHECK(j["model_shares"][0].get<double>() == Approx(to_f1 / patches));
  REQUIRE(j["model_shares"][0].get<double>() < 1);
}

TEST_CASE("evaluate: pixels that a rule of the masks ignores do not count") {
  const EvaluateBench bench;
  bench.store("a", 1, [](std::int32_t label, Index i) { return i < 24 ? 9 : label; });
  const auto ended = bench.measure({"--only", "f1", "--masks", "0:0,1:1,2:2,9:ignore", "--json"});
  INFO(ended.err);
  REQUIRE(ended.status == 0);
  const auto j = nlohmann::json::parse(ended.out);
  CHECK(j["iou"] == 1.0);
  Index pixels = 0;
  for (const auto& row : j["confusion"])
    for (const auto& count : row) pixels += count.get<Index>();
  CHECK(pixels == 15 * 24);
}

TEST_CASE("evaluate: what it cannot use ends with a status and a sentence, and without a result") {
  const EvaluateBench bench;
  bench.store("a", 1, [](std::int32_t label, Index) { return label; });
  const fs::path table = bench.folder / "table.csv";
  const auto refused = [&](int status, const Outcome& ended, const std::string& sentence) {
    INFO(sentence);
    CHECK(ended.status == status);
    CHECK(ended.out.empty());
    CHECK_THAT(ended.err, Contains(sentence));
    CHECK_FALSE(fs::exists(table));
  };
  const auto measure = [&](std::vector<std::string> options) {
    options.insert(options.end(), {"--csv", table.string()});
    return bench.measure(options);
  };
  const std::string model = bench.model().string(), images = bench.images().string();
  refused(2, bench.run({}), "model is required");
  refused(2, bench.run({model}), "expected --data, or --images and --masks-folder");
  refused(2, bench.run({model, "--images", images}), "belong together");
  refused(2, measure({"--only", "f4"}), "f4");
  refused(2, measure({"--noise", "2"}), "--noise");
  refused(2, measure({"--masks", "0:zero"}), "0:zero");
  refused(2, measure({"--variant", "paser"}), "names a checkpoint of a run folder");
  refused(2, bench.run({(bench.folder / "no.safetensors").string(), "--data", images}), "no.safetensors");
  refused(2, bench.run({images + "/a.png", "--data", images}), "a.png");
  refused(2, bench.run({model, "--images", images, "--masks-folder", (bench.folder / "no").string()}),
          "is not a folder");

  tiny::write(bench.images() / "words.png", "no picture");
  refused(2, measure({}), "words.png");
  fs::remove(bench.images() / "words.png");
  REQUIRE(measure({}).status == 0);
  fs::remove(table);
  bench.store("other", 2, [](std::int32_t, Index) { return 7; });
  refused(2, measure({}), "other.png");
  bench.store_mask("other", Labels::zeros({1, 16, 25}));
  refused(2, measure({}), "16 x 25");
}

TEST_CASE("evaluate: into a folder whose list is another user's a table is written that replaces nothing") {
  const EvaluateBench bench;
  bench.store("im", 1, [](std::int32_t label, Index) { return label; });
  const fs::path shared = bench.folder / "shared";
  fs::create_directory(shared);
  for (const fs::path& path : {bench.folder.path(), shared}) fs::permissions(path, fs::perms::all);
  REQUIRE(bench.measure({"--csv", (shared / "theirs.csv").string()}).status == 0);
  const std::string theirs = content_of(shared / "theirs.csv");
  fs::permissions(shared / io::OutputManifest::file_name, fs::perms::owner_read);
  const evaluation::Folder images(bench.images(), bench.masks(), experiment::reading({}, false));
  const auto write = [&](const char* name) {
    return output_helpers::said_as_another_user(bench.folder.path(), [&] {
      evaluation::Outputs({{}, shared / name, false, false}, bench.model(), {}, images)
          .results("document", "the table", metrics::Calibration(10));
      return "written";
    });
  };
  CHECK(write("mine.csv") == "written");
  CHECK(content_of(shared / "mine.csv") == "the table");
  CHECK_THAT(write("theirs.csv"), Contains("theirs.csv' is there, and paser evaluate did not write it"));
  CHECK(content_of(shared / "theirs.csv") == theirs);
}
