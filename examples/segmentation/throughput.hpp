#pragma once

#include "segmentation/comparison.hpp"

/// How fast the stages of a run trained.
namespace segmentation {

/// Images that the stage of this name runs over in all its steps, if it makes them all; 0 where they are not counted.
inline double images_of(const std::string& stage, const Config& c, const Data& data) {
  const double n1 = static_cast<double>(data.varied(1).size()), n2 = static_cast<double>(data.varied(2).size()),
               n3 = static_cast<double>(data.varied(3).size());
  for (std::size_t k = 0; k < c.models(); ++k)
    if (stage == paser::message("pretrain f", k + 1)) return n1 * static_cast<double>(c.pretrain_epochs[k]);
  for (std::size_t k = 1; k < c.models(); ++k)
    if (stage == paser::message("noise-aware f", k + 1))
      return 2 * std::min(n1, c.noise_images > 0 ? static_cast<double>(c.noise_images) : n1) *
             static_cast<double>(c.noise_epochs[k - 1]);
  if (stage == "policy" || stage == "policy, tuned reward") return n2 * static_cast<double>(c.policy_epochs);
  if (stage.starts_with("fine-tune"))
    return std::max(1.0, std::floor(n3 / static_cast<double>(c.fine_tune_batch))) *
           static_cast<double>(c.fine_tune_batch * c.fine_tune_epochs);
  return 0;
}

inline report::ComparisonTable throughput(Experiment& experiment) {
  report::ComparisonTable t{.title = "Images a second in training",
                            .note =
                                "Of the steps that were made; validation, checkpoints and everything else of a stage "
                                "included. One run of each stage; *: the machine was busy.",
                            .header = {"stage", "images", "seconds", "images/s"}};
  for (const report::StageCost& s : experiment.folder().stage_costs()) {
    // Runs before there were counts of steps made all of them.
    const double made = s.planned > 0 ? static_cast<double>(s.steps) / static_cast<double>(s.planned) : 1;
    const double images = made * images_of(s.stage, experiment.config(), experiment.data());
    if (images > 0 && s.seconds > 0)
      t.rows.push_back({s.stage, report::fixed(images, 0), report::fixed(s.seconds, 0) + (s.busy() ? " *" : ""),
                        report::significant(images / s.seconds)});
  }
  return t;
}

}  // namespace segmentation
