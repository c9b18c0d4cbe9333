#pragma once
#include "paser/core/macros_off.inc"

#include <fstream>
#include <string>

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

/// Whether the content of a file of a run's folder proves that a program of paser wrote it: its form for texts, its
/// format and checksum for checkpoints. `name`: within the folder.
inline bool is_output(const std::filesystem::path& file, const std::string& name) {
  if (name.starts_with("checkpoints/")) {
    try {
      io::Checkpoint::load(file);
      return true;
    } catch (const Error&) {
      return false;
    }
  }
  const std::string text = io::read_file(file);
  const auto begins = [&](const char* start) { return text.starts_with(start); };
  if (name == "methods.csv") return begins("model,kind,iou,iou_std,gmac,");
  if (name == "images.csv") return begins("image,method,iou,gmac,ms");
  if (name == "curve.csv") return begins("kind,name,share,ms,gmac,iou,image_iou");
  if (name == "curve.svg") return begins("<svg ") && text.find("oracle (greedy)") != std::string::npos;
  if (name == "report.html") return begins("<!doctype html>") && text.find("\"entropy_max\":") != std::string::npos;
  if (name == "log.jsonl") {
    const auto first = document_or_null(text.substr(0, text.find('\n')));
    return text.empty() || (first.is_object() && first.contains("stage"));
  }
  const auto j = document_or_null(text);
  const auto has = [&](const char* key) { return j.is_object() && j.contains(key); };
  if (name == "config.json") return is_configuration(j);
  if (name == "stages.json") return j.is_array() && !j.empty() && j[0].is_object() && j[0].contains("stage");
  if (name == "measured.json") return (has("times") && has("gain")) || (has("processor") && has("threads"));
  if (name == "results.json") return has("environment") && has("settings") && has("command");
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

/// Lists the files of such a run as the program's own, as far as they are proven to be. Nothing happens where there is
/// no run of it. Files that stay unlisted are refused when they would be replaced.
inline void adopt_older_run(io::OutputFolder& folder) {
  namespace fs = std::filesystem;
  if (!fs::is_regular_file(folder.path() / "config.json") || !is_output(folder.path() / "config.json", "config.json"))
    return;
  std::vector<std::string> names;
  for (const char* part : {"", "checkpoints"}) {
    const fs::path inside = folder.path() / part;
    if (!fs::is_directory(inside)) continue;
    for (const auto& entry : fs::directory_iterator(inside))
      if (entry.is_regular_file()) names.push_back((fs::path(part) / entry.path().filename()).generic_string());
  }
  for (const std::string& name : names)
    if (is_output(folder.path() / name, name)) folder.adopt(name);
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
