#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"
#include "paser/core/text.hpp"

/// How programs name a trained PaSeR and what in it answers.
namespace program {

/// The file of a trained PaSeR: `model` itself, or of a run's folder the checkpoint of the name `variant`, by default
/// "paser". Throws ValueError with the variants that the run has.
inline std::filesystem::path model_file(const std::filesystem::path& model, const std::string& variant) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(model)) {
    paser::check<paser::ValueError>(variant.empty(), "--variant", "names a checkpoint of a run folder, and ",
                                    model.string(), " is none");
    return model;
  }
  const std::string wanted = variant.empty() ? "paser" : variant;
  const fs::path folder = model / "checkpoints", file = folder / (wanted + ".safetensors");
  if (fs::exists(file)) return file;
  std::vector<std::string> known;
  if (fs::is_directory(folder))
    for (const auto& entry : fs::directory_iterator(folder))
      if (const auto stem = entry.path().stem().string(); stem.starts_with("paser")) known.push_back(stem);
  std::ranges::sort(known);
  paser::check<paser::ValueError>(!known.empty(), model.string().c_str(), "holds no trained PaSeR: there is no ",
                                  file.string());
  throw paser::ValueError(paser::unknown_name("variant", wanted, known) + " (choose one by --variant)");
}

/// Number of the network of this name, f1, f2, ..., that answers alone; none for "paser". Throws ValueError on another
/// name.
inline std::optional<paser::Index> chosen_network(const std::string& name, paser::Index networks) {
  if (name == "paser") return {};
  std::vector<std::string> known{"paser"};
  for (paser::Index k = 0; k < networks; ++k) {
    known.push_back(paser::message("f", k + 1));
    if (name == known.back()) return k;
  }
  throw paser::ValueError(paser::unknown_name("method", name, known));
}

}  // namespace program
