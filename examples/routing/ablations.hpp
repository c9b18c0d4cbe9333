#pragma once

#include "routing/report.hpp"

namespace routing {

/// Routers with one part of the design taken away each, on the same test images.
class Ablations {
 public:
  Ablations(Experiment& experiment, const RouterTraining& training, const Comparison& comparison,
            const std::vector<Unseen>& unseen, const Folder& test, Findings& found)
      : experiment_(experiment),
        training_(training),
        comparison_(comparison),
        unseen_(unseen),
        test_(test),
        groups_(files_of(test)),
        found_(found) {}

  void run() {
    const auto test = table("test images", test_, experiment_.networks());
    std::vector<pipeline::RoutingTable> tables;
    for (const Unseen& u : unseen_) tables.push_back(u.table);
    const std::string& gain = experiment_.settings().gain;
    judge(training_.policy("drawn policy gradient", examples(tables, gain), {.exact = false}), test);
    judge(training_.gain_router("patch IoU as reward", examples(tables, "patch")), test);
    judge(training_.gain_router("gain on images as reward", examples(tables, "image")), test);
    const auto seen = table("the networks' own training images", experiment_.network_images(), experiment_.networks());
    const auto own = examples_of({seen}, {files_of(experiment_.network_images())}, gain, comparison_.mean());
    judge(training_.gain_router("in-sample gains", own), test);
    judge(training_.policy("PaSeR, judged by its most probable routes", examples(tables, gain),
                           {.judged_by_expectation = false}),
          test);
    for (const std::uint64_t number : {2u, 3u}) {  // how much of a difference is that of random numbers alone
      const RouterTraining other = training_.again(number);
      judge(other.gain_router(paser::message("GainRouter, fit ", number), examples(tables, gain)), test);
      judge(other.policy(paser::message("PaSeR, fit ", number), examples(tables, gain)), test);
    }
    five_passes();
    const Settings& s = experiment_.settings();
    if (s.folds > 0) return;  // each fold would need networks of its own
    other_kind(s.corrected ? "plain" : "corrected", {!s.corrected, s.shifts, s.halo});
    other_kind(s.shifts ? "on_grid" : "shifted", {s.corrected, !s.shifts, s.halo});
    other_kind(s.halo > 0 ? "no_halo" : "halo_8", {s.corrected, s.shifts, s.halo > 0 ? 0 : 8});
    if (s.networks.empty() && s.norms.empty())
      other_kind("batch_norm", {.corrected = s.corrected, .shifts = s.shifts, .halo = s.halo, .batch_norm = true});
  }

 private:
  pipeline::RouterExamples examples(const std::vector<pipeline::RoutingTable>& tables, const std::string& gain) const {
    std::vector<std::vector<Index>> files;
    for (const Unseen& u : unseen_) files.push_back(u.files);
    return examples_of(tables, files, gain, comparison_.mean());
  }
  pipeline::RoutingTable table(const std::string& what, const Folder& images, const Paser& networks) const {
    return experiment_.table("(ablation) " + what, images, networks);
  }
  void judge(const Router& router, const pipeline::RoutingTable& test) {
    found_.routers.push_back(comparison_.judge(router, test, groups_));
  }

  /// The state of MC dropout in place of one pass; the costs stay those of one.
  void five_passes() {
    const auto with_noise = [](Paser p) {
      p.estimator = paser::uncertainty::McDropout{5};
      return p;
    };
    std::vector<pipeline::RoutingTable> tables;
    for (const Unseen& u : unseen_)
      tables.push_back(table("unseen images, five passes", u.images, with_noise(u.networks)));
    judge(training_.gain_router("five passes, priced as one", examples(tables, experiment_.settings().gain)),
          table("test images, five passes", test_, with_noise(experiment_.networks())));
  }

  /// Task models of another kind, on the same images.
  void other_kind(const std::string& name, const TaskModels& kind) {
    const Paser other = experiment_.with(name + "_", kind);
    std::vector<pipeline::RoutingTable> tables;
    for (const Unseen& u : unseen_) tables.push_back(table("unseen images, other task models", u.images, other));
    const Comparison comparison(experiment_, other, measure_machine(experiment_, other));
    const RouterTraining training(experiment_.settings(), comparison.prices(), experiment_.key(3));
    const Router router = training.gain_router("task models: " + name, examples(tables, experiment_.settings().gain));
    found_.routers.push_back(comparison.judge(router, table("test images, other task models", test_, other), groups_));
  }

  Experiment& experiment_;
  const RouterTraining& training_;
  const Comparison& comparison_;
  const std::vector<Unseen>& unseen_;
  const Folder& test_;
  std::vector<Index> groups_;
  Findings& found_;
};

}  // namespace routing
