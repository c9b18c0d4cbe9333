#pragma once
#include "paser/core/macros_off.inc"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/experiment/data_files.hpp"
#include "paser/io/json.hpp"

/// The setting that names the model files from which networks start.
namespace paser::experiment {

/// Where networks have their first weights from. In JSON a text: a PaSeR with the networks of the run, or "" for random
/// weights; or a list with an entry per network: a model of one network, or "" for random weights.
struct StartFiles {
  std::vector<std::string> files{""};
  bool each = false;  ///< an entry is of one network

  /// Whether all weights are random.
  bool empty() const {
    for (const std::string& file : files)
      if (!file.empty()) return false;
    return true;
  }

  /// The files by the names that data.json and messages have for them.
  DataFiles named() const {
    DataFiles named;
    for (std::size_t k = 0; k < files.size(); ++k)
      if (!files[k].empty()) named[each ? message("the start of f", k + 1) : "the PaSeR to start from"] = files[k];
    return named;
  }

  /// What a command line says: a JSON list, or the name of a file. Throws ValueError on a list of other things.
  static StartFiles of(const std::string& text);

  bool operator==(const StartFiles&) const = default;
};

inline void to_json(nlohmann::json& j, const StartFiles& s) {
  if (s.each)
    j = s.files;
  else
    j = s.files.at(0);
}
/// Throws as nlohmann::json where it is neither a text nor a list of texts.
inline void from_json(const nlohmann::json& j, StartFiles& s) {
  s.each = !j.is_string();
  s.files = s.each ? j.get<std::vector<std::string>>() : std::vector{j.get<std::string>()};
}

inline StartFiles StartFiles::of(const std::string& text) {
  const auto value = text.starts_with('[') ? io::json_or_word(text) : nlohmann::json(text);
  try {
    return value.get<StartFiles>();
  } catch (const nlohmann::json::exception&) {
    throw ValueError(message("--initial: '", excerpt(text), "', expected a file or a JSON list of files"));
  }
}

/// What the setting may be.
struct ModelFiles {
  /// Takes every value: files are looked at when they are read.
  void require(const char*, const StartFiles&) const {}
  /// What is expected, in words.
  template <class Value>
  std::string text() const {
    return "a text, or a list of one per network";
  }
};

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
