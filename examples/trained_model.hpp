#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"
#include "paser/core/text.hpp"
#include "paser/io/json.hpp"
#include "paser/pipeline/paser.hpp"
#include "paser/pipeline/routing/calibration.hpp"
#include "paser/pipeline/routing/with_price.hpp"
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
      if (const auto stem = entry.path().stem().string();
          stem.starts_with("paser") && entry.path().extension() == ".safetensors" && entry.is_regular_file())
        known.push_back(stem);
  std::ranges::sort(known);
  paser::check<paser::ValueError>(!known.empty(), model.string().c_str(), "holds no trained PaSeR: there is no ",
                                  file.string());
  throw paser::ValueError(paser::unknown_name("variant", wanted, known) + " (choose one by --variant)");
}

/// What a document says of an estimator or a policy.
inline nlohmann::json part_json(const paser::TypedSpec& spec) {
  return {{"type", spec.type}, {"spec", paser::io::parse_json(spec.json, "the settings of '" + spec.type + "'")}};
}

/// The policy that a program is asked for: that of the Paser, a network alone by its name `only`, f1, f2, ... ("paser"
/// names none), or the cascade with these thresholds in nats (empty: none is asked for). Throws ValueError on another
/// name, on both, and on another number of thresholds.
inline paser::pipeline::Policy<float> chosen_policy(const paser::pipeline::Paser<float>& paser, const std::string& only,
                                                    const paser::pipeline::Thresholds& thresholds) {
  using paser::ValueError;
  if (!thresholds.empty()) {
    for (const double threshold : thresholds)
      paser::check<ValueError>(paser::is_finite(threshold) && threshold >= 0, "--thresholds", "one is ", threshold,
                               ", expected nats, 0 or more");
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

/// What a policy with a price is asked to keep to; at most one of the three, all empty: its own price. Budget and share
/// are of an image of the size trained on, in the mean over images of the kind that the calibration was made on.
struct Target {
  std::string budget{};             ///< "12ms", "1GMAC"
  std::optional<double> quality{};  ///< least IoU
  std::string share{};              ///< of the patches that go to a network: "f2=0.3"

  bool asked() const { return !budget.empty() || quality || !share.empty(); }
};

/// The options of a target, for any program. app: a CLI::App.
template <class App>
void add_target_options(App& app, Target& target) {
  app.add_option("--budget", target.budget,
                 "per image of the size trained on, such as 12ms or 1GMAC: the best answers for it");
  app.add_option("--quality", target.quality, "least IoU, such as 0.69: the cheapest answers that have it");
  app.add_option("--share", target.share, "of the patches that go to a network, such as f2=0.3");
}

/// The price at which the policy keeps to the target, by the calibration; none when nothing is asked for. Throws
/// ValueError when there is no calibration, when several things are asked for, and when they cannot be had.
inline std::optional<double> chosen_price(const std::optional<paser::pipeline::Calibration>& calibration,
                                          const Target& target) {
  using paser::ValueError;
  if (!target.asked()) return {};
  const int asked = !target.budget.empty() + target.quality.has_value() + !target.share.empty();
  paser::check<ValueError>(asked == 1, "policy", "--budget, --quality and --share exclude each other");
  paser::check<ValueError>(calibration.has_value(), "policy",
                           "the model holds no calibration, by which --budget, --quality and --share find the price; "
                           "train_router makes one, and where it found nothing to route, the routers of its run are ",
                           "--variant paser_gain_router and --variant paser_policy");
  if (!target.budget.empty())
    return paser::pipeline::price_for_budget(*calibration, paser::pipeline::parse_budget(target.budget));
  if (target.quality) return paser::pipeline::price_for_quality(*calibration, *target.quality);
  const auto share = paser::pipeline::parse_share(target.share);
  return paser::pipeline::price_for_share(*calibration, share.model, share.share);
}

/// The same as chosen_policy, or the Paser's policy at the price that keeps to the target. Throws ValueError as
/// chosen_policy and chosen_price do, when target and another policy are both asked for, and when the policy has no
/// price.
inline paser::pipeline::Policy<float> chosen_policy(const paser::pipeline::Paser<float>& paser, const std::string& only,
                                                    const paser::pipeline::Thresholds& thresholds, const Target& target,
                                                    const std::optional<paser::pipeline::Calibration>& calibration) {
  if (!target.asked()) return chosen_policy(paser, only, thresholds);
  paser::check<paser::ValueError>(
      only == "paser" && thresholds.empty(), "policy",
      "--budget, --quality and --share set the price of the model's own policy, and --only ",
      "and --thresholds replace that policy; they exclude each other");
  return paser::pipeline::with_price(paser.policy, chosen_price(calibration, target).value());
}

/// Looks whether the images that a target is kept on are like those of the calibration.
class DomainWatch {
 public:
  explicit DomainWatch(const std::optional<paser::pipeline::Calibration>& calibration) {
    if (calibration) domain_ = calibration->domain;
  }

  /// Statistics of some images of the size trained on, one after the other: see pipeline::image_statistics.
  void add(const std::vector<double>& statistics) {
    if (domain_) seen_.insert(seen_.end(), statistics.begin(), statistics.end());
  }

  /// None where nothing can be said.
  std::optional<paser::pipeline::DomainCheck> check() const {
    if (!domain_ || seen_.empty() || domain_->mean.empty()) return {};
    const auto numbers = static_cast<paser::Index>(domain_->mean.size());
    const auto images = static_cast<paser::Index>(seen_.size()) / numbers;
    return paser::pipeline::check_domain(*domain_, paser::Tensor<double, 2>::from({images, numbers}, seen_));
  }

  /// A sentence where they are of another kind.
  static std::string warning(const paser::pipeline::DomainCheck& found) {
    return paser::message("warning: ", found.unlike, " of ", found.images,
                          " windows are unlike the images of the calibration, where ", std::round(100 * found.expected),
                          " % would be: a budget, a quality or a share may be missed by far");
  }

 private:
  std::optional<paser::pipeline::Domain> domain_;
  std::vector<double> seen_;
};

}  // namespace program
