#pragma once

#include <filesystem>

#include "paser/io/atomic_file.hpp"
#include "paser/io/file.hpp"
#include "paser/report/results.hpp"

namespace paser::report {

/// Writes results.json, whole or not at all. Throws IoError.
inline void write_results(const std::filesystem::path& file, const Results& results) {
  io::write_file(file, nlohmann::json(results).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

/// Reads it back. Throws IoError when there is no such file, FormatError naming the field that is missing or wrong.
inline Results read_results(const std::filesystem::path& file) {
  try {
    return nlohmann::json::parse(io::read_file(file)).get<Results>();
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(message("read_results: ", file.string(), " is not a results file: ", error.what()));
  }
}

}  // namespace paser::report
