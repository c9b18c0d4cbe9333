#pragma once

#include <filesystem>
#include <string>

#include "paser/io/file.hpp"
#include "paser/io/safetensors.hpp"

/// What a file is, by what it begins with.
namespace command {

/// Whether a file can be one of safetensors: eight bytes of length, and a JSON object.
inline bool looks_like_safetensors(const std::filesystem::path& file) {
  char begin[9] = {};
  paser::io::InputFile in(file);
  if (in.size() < 10) return false;
  in.read(begin, 9);
  return begin[8] == '{' && begin[7] == 0 && begin[6] == 0;
}

/// Whether a file is one that save_paser wrote. Throws IoError when it cannot be read, FormatError when it is damaged.
inline bool holds_model(const std::filesystem::path& file) {
  return looks_like_safetensors(file) && paser::io::read_safetensors(file).metadata.contains("paser.format");
}

}  // namespace command
