#pragma once

#include "paser/experiment/shown.hpp"
#include "paser/io/json.hpp"
#include "paser/pipeline/how_far.hpp"
#include "segmentation/options.hpp"

/// What the costs of a run are made of beside counts of parameters and operations: times, and what the largest network
/// gains.
namespace segmentation {

/// What was measured once for the run, so that a resumed run goes on with the same numbers.
struct Measured {
  Times times;
  double gain = 0;               ///< see mean_gain
  paser::metrics::GainBase set;  ///< of the setting gain=set, see answers_of_coarse
};

/// What f1 answers on a set of images: what the gains of patches are measured against. `key` draws its dropout.
inline paser::metrics::GainBase answers_of_coarse(const Paser& networks, const Folder& images,
                                                  pipeline::PolicyCache<float>& ground,
                                                  const pipeline::RewardOptions& options, Key key) {
  return experiment::shown("measure: f1 on training images", "images", [&](const pipeline::HowFar& how_far) {
    const Index classes = options.classes;
    paser::metrics::GainBase set{paser::metrics::Confusion<2>::zeros({classes, classes}),
                                 images.size() * networks.grid.patches()};
    how_far(0, images.size());
    ground.train.draw(networks, images, options, 0);
    for (Index i = 0; i < images.size(); ++i) {
      const auto seen = ground.train.rows(networks, images, std::span<const Index>(&i, 1), options, 0, key);
      const auto counts = paser::metrics::merge(paser::metrics::merge(seen.coarse));
      Index* const all = set.counts.mutable_data();
      std::transform(counts.data(), counts.data() + counts.numel(), all, all, std::plus<>{});
      how_far(i + 1, images.size());
    }
    return set;
  });
}

/// What the largest network gains over f1 on a training patch, on average; clamped to 0.001 .. 1. Of patches' own IoUs
/// losses count as 0: these do not add up, and a patch that would lose is not sent. `key` draws f1's dropout.
inline double mean_gain(const Paser& networks, const Folder& images, pipeline::PolicyCache<float>& ground,
                        const pipeline::RewardOptions& options, Key key) {
  const auto& table =
      experiment::shown("measure: every network on training images", "images", [&](const pipeline::HowFar& how_far) {
        return std::cref(ground.train.experts(networks, images, options, how_far));
      }).get();
  return experiment::shown(
      paser::message("measure: what f", networks.actions(), " gains"), "images", [&](const pipeline::HowFar& how_far) {
        double gain = 0;
        how_far(0, images.size());
        ground.train.draw(networks, images, options, 0);
        for (Index i = 0; i < images.size(); ++i) {
          const auto row = std::span<const Index>(&i, 1);
          const auto seen = ground.train.rows(networks, images, row, options, 0, key);
          const auto gains = pipeline::tabulated_gains<float>(table, row, seen.coarse, options);
          const Index patches = gains.shape()[1], models = gains.shape()[2];
          for (Index p = 0; p < patches; ++p) {
            const double of_patch = static_cast<double>(gains(0, p, models - 1));
            gain += (options.gain == pipeline::PatchGain::additive ? of_patch : std::max(0.0, of_patch)) /
                    static_cast<double>(patches * images.size());
          }
          how_far(i + 1, images.size());
        }
        return std::clamp(gain, 0.001, 1.0);
      });
}

/// From the content of a file. Throws FormatError when it is another one.
inline Measured read_measured(const std::string& text, const std::filesystem::path& file) {
  const auto j = paser::io::parse_json(text, file.string());
  paser::check<paser::FormatError>(j.is_object() && j.contains("gain"), file.string().c_str(),
                                   "does not hold what a run measured");
  try {
    Measured m{j.at("times").get<Times>(), j.at("gain").get<double>(), {}};
    if (!j.contains("set")) return m;
    const auto counts = j["set"].at("counts").get<std::vector<Index>>();
    const auto classes = static_cast<Index>(std::llround(std::sqrt(static_cast<double>(counts.size()))));
    const auto patches = j["set"].at("patches").get<Index>();
    paser::check<paser::FormatError>(
        patches >= 1 && counts.size() == static_cast<std::size_t>(classes * classes) &&
            std::all_of(counts.begin(), counts.end(), [](Index n) { return n >= 0; }),
        file.string().c_str(), "counts of f1 on ", patches, " patches: ", counts.size(),
        " numbers, expected those of all pairs of classes, none negative, and a patch or more");
    m.set = {paser::metrics::Confusion<2>::from({classes, classes}, counts), patches};
    return m;
  } catch (const nlohmann::json::exception& error) {
    throw paser::FormatError(paser::message(file.string(), ": ", paser::io::json_problem(error)));
  }
}

inline std::string measured_text(const Measured& m) {
  nlohmann::json j{{"times", m.times}, {"gain", m.gain}};
  if (m.set.patches > 0)
    j["set"] = {{"counts", std::vector<Index>(m.set.counts.data(), m.set.counts.data() + m.set.counts.numel())},
                {"patches", m.set.patches}};
  return paser::io::json_text(j, 1) + "\n";
}

}  // namespace segmentation
