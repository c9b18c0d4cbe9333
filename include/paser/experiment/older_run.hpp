#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "paser/io/checkpoint.hpp"
#include "paser/io/json.hpp"
#include "paser/io/output_folder.hpp"

/// Runs of before there were manifests: which of their files the programs wrote.
namespace paser::experiment {

/// A document, or null where the text is none.
inline nlohmann::json document_or_null(const std::string& text) {
  try {
    return io::parse_json(text, "");
  } catch (const FormatError&) {
    return {};
  }
}

/// Whether config.json is one that a program of paser wrote.
inline bool is_configuration(const nlohmann::json& document) {
  if (!document.is_object() || !document.contains("settings") || !document.contains("environment")) return false;
  const auto& environment = document["environment"];
  return environment.is_object() && environment.contains("library") && environment["library"].is_string() &&
         environment["library"].get<std::string>().starts_with("paser ");
}

/// Whether the content of one of the texts that a run keeps for itself has the form that the programs of paser give it.
inline bool is_output(const std::filesystem::path& file, const std::string& name) {
  const std::string text = io::read_file(file);
  if (name == "log.jsonl") {
    const auto first = document_or_null(text.substr(0, text.find('\n')));
    return text.empty() || (first.is_object() && first.contains("stage"));
  }
  const auto j = document_or_null(text);
  const auto has = [&](const char* key) { return j.is_object() && j.contains(key); };
  if (name == "config.json") return is_configuration(j);
  if (name == "data.json")  // sizes and checksums
    return j.is_object() && std::ranges::all_of(j, [](const auto& sum) { return sum.is_string(); });
  if (name == "stages.json") return j.is_array() && !j.empty() && j[0].is_object() && j[0].contains("stage");
  if (name == "measured.json") return (has("times") && has("gain")) || (has("processor") && has("threads"));
  return false;
}

/// Whether a file that a run rewrites while it goes on begins as the programs begin it. Damage further on is for those
/// who read it.
inline bool begins_as_output(const std::filesystem::path& file, const std::string& name) {
  std::ifstream in(file, std::ios::binary);
  std::string start(512, '\0');
  in.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(in.gcount()));
  const auto has = [&](const char* text) { return start.find(text) != std::string::npos; };
  if (name.starts_with("checkpoints/")) return has("\"paser.format\":\"checkpoint/");
  if (name == "log.jsonl") return start.empty() || start.front() == '{';
  return start.empty() || has("brain.Event:");  // of TensorBoard
}

/// The checkpoints that such a run wrote: by their content that of each stage, by their names the trained PaSeRs.
/// Others are somebody's, a copy of a checkpoint among them. Throws ValueError where two are of one stage, of which one
/// is a copy, unless `overwrite`: then neither is.
inline std::vector<std::string> checkpoints_of_older_run(const std::filesystem::path& run, bool overwrite) {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  std::map<std::string, std::vector<std::string>> of_stage;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", none)) {
    if (!fs::is_regular_file(entry.symlink_status())) continue;  // nor what a link leads to
    const std::string name = "checkpoints/" + entry.path().filename().string();
    try {
      const auto info = io::Checkpoint::load(entry.path()).info;
      if (info.is_object() && info.contains("stage"))
        of_stage[info["stage"].dump()].push_back(name);
      else if (name.starts_with("checkpoints/paser"))
        names.push_back(name);
    } catch (const Error&) {  // none, or a damaged one, which nothing proves to be the run's
    }
  }
  for (const auto& [stage, files] : of_stage) {
    check<ValueError>(files.size() == 1 || overwrite, run.string().c_str(), "has no ", io::OutputManifest::file_name,
                      ", and both ", files.front(), " and ", files.back(), " are of stage ", stage,
                      "; move what the run did not write elsewhere");
    if (files.size() == 1) names.push_back(files.front());
  }
  return names;
}

/// Lists the files of such a run as the program's own, as far as they are proven to be and people have no reason to
/// write in them: not its tables, results and page. Nothing happens where there is no run of it. Files that stay
/// unlisted are refused when they would be replaced. Throws as checkpoints_of_older_run.
inline void adopt_older_run(io::OutputFolder& folder, bool overwrite) {
  namespace fs = std::filesystem;
  const auto proven = [&](const char* name) {
    // What is appended to through a link would be another's.
    const bool link = std::string_view(name) == "log.jsonl" && fs::is_symlink(folder.path() / name);
    return !link && fs::is_regular_file(folder.path() / name) && is_output(folder.path() / name, name);
  };
  if (!proven("config.json")) return;
  const auto checkpoints = checkpoints_of_older_run(folder.path(), overwrite);
  for (const char* name : {"config.json", "data.json", "log.jsonl", "stages.json", "measured.json"})
    if (proven(name)) folder.adopt(name);
  for (const std::string& name : checkpoints) folder.adopt(name);
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
