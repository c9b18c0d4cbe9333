#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"
#include "paser/core/text.hpp"
#include "paser/io/json.hpp"

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
};

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Config, preset, seed, foreground, box, shared_digits, pretrain_images, policy_images,
                                   fine_tune_images, validation_images, test_images, dropout, samples, pretrain_epochs,
                                   pretrain_batch, pretrain_rate, policy_epochs, policy_batch, policy_rate,
                                   exploit_from, exploit_to, policy_baseline, entropy_bonus, fine_tune_steps,
                                   fine_tune_batch, fine_tune_rate, fine_tune_policy_rate, fine_tune_exploit_from,
                                   fine_tune_exploit_to, lambda_to, tvd, micro_batch)

/// Applies "name=value" from a command line; the value is JSON, or a word without quotes. Throws ValueError.
inline void apply(const std::string& setting, Config& config) {
  const auto equals = setting.find('=');
  if (equals == std::string::npos || equals == 0)
    throw paser::ValueError(paser::message("--set '", setting, "', expected name=value"));
  nlohmann::json document = config;
  std::vector<std::string> names;
  for (const auto& [known, value] : document.items()) names.push_back(known);
  const std::string name = setting.substr(0, equals), text = setting.substr(equals + 1);
  if (!document.contains(name)) throw paser::ValueError(paser::unknown_name("setting", name, names));
  document[name] = paser::io::json_or_word(text);
  try {
    config = document.get<Config>();
  } catch (const nlohmann::json::exception& error) {
    throw paser::ValueError(paser::message("--set ", name, ": ", error.what()));
  }
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
