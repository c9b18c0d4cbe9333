#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "examples/child_process.hpp"

/// The content of every file below a folder but for the manifests.
inline std::map<std::string, std::string> all_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().filename() != ".paser_outputs")
      files[entry.path().lexically_relative(folder).string()] = content_of(entry.path());
  return files;
}
