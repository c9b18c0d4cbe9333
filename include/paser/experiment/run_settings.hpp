#pragma once
#include "paser/core/macros_off.inc"

#include <filesystem>
#include <optional>
#include <string>

#include "paser/io/json.hpp"

/// The settings that a run folder keeps in its config.json.
namespace paser::experiment {

/// The settings in a run's configuration, which `file` holds. Throws FormatError when they are no object.
inline const nlohmann::json& settings_of(const nlohmann::json& configuration, const std::filesystem::path& file) {
  const auto& settings = configuration.at("settings");
  check<FormatError>(settings.is_object(), file.string().c_str(), "'settings' is ", excerpt(io::json_text(settings)),
                     ", expected an object");
  return settings;
}

/// The settings of the run in a folder, as config.json has them; those that it leaves out have their defaults, or what
/// complete_begun() of the type says. Throws IoError and FormatError.
template <class Config>
Config run_settings(const std::filesystem::path& run) {
  const std::filesystem::path file = run / "config.json";
  check<IoError>(std::filesystem::exists(file), "run", "cannot read ", file.string(), "; expected the folder of a run");
  const auto document = io::read_json(file);
  check<FormatError>(document.is_object() && document.contains("settings"), file.string().c_str(),
                     "is not the configuration of a run");
  const auto& settings = settings_of(document, file);
  try {
    auto config = settings.template get<Config>();
    if constexpr (requires { config.complete_begun(settings); }) config.complete_begun(settings);
    if constexpr (requires { settle_rivals(config); }) settle_rivals(config);
    return config;
  } catch (const Error& error) {
    throw FormatError(message(file.string(), ": ", error.what()));
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(message(file.string(), ": ", io::json_problem(error)));
  }
}

/// The same; nothing where there is no run, or one that RunFolder will refuse.
template <class Config>
std::optional<Config> begun_settings(const std::filesystem::path& run) {
  try {
    return run_settings<Config>(run);
  } catch (const Error&) {
    return {};
  }
}

/// The path that a run's configuration, which `file` holds, has under this name; `otherwise` where it has none. Throws
/// FormatError when its settings are no object, or the setting is no text.
inline std::string path_setting(const nlohmann::json& configuration, const std::filesystem::path& file,
                                const std::string& name, const std::string& otherwise) {
  const auto& settings = settings_of(configuration, file);
  const auto found = settings.find(name);
  if (found == settings.end()) return otherwise;
  check<FormatError>(found->is_string(), file.string().c_str(), "setting ", name, " = ", excerpt(io::json_text(*found)),
                     ", expected a text");
  return found->get<std::string>();
}

/// A path of a run's settings, typed perhaps as relative to the folder in which the run was begun: there where it is
/// there, else relative to where one is, as of runs that do not say, and of those that were moved with their data.
/// `what` names the setting. Throws ValueError, saying what was looked for where, when it is in neither.
inline std::filesystem::path found_again(const std::string& typed, const nlohmann::json& configuration,
                                         const std::string& what) {
  namespace fs = std::filesystem;
  const auto kept = configuration.is_object() ? configuration.find("working_folder") : configuration.end();
  const bool known = kept != configuration.end() && kept->is_string();
  const std::string begun = known ? kept->get<std::string>() : "";
  std::error_code none;
  const fs::path there = fs::path(begun) / typed;
  if (!begun.empty() && fs::exists(there, none)) return fs::path(typed).is_absolute() ? fs::path(typed) : there;
  check<ValueError>(fs::exists(typed, none), "run", "its setting ", what, " names '", typed, "', which is ",
                    fs::path(typed).is_absolute() || begun.empty() ? "not there"
                                                                   : "neither in " + begun +
                                                                         ", where the run was "
                                                                         "begun, nor here",
                    "; say where the images are now, by --data or --images");
  return typed;
}

/// Throws ValueError, naming the setting, unless a run of the settings `old`, which `file` holds, may go on with those
/// that are asked for. `preset` and `network`, by which a program sets others, are named before these; a `preset` that
/// is a name of the same settings is no other.
inline void require_same_settings(const nlohmann::json& asked, const nlohmann::json& old,
                                  const std::filesystem::path& file) {
  const auto same = [&](const std::string& name, const nlohmann::json& value) {
    return old.value(name, nlohmann::json()) == value;
  };
  bool named_otherwise = true;
  for (const auto& [name, value] : asked.items()) named_otherwise &= name == "preset" || same(name, value);
  if (named_otherwise) return;
  const auto require = [&](const std::string& name, const nlohmann::json& value) {
    check<ValueError>(same(name, value), file.string().c_str(), "this folder holds a run with ", name, " = ",
                      old.value(name, nlohmann::json()).dump(), ", asked for is ", value.dump(),
                      "; choose another --out, or --fresh to start over");
  };
  for (const char* name : {"preset", "network"})
    if (asked.contains(name)) require(name, asked[name]);
  for (const auto& [name, value] : asked.items()) require(name, value);
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
