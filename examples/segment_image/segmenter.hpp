#pragma once

#include <CLI/CLI.hpp>

#include "model_options.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/pipeline/tiled.hpp"
#include "program.hpp"
#include "segment_image/inputs.hpp"
#include "without_noise.hpp"

/// How segment_image and segment_many segment: one trained model under what the options ask of it.
namespace segment_image {

/// What they can be told beside the model and what in it answers.
struct SegmenterOptions {
  std::vector<double> range;
  Index batch = 0;
  std::uint64_t seed = 1;
};

inline void add_segmenter_options(CLI::App& app, SegmenterOptions& o) {
  app.add_option("--range", o.range, "stored values that become 0 and 1, such as 0,4095; the model's by default")
      ->delimiter(',')
      ->expected(2)
      ->check(program::within(-1e30, 1e30));
  app.add_option("--batch", o.batch, "windows at once, bounds the memory; 0: as many as have 65,536 pixels together")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  app.add_option("--seed", o.seed, "of the dropout noise")->check(program::seed())->capture_default_str();
}

/// A model that segments one image after the other.
class Segmenter {
 public:
  /// Throws ValueError when the options and the model do not fit, or the model and image files.
  Segmenter(const command::ModelOptions& chosen, const SegmenterOptions& options,
            paser::pipeline::LoadedPaser<float> model)
      : seed_(options.seed),
        description_(std::move(model.description)),
        paser_(std::move(model.paser)),
        policy_(
            program::chosen_policy(paser_, chosen.only, chosen.thresholds, chosen.target, description_.calibration)) {
    using paser::ValueError;
    auto& d = description_;
    paser::check<ValueError>(d.channels == 1 || d.channels == 3, "paser segment", "the model takes images of ",
                             d.channels, " channels; image files have 1 or 3");
    paser::check<ValueError>(d.classes() <= 256 && paser_.actions() <= 256, "paser segment", "the model has ",
                             d.classes(), " classes and ", paser_.actions(),
                             " networks, more than a palette has colours");
    paser_.filters = &filters_;
    paser::check<ValueError>(
        chosen.samples == 0 || !chosen.target.asked(), "paser segment",
        "--samples changes what the policy sees and costs; the calibration, by which --budget, --quality ",
        "and --share find the price, is of the model's own");
    if (chosen.samples > 0) paser_.estimator = paser::uncertainty::McDropout{chosen.samples};
    if (chosen.only == "paser") program::warn_without_noise(paser_, d.channels);
    costs_ = paser::pipeline::mac_costs(paser_, policy_, d.image());
    if (!options.range.empty()) d.value_range = paser::io::ValueRange{options.range.at(0), options.range.at(1)};
    paser::check<ValueError>(!d.value_range || paser::io::rises(*d.value_range), "paser segment", "--range must rise");
    tiling_.height = d.height;
    tiling_.width = d.width;
    tiling_.overlap = chosen.overlap;
    tiling_.batch = options.batch;
  }
  Segmenter(const Segmenter&) = delete;
  Segmenter& operator=(const Segmenter&) = delete;

  /// With the value range of the options, where they have one.
  const paser::pipeline::PaserDescription& description() const { return description_; }
  const paser::pipeline::Paser<float>& paser() const { return paser_; }
  const paser::pipeline::Policy<float>& policy() const { return policy_; }
  /// In multiply-accumulates.
  const paser::pipeline::WorkCosts& costs() const { return costs_; }

  /// Called with (windows done, windows) after each batch of an image's windows; may throw to stop.
  void progress(std::function<void(Index, Index)> tell) { tiling_.progress = std::move(tell); }

  /// Whether the bands have the probabilities of all classes.
  void class_probabilities(bool wanted) { tiling_.class_probabilities = wanted; }

  /// Gives the bands of the answer to write, from the top to the bottom. Throws as segment_tiled.
  template <class Write>
  paser::pipeline::TiledSummary operator()(const Rows& rows, const Write& write) const {
    return paser::pipeline::segment_tiled(paser_, policy_, rows.height(), rows.width(), paser::Key{seed_}, tiling_,
                                          rows, write);
  }

 private:
  std::uint64_t seed_;
  paser::pipeline::PaserDescription description_;
  paser::FilterCache<float> filters_;
  paser::pipeline::Paser<float> paser_;
  paser::pipeline::Policy<float> policy_;
  paser::pipeline::WorkCosts costs_;
  paser::pipeline::TiledOptions tiling_;
};

}  // namespace segment_image
