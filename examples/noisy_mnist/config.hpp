#pragma once

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "segmentation/ranges.hpp"

/// The settings of the noisy-MNIST experiment (R4 of the paper) and the presets that name them.
namespace noisy_mnist {

using paser::Index;

/// Every setting of a run. The presets below fill it; config.json holds it.
struct Config {
  std::string preset;
  std::uint64_t seed = 1;

  // Data: numbers of images. The sets of the policy, of fine-tuning, validation and test hold the three noises in equal
  // parts.
  int foreground = 128;        ///< a pixel of the clean digit is foreground from this gray value on
  std::string box = "kernel";  ///< the third noise: "kernel" (Pillow's ImageFilter.BLUR), "box1" or "box2" (BoxBlur)
  bool shared_digits = false;  ///< all training sets show the same digits; else no digit occurs in two sets
  std::array<Index, 3> pretrain_images{};
  Index policy_images = 0, fine_tune_images = 0, validation_images = 0, test_images = 0;

  // Networks.
  double dropout = 0.5;
  int samples = 5;  ///< passes of MC dropout

  // Stage 1.
  std::array<Index, 3> pretrain_epochs{};
  std::array<Index, 3> pretrain_batch{};
  std::array<double, 3> pretrain_rate{};

  // Stage 2, lambda = 0.
  Index policy_epochs = 0, policy_batch = 0;
  double policy_rate = 0;
  double exploit_from = 0.7, exploit_to = 0.95;
  std::string policy_baseline = "none";  ///< subtracted from the reward: "none", "batch_mean"
  double entropy_bonus = 0;

  // Stage 3, lambda rising.
  Index fine_tune_steps = 0, fine_tune_batch = 0;
  double fine_tune_rate = 0, fine_tune_policy_rate = 0;
  double fine_tune_exploit_from = 0.95, fine_tune_exploit_to = 1.0;
  double lambda_to = 0;  ///< lambda at the last step if no threshold ends the stage before
  std::vector<double> tvd{0.05, 0.10};

  Index micro_batch = 32;
  Index patience = 0;  ///< validations without improvement that end stage 1 or 2; 0: they run to the last epoch

  /// Calls f(name, member) for every setting.
  template <class Self, class F>
  static void visit(Self& c, F&& f) {
    f("preset", c.preset);
    f("seed", c.seed);
    f("foreground", c.foreground);
    f("box", c.box);
    f("shared_digits", c.shared_digits);
    f("pretrain_images", c.pretrain_images);
    f("policy_images", c.policy_images);
    f("fine_tune_images", c.fine_tune_images);
    f("validation_images", c.validation_images);
    f("test_images", c.test_images);
    f("dropout", c.dropout);
    f("samples", c.samples);
    f("pretrain_epochs", c.pretrain_epochs);
    f("pretrain_batch", c.pretrain_batch);
    f("pretrain_rate", c.pretrain_rate);
    f("policy_epochs", c.policy_epochs);
    f("policy_batch", c.policy_batch);
    f("policy_rate", c.policy_rate);
    f("exploit_from", c.exploit_from);
    f("exploit_to", c.exploit_to);
    f("policy_baseline", c.policy_baseline);
    f("entropy_bonus", c.entropy_bonus);
    f("fine_tune_steps", c.fine_tune_steps);
    f("fine_tune_batch", c.fine_tune_batch);
    f("fine_tune_rate", c.fine_tune_rate);
    f("fine_tune_policy_rate", c.fine_tune_policy_rate);
    f("fine_tune_exploit_from", c.fine_tune_exploit_from);
    f("fine_tune_exploit_to", c.fine_tune_exploit_to);
    f("lambda_to", c.lambda_to);
    f("tvd", c.tvd);
    f("micro_batch", c.micro_batch);
    f("patience", c.patience);
  }
};

/// The numbers that settings may have, beside those that every training has.
inline constexpr std::array ranges{
    program::Range{"foreground", 0, 256},
    program::Range{"pretrain_images", 1, 60'000},
    program::Range{"policy_images", 1, 60'000},
    program::Range{"fine_tune_images", 1, 60'000},
    program::Range{"validation_images", 3, 60'000},
    program::Range{"test_images", 1, 10'000},
    program::Range{"fine_tune_steps", 1, 1e8},
    program::Range{"lambda_to", 0, 1},
    program::Range{"tvd", 0, 1, program::Range::above_low},
};

template <class Json>
void to_json(Json& j, const Config& c) {
  j = segmentation::settings_json<Json>(c);
}
template <class Json>
void from_json(const Json& j, Config& c) {
  segmentation::read_settings(j, c);
}

/// Applies "name=value" from a command line; the value is JSON, or a word without quotes. Throws ValueError.
inline void apply(const std::string& setting, Config& config) {
  segmentation::apply<Config>(setting, config);
}

/// The settings, when they can be a run. Throws ValueError naming the one that cannot.
inline const Config& checked(const Config& c) {
  using paser::check;
  using paser::ValueError;
  program::check_ranges(c, segmentation::joined(ranges, segmentation::data_ranges, segmentation::training_ranges));
  check<ValueError>(c.policy_baseline == "none" || c.policy_baseline == "batch_mean", "policy_baseline", "'",
                    c.policy_baseline, "', expected none or batch_mean");
  check<ValueError>(std::is_sorted(c.tvd.begin(), c.tvd.end()), "setting",
                    "tvd falls, expected distances of which none is below the one before it");
  return c;
}

/// Minutes on two cores: enough to see the whole method work.
inline Config demo() {
  Config c;
  c.preset = "demo";
  c.pretrain_images = {4000, 3000, 1200};
  c.policy_images = 2400;
  c.fine_tune_images = 1200;
  c.validation_images = 600;
  c.test_images = 1200;
  c.pretrain_epochs = {5, 4, 2};
  c.pretrain_batch = {32, 32, 16};
  c.pretrain_rate = {3e-3, 1e-3, 3e-4};
  c.policy_epochs = 10;
  c.policy_batch = 48;
  c.policy_rate = 2e-3;
  c.policy_baseline = "batch_mean";
  c.entropy_bonus = 0.001;
  c.fine_tune_steps = 150;
  c.fine_tune_batch = 48;
  c.fine_tune_rate = 1e-5;
  c.fine_tune_policy_rate = 6e-4;
  c.lambda_to = 1;
  return c;
}

/// About an hour on two cores.
inline Config standard() {
  Config c = demo();
  c.preset = "standard";
  c.pretrain_images = {12000, 12000, 4500};
  c.policy_images = 9000;
  c.fine_tune_images = 4500;
  c.validation_images = 1500;
  c.test_images = 6000;
  c.pretrain_epochs = {12, 6, 4};
  c.pretrain_batch = {64, 64, 32};
  c.policy_epochs = 12;
  c.policy_batch = 128;
  c.fine_tune_steps = 300;
  c.fine_tune_batch = 64;
  c.fine_tune_policy_rate = 3e-4;
  c.lambda_to = 0.6;
  return c;
}

/// The paper's settings: 200 epochs a stage, Adam 1e-4, batches of 128, no baseline. Weeks on two cores.
inline Config paper() {
  Config c;
  c.preset = "paper";
  c.shared_digits = true;
  c.pretrain_images = {50000, 50000, 50000};
  c.policy_images = 50000;
  c.fine_tune_images = 50000;
  c.validation_images = 10000;
  c.test_images = 10000;
  c.pretrain_epochs = {200, 200, 200};
  c.pretrain_batch = {128, 128, 128};
  c.pretrain_rate = {1e-4, 1e-4, 1e-4};
  c.policy_epochs = 200;
  c.policy_batch = 128;
  c.policy_rate = 1e-4;
  c.fine_tune_steps = 200 * 391;
  c.fine_tune_batch = 128;
  c.fine_tune_rate = 1e-4;
  c.fine_tune_policy_rate = 1e-4;
  c.lambda_to = 1;
  return c;
}

inline std::vector<Config> presets() {
  return {demo(), standard(), paper()};
}

}  // namespace noisy_mnist
