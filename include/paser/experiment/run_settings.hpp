#pragma once
#include "paser/core/macros_off.inc"

#include <filesystem>
#include <string>

#include "paser/io/json.hpp"

/// The settings that a run folder keeps in its config.json.
namespace paser::experiment {

/// The settings of the run in a folder, as config.json has them. Throws IoError and FormatError.
template <class Config>
Config run_settings(const std::filesystem::path& run) {
  const std::filesystem::path file = run / "config.json";
  check<IoError>(std::filesystem::exists(file), "run", "cannot read ", file.string(), "; expected the folder of a run");
  const auto document = io::read_json(file);
  check<FormatError>(document.is_object() && document.contains("settings"), file.string().c_str(),
                     "is not the configuration of a run");
  try {
    return document["settings"].template get<Config>();
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(message(file.string(), ": ", error.what()));
  }
}

/// Throws ValueError, naming the setting, unless a run of the settings `old`, which `file` holds, may go on with those
/// that are asked for.
inline void require_same_settings(const nlohmann::json& asked, const nlohmann::json& old,
                                  const std::filesystem::path& file) {
  for (const auto& [name, value] : asked.items())
    check<ValueError>(old.value(name, nlohmann::json()) == value, file.string().c_str(),
                      "this folder holds a run with ", name, " = ", old.value(name, nlohmann::json()).dump(),
                      ", asked for is ", value.dump(), "; choose another --out, or --fresh to start over");
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
