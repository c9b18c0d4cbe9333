#pragma once
#include "paser/core/macros_off.inc"

#include <filesystem>
#include <string>

#include "paser/io/json.hpp"

/// The file by which a run remembers at which step it stopped.
namespace paser::experiment {

/// Which step of which stage was not finite.
struct Replay {
  static constexpr const char* file_name = "replay.json";  ///< in the folder of the run

  std::string stage;
  Index step = 0;  ///< from 0

  /// Throws IoError and FormatError.
  static Replay read(const std::filesystem::path& file) {
    const auto document = io::read_json(file);
    try {
      return {document.at("stage").get<std::string>(), document.at("step").get<Index>()};
    } catch (const nlohmann::json::exception& error) {
      throw FormatError(message(file.string(), ": ", io::json_problem(error)));
    }
  }

  /// The file's text, with what was said of the step.
  std::string text(const std::string& problem) const {
    return io::json_text(nlohmann::json{{"stage", stage}, {"step", step}, {"message", as_utf8(problem)}}, 2) + "\n";
  }
};

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
