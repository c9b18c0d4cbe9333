#pragma once

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "paser/io/output_folder.hpp"
#include "support/temporary_folder.hpp"

/// What the tests of output folders and of their manifests do with files.
namespace output_helpers {

namespace fs = std::filesystem;

inline void put(const fs::path& file, const std::string& content) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

inline std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

inline std::set<std::string> names(const fs::path& folder) {
  std::set<std::string> all;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename() != paser::io::OutputManifest::file_name) all.insert(entry.path().filename().string());
  return all;
}

/// Runs body in a process that ends as if it were killed: nothing is cleaned up.
template <class Body>
void in_killed_process(const Body& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      body();
    } catch (const std::exception&) {
      _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(status == 0);
}

}  // namespace output_helpers
