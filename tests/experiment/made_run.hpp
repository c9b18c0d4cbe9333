#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "examples/child_process.hpp"
#include "paser/experiment/run_folder.hpp"
#include "paser/io/checkpoint.hpp"

/// Runs that are made by hand, without a training, for the tests of their folders.
namespace made_run {

namespace fs = std::filesystem;

inline const nlohmann::json settings{{"seed", 1}};

inline void put(const fs::path& file, const std::string& content) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

/// The content of every file below a folder, but for the manifest.
inline std::map<std::string, std::string> all_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().filename() != paser::io::OutputManifest::file_name)
      files[entry.path().lexically_relative(folder).string()] = content_of(entry.path());
  return files;
}

inline paser::io::Checkpoint some_checkpoint() {
  paser::io::Checkpoint c;
  c.info["step"] = 3;
  c.info["stage"] = "f1";
  return c;
}

inline paser::experiment::RunNeeds needs(paser::experiment::DataFiles data = {}) {
  return {.program = "train", .data = std::move(data), .results = {"results.json", "images.csv"}};
}

/// Opens the folder and closes it.
inline void open(const fs::path& run, const paser::experiment::RunChoice& choice = {},
                 const paser::experiment::DataFiles& data = {}) {
  paser::experiment::RunFolder(run, settings, choice, needs(data));
}

/// A run with a checkpoint and results.
inline void make_run(const fs::path& run) {
  paser::experiment::RunFolder r(run, settings, {}, needs());
  some_checkpoint().save(r.checkpoint_to_write("f1"));
  r.write("results.json", "numbers");
  r.add_cost({"f1", 1});
}

}  // namespace made_run
