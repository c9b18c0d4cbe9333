#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "examples/all_files.hpp"
#include "examples/child_process.hpp"
#include "examples/tiny_training.hpp"
#include "paser/io/checkpoint.hpp"
#include "paser/io/output_folder.hpp"
#include "paser/io/tiff_encoder.hpp"
#include "support/temporary_folder.hpp"

using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace outputs_test {

namespace {

/// A model, and a data set with its images and its true masks in folders of the usual names.
struct Bench {
  Bench() {
    fs::create_directories(images());
    fs::create_directories(masks());
    const auto d = tiny::description(1);
    paser::pipeline::save_paser(folder / "model.safetensors", paser::pipeline::make_paser(d, paser::Key{21}), d);
    for (int i = 0; i < 3; ++i) {
      const auto name = paser::message("im", i, ".png");
      paser::io::write_png(images() / name, tiny::picture(16, 24, 1, static_cast<std::uint64_t>(i)));
      auto mask = tiny::Bytes({16, 24, 1});
      for (paser::Index p = 0; p < mask.numel(); ++p) mask.mutable_data()[p] = static_cast<std::uint8_t>(p % 24 / 8);
      paser::io::write_png(masks() / name, mask);
    }
  }
  fs::path data() const { return folder / "gt"; }
  fs::path images() const { return data() / "images"; }
  fs::path masks() const { return data() / "masks"; }

  Outcome evaluate(std::vector<std::string> options) const {
    options.insert(options.begin(), {PASER_EVALUATE, (folder / "model.safetensors").string(), "--images",
                                     images().string(), "--masks-folder", masks().string(), "--quiet"});
    return run_program(folder.path(), options);
  }
  Outcome segment(std::vector<std::string> words) const {
    words.insert(words.begin(), {PASER_SEGMENT_IMAGE, (folder / "model.safetensors").string()});
    words.insert(words.end(), {"--threads", "1", "--quiet"});
    return run_program(folder.path(), words);
  }

  TemporaryFolder folder;
};

std::vector<std::string> training(const fs::path& data, const fs::path& out,
                                  const std::vector<std::string>& more = {}) {
  return tiny::training(PASER_TRAIN_SEGMENTATION, data, out, more);
}

}  // namespace

TEST_CASE("evaluate never writes over the truth that it is compared with") {
  const Bench bench;
  const auto before = all_of(bench.data());
  for (int time = 0; time < 2; ++time) {  // the second run once told a mean IoU of 1
    const auto ended = bench.evaluate({"--out", bench.data().string()});
    CHECK(ended.status == 2);
    CHECK(ended.out.empty());
    CHECK_THAT(ended.err, Contains("masks/im0.png") && Contains("is an input of this command"));
    CHECK(all_of(bench.data()) == before);
  }
  const auto forced = bench.evaluate({"--out", bench.data().string(), "--overwrite"});
  CHECK(forced.status == 2);
  CHECK_THAT(forced.err, Contains("is an input of this command"));
  CHECK(all_of(bench.data()) == before);
  for (const auto& input :
       {bench.masks() / "im1.png", bench.images() / "im2.png", bench.folder / "model.safetensors"}) {
    const auto table = bench.evaluate({"--csv", input.string(), "--overwrite"});
    CHECK(table.status == 2);
    CHECK_THAT(table.err, Contains(input.filename().string()) && Contains("is an input of this command"));
  }
  CHECK(all_of(bench.data()) == before);
}

TEST_CASE("evaluate replaces its own results, and others' only with --overwrite") {
  const Bench bench;
  const fs::path out = bench.folder / "out", table = bench.folder / "table.csv";
  const std::vector<std::string> options{"--out", out.string(), "--csv", table.string()};
  REQUIRE(bench.evaluate(options).status == 0);
  const auto first = all_of(out);
  CHECK(first.size() == 7);  // masks, document, tables of images and reliability, its figure, list of files
  auto f1 = options;
  f1.insert(f1.end(), {"--only", "f1", "--noise", "0.2"});
  const auto second = bench.evaluate(f1);
  INFO(second.err);
  REQUIRE(second.status == 0);
  CHECK(all_of(out) != first);

  for (const fs::path& file : {out / "images.csv", out / "evaluation.json", out / "masks" / "im0.png", table}) {
    CAPTURE(file);
    const std::string ours = content_of(file);
    std::ofstream(file) << "mine";
    const auto before = all_of(bench.folder.path());
    const auto refused = bench.evaluate(options);
    CHECK(refused.status == 2);
    CHECK_THAT(refused.err, Contains(file.filename().string()) && Contains("--overwrite"));
    auto after = all_of(bench.folder.path());
    for (const char* said : {"stdout.txt", "stderr.txt"}) after[said] = before.at(said);
    CHECK(after == before);
    auto allowed = options;
    allowed.push_back("--overwrite");
    CHECK(bench.evaluate(allowed).status == 0);
    CHECK(content_of(file) != "mine");
    REQUIRE(bench.evaluate(options).status == 0);  // it is evaluate's own now
  }
}

TEST_CASE("evaluate refuses a table that is another of its results, before the work and in a dry run") {
  const Bench bench;
  const fs::path out = bench.folder / "out", link = bench.folder / "link";
  fs::create_directories(out / "masks");
  fs::create_directory_symlink(out, link);
  for (const fs::path& table : {out / "evaluation.json", out / "reliability.csv", out / "reliability.svg",
                                out / "masks" / "im0.png", link / "masks" / ".." / "reliability.csv"})
    for (const bool dry : {true, false}) {
      CAPTURE(table, dry);
      std::vector<std::string> options{"--out", out.string(), "--csv", table.string(), "--overwrite"};
      if (dry) options.emplace_back("--dry-run");
      const auto refused = bench.evaluate(options);
      CHECK(refused.status == 2);
      CHECK(refused.out.empty());
      CHECK_THAT(refused.err, Contains("--csv: " + table.string()) && Contains("of --out"));
      CHECK(all_of(out).empty());
    }
  // images.csv is the same table, and another name in the folder is nobody's.
  for (const char* name : {"images.csv", "mine.csv"}) {
    const auto ended = bench.evaluate({"--out", out.string(), "--csv", (out / name).string()});
    INFO(name << ": " << ended.err);
    CHECK(ended.status == 0);
    CHECK(content_of(out / name) == content_of(out / "images.csv"));
  }
}

TEST_CASE("evaluate refuses two images whose masks would be one file, before the work and in a dry run") {
  const Bench bench;
  const auto store = [](const fs::path& folder, const paser::Tensor<std::uint8_t, 3>& page, const fs::path& single) {
    paser::io::TiffEncoder tiff({.pages = 2});
    const std::string first = tiff.page(page);
    paser::io::write_file(folder / "a.tif", first + tiff.page(page));
    fs::rename(single, folder / "a#0.png");
  };
  store(bench.images(), tiny::picture(16, 24, 1, 7), bench.images() / "im0.png");
  tiny::Bytes classes({16, 24, 1});
  std::fill_n(classes.mutable_data(), classes.numel(), std::uint8_t{0});
  store(bench.masks(), classes, bench.masks() / "im0.png");
  const fs::path out = bench.folder / "out";
  for (const bool dry : {true, false}) {
    std::vector<std::string> options{"--out", out.string()};
    if (dry) options.emplace_back("--dry-run");
    const auto refused = bench.evaluate(options);
    CHECK(refused.status == 2);
    CHECK(refused.out.empty());
    CHECK_THAT(refused.err, Contains("--out: masks/a#0.png would be the mask of ") && Contains("a.tif and of ") &&
                                Contains("a#0.png; rename one of them"));
    CHECK(names_in(out).empty());
  }
  // Without masks there is nothing to lose.
  const auto measured = bench.evaluate({"--csv", (bench.folder / "table.csv").string()});
  INFO(measured.err);
  CHECK(measured.status == 0);
  fs::rename(bench.images() / "a#0.png", bench.images() / "b.png");
  fs::rename(bench.masks() / "a#0.png", bench.masks() / "b.png");
  CHECK(bench.evaluate({"--out", out.string()}).status == 0);
  CHECK(names_in(out / "masks") == std::set<std::string>{"a#0.png", "a#1.png", "b.png", "im1.png", "im2.png"});
}

TEST_CASE("evaluate and segment work alone in the folder --out; tables of several commands go into one folder") {
  const Bench bench;
  const fs::path out = bench.folder / "out";
  const paser::io::OutputFolder other(out, "segment_image");  // of a command that works there, and is not alone
  for (const bool dry : {true, false}) {
    std::vector<std::string> options{"--out", out.string()};
    if (dry) options.emplace_back("--dry-run");
    auto words = options;
    words.insert(words.begin(), bench.images().string());
    for (const auto& refused : {bench.evaluate(options), bench.segment(words)}) {
      CHECK(refused.status == 1);
      CHECK(refused.out.empty());
      CHECK_THAT(refused.err, Contains("segment_image, process ") && Contains("works in this folder"));
    }
  }
  CHECK(all_of(out).empty());
  const auto table = bench.evaluate({"--csv", (out / "table.csv").string()});
  INFO(table.err);
  CHECK(table.status == 0);
  CHECK(fs::exists(out / "table.csv"));
}

TEST_CASE("segment_image never writes over a picture that it did not make") {
  const Bench bench;
  fs::rename(bench.masks() / "im0.png", bench.masks() / "im0_mask.png");
  const auto truth = content_of(bench.masks() / "im0_mask.png");
  const auto words = [&](std::vector<std::string> more = {}) {
    std::vector<std::string> w{bench.images().string(), "--out", bench.masks().string(), "--write", "mask"};
    w.insert(w.end(), more.begin(), more.end());
    return w;
  };
  const auto ended = bench.segment(words());
  CHECK(ended.status == 1);
  CHECK_THAT(ended.err, Contains("im0_mask.png") && Contains("paser segment did not write it") &&
                            Contains("--overwrite") && Contains("1 images failed"));
  CHECK(content_of(bench.masks() / "im0_mask.png") == truth);
  CHECK(fs::exists(bench.masks() / "im1_mask.png"));
  CHECK(bench.segment(words({"--overwrite"})).status == 0);
  CHECK(content_of(bench.masks() / "im0_mask.png") != truth);

  // An image that is called as an output: not with --overwrite either.
  fs::rename(bench.images() / "im1.png", bench.images() / "im2_mask.png");
  const auto input = content_of(bench.images() / "im2_mask.png");
  const auto own = bench.segment({(bench.images() / "im2.png").string(), (bench.images() / "im2_mask.png").string(),
                                  "--out", bench.images().string(), "--write", "mask", "--overwrite"});
  CHECK(own.status == 1);
  CHECK_THAT(own.err, Contains("im2_mask.png' is an input of this command"));
  CHECK(content_of(bench.images() / "im2_mask.png") == input);
}

TEST_CASE("a training into a folder of data leaves the data alone") {
  const TemporaryFolder folder;
  const fs::path data = folder / "data";
  tiny::write_data_set(data);
  std::ofstream(data / "images.csv") << "my own table";
  std::ofstream(data / "results.json") << "my own results";
  const auto before = all_of(data);
  for (const char* flag : {"--json", "--fresh"}) {
    const auto ended = run_program(folder.path(), training(data, data, {flag}));
    CHECK(ended.status == 2);
    CHECK_THAT(ended.err, Contains("holds files and no run of train_segmentation"));
    CHECK(all_of(data) == before);
  }
  const auto forced = run_program(folder.path(), training(data, data, {"--overwrite"}));
  INFO(forced.err);
  CHECK(forced.status == 0);
  const auto after = all_of(data);
  for (const auto& [name, content] : before)
    if (name.find('/') != std::string::npos) CHECK(after.at(name) == content);
}

TEST_CASE("a training: its second start in the same folder is refused, and so is replaced data") {
  const TemporaryFolder folder;
  const fs::path data = folder / "data", run = folder / "run";
  tiny::write_data_set(data);
  {
    ChildProcess first(training(data, run, {"--set", "pretrain_epochs=[2000,2000,2000]"}), folder / "out",
                       folder / "err");
    while (content_of(run / "log.jsonl").empty() && !first.ended())
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const auto second = run_program(folder.path(), training(data, run, {"--set", "pretrain_epochs=[2000,2000,2000]"}));
    CHECK(second.status == 1);
    CHECK_THAT(second.err, Contains("train_segmentation, process ") && Contains("works in this folder"));
    const auto emptied =
        run_program(folder.path(), training(data, run, {"--set", "pretrain_epochs=[2000,2000,2000]", "--fresh"}));
    CHECK(emptied.status == 1);
    CHECK_FALSE(first.ended());
  }
  const auto fresh = run_program(folder.path(), training(data, run, {"--fresh"}));
  INFO(fresh.err);
  REQUIRE(fresh.status == 0);
  const fs::path image = data / "train_images" / "im3.png";
  const auto kept = content_of(image);
  paser::io::write_png(image, tiny::picture(32, 32, 1, 99));
  const auto replaced = run_program(folder.path(), training(data, run));
  CHECK(replaced.status == 2);
  CHECK_THAT(replaced.err, Contains("train_images/im3.png has another content"));
  paser::io::write_file(image, kept);
  CHECK(run_program(folder.path(), training(data, run)).status == 0);
}

TEST_CASE("a training: a file that is put in a checkpoint's or the log's place is neither replaced nor removed") {
  const TemporaryFolder folder;
  tiny::write_data_set(folder / "data");
  const fs::path out = folder / "run";
  REQUIRE(run_program(folder.path(), training(folder / "data", out)).status == 0);
  for (const char* name : {"checkpoints/f1.safetensors", "checkpoints/paser.safetensors", "log.jsonl"}) {
    const std::string whole = content_of(out / name);
    std::ofstream(out / name) << "my only copy";
    for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--fresh"}}) {
      INFO(name << (more.empty() ? "" : " --fresh"));
      const auto ended = run_program(folder.path(), training(folder / "data", out, more));
      CHECK(ended.status == 2);
      CHECK_THAT(ended.err, Contains(name) && Contains("is not what train_segmentation writes under this name"));
      CHECK(content_of(out / name) == "my only copy");
    }
    std::ofstream(out / name) << whole;
  }
  CHECK(run_program(folder.path(), training(folder / "data", out)).status == 0);
}

TEST_CASE("a trained model's file says nothing of the folders that it was trained in") {
  const TemporaryFolder folder;
  const fs::path data = folder / "somebodys_folder" / "data", run = folder / "run";
  tiny::write_data_set(data);
  const fs::path classes = folder / "somebodys_folder" / "classes.txt";
  std::ofstream(classes) << "dark 0\nbright 1\n";
  const auto trained = run_program(folder.path(), training(data, run, {"--class-file", classes.string()}));
  INFO(trained.err);
  REQUIRE(trained.status == 0);
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints")) {
    ++files;
    CAPTURE(entry.path());
    CHECK(content_of(entry.path()).find("somebodys_folder") == std::string::npos);
    CHECK(content_of(entry.path()).find(folder.path().filename().string()) == std::string::npos);
  }
  CHECK(files > 5);

  // In its run's folder the data is found all the same; elsewhere it is asked for.
  const auto evaluated = [&](const fs::path& model, std::vector<std::string> more = {}) {
    std::vector<std::string> words{PASER_EVALUATE, model.string(), "--json", "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(folder.path(), words);
  };
  const auto whole = evaluated(run);
  INFO(whole.err);
  REQUIRE(whole.status == 0);
  const fs::path alone = folder / "alone.safetensors";
  fs::copy_file(run / "checkpoints" / "paser.safetensors", alone);
  const auto without = evaluated(alone);
  CHECK(without.status == 2);
  CHECK_THAT(without.err, Contains("trained with the class file classes.txt") && Contains("--class-file"));
  const auto without_data = evaluated(alone, {"--class-file", classes.string()});
  CHECK(without_data.status == 2);
  CHECK_THAT(without_data.err, Contains("expected --data"));
  const auto with = evaluated(alone, {"--class-file", classes.string(), "--data", data.string()});
  REQUIRE(with.status == 0);
  CHECK(nlohmann::json::parse(with.out)["confusion"] == nlohmann::json::parse(whole.out)["confusion"]);
}

}  // namespace outputs_test
