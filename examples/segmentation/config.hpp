#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"
#include "paser/core/text.hpp"
#include "paser/io/json.hpp"

/// The settings of a PaSeR training on a folder of images and masks, and the presets that name them.
namespace segmentation {

using paser::Index;

/// Every setting of a run. The presets below fill it; config.json holds it. Networks are f1, f2, f3 in every list.
struct Config {
  std::string preset = "standard";
  std::uint64_t seed = 1;

  // Data.
  std::string data;             ///< folder with train_images, train_label, validation_..., test_...
  std::string masks = "index";  ///< what their values mean: index, index:5, battery, rules such as 0:0,255:1,*:2
  std::string class_file;       ///< names and colours of the classes, in place of `masks`
  Index channels = 0;           ///< of the images: 1, 3, or 0: as in the files
  std::array<double, 2> value_range{0, 0};  ///< stored image values that become 0 and 1; 0, 0: see io::to_unit
  std::string fit = "whole";                ///< whole: images are used as they are; crop, tiles: of `size`
  std::array<Index, 2> size{0, 0};          ///< height and width of crops and tiles
  std::string split = "thirds";  ///< thirds: a third of the training images per stage; all: all images in every stage
  Index train_images = 0, validation_images = 0, test_images = 0;  ///< at most so many; 0: all
  bool flips = true, half_turns = true;                            ///< augmentation of the training images
  double gray_gain = 0, gray_offset = 0;  ///< its contrast and brightness, see data::Augmentation
  std::string class_weights = "auto";     ///< auto: 1 - share; none; or one number per class
  std::string absent_class = "left out";  ///< in an IoU: "left out", or "zero" as torchmetrics before 1.0

  // Networks.
  std::string network;  ///< f1, f2, f3 or NAME:JSON of the registry: it is trained alone, without routing
  std::array<Index, 3> widths{8, 16, 64}, depths{2, 4, 4};
  double dropout = 0.5;
  int samples = 5;                    ///< passes of MC dropout
  std::array<Index, 2> grid{4, 4};    ///< patches of an image: rows, columns
  std::string small_answer = "mean";  ///< f1's answer: "mean" of the samples, or "first sample" as the released code
  std::string route_choice = "most probable";  ///< in use: the "most probable" route, or "sampled" as the released code
  std::string initial;                         ///< a PaSeR file to start from; empty: random weights

  // Stage 1.
  std::array<Index, 3> pretrain_epochs{200, 200, 200};
  std::array<Index, 3> pretrain_batch{32, 32, 32};
  std::array<double, 3> pretrain_rate{1e-4, 1e-4, 1e-4};
  double pretrain_final_rate = 1;    ///< the share of a rate that is left at the last step; linear
  std::string distillation = "mse";  ///< of f3 into f1: none, mse (on logits), kl
  double distillation_weight = 0.01, temperature = 1;
  std::string teacher_view = "patches";  ///< what f3 sees when it teaches: "patches", or the "image"
  bool keep_teacher_logits = true;       ///< see pipeline::PretrainOptions; f1 then gets no augmentation
  Index validate_every = 1;              ///< epochs

  // Rewards of stages 2 and 3.
  /// What a better answer of a patch is worth: what it adds to the IoU of the training "set" or of its "image"
  /// (additive gain), or the "patch"'s own IoU (the paper)
  std::string gain = "patch";
  double lambda = 0.5;
  std::string cost = "parameters";       ///< parameters (Eq. 3), macs, time, bytes
  bool small_free = false;               ///< f1 costs nothing, as in the released code
  std::string cost_scale = "shares";     ///< shares: they sum to 1 (Eq. 3); gain: f3 costs what it gains on average
  std::string reward_baseline = "none";  ///< none (the paper), batch_mean
  double entropy_bonus = 0;
  std::string policy_gradient = "sampled";  ///< sampled (REINFORCE, the paper), or exact: stage 2 sums over all models
  std::string policy_view = "image";  ///< what the policy's head reads for a patch: the whole "image" (the paper), or
                                      ///< that "patch" alone
  std::string explore = "batch";      ///< one coin of Eq. 4 for a "batch" or for each "patch"

  // Stage 2.
  Index policy_epochs = 200, policy_batch = 32;
  double policy_rate = 1e-4;
  double exploit_from = 0.7, exploit_to = 0.95;
  int belief_draws = 0;  ///< see pipeline::PolicyOptions

  // Stage 3.
  Index fine_tune_epochs = 200, fine_tune_batch = 32;
  double fine_tune_rate = 1e-4, fine_tune_policy_rate = 1e-4;
  double fine_tune_exploit_from = 0.95, fine_tune_exploit_to = 1.0;
  bool fine_tune_small = false;  ///< f1 as well, on whole images; the released code and the paper's method leave it

  // Questions beyond the main run. Every entry of a list is one more policy (stage 2 alone); an empty list skips them.
  bool tuned_reward = true;  ///< a second PaSeR: costs scaled to the gain, and what follows
  double tuned_lambda = 0.5, tuned_entropy_bonus = 0.0005;
  std::string tuned_baseline = "batch_mean", tuned_gradient = "exact", tuned_view = "patch";
  std::vector<double> lambdas;              ///< R5, with the main reward and with the tuned one
  std::vector<std::string> costs;           ///< with the tuned reward
  double budget_gmac = 0, budget_ms = 0;    ///< an image may spend this on average: lambda is calibrated; 0: not asked
  int budget_trials = 3;                    ///< policies trained for a budget
  Index question_epochs = 0;                ///< of these policies; 0: policy_epochs
  double noise = 0;                         ///< R3: share of salt and pepper pixels; 0: not asked
  std::array<Index, 2> noise_epochs{0, 0};  ///< of f2 and f3 on clean and noisy images, from their clean weights
  Index noise_images = 0;                   ///< at most so many of the training images for that; 0: all of stage 1
  std::vector<int> sample_counts;           ///< numbers of MC samples to compare

  Index micro_batch = 16;  ///< images or patches that run at once
  Index part_images = 0;   ///< see pipeline::SupervisedOptions; 0: a micro-batch is a part
  Index patience = 0;      ///< validations without improvement that end stage 1 or 2; 0: they run to the last epoch

  /// Calls f(name, member) for every setting.
  template <class Self, class F>
  static void visit(Self& c, F&& f) {
    visit_data(c, f);
    visit_networks(c, f);
    visit_pretraining(c, f);
    visit_routing(c, f);
    visit_questions(c, f);
  }

 private:
  template <class Self, class F>
  static void visit_data(Self& c, F& f) {
    f("preset", c.preset);
    f("seed", c.seed);
    f("data", c.data);
    f("masks", c.masks);
    f("class_file", c.class_file);
    f("channels", c.channels);
    f("value_range", c.value_range);
    f("fit", c.fit);
    f("size", c.size);
    f("split", c.split);
    f("train_images", c.train_images);
    f("validation_images", c.validation_images);
    f("test_images", c.test_images);
    f("flips", c.flips);
    f("half_turns", c.half_turns);
    f("gray_gain", c.gray_gain);
    f("gray_offset", c.gray_offset);
    f("class_weights", c.class_weights);
  }
  template <class Self, class F>
  static void visit_networks(Self& c, F& f) {
    f("absent_class", c.absent_class);
    f("network", c.network);
    f("widths", c.widths);
    f("depths", c.depths);
    f("dropout", c.dropout);
    f("samples", c.samples);
    f("grid", c.grid);
    f("small_answer", c.small_answer);
    f("route_choice", c.route_choice);
    f("initial", c.initial);
  }
  template <class Self, class F>
  static void visit_pretraining(Self& c, F& f) {
    f("pretrain_epochs", c.pretrain_epochs);
    f("pretrain_batch", c.pretrain_batch);
    f("pretrain_rate", c.pretrain_rate);
    f("pretrain_final_rate", c.pretrain_final_rate);
    f("distillation", c.distillation);
    f("distillation_weight", c.distillation_weight);
    f("temperature", c.temperature);
    f("teacher_view", c.teacher_view);
    f("keep_teacher_logits", c.keep_teacher_logits);
    f("validate_every", c.validate_every);
  }
  template <class Self, class F>
  static void visit_routing(Self& c, F& f) {
    f("gain", c.gain);
    f("lambda", c.lambda);
    f("cost", c.cost);
    f("small_free", c.small_free);
    f("cost_scale", c.cost_scale);
    f("reward_baseline", c.reward_baseline);
    f("entropy_bonus", c.entropy_bonus);
    f("policy_gradient", c.policy_gradient);
    f("policy_view", c.policy_view);
    f("explore", c.explore);
    f("policy_epochs", c.policy_epochs);
    f("policy_batch", c.policy_batch);
    f("policy_rate", c.policy_rate);
    f("exploit_from", c.exploit_from);
    f("exploit_to", c.exploit_to);
    f("belief_draws", c.belief_draws);
    f("fine_tune_epochs", c.fine_tune_epochs);
    f("fine_tune_batch", c.fine_tune_batch);
    f("fine_tune_rate", c.fine_tune_rate);
    f("fine_tune_policy_rate", c.fine_tune_policy_rate);
    f("fine_tune_exploit_from", c.fine_tune_exploit_from);
    f("fine_tune_exploit_to", c.fine_tune_exploit_to);
    f("fine_tune_small", c.fine_tune_small);
  }
  template <class Self, class F>
  static void visit_questions(Self& c, F& f) {
    f("tuned_reward", c.tuned_reward);
    f("tuned_lambda", c.tuned_lambda);
    f("tuned_entropy_bonus", c.tuned_entropy_bonus);
    f("tuned_baseline", c.tuned_baseline);
    f("tuned_gradient", c.tuned_gradient);
    f("tuned_view", c.tuned_view);
    f("lambdas", c.lambdas);
    f("costs", c.costs);
    f("budget_gmac", c.budget_gmac);
    f("budget_ms", c.budget_ms);
    f("budget_trials", c.budget_trials);
    f("question_epochs", c.question_epochs);
    f("noise", c.noise);
    f("noise_epochs", c.noise_epochs);
    f("noise_images", c.noise_images);
    f("sample_counts", c.sample_counts);
    f("micro_batch", c.micro_batch);
    f("part_images", c.part_images);
    f("patience", c.patience);
  }
};

/// Settings that name themselves by visit, as a JSON object.
template <class Json, class Settings>
Json settings_json(const Settings& settings) {
  Json j = Json::object();
  Settings::visit(settings, [&](const char* name, const auto& value) { j[name] = value; });
  return j;
}

/// Reads them back. Settings that are absent keep their values. Throws ValueError on one that there is not, and on a
/// value of another kind.
template <class Json, class Settings>
void read_settings(const Json& j, Settings& settings) {
  std::vector<std::string> known;
  Settings::visit(settings, [&](const char* name, auto& value) {
    known.emplace_back(name);
    const auto found = j.find(name);
    if (found == j.end()) return;
    const Json expected = value;
    bool fits = true;
    try {
      found->get_to(value);
      // What the library bends until it fits (1.5 to 1, true to 1, -1 to 2^64 - 1, a long list to a short one) is
      // another value afterwards.
      const Json taken = value;
      fits = taken == *found && !(taken.is_number_unsigned() && !found->is_number_unsigned() && *found < 0);
    } catch (const nlohmann::json::exception&) {
      fits = false;
    }
    if (!fits)
      throw paser::ValueError(paser::message("setting ", name, ": ", paser::excerpt(paser::io::json_text(*found)),
                                             " is not of the kind of ", expected.dump(), ", its default"));
  });
  for (const auto& [name, value] : j.items())
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw paser::ValueError(paser::unknown_name("setting", name, known));
}

template <class Json>
void to_json(Json& j, const Config& c) {
  j = settings_json<Json>(c);
}
template <class Json>
void from_json(const Json& j, Config& c) {
  read_settings(j, c);
}

/// The settings as a model's file keeps them: of files and folders the last part of their names alone, since where
/// somebody's data lay is nobody's business.
inline Config without_folders(Config c) {
  for (std::string* path : {&c.data, &c.class_file, &c.initial}) {
    if (path->empty()) continue;
    const auto name = std::filesystem::absolute(*path).lexically_normal();
    *path = (name.has_filename() ? name : name.parent_path()).filename().string();
  }
  return c;
}

/// Applies "name=value" from a command line; the value is JSON, or a word without quotes.
template <class Settings>
void apply(const std::string& setting, Settings& settings) {
  const auto equals = setting.find('=');
  paser::check<paser::ValueError>(equals != std::string::npos && equals > 0, "--set", "'", setting,
                                  "', expected name=value");
  const nlohmann::json value = paser::io::json_or_word(setting.substr(equals + 1));
  nlohmann::json document = nlohmann::json::object();
  document[setting.substr(0, equals)] = value;
  read_settings(document, settings);
}

/// The paper's settings: 200 epochs a stage, batches of 32, Adam 1e-4. Weeks on two cores.
inline Config paper() {
  Config c;
  c.preset = "paper";
  c.flips = c.half_turns = false;
  c.keep_teacher_logits = true;
  c.lambdas = {0, 0.1, 0.25, 0.5, 0.75, 1};
  c.costs = {"macs", "time", "bytes"};
  c.budget_gmac = 6;
  c.budget_ms = 60;
  c.noise = 0.01;
  c.noise_epochs = {200, 200};
  c.sample_counts = {5, 20};
  return c;
}

/// Within 90 minutes on two cores. What is cut against `paper`: images (600 for training, 200 a stage), epochs, and
/// with them the batch and the learning rates, which fall to a tenth; noise-aware networks start from the clean ones;
/// the policies see two draws of dropout noise instead of a new one at every step. Their reward is the additive gain.
inline Config standard() {
  Config c = paper();
  c.preset = "standard";
  c.gain = "set";
  c.flips = c.half_turns = true;
  c.train_images = 600;
  c.pretrain_epochs = {26, 26, 12};
  c.pretrain_batch = {2, 2, 1};
  c.pretrain_rate = {2e-3, 1e-3, 4e-4};
  c.pretrain_final_rate = 0.1;
  c.validate_every = 2;
  c.policy_epochs = 25;
  c.policy_batch = 8;
  c.policy_rate = 1e-3;
  c.belief_draws = 2;
  c.fine_tune_epochs = 1;
  c.fine_tune_batch = 4;
  c.fine_tune_rate = 5e-5;
  c.lambdas = {0, 0.25, 0.5, 0.75};
  c.budget_trials = 2;
  c.question_epochs = 5;
  c.noise_epochs = {4, 1};
  c.noise_images = 80;
  return c;
}

/// Within 15 minutes on two cores: enough to see every part work, not to judge the method.
inline Config demo() {
  Config c = standard();
  c.preset = "demo";
  c.train_images = 180;
  c.validation_images = 10;
  c.test_images = 16;
  c.pretrain_epochs = {40, 16, 5};
  c.policy_epochs = 8;
  c.fine_tune_epochs = 1;
  c.lambdas = {0, 0.5};
  c.costs = {"macs"};
  c.budget_ms = 0;
  c.budget_trials = 1;
  c.question_epochs = 4;
  c.noise_epochs = {2, 1};
  c.noise_images = 30;
  return c;
}

inline std::vector<Config> presets() {
  return {demo(), standard(), paper()};
}

/// Throws ValueError naming the presets that there are.
inline Config preset_named(const std::string& name) {
  std::vector<std::string> names;
  for (const Config& c : presets()) {
    if (c.preset == name) return c;
    names.push_back(c.preset);
  }
  throw paser::ValueError(paser::unknown_name("preset", name, names));
}

}  // namespace segmentation
