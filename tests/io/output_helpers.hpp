#pragma once

#include <sys/wait.h>
#include <unistd.h>

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

/// What body, a function that returns a text, says as a user who owns nothing and has no rights of root; `said` is a
/// folder of the test's. An exception's text is what it says.
template <class Body>
std::string said_as_another_user(const fs::path& said, const Body& body) {
  const fs::path file = said / "said by another user";
  put(file, "");
  fs::permissions(file, fs::perms::all);
  in_killed_process([&] {
    std::string text;
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(1);
    try {
      text = body();
    } catch (const std::exception& error) {
      text = error.what();
    }
    std::ofstream(file, std::ios::binary) << text;
  });
  const std::string text = text_of(file);
  fs::remove(file);
  return text;
}

}  // namespace output_helpers
