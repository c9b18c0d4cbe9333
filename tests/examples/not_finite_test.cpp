#include <catch2/catch.hpp>

#include "examples/child_process.hpp"
#include "examples/tiny_paser.hpp"
#include "examples/tiny_run.hpp"
#include "support/temporary_folder.hpp"

namespace program_not_finite_test {

using namespace paser;
using Catch::Contains;
namespace fs = std::filesystem;

TEST_CASE("a learning rate that makes weights infinite ends a training with status 3 and no trained PaSeR") {
  const TemporaryFolder folder;
  const fs::path data = folder / "data", run = folder / "run";
  tiny_run::write_data(data);
  for (const std::string setting :
       {"fine_tune_rate=3e38", "fine_tune_policy_rate=3e38", "policy_rate=3e38", "pretrain_rate=[3e38,1e-3,1e-3]"}) {
    INFO(setting);
    fs::remove_all(run);
    const auto words = tiny_run::command(PASER_TRAIN_SEGMENTATION, data, run, {setting});
    for (int attempt = 0; attempt < 2; ++attempt) {  // what is left behind does not let the next one through
      const auto [status, out, err] = run_program(folder.path(), words);
      CHECK(status == 3);
      CHECK_THAT(err, Contains("error: ") && Contains(", step 1 of ") && Contains("at the learning rate 3e+38"));
      CHECK(names_in(run / "checkpoints").count("paser.safetensors") == 0);
      for (const auto& name : names_in(run / "checkpoints"))
        CHECK_NOTHROW(io::Checkpoint::load(run / "checkpoints" / name));
    }
  }
}

TEST_CASE("--replay runs the step that was not finite again, says which it was, and changes nothing") {
  const TemporaryFolder folder;
  const fs::path data = folder / "data", run = folder / "run";
  tiny_run::write_data(data);
  auto words = tiny_run::command(PASER_TRAIN_SEGMENTATION, data, run, {"pretrain_rate=[1e-3,3e38,1e-3]"});
  auto replay = words;
  replay.push_back("--replay");
  const auto nothing = run_program(folder.path(), replay);
  CHECK(nothing.status == 2);
  CHECK_THAT(nothing.err, Contains("has no replay.json"));
  const auto stopped = run_program(folder.path(), words);
  REQUIRE(stopped.status == 3);
  CHECK_THAT(stopped.err, Contains("--replay says which operation it was"));
  REQUIRE(fs::exists(run / "replay.json"));
  std::map<std::string, std::string> before;
  const auto contents = [&run] {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(run))
      if (entry.is_regular_file() && entry.path().filename() != ".paser_outputs")
        all[entry.path().string()] = io::read_file(entry.path());
    return all;
  };
  before = contents();
  const auto again = run_program(folder.path(), replay);
  CHECK(again.status == 3);
  CHECK_THAT(again.err, Contains(", step 1 of ") && Contains("at the learning rate 3e+38"));
  for (const auto& [name, content] : contents()) {
    INFO(name);
    CHECK(before[name] == content);
  }
}

TEST_CASE("a training set of one class is refused by the rule of weights that gives it none, and told by others") {
  const TemporaryFolder folder;
  tiny_run::write_data(folder / "data", [](int) { return 0; });
  const auto run = [&](const std::string& weights) {
    return run_program(folder.path(), tiny_run::command(PASER_TRAIN_SEGMENTATION, folder / "data", folder / "run",
                                                        {"masks=index:2", "class_weights=" + weights}));
  };
  const auto refused = run("auto");
  CHECK(refused.status == 2);
  CHECK_THAT(refused.err, Contains("all pixels of the training images are of class 0"));
  CHECK_FALSE(fs::exists(folder / "run"));
  const auto told = run("none");
  CHECK(told.status == 0);
  CHECK_THAT(told.err, Contains("warning: ") && Contains("nothing can be learned"));
}

TEST_CASE("a model with a NaN in it answers nothing") {
  const TemporaryFolder folder;
  const auto file = folder / "model.safetensors";
  fs::create_directories(folder / "images");
  fs::create_directories(folder / "masks");
  pipeline::save_paser(file, pipeline::make_paser(tiny::description(1), Key{21}), tiny::description(1));
  io::write_png(folder / "images" / "a.png", tiny::picture(16, 24, 1, 1));
  io::write_png(folder / "masks" / "a.png", tiny::Bytes::zeros({16, 24, 1}));
  const std::vector<std::string> evaluate{PASER_EVALUATE,   file.string(),
                                          "--images",       (folder / "images").string(),
                                          "--masks-folder", (folder / "masks").string(),
                                          "--only",         "f3"},
      segment{PASER_SEGMENT_IMAGE, file.string(), (folder / "images" / "a.png").string(), "--out",
              (folder / "out").string()};
  CHECK(run_program(folder.path(), evaluate).status == 0);
  CHECK(run_program(folder.path(), segment).status == 0);
  fs::remove_all(folder / "out");
  auto checkpoint = io::Checkpoint::load(file);
  checkpoint.tensors["f3/head.bias"] = io::RawTensor::of(Tensor<float, 1>::from({3}, {NAN, 0, 0}));
  checkpoint.save(file);
  const std::vector<std::string> info{PASER_COMMAND, "info", file.string()},
      timed{PASER_COMMAND, "bench", file.string()},
      converted{PASER_COMMAND, "convert", file.string(), (folder / "f3.safetensors").string(), "--take", "f3"};
  for (const auto& words : {evaluate, segment, info, timed, converted}) {
    const auto [status, out, err] = run_program(folder.path(), words);
    CHECK(status == 3);
    CHECK_THAT(err, Contains("model.safetensors") && Contains("'f3': head.bias has nan at position 0 of 3"));
    CHECK(out.empty());
  }
  CHECK(names_in(folder / "out").empty());
}

TEST_CASE("a network that overflows on an image ends with status 3, and other images are done") {
  const TemporaryFolder folder;
  const auto file = folder / "model.safetensors";
  auto paser = pipeline::make_paser(tiny::description(1), Key{21});
  nn::walk(paser.models[2], [](const std::string& path, auto& member) {
    if (path == "head.weight") std::fill_n(member.value.mutable_data(), member.value.numel(), 3e38f);
  });
  pipeline::save_paser(file, paser, tiny::description(1));
  const auto image = folder / "a.png";
  io::write_png(image, tiny::picture(16, 24, 1, 1));
  const auto segment = [&](const std::string& network) {
    return run_program(folder.path(), {PASER_SEGMENT_IMAGE, file.string(), image.string(), "--out",
                                       (folder / "out").string(), "--only", network});
  };
  CHECK(segment("f2").status == 0);
  const auto [status, out, err] = segment("f3");
  CHECK(status == 3);
  CHECK_THAT(err, Contains("a.png") && Contains("the answer of network f3"));
}

TEST_CASE("a coarse network that overflows is told with the model's file by every program, with status 3") {
  const TemporaryFolder folder;
  const auto file = folder / "model.safetensors";
  for (const char* part : {"images", "masks"}) fs::create_directories(folder / part);
  auto paser = pipeline::make_paser(tiny::description(1), Key{21});
  nn::walk(paser.models[0], [](const std::string& path, auto& member) {
    if (path == "head.weight") std::fill_n(member.value.mutable_data(), member.value.numel(), 3e38f);
  });
  pipeline::save_paser(file, paser, tiny::description(1));
  const std::string images = (folder / "images").string(), image = images + "/a.png",
                    masks = (folder / "masks").string(), out = (folder / "out").string();
  io::write_png(image, tiny::picture(16, 24, 1, 1));
  io::write_png(folder / "masks" / "a.png", tiny::Bytes::zeros({16, 24, 1}));
  std::ofstream(folder / "list") << image << "\n";
  const std::vector<std::string> evaluate{PASER_EVALUATE, file.string(), "--images", images, "--masks-folder", masks};
  auto alone = evaluate;
  alone.insert(alone.end(), {"--only", "f1"});
  for (const auto& words : {std::vector<std::string>{PASER_SEGMENT_IMAGE, file.string(), image, "--out", out},
                            {PASER_SEGMENT_MANY, file.string(), "--manifest", (folder / "list").string(), "--out", out},
                            {PASER_COMMAND, "bench", file.string(), "--rounds", "1"},
                            evaluate,
                            alone}) {
    const auto ended = run_program(folder.path(), words);
    INFO(words[0] << " " << words[1]);
    CHECK(ended.status == 3);
    CHECK_THAT(ended.err, Contains("model.safetensors: the answer of network f1: "));
  }
  const auto deployed =
      run_program(folder.path(), {PASER_DEPLOY, file.string(), image, (folder / "mask.png").string()});
  CHECK(deployed.status == 3);
  CHECK_THAT(deployed.err, Contains("the answer of network f1: "));
  CHECK_FALSE(fs::exists(folder / "mask.png"));
}

TEST_CASE("the exit status is in every program's help") {
  const TemporaryFolder folder;
  for (const char* program :
       {PASER_TRAIN_SEGMENTATION, PASER_TRAIN_NOISY_MNIST, PASER_TRAIN_ROUTER, PASER_EVALUATE, PASER_SEGMENT_IMAGE}) {
    INFO(program);
    CHECK_THAT(run_program(folder.path(), {program, "--help"}).out, Contains("3 a number") || Contains("3 a weight"));
  }
}

}  // namespace program_not_finite_test
