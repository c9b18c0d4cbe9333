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

/// What a gain is clamped to: below the least, costs would weigh nothing.
inline constexpr double least_gain = 0.001, most_gain = 1;

/// What the largest network gains over f1 on a training patch, on average; of least_gain .. most_gain. Of patches' own
/// IoUs losses count as 0: these do not add up, and a patch that would lose is not sent. `key` draws f1's dropout.
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
        return std::clamp(gain, least_gain, most_gain);
      });
}

/// f1's counts on a set of images as a file has them. Throws FormatError that names the field.
inline paser::metrics::GainBase set_of(const nlohmann::json& j, Index classes) {
  namespace fields = report::detail;
  const auto counts = fields::of_field<nlohmann::json>("counts", [&] {
    auto all = fields::list_of(j.at("counts"), &fields::count_of<Index, nlohmann::json>);
    paser::check<paser::FormatError>(all.size() == static_cast<std::size_t>(classes * classes), "counts of f1",
                                     all.size(), " numbers, expected ", classes * classes,
                                     ", those of all pairs of classes");
    Index sum = 0;
    for (const Index n : all) {
      paser::check<paser::FormatError>(n <= std::numeric_limits<Index>::max() - sum, "counts of f1",
                                       "more than all pixels of a set can be");
      sum += n;
    }
    return all;
  });
  Index patches = 0;
  fields::read_count(j, "patches", patches);
  paser::check<paser::FormatError>(patches >= 1, "'patches'", patches, ", expected 1 or more");
  return {paser::metrics::Confusion<2>::from({classes, classes}, counts), patches};
}

/// From the content of a file. Throws FormatError that names the file and the field unless it has what a run of these
/// settings can have measured: anyone may have changed the file, and a run that is copied has nothing to tell it by.
inline Measured read_measured(const std::string& text, const std::filesystem::path& file, const Config& c,
                              Index classes) {
  namespace fields = report::detail;
  const auto j = paser::io::parse_json(text, file.string());
  paser::check<paser::FormatError>(j.is_object() && j.contains("gain"), file.string().c_str(),
                                   "does not hold what a run measured");
  try {
    Measured m;
    fields::read_field(j, "times", m.times);
    paser::check<paser::FormatError>(m.times.patch.size() == c.models(), "'patch_ms'", "has ", m.times.patch.size(),
                                     " times, expected ", c.models(), ", one per network");
    fields::read_number(j, "gain", m.gain, {least_gain, most_gain, "a number of 0.001 .. 1"});
    if (c.gain == "set") fields::of_field<nlohmann::json>("set", [&] { m.set = set_of(j.at("set"), classes); });
    return m;
  } catch (const paser::FormatError& error) {
    throw paser::FormatError(paser::message(file.string(), ": ", error.what()));
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
