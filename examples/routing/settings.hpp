#pragma once

#include "segmentation/config.hpp"

/// The settings of a training of networks and routers.
namespace routing {

using paser::Index;

/// Every setting of a run; config.json holds it. Networks are f1, f2, ... in every list.
struct Settings {
  std::uint64_t seed = 1;

  // Data; the names that train_segmentation has mean the same here.
  std::string data, masks = "index", class_file;
  Index channels = 0;
  std::string fit = "whole";
  std::array<Index, 2> size{0, 0};
  Index train_images = 0, validation_images = 0, test_images = 0;
  bool flips = true, half_turns = true;
  double gray_gain = 0.1, gray_offset = 0.1;
  std::string class_weights = "auto", absent_class = "left out";

  // Networks.
  std::vector<Index> widths{8, 16}, depths{2, 4};
  double dropout = 0.1;
  std::array<Index, 2> grid{4, 4};
  bool corrected = true;  ///< task models correct f1's answer: they see its log-probabilities and add to them
  bool shifts = false;  ///< task models are trained on other cuts of the images than the grid's, another in every epoch
  std::vector<Index> epochs{60, 30}, batch{2, 2};
  std::vector<double> rate{3e-3, 1e-3};
  double final_rate = 0.05;  ///< the share of a rate that is left at the last step

  // Routers.
  Index folds = 3;            ///< networks of each fold judge the images of that fold alone; 0: see router_share
  double router_share = 0.5;  ///< without folds: the share of the training images that networks never see
  std::string gain = "set";   ///< the reward: set or image (additive gain), or patch (a patch's own IoU, the paper's)
  Index router_epochs = 200, router_width = 32, router_members = 4;
  std::string router = "gain";    ///< the one that is saved as `paser`: gain or policy
  double floor_confidence = 0.9;  ///< of the quality floor
  Index resamples = 1000;         ///< of the bootstrap
  bool ablations = false;         ///< further routers and experts, each with one part of the design taken away
  bool references = false;        ///< further curves: the paper's policy, an oracle by twin networks, random, noise
  Index policy_epochs = 15;       ///< of the paper's policy, at each lambda
  double noise = 0.01;            ///< share of salt and pepper pixels
  Index micro_batch = 16;

  /// Calls f(name, member) for every setting.
  template <class Self, class F>
  static void visit(Self& s, F&& f) {
    f("seed", s.seed);
    f("data", s.data);
    f("masks", s.masks);
    f("class_file", s.class_file);
    f("channels", s.channels);
    f("fit", s.fit);
    f("size", s.size);
    f("train_images", s.train_images);
    f("validation_images", s.validation_images);
    f("test_images", s.test_images);
    f("flips", s.flips);
    f("half_turns", s.half_turns);
    f("gray_gain", s.gray_gain);
    f("gray_offset", s.gray_offset);
    f("class_weights", s.class_weights);
    f("absent_class", s.absent_class);
    f("widths", s.widths);
    f("depths", s.depths);
    f("dropout", s.dropout);
    f("grid", s.grid);
    f("corrected", s.corrected);
    f("shifts", s.shifts);
    f("epochs", s.epochs);
    f("batch", s.batch);
    f("rate", s.rate);
    f("final_rate", s.final_rate);
    f("folds", s.folds);
    f("router_share", s.router_share);
    f("gain", s.gain);
    f("router_epochs", s.router_epochs);
    f("router_width", s.router_width);
    f("router_members", s.router_members);
    f("router", s.router);
    f("floor_confidence", s.floor_confidence);
    f("resamples", s.resamples);
    f("ablations", s.ablations);
    f("references", s.references);
    f("policy_epochs", s.policy_epochs);
    f("noise", s.noise);
    f("micro_batch", s.micro_batch);
  }

  std::size_t models() const { return widths.size(); }

  /// What belongs to the images, as train_segmentation's reader takes it.
  segmentation::Config reading() const {
    segmentation::Config c;
    c.seed = seed;
    c.data = data;
    c.masks = masks;
    c.class_file = class_file;
    c.channels = channels;
    c.fit = fit;
    c.size = size;
    c.split = "all";
    c.train_images = train_images;
    c.validation_images = validation_images;
    c.test_images = test_images;
    c.flips = flips;
    c.half_turns = half_turns;
    c.gray_gain = gray_gain;
    c.gray_offset = gray_offset;
    c.class_weights = class_weights;
    c.absent_class = absent_class;
    c.grid = grid;
    c.micro_batch = micro_batch;
    return c;
  }
};

template <class Json>
void to_json(Json& j, const Settings& s) {
  j = segmentation::settings_json<Json>(s);
}
template <class Json>
void from_json(const Json& j, Settings& s) {
  segmentation::read_settings(j, s);
}

/// The settings, when they can be a run. Throws ValueError naming the one that cannot.
inline const Settings& checked(const Settings& s) {
  using paser::check;
  using paser::ValueError;
  const std::size_t n = s.models();
  check<ValueError>(n >= 2 && s.depths.size() == n && s.epochs.size() == n && s.batch.size() == n && s.rate.size() == n,
                    "settings",
                    "expected widths, depths, epochs, batch and rate of the same two or more networks, got ", n, ", ",
                    s.depths.size(), ", ", s.epochs.size(), ", ", s.batch.size(), " and ", s.rate.size());
  for (std::size_t k = 0; k < n; ++k)
    check<ValueError>(s.widths[k] <= 4096, "widths", "network f", k + 1, " is ", s.widths[k],
                      " wide, expected at most 4096");
  for (std::size_t k = 0; k < n; ++k)
    check<ValueError>(s.epochs[k] >= 1 && s.batch[k] >= 1 && s.rate[k] > 0, "settings", "network f", k + 1, " has ",
                      s.epochs[k], " epochs of batches of ", s.batch[k], " at a rate of ", s.rate[k],
                      "; expected at least one epoch, one image and a positive rate");
  check<ValueError>(s.grid[0] >= 1 && s.grid[1] >= 1, "grid", "a grid of ", s.grid[0], " x ", s.grid[1], " patches");
  check<ValueError>(s.dropout >= 0 && s.dropout < 1, "dropout", s.dropout, ", expected 0 or more and less than 1");
  check<ValueError>(s.folds == 0 || (s.folds >= 2 && s.folds <= 20), "folds", s.folds, ", expected 0 or 2 .. 20");
  check<ValueError>(s.router_share > 0 && s.router_share < 1, "router_share", s.router_share, ", expected 0 .. 1");
  check<ValueError>(s.absent_class == "left out" || s.absent_class == "zero", "absent_class", "'", s.absent_class,
                    "', expected 'left out' or 'zero'");
  check<ValueError>(s.gain == "set" || s.gain == "image" || s.gain == "patch", "gain", "'", s.gain,
                    "', expected set, image or patch");
  check<ValueError>(s.router == "gain" || s.router == "policy", "router", "'", s.router, "', expected gain or policy");
  const auto usual = [](Index x) { return x >= 1 && x <= 10'000; };
  check<ValueError>(usual(s.policy_epochs), "policy_epochs", s.policy_epochs, ", expected 1 .. 10000");
  check<ValueError>(s.noise >= 0 && s.noise <= 1, "noise", s.noise, ", expected a share between 0 and 1");
  check<ValueError>(usual(s.router_epochs) && usual(s.router_width) && usual(s.router_members), "settings",
                    "a router of ", s.router_members, " members of width ", s.router_width, " in ", s.router_epochs,
                    " epochs; expected 1 .. 10000 of each");
  check<ValueError>(s.floor_confidence > 0 && s.floor_confidence < 1, "floor_confidence", s.floor_confidence,
                    ", expected a share between 0 and 1");
  check<ValueError>(s.resamples >= 10 && s.resamples <= 1'000'000, "resamples", s.resamples,
                    ", expected 10 .. 1000000");
  check<ValueError>(s.micro_batch >= 1 && s.micro_batch <= 4096, "micro_batch", s.micro_batch, ", expected 1 .. 4096");
  return s;
}

}  // namespace routing
