#pragma once

#include "paser/experiment/rival_settings.hpp"

/// The settings of the noisy-MNIST experiment (R4 of the paper) and the presets that name them.
namespace noisy_mnist {

namespace experiment = paser::experiment;
using paser::Index;

/// Every setting of a run; config.json holds it. The defaults are the paper's, weeks on two cores. The sets of the
/// policy, of fine-tuning, validation and test hold the three noises in equal parts.
struct Config : experiment::RunSettings,
                experiment::UNetSettings,
                experiment::StageSettings,
                experiment::RivalSettings {
  std::string preset = "paper";
  int foreground = 128;
  std::string box = "kernel";
  bool shared_digits = true;
  std::array<Index, 3> pretrain_images{50000, 50000, 50000};
  Index policy_images = 50000, fine_tune_images = 50000, validation_images = 10000, test_images = 10000;
  std::string policy_baseline = "none";
  Index fine_tune_steps = 200 * 391;
  double lambda_to = 1;
  std::vector<double> tvd{0.05, 0.10};

  Config() {
    micro_batch = 32;
    pretrain_batch = {128, 128, 128};
    policy_batch = fine_tune_batch = 128;
  }

  template <class Self, class V>
  static void visit(Self& c, V&& v) {
    using namespace experiment;
    constexpr Range images{1, 60'000};
    v("preset", c.preset, Anything{}, "the name of these settings, as --preset chooses them");
    RunSettings::visit(c, v);
    v("foreground", c.foreground, Range{1, 255}, "a pixel of the clean digit is foreground from this gray value on");
    v("box", c.box, Words{"kernel", "box1", "box2"}, "the third noise: Pillow's ImageFilter.BLUR, or BoxBlur");
    v("shared_digits", c.shared_digits, Anything{}, "training sets show the same digits; else no digit is in two sets");
    v("pretrain_images", c.pretrain_images, images, "of the three networks");
    v("policy_images", c.policy_images, images, "of stage 2");
    v("fine_tune_images", c.fine_tune_images, images, "of stage 3");
    v("validation_images", c.validation_images, Range{3, 60'000}, "of all stages");
    v("test_images", c.test_images, Range{1, 10'000}, "of the comparison");
    UNetSettings::visit(c, v);
    StageSettings::visit(c, v);
    v("policy_baseline", c.policy_baseline, Words{"none", "batch_mean"}, "subtracted from the reward");
    v("fine_tune_steps", c.fine_tune_steps, Range{1, 1e8}, "of stage 3, in which lambda rises from 0");
    v("lambda_to", c.lambda_to, Range::share(), "lambda at the last step if no distance ends the stage before");
    v("tvd", c.tvd, Range{0, 1, Range::above_low}, "distances of the policy from that of stage 2, rising");
    RivalSettings::visit(c, v);
  }
};

/// A distance in per cent, as variants and their files are named by it: "5", in six digits at most.
inline std::string percent(double distance) {
  return paser::message(100 * distance);
}

/// The settings, when they can be a run. Throws ValueError naming the one that cannot.
inline const Config& checked(const Config& c) {
  experiment::check_settings(c);
  experiment::check_lists({{"pretrain_images", c.pretrain_images.size()},
                           {"widths", c.widths.size()},
                           {"depths", c.depths.size()},
                           {"pretrain_epochs", c.pretrain_epochs.size()},
                           {"pretrain_batch", c.pretrain_batch.size()},
                           {"pretrain_rate", c.pretrain_rate.size()}});
  experiment::check_rivals(c);
  paser::check<paser::ValueError>(std::is_sorted(c.tvd.begin(), c.tvd.end()), "setting",
                                  "tvd falls, expected distances of which none is below the one before it");
  experiment::check_names("tvd", c.tvd, percent);
  return c;
}

/// The networks that the paper's Table 1 has beside PaSeR, whose sizes it does not say; EfficientViT sees the digits
/// enlarged to 256 x 256, as there. Each learns from all images that PaSeR's networks and policy learn from.
inline void add_rivals(Config& c) {
  c.rivals = {{"deeplabv3plus", R"({"convention":"vainf","backbone":"resnet50","output_stride":16})"},
              {"segformer", R"({"size":"B0"})"},
              {"resized", R"({"size":[256,256],"model":{"type":"efficientvit","spec":{"size":"B0"}}})"}};
  c.rival_epochs = {3, 10, 1};
  c.rival_batch = {64, 32, 32};
  c.rival_rate = {1e-3, 1e-3, 1e-3};
}

/// Minutes on two cores: enough to see the whole method work.
inline Config demo() {
  Config c;
  c.preset = "demo";
  c.shared_digits = false;
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
  return c;
}

/// About an hour on two cores, and half an hour more for the networks to compare with.
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
  c.fine_tune_steps = 500;  // the largest distance ends the stage before
  c.fine_tune_batch = 64;
  c.fine_tune_policy_rate = 3e-4;
  add_rivals(c);
  return c;
}

/// The paper's settings, weeks on two cores.
inline Config paper() {
  Config c;
  add_rivals(c);
  c.rival_epochs = {200, 200, 200};
  return c;
}

inline std::vector<Config> presets() {
  return {demo(), standard(), paper()};
}

}  // namespace noisy_mnist
