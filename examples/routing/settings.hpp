#pragma once

#include "segmentation/ranges.hpp"

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
  Index patience = 0;  ///< validations without improvement that end a network's training; 0: it runs to the last epoch

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
    f("patience", s.patience);
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

/// The numbers that settings may have, beside those of the data.
inline constexpr std::array ranges{
    program::Range{"widths", 2, 4096},
    program::Range{"depths", 1, 10},
    program::Range{"dropout", 0, 1, program::Range::below_high},
    program::Range{"epochs", 1, 1e6},
    program::Range{"batch", 1, 1e6},
    program::Range{"rate", 0, program::largest_rate, program::Range::above_low},
    program::Range{"final_rate", 0, 1},
    program::Range{"folds", 0, 20},
    program::Range{"router_share", 0, 1, program::Range::open},
    program::Range{"router_epochs", 1, 10'000},
    program::Range{"router_width", 1, 10'000},
    program::Range{"router_members", 1, 10'000},
    program::Range{"floor_confidence", 0, 1, program::Range::open},
    program::Range{"resamples", 10, 1e6},
    program::Range{"policy_epochs", 1, 10'000},
    program::Range{"patience", 0, 1e6},
};

/// The settings, when they can be a run. Throws ValueError naming the one that cannot.
inline const Settings& checked(const Settings& s) {
  using paser::check;
  using paser::ValueError;
  const std::size_t n = s.models();
  check<ValueError>(n >= 2 && s.depths.size() == n && s.epochs.size() == n && s.batch.size() == n && s.rate.size() == n,
                    "settings",
                    "expected widths, depths, epochs, batch and rate of the same two or more networks, got ", n, ", ",
                    s.depths.size(), ", ", s.epochs.size(), ", ", s.batch.size(), " and ", s.rate.size());
  program::check_ranges(s, segmentation::joined(segmentation::data_ranges, ranges));
  for (const Index width : s.widths)
    check<ValueError>(width % 2 == 0, "setting", "widths has ", width, ", expected even numbers");
  check<ValueError>(s.folds != 1, "folds", s.folds, ", expected 0 or 2 .. 20");
  check<ValueError>(s.absent_class == "left out" || s.absent_class == "zero", "absent_class", "'", s.absent_class,
                    "', expected 'left out' or 'zero'");
  check<ValueError>(s.gain == "set" || s.gain == "image" || s.gain == "patch", "gain", "'", s.gain,
                    "', expected set, image or patch");
  check<ValueError>(s.router == "gain" || s.router == "policy", "router", "'", s.router, "', expected gain or policy");
  return s;
}

}  // namespace routing
