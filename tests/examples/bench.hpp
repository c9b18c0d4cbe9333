#pragma once
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "examples/child_process.hpp"
#include "examples/tiny_training.hpp"
#include "support/temporary_folder.hpp"

namespace bench {

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// A folder with a model, a data set, one with a damaged image, an image, a file that is neither, and lists; the
/// programs are run in it.
struct Bench {
  Bench() {
    fs::create_directories(path("scratch"));
    const auto d = tiny::description(1);
    pipeline::save_paser(path("model.safetensors"), pipeline::make_paser(d, Key{21}), d);
    tiny::write_data_set(path("set"));
    for (const char* part : {"train", "validation"}) {  // a set whose image is damaged
      for (const char* kind : {"_images", "_label"}) {
        fs::create_directories(path("torn_set"));
        fs::copy(path("set") + "/" + part + kind, path("torn_set") + "/" + part + kind);
      }
    }
    std::ofstream(path("torn_set/train_images/im1.png")) << "no picture";
    fs::create_directories(path("new"));
    io::write_png(path("new/a.png"), tiny::picture(16, 24, 1, 1));
    std::ofstream(path("torn")) << "neither a model nor an image";
    std::ofstream(path("list")) << path("new/a.png") << "\n";
    std::ofstream(path("half_list")) << path("new/a.png") << "\n" << path("none.png") << "\n";
  }

  std::string path(const std::string& name) const { return (folder / name).string(); }
  Outcome run(Words words, const std::string& program = PASER_COMMAND) const {
    words.insert(words.begin(), program);
    return run_program(folder / "scratch", words);
  }
  /// It ends with 2 and a sentence with these words, and makes nothing; the same in a dry run.
  void refuses(Words words, const std::string& sentence, const std::string& program = PASER_COMMAND) const {
    INFO(program << " " << words[0] << " ... " << sentence);
    for (const bool dry : {false, true}) {
      if (dry) words.push_back("--dry-run");
      const auto ended = run(words, program);
      CHECK(ended.status == 2);
      CHECK(ended.out.empty());
      CHECK_THAT(ended.err, Contains("error: ") && Contains(sentence));
      CHECK_FALSE(fs::exists(folder / "out"));
    }
  }

  TemporaryFolder folder;
};

}  // namespace bench
