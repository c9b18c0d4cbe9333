#pragma once
#include "paser/core/macros_off.inc"

#include <filesystem>

#include "paser/io/atomic_file.hpp"
#include "paser/io/json.hpp"
#include "paser/report/results.hpp"

namespace paser::report {

/// The text of results.json. Throws ValueError, naming the field, when read_results would refuse it: where a number is
/// not finite that no run is without, such as a share or a threshold, or out of its range.
template <class Json = nlohmann::json>
std::string results_text(const Results& results) {
  const std::string text = io::json_text(Json(results), 2) + "\n";
  try {
    (void)Json::parse(text).template get<Results>();
  } catch (const FormatError& error) {
    throw ValueError(message("results: ", error.what(), " (null: a number that is not finite)"));
  }
  return text;
}

/// Writes results.json, whole or not at all. Throws IoError, and as results_text.
template <class Json = nlohmann::json>
void write_results(const std::filesystem::path& file, const Results& results) {
  io::write_file(file, results_text<Json>(results));
}

/// Reads it back. Throws IoError when there is no such file, FormatError as io::read_json, and naming the field
/// that is missing or wrong.
template <class Json = nlohmann::json>
Results read_results(const std::filesystem::path& file) {
  const auto document = io::read_json<Json>(file);
  const auto refuse = [&](const std::string& why) {
    throw FormatError(message("read_results: ", file.string(), " is not a results file: ", why));
  };
  Results results;
  try {
    document.get_to(results);
  } catch (const typename Json::exception& error) {
    refuse(io::json_problem(error));
  } catch (const FormatError& error) {
    refuse(error.what());
  }
  return results;
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
