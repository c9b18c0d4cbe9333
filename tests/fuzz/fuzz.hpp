#pragma once

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "paser/core/error.hpp"
#include "paser/io/file.hpp"

/// Shared by the fuzzers: whatever bytes a reader gets, it returns or throws one of paser's errors.
namespace fuzz {

inline std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

template <class F>
int reads(const F& read) {
  try {
    read();
  } catch (const paser::Error&) {
  }
  return 0;
}

/// A file with these bytes, for readers that open files; one of each process.
inline paser::io::Path file_of(const std::uint8_t* data, std::size_t size) {
  static const paser::io::Path memory = "/dev/shm";  // where there is one, files never reach a disk
  static const paser::io::Path path =
      (std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path()) /
      ("paser_fuzz_" + std::to_string(getpid()));
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text(data, size);
  return path;
}

}  // namespace fuzz
