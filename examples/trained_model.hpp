#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"
#include "paser/core/text.hpp"
#include "paser/pipeline/paser.hpp"
#include "paser/pipeline/simple_policies.hpp"

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

/// What a document says of an estimator or a policy.
inline nlohmann::json part_json(const paser::TypedSpec& spec) {
  return {{"type", spec.type}, {"spec", nlohmann::json::parse(spec.json)}};
}

/// The policy that a program is asked for: that of the Paser, a network alone by its name `only`, f1, f2, ... ("paser"
/// names none), or the cascade with these thresholds in nats (empty: none is asked for). Throws ValueError on another
/// name, on both, and on another number of thresholds.
inline paser::pipeline::Policy<float> chosen_policy(const paser::pipeline::Paser<float>& paser, const std::string& only,
                                                    const paser::pipeline::Thresholds& thresholds) {
  using paser::ValueError;
  if (!thresholds.empty()) {
    for (const double threshold : thresholds)
      paser::check<ValueError>(std::isfinite(threshold), "--thresholds", "one is ", threshold, ", expected nats");
    paser::check<ValueError>(only == "paser", "policy", "--only and --thresholds exclude each other");
    paser::check<ValueError>(static_cast<paser::Index>(thresholds.size()) + 1 == paser.actions(), "--thresholds",
                             "there are ", thresholds.size(), ", expected one less than the ", paser.actions(),
                             " models");
    return paser::pipeline::EntropyThreshold{thresholds};
  }
  if (only == "paser") return paser.policy;
  std::vector<std::string> known{"paser"};
  for (paser::Index k = 0; k < paser.actions(); ++k) {
    known.push_back(paser::message("f", k + 1));
    if (only == known.back()) return paser::pipeline::Constant{static_cast<std::int32_t>(k)};
  }
  throw paser::ValueError(paser::unknown_name("method", only, known));
}

}  // namespace program
