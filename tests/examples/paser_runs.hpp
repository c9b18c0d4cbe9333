#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "examples/child_process.hpp"
#include "examples/tiny_paser.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "support/temporary_folder.hpp"

/// Runs of the command `paser`, and what they are given.
namespace paser_runs {

using namespace paser;
namespace fs = std::filesystem;

inline Outcome paser_command(const TemporaryFolder& folder, std::vector<std::string> words) {
  words.insert(words.begin(), PASER_COMMAND);
  return run_program(folder.path(), words);
}

/// A PaSeR of three networks, without training.
inline fs::path saved_model(const TemporaryFolder& folder) {
  const fs::path file = folder / "model.safetensors";
  pipeline::save_paser(file, pipeline::make_paser(tiny::description(1), Key{21}), tiny::description(1));
  return file;
}

/// A network for --network.
inline constexpr const char* tiny_segformer =
    R"(segformer:{"in":3,"classes":4,"depths":[1,1,1,1],"widths":[4,8,8,8],"heads":[1,1,2,2],"decoder_width":8})";

}  // namespace paser_runs
