#pragma once

#include <fstream>

#include "paser/pipeline/how_far.hpp"
#include "segmentation/options.hpp"
#include "shown.hpp"

/// What the costs of a run are made of beside counts of parameters and operations: times, and what f3 gains.
namespace segmentation {

/// What was measured once for the run, so that a resumed run goes on with the same numbers.
struct Measured {
  Times times;
  double gain = 0;  ///< see mean_gain
};

/// Mean over training patches of IoU(f3) - IoU(f1) where that is positive, else 0; clamped to 0.001 .. 1. `key` draws
/// f1's dropout.
inline double mean_gain(const Paser& networks, const Folder& images, pipeline::PolicyCache<float>& ground,
                        const pipeline::RewardOptions& options, Key key) {
  const auto& table =
      program::shown("measure: every network on training images", "images", [&](const pipeline::HowFar& how_far) {
        return std::cref(ground.train.experts(networks, images, options, how_far));
      }).get();
  return program::shown("measure: what f3 gains", "images", [&](const pipeline::HowFar& how_far) {
    double gain = 0;
    how_far(0, images.size());
    for (Index i = 0; i < images.size(); ++i) {
      const auto seen = ground.train.rows(networks, images, std::span<const Index>(&i, 1), options, 0, key);
      const Index patches = networks.grid.patches(), last = table.shape()[2] - 1;
      for (Index p = 0; p < patches; ++p)
        gain += std::max(0.0, static_cast<double>(table(i, p, last) - seen.iou_coarse.data()[p])) /
                static_cast<double>(patches * images.size());
      how_far(i + 1, images.size());
    }
    return std::clamp(gain, 0.001, 1.0);
  });
}

/// Throws FormatError when the file is another one.
inline Measured read_measured(const std::filesystem::path& file) {
  const auto j = nlohmann::json::parse(std::ifstream(file), nullptr, false);
  paser::check<paser::FormatError>(j.is_object() && j.contains("gain"), file.string().c_str(),
                                   "does not hold what a run measured");
  return {j.at("times").get<Times>(), j.at("gain").get<double>()};
}

inline std::string measured_text(const Measured& m) {
  return nlohmann::json{{"times", m.times}, {"gain", m.gain}}.dump(1) + "\n";
}

}  // namespace segmentation
