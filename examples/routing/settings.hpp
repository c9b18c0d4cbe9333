#pragma once

#include "paser/experiment/common_settings.hpp"

/// The settings of a training of networks and routers.
namespace routing {

namespace experiment = paser::experiment;
using paser::Index;

/// Every setting of a run; config.json holds it.
struct Settings : experiment::FolderSettings, experiment::NetworkSettings {
  experiment::StartFiles initial;
  bool corrected = true, shifts = false;
  Index halo = 0, ghost_batch = 0;
  std::vector<Index> epochs{60, 30}, batch{2, 2};
  std::vector<double> rate{3e-3, 1e-3};
  double final_rate = 0.05;
  Index folds = 3;
  double router_share = 0.5;
  std::string gain = "set", router = "gain";
  Index router_epochs = 200, router_width = 32, router_members = 4;
  double floor_confidence = 0.9;
  Index resamples = 1000;
  bool ablations = false, references = false;
  Index policy_epochs = 15;
  double noise = 0.01;

  Settings() {
    gray_gain = gray_offset = dropout = 0.1;
    widths = {8, 16};
    depths = {2, 4};
  }

  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    using namespace experiment;
    FolderSettings::visit(s, v);
    NetworkSettings::visit(s, v);
    v("initial", s.initial, ModelFiles{},
      "a PaSeR file to start from, or for each network a model file of one; empty: random weights");
    v("corrected", s.corrected, Anything{}, "task models see f1's log-probabilities and add to them");
    v("shifts", s.shifts, Anything{}, "task models are trained on other cuts than the grid's, new ones in every epoch");
    v("halo", s.halo, Range{0, 512}, "pixels of the image that a task model sees around its patch");
    v("ghost_batch", s.ghost_batch, Range{0, 4096},
      "images or patches with common statistics in the networks' batch norms; 0: all of a batch, which must then run "
      "at "
      "once");
    v("epochs", s.epochs, Range::steps(), "of each network");
    v("batch", s.batch, Range::steps(), "images of a step of each network");
    v("rate", s.rate, Range::rate(), "learning rates");
    v("final_rate", s.final_rate, Range::share(), "of a rate, left at the last step");
    v("folds", s.folds, Range{0, 20}, "networks of each fold judge the images of that fold alone; 0: router_share");
    v("router_share", s.router_share, Range{0, 1, Range::open}, "of the training images, which networks never see");
    v("gain", s.gain, Words{"set", "image", "patch"},
      "the reward: what a patch adds to the IoU of the set or of its image, or its own IoU (the paper's)");
    v("router_epochs", s.router_epochs, Range{1, 10'000}, "of a router");
    v("router_width", s.router_width, Range{1, 10'000}, "hidden units of a member");
    v("router_members", s.router_members, Range{1, 10'000}, "whose mean is the router");
    v("router", s.router, Words{"gain", "policy"}, "the one that is saved as `paser`");
    v("floor_confidence", s.floor_confidence, Range{0, 1, Range::open}, "of the quality floor");
    v("resamples", s.resamples, Range{10, 1e6}, "of the bootstrap");
    v("ablations", s.ablations, Anything{}, "further routers and experts, a part of the design taken away from each");
    v("references", s.references, Anything{}, "further curves: the paper's policy, twin networks, random, noise");
    v("policy_epochs", s.policy_epochs, Range{1, 10'000}, "of the paper's policy, at each lambda");
    v("noise", s.noise, Range::share(), "share of salt and pepper pixels");
  }
};

/// The settings, when they can be a run. Throws ValueError naming the one that cannot.
inline const Settings& checked(const Settings& s) {
  auto lists = s.lists();
  lists.insert(lists.end(), {{"epochs", s.epochs.size()}, {"batch", s.batch.size()}, {"rate", s.rate.size()}});
  experiment::check_lists(lists);
  experiment::check_settings(s);
  paser::check<paser::ValueError>(s.initial.empty() || !(s.ablations || s.references), "setting", "initial goes with ",
                                  "neither ablations nor references, which train other networks from random weights");
  paser::check<paser::ValueError>(s.folds != 1, "folds", s.folds, ", expected 0 or 2 .. 20");
  return s;
}

}  // namespace routing
