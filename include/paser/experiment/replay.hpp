#pragma once
#include "paser/core/macros_off.inc"

#include <filesystem>
#include <limits>
#include <string>

#include "paser/io/json.hpp"
#include "paser/report/result_fields.hpp"

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
    const std::string where = file.string();
    check<FormatError>(document.is_object(), where.c_str(),
                       "is not what a run leaves behind, expected an object with stage and step");
    try {
      Replay replay;
      report::detail::read_field(document, "stage", replay.stage);
      report::detail::read_count(document, "step", replay.step);
      check<FormatError>(replay.step < std::numeric_limits<Index>::max(), "step", replay.step,
                         ", expected a step that can be counted from 1");
      return replay;
    } catch (const FormatError& error) {
      throw FormatError(message(where, ": ", error.what()));
    }
  }

  /// The file's text, with what was said of the step.
  std::string text(const std::string& problem) const {
    return io::json_text(nlohmann::json{{"stage", stage}, {"step", step}, {"message", as_utf8(problem)}}, 2) + "\n";
  }
};

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
