#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "examples/paser_runs.hpp"
#include "paser/io/weights_file.hpp"
#include "paser/models/registered/segformer.hpp"
#include "paser/version.hpp"
#include "support/temporary_folder.hpp"

/// The command `paser`: what it does with the names of subcommands, and the subcommands that have no tests of their
/// own.
namespace command_test {

using namespace paser;
using namespace paser_runs;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

/// Every subcommand, and the name of the program that it was before; empty: none.
const std::vector<std::pair<std::string, std::string>> subcommands{{"check", "check_data"},
                                                                   {"train", ""},
                                                                   {"evaluate", "evaluate"},
                                                                   {"segment", "segment_image"},
                                                                   {"segment-many", "segment_many"},
                                                                   {"compare", "compare_runs"},
                                                                   {"synthesize", "make_electrodes"},
                                                                   {"info", ""},
                                                                   {"convert", ""},
                                                                   {"bench", ""}};

/// A line of a shell; PASER in it is the command.
Outcome shell(const TemporaryFolder& folder, const std::string& line) {
  return run_program(folder.path(),
                     {"/bin/sh", "-c", "PASER=" PASER_COMMAND "; cd '" + folder.path().string() + "'; " + line});
}

/// Three stripes in so many images, plain folders.
void write_plain_set(const fs::path& root, int images) {
  fs::create_directories(root / "images");
  fs::create_directories(root / "masks");
  for (int i = 0; i < images; ++i) {
    const auto image = tiny::picture(16, 24, 1, static_cast<std::uint64_t>(i));
    tiny::Bytes mask({16, 24, 1});
    for (Index p = 0; p < mask.numel(); ++p) mask.mutable_data()[p] = static_cast<std::uint8_t>(p % 24 / 5 % 3);
    io::write_png(root / "images" / message("a", i, ".png"), image);
    io::write_png(root / "masks" / message("a", i, "_mask.png"), mask);
  }
}

TEST_CASE("paser: the subcommand is the first word, a wrong one is told with the nearest") {
  const TemporaryFolder folder;
  const auto nothing = paser_command(folder, {});
  CHECK(nothing.status == 2);
  CHECK(nothing.out.empty());
  const auto help = paser_command(folder, {"--help"});
  CHECK(help.status == 0);
  for (const auto& [name, old] : subcommands) {
    CHECK_THAT(help.out, Contains("\n  " + name + " "));
    CHECK_THAT(nothing.err, Contains("\n  " + name + " "));
  }
  const auto version = paser_command(folder, {"--version"});
  CHECK(version.status == 0);
  CHECK_THAT(version.out, Contains(std::string("paser ") + paser::version + "\nkernels "));
  const auto wrong = paser_command(folder, {"segmnt", "x"});
  CHECK(wrong.status == 2);
  CHECK_THAT(wrong.err, Contains("unknown subcommand 'segmnt', did you mean 'segment'?"));
  CHECK_THAT(paser_command(folder, {"--verbose"}).err, Contains("unknown subcommand '--verbose'"));
}

TEST_CASE("paser: every subcommand has help with an example and its statuses, and the old name is a link to it") {
  const TemporaryFolder folder;
  const fs::path bin = fs::path(PASER_COMMAND).parent_path();
  for (const auto& [name, old] : subcommands) {
    INFO(name);
    const auto help = paser_command(folder, {name, "--help"});
    CHECK(help.status == 0);
    CHECK(help.err.empty());
    CHECK_THAT(help.out, Contains("Usage: paser " + name + " [OPTIONS]") && Contains("Exit status: 0"));
    CHECK_THAT(help.out, Contains("Example: paser " + name + " "));
    CHECK(paser_command(folder, {name, "--nonsense"}).status == 2);
    if (old.empty()) continue;
    CHECK(fs::is_symlink(bin / old));
    const auto by_link = run_program(folder.path(), {(bin / old).string(), "--help"});
    CHECK(by_link.status == 0);
    CHECK_THAT(by_link.out, Contains(old + " [OPTIONS]"));
    CHECK(by_link.out.substr(by_link.out.find("[OPTIONS]")) == help.out.substr(help.out.find("[OPTIONS]")));
  }
}

TEST_CASE("paser train is the program train_segmentation beside it, and says so where there is none") {
  const TemporaryFolder folder;
  CHECK(shell(folder, "$PASER train --list-presets").status == 0);
  const auto alone = shell(folder, "cp $PASER ./paser && ./paser train --list-presets");
  CHECK(alone.status == 1);
  CHECK_THAT(alone.err, Contains("train_segmentation, which cannot be started: No such file"));
}

TEST_CASE("paser check, train and evaluate: the same options read the same set, divided by the names of its files") {
  const TemporaryFolder folder;
  write_plain_set(folder / "set", 8);
  const std::string model = saved_model(folder).string();
  const std::vector<std::string> data{
      "--data", (folder / "set").string(), "--mask-suffix", "_mask", "--masks", "index:3", "--range", "0,255",
      "--json"};
  const auto with = [&](std::vector<std::string> words, const std::vector<std::string>& more = {}) {
    words.insert(words.end(), data.begin(), data.end());
    words.insert(words.end(), more.begin(), more.end());
    return paser_command(folder, words);
  };
  const auto checked = with({"check"});
  CHECK(checked.status == 0);
  CHECK(nlohmann::json::parse(checked.out).contains("all"));
  CHECK_THAT(checked.err, Contains("by their names "));
  std::set<std::string> seen;
  std::size_t images = 0;
  for (const char* part : {"train", "validation", "test"}) {
    const auto ended = with({"evaluate", model, "--part", part});
    REQUIRE(ended.status == 0);
    CHECK_THAT(ended.err, Contains("by their names "));
    const auto scores = nlohmann::json::parse(ended.out);
    for (const auto& image : scores.at("per_image")) {
      seen.insert(image.at("name").get<std::string>());
      ++images;
    }
  }
  CHECK(images == 8);
  CHECK(seen.size() == 8);
  CHECK(nlohmann::json::parse(with({"evaluate", model, "--part", "all"}).out).at("images") == 8);

  const std::string run = (folder / "run").string();
  std::vector<std::string> train{"train", "--out", run, "--threads", "1", "--network", R"(unet:{"width":2,"depth":1})"};
  train.insert(train.end(), {"--set", "pretrain_epochs=[1,1,1]", "--set", "grid=[2,2]"});
  train.insert(train.end(), data.begin(), data.end());
  const auto trained = paser_command(folder, train);
  INFO(trained.err);
  REQUIRE(trained.status == 0);
  CHECK_THAT(trained.err, Contains("by their names "));
  // The run knows how its files were read.
  const auto by_run = paser_command(folder, {"evaluate", run, "--json", "--quiet"});
  REQUIRE(by_run.status == 0);
  CHECK(nlohmann::json::parse(by_run.out).at("iou") == nlohmann::json::parse(with({"evaluate", run}).out).at("iou"));

  io::write_file(folder / "list.txt", "a1.png\na2.png\n");
  const std::vector<std::string> two{"--part", "all", "--list", (folder / "list.txt").string()};
  CHECK(nlohmann::json::parse(with({"evaluate", model}, two).out).at("images") == 2);
  CHECK(with({"evaluate", model, "--channels", "3"}).status == 2);
  CHECK(with({"check", "--images", "x"}).status == 2);
  // The names of before.
  CHECK(paser_command(folder, {"check", (folder / "set/images").string(), (folder / "set/masks").string(), "--map",
                               "index:3", "--mask-suffix", "_mask", "--quiet"})
            .status == 0);
}

TEST_CASE("paser segment: names by standard input and from a list; --dry-run writes nothing") {
  const TemporaryFolder folder;
  const std::string model = saved_model(folder).string();
  for (const char* name : {"a.png", "b c.png"}) io::write_png(folder / name, tiny::picture(16, 24, 1, 3));
  const auto dry = shell(folder, "ls *.png | $PASER segment " + model + " - --dry-run --out found");
  CHECK(dry.status == 0);
  CHECK_THAT(dry.out, Contains("a.png: 1 page of 16 x 24, 8-bit gray") && Contains("b c.png: "));
  CHECK_FALSE(fs::exists(folder / "found"));
  const std::string rest = " --write mask --quiet --threads 1 --out found";
  REQUIRE(shell(folder, "ls *.png | $PASER segment " + model + " -" + rest).status == 0);
  CHECK(names_in(folder / "found") == std::set<std::string>{"a_mask.png", "b c_mask.png"});
  io::write_file(folder / "list", "\r\n  b c.png  \r\n");
  REQUIRE(shell(folder, "$PASER segment " + model + " @list" + rest + "2").status == 0);
  CHECK(names_in(folder / "found2") == std::set<std::string>{"b c_mask.png"});
  CHECK(shell(folder, "$PASER segment " + model + " - </dev/null" + rest).status == 2);
  CHECK(shell(folder, "$PASER segment " + model + " none.png --dry-run").status == 2);
}

TEST_CASE("paser info: a model, weights and an image say what they are") {
  const TemporaryFolder folder;
  const std::string model = saved_model(folder).string();
  const auto text = paser_command(folder, {"info", model});
  CHECK(text.status == 0);
  CHECK_THAT(text.out, Contains("3 networks") && Contains("pore, carbon, particle") && Contains("mc_dropout"));
  const auto j = nlohmann::json::parse(paser_command(folder, {"info", model, "--json"}).out);
  CHECK(j.at("kind") == "model");
  const auto paser = pipeline::load_paser(model).paser;
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(j.at("networks")[k].at("parameters") == nn::count_parameters(paser.models[k]));
    const Shape<4> shape = k == 0 ? Shape<4>{1, 16, 24, 1} : Shape<4>{1, 8, 12, 1};
    CHECK(j.at("networks")[k].at("gmac").get<double>() ==
          Approx(1e-9 * static_cast<double>(paser.models[k].count(shape).total())));
    CHECK(j.at("networks")[k].at("weight_bytes") == 4 * nn::count_parameters(paser.models[k]));
    CHECK(j.at("networks")[k].at("sent_bytes") == (k == 0 ? 0 : 2 * 8 * 12));
  }
  io::write_png(folder / "a.png", tiny::picture(16, 24, 3, 1));
  CHECK_THAT(paser_command(folder, {"info", (folder / "a.png").string()}).out, Contains("1 page of 16 x 24, 8-bit"));
  io::save_weights(folder / "w.safetensors", paser.models[1]);
  const auto weights =
      nlohmann::json::parse(paser_command(folder, {"info", (folder / "w.safetensors").string(), "--json"}).out);
  CHECK(weights.at("kind") == "weights");
  Index numbers = 0;
  for (const auto& tensor : weights.at("tensors")) {
    Index extent = 1;
    for (const Index side : tensor.at("shape")) extent *= side;
    numbers += extent;
  }
  CHECK(weights.at("numbers") == numbers);
  io::write_file(folder / "text", "neither");
  CHECK(paser_command(folder, {"info", (folder / "text").string()}).status == 2);
  CHECK(paser_command(folder, {"info", (folder / "none").string()}).status == 2);
}

TEST_CASE("paser bench: times of a model and of a network of the registry") {
  const TemporaryFolder folder;
  const auto network = paser_command(
      folder, {"bench", tiny_segformer, "--size", "32", "32", "--rounds", "2", "--threads", "1", "--json", "--quiet"});
  REQUIRE(network.status == 0);
  const auto j = nlohmann::json::parse(network.out);
  CHECK(j.at("ms").get<double>() > 0);
  CHECK(j.at("gmac").get<double>() > 0);
  const auto model =
      paser_command(folder, {"bench", saved_model(folder).string(), "--rounds", "1", "--json", "--quiet"});
  REQUIRE(model.status == 0);
  const auto costs = nlohmann::json::parse(model.out);
  CHECK(costs.at("estimate_ms").get<double>() > 0);
  CHECK(costs.at("patch_ms").at(2).at(0).get<double>() > 0);
  CHECK_THAT(paser_command(folder, {"bench", saved_model(folder).string(), "--rounds", "1", "--quiet"}).out,
             Contains("f3") && Contains("a patch of 32 at once"));
  const auto unknown = paser_command(folder, {"bench", "segfrmer:{}", "--quiet"});
  CHECK(unknown.status == 2);
  CHECK_THAT(unknown.err, Contains("did you mean 'segformer'?"));
}

}  // namespace command_test
