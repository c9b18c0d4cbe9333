#pragma once

#include "paser/experiment/rival_settings.hpp"

/// The settings of a PaSeR training on a folder of images and masks, and the presets that name them.
namespace segmentation {

namespace experiment = paser::experiment;
using paser::Index;

/// The rules by which networks cost.
inline const experiment::Words cost_rules{"parameters", "macs", "time", "bytes"};

/// What rewards are made of, in stages 2 and 3.
struct RewardSettings {
  std::string gain = "patch", cost = "parameters", cost_scale = "shares", reward_baseline = "none";
  double lambda = 0.5;
  bool small_free = false;
  std::string policy_gradient = "sampled", policy_view = "image", explore = "batch";
  int belief_draws = 0;

  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    using namespace experiment;
    v("gain", s.gain, Words{"set", "image", "patch"},
      "a better answer of a patch is worth what it adds to the IoU of the training set or of its image (additive "
      "gain), "
      "or the patch's own IoU (the paper)");
    v("lambda", s.lambda, Range::share(), "what costs weigh against gains");
    v("cost", s.cost, cost_rules, "of a network: its parameters (Eq. 3), or a patch's macs, time, or bytes to send");
    v("cost_scale", s.cost_scale, Words{"shares", "gain"},
      "shares: costs sum to 1 (Eq. 3); gain: the largest network costs what it gains on average");
    v("small_free", s.small_free, Anything{}, "f1 costs nothing, as in the released code");
    v("reward_baseline", s.reward_baseline, Words{"none", "batch_mean"}, "subtracted from rewards; none in the paper");
    v("policy_gradient", s.policy_gradient, Words{"sampled", "exact"},
      "sampled: REINFORCE, the paper; exact: stage 2 sums over all models");
    v("policy_view", s.policy_view, Words{"image", "patch"},
      "what the policy's head reads for a patch: the whole image (the paper), or that patch alone");
    v("explore", s.explore, Words{"batch", "patch"}, "one coin of Eq. 4 for a batch, or for each patch");
    v("belief_draws", s.belief_draws, Range{0, 1000}, "draws of dropout noise that stage 2 sees; 0: new ones always");
  }
};

/// What is asked beyond the main run. Every entry of a list is one more policy, of stage 2 alone; an empty list asks
/// nothing.
struct QuestionSettings {
  bool tuned_reward = true;
  double tuned_lambda = 0.5, tuned_entropy_bonus = 0.0005;
  std::string tuned_baseline = "batch_mean", tuned_gradient = "exact", tuned_view = "patch";
  std::vector<double> lambdas;
  std::vector<std::string> costs;
  double budget_gmac = 0, budget_ms = 0;
  int budget_trials = 3;
  Index question_epochs = 0;
  double noise = 0;
  std::vector<Index> noise_epochs{0, 0};
  Index noise_images = 0;
  std::vector<int> sample_counts;

  template <class Self, class V>
  static void visit(Self& s, V&& v) {
    using namespace experiment;
    v("tuned_reward", s.tuned_reward, Anything{}, "a second PaSeR: costs scaled to the gain, and what follows");
    v("tuned_lambda", s.tuned_lambda, Range::share(), "its lambda");
    v("tuned_entropy_bonus", s.tuned_entropy_bonus, Range{0, 1e4}, "its entropy_bonus");
    v("tuned_baseline", s.tuned_baseline, Words{"none", "batch_mean"}, "its reward_baseline");
    v("tuned_gradient", s.tuned_gradient, Words{"sampled", "exact"}, "its policy_gradient");
    v("tuned_view", s.tuned_view, Words{"image", "patch"}, "its policy_view");
    v("lambdas", s.lambdas, Range::share(), "a policy for each, with the main reward and with the tuned one");
    v("costs", s.costs, cost_rules, "a policy for each, with the tuned reward");
    v("budget_gmac", s.budget_gmac, Range::count(),
      "an image may spend this on average: lambda is calibrated; 0: not asked");
    v("budget_ms", s.budget_ms, Range::count(), "the same in milliseconds");
    v("budget_trials", s.budget_trials, Range{1, 1000}, "policies trained for a budget");
    v("question_epochs", s.question_epochs, Range{0, 1e6}, "of these policies; 0: policy_epochs");
    v("noise", s.noise, Range::share(), "share of salt and pepper pixels; 0: not asked");
    v("noise_epochs", s.noise_epochs, Range{0, 1e6},
      "of all networks but f1 on clean and noisy images, from their clean weights");
    v("noise_images", s.noise_images, Range::count(),
      "at most so many of the training images for that; 0: all of stage 1");
    v("sample_counts", s.sample_counts, Range{1, 10'000}, "numbers of MC samples to compare");
  }
};

/// Every setting of a run. The presets below fill it; config.json holds it.
struct Config : experiment::FolderSettings,
                experiment::NetworkSettings,
                experiment::StageSettings,
                RewardSettings,
                QuestionSettings,
                experiment::RivalSettings {
  std::string preset = "own", network, split = "thirds";
  experiment::StartFiles initial;
  std::string small_answer = "mean", route_choice = "most probable";
  double pretrain_final_rate = 1;
  std::string distillation = "mse", teacher_view = "patches";
  double distillation_weight = 0.01, temperature = 1;
  bool keep_teacher_logits = true, fine_tune_small = false;
  Index validate_every = 1, fine_tune_epochs = 200, part_images = 0, ghost_batch = 0, policy_group = 0;

  template <class Self, class V>
  static void visit(Self& c, V&& v) {
    using namespace experiment;
    v("preset", c.preset, Anything{}, "the name of these settings, as --preset chooses them");
    FolderSettings::visit(c, v);
    v("split", c.split, Words{"thirds", "all"}, "a third of the training images per stage, or all in every stage");
    v("network", c.network, Anything{}, "f1, f2, ... or NAME:JSON of the registry: trained alone, without routing");
    NetworkSettings::visit(c, v);
    v("small_answer", c.small_answer, Words{"mean", "first sample"}, "f1's answer; first sample: the released code");
    v("route_choice", c.route_choice, Words{"most probable", "sampled"}, "in use; sampled as the released code");
    v("initial", c.initial, ModelFiles{},
      "a PaSeR file to start from, or for each network a model file of one; empty: random weights");
    StageSettings::visit(c, v);
    v("pretrain_final_rate", c.pretrain_final_rate, Range::share(), "of a rate, left at the last step; linear");
    v("distillation", c.distillation, Words{"none", "mse", "kl"}, "of the largest network into f1; mse: on logits");
    v("distillation_weight", c.distillation_weight, Range::share(), "of that loss");
    v("temperature", c.temperature, Range{0, 1e4, Range::above_low}, "of kl");
    v("teacher_view", c.teacher_view, Words{"patches", "image"}, "what the largest network sees when it teaches");
    v("keep_teacher_logits", c.keep_teacher_logits, Anything{}, "made once per image; f1 then gets no augmentation");
    v("validate_every", c.validate_every, Range::steps(), "epochs of stage 1");
    v("part_images", c.part_images, Range{0, 4096}, "whose gradients add up to a batch's; 0: a micro-batch is a part");
    v("ghost_batch", c.ghost_batch, Range{0, 4096},
      "images or patches with common statistics in the networks' batch norms; 0: all of a batch, which must then run "
      "at once");
    v("policy_group", c.policy_group, Range{0, 4096},
      "images with common statistics in the policy's batch norms as it trains; 0: those of a batch");
    RewardSettings::visit(c, v);
    v("fine_tune_epochs", c.fine_tune_epochs, Range::steps(), "of stage 3");
    v("fine_tune_small", c.fine_tune_small, Anything{},
      "f1 as well, on whole images; the released code and the paper's method leave it");
    QuestionSettings::visit(c, v);
    RivalSettings::visit(c, v);
  }
};

/// The networks that the paper's Table 1 has beside PaSeR, whose sizes it does not say, and the reconstruction of
/// MatPhase.
inline void add_rivals(Config& c, std::vector<Index> epochs) {
  c.rivals = {{"deeplabv3plus", R"({"convention":"vainf","backbone":"resnet50","output_stride":16})"},
              {"segformer", R"({"size":"B0"})"},
              {"efficientvit", R"({"size":"B0"})"},
              {"matphase", R"({"width":16})"}};
  c.rival_epochs = std::move(epochs);
  c.rival_batch = {4, 4, 4, 2};
  c.rival_rate = {1e-3, 1e-3, 1e-3, 1e-3};
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
  add_rivals(c, {200, 200, 200, 200});
  return c;
}

/// For one's own images, within 90 minutes on two cores. What is cut against `paper`: images (600 for training, 200 a
/// stage), epochs, and with them the batch and the learning rates, which fall to a tenth; noise-aware networks start
/// from the clean ones; the policies see two draws of dropout noise instead of a new one at every step. Their reward is
/// the additive gain.
inline Config own() {
  Config c = paper();
  c.preset = "own";
  static_cast<experiment::RivalSettings&>(c) = {};
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

/// `own` beside the networks of the paper's Table 1: an hour more.
inline Config standard() {
  Config c = own();
  c.preset = "standard";
  add_rivals(c, {6, 20, 16, 6});
  return c;
}

/// Within 15 minutes on two cores: enough to see every part work, not to judge the method.
inline Config demo() {
  Config c = own();
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

/// The paper's experiment on Cityscapes: a small UNet for the image, SegFormer-B0 and B5 for its patches of 256 x 256
/// pixels. The paper says neither its patches nor how the networks were trained; here they start from random weights,
/// so that a run of this machine's kind takes months: set smaller networks and fewer images, or `initial`.
inline Config cityscapes() {
  Config c = own();
  c.preset = "cityscapes";
  c.masks = "cityscapes";
  c.networks = {
      {"unet", R"({"width":8,"depth":2})"}, {"segformer", R"({"size":"B0"})"}, {"segformer", R"({"size":"B5"})"}};
  c.grid = {4, 8};
  c.micro_batch = c.ghost_batch = 4;
  c.in_memory = false;
  c.flips = c.half_turns = false;
  c.train_images = 0;
  c.pretrain_epochs = {100, 100, 100};
  c.pretrain_rate = {1e-3, 1e-4, 6e-5};
  c.noise = 0;
  return c;
}

inline std::vector<Config> presets() {
  return {demo(), own(), standard(), paper(), cityscapes()};
}

}  // namespace segmentation
