#pragma once

#include "paser/data/salt_and_pepper.hpp"
#include "paser/pipeline/calibrate_lambda.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "run_folder.hpp"
#include "segmentation/networks.hpp"

/// The three stages of PaSeR on a folder of images and masks, and the further policies that the paper's questions need.
namespace segmentation {

/// How a policy is paid: a rule of costs with its scale, lambda, and what tames the gradient.
struct Reward {
  std::string cost, scale, baseline;
  double lambda = 0.5, entropy_bonus = 0;
};

/// A trained policy with the networks that it sends patches to.
struct Variant {
  std::string name;  ///< "PaSeR", "PaSeR, tuned reward", "macs, lambda 0.25"
  Reward reward;
  pipeline::PolicyEvaluation<float> validation;  ///< with the networks of stage 1; empty where not measured
  Paser paser;
};

/// A budget that lambda was calibrated to.
struct Budget {
  std::string unit;  ///< "GMAC" or "ms", an image
  double asked = 0;
  pipeline::LambdaSearch search;
};

/// Stage names, in the order in which they run; `train_segmentation --stage` takes them.
inline const std::vector<std::string> stage_names{"f3", "f2", "f1", "policy", "fine-tune", "questions"};

/// Trains everything that a configuration asks for.
class Experiment {
 public:
  /// Room for f3 with the moments of Adam and the best state, twice over, and for the other networks.
  static constexpr std::size_t bytes_needed = std::size_t{1} << 30;

  /// With `fresh` a run that is in the folder is deleted first.
  Experiment(const Config& config, const std::filesystem::path& out, bool fresh)
      : config_(config),
        data_(config),  // first, so that nothing is written when there is nothing to train on
        description_(describe(config, data_)),
        counts_(pipeline::operation_counts(description_)),
        folder_(out, config, fresh, bytes_needed),
        networks_(fresh_paser(config, description_)),
        ground_(config.belief_draws, key(3)) {}

  const Config& config() const { return config_; }
  const Data& data() const { return data_; }
  const pipeline::PaserDescription& description() const { return description_; }
  const pipeline::OperationCounts& counts() const { return counts_; }
  program::RunFolder& folder() { return folder_; }
  paser::Key key(std::uint64_t stream) const { return paser::Key{config_.seed}.fold(stream); }
  paser::metrics::ClassMean class_mean() const {
    paser::check<paser::ValueError>(config_.absent_class == "left out" || config_.absent_class == "zero",
                                    "absent_class", "'", config_.absent_class, "', expected 'left out' or 'zero'");
    return config_.absent_class == "zero" ? paser::metrics::ClassMean::all : paser::metrics::ClassMean::present;
  }

  /// Networks as stage 1 left them; the policy in it is not trained.
  const Paser& networks() const { return networks_; }
  /// The fine-tuned PaSeRs: the paper's reward first, then the tuned one if it was asked for.
  const std::vector<Variant>& tuned() const { return tuned_; }
  /// Policies of the questions, on the networks of stage 1.
  const std::vector<Variant>& questions() const { return questions_; }
  const std::vector<Budget>& budgets() const { return budgets_; }
  /// f2 and f3 trained on clean and noisy images, in a PaSeR with the first of tuned()'s policies; none if not asked
  /// for.
  const std::optional<Paser>& noise_aware() const { return noise_aware_; }
  const Times& times() const { return measured_.times; }

  /// Runs the stages up to and including the one of this name; "all" runs all. Throws Interrupted after Ctrl-C.
  void train(const std::string& last = "all") {
    if (last != "all" && std::find(stage_names.begin(), stage_names.end(), last) == stage_names.end())
      throw paser::ValueError(paser::unknown_name("stage", last, stage_names));
    const auto upto = [&](const char* name, const auto& work) {
      work();
      return last != name;
    };
    (void)(upto("f3", [&] { pretrain(2); }) && upto("f2", [&] { pretrain(1); }) && upto("f1", [&] { pretrain(0); }) &&
           upto("policy", [&] { train_policies(); }) && upto("fine-tune", [&] { fine_tune(); }) &&
           upto("questions", [&] { ask(); }));
  }

  /// Rewards as stages 2 and 3 use them.
  pipeline::RewardOptions reward_options(const Reward& r) {
    const Measured& m = measured();
    pipeline::Costs costs = costs_of(r.cost, networks_, counts_, m.times);
    paser::check<paser::ValueError>(r.scale == "shares" || r.scale == "gain", "cost_scale", "'", r.scale,
                                    "', expected shares or gain");
    if (r.scale == "gain") costs = pipeline::scaled_to_gain(costs, m.gain);
    if (config_.small_free) costs = pipeline::with_small_free(costs);
    return {.lambda = r.lambda,
            .costs = costs,
            .class_mean = class_mean(),
            .classes = data_.classes(),
            .ignored = paser::data::ignored_label};
  }

  /// What an image costs on average with these shares of patches: 1e9 multiply-accumulates, and milliseconds.
  std::pair<double, double> expense(const std::vector<double>& share) const {
    const double patches = static_cast<double>(networks_.grid.patches());
    double macs = networks_.samples * counts_.small + counts_.policy, ms = measured_.times.state;
    for (std::size_t k = 1; k < share.size(); ++k) {
      macs += share[k] * patches * counts_.patch[k];
      ms += share[k] * patches * measured_.times.patch[k];
    }
    return {macs * 1e-9, ms};
  }

 private:
  /// What was measured once for the run, so that a resumed run goes on with the same numbers.
  struct Measured {
    Times times;
    double gain =
        0;  ///< mean over training patches of IoU(f3) - IoU(f1) where that is positive, else 0; at least 0.001
  };

  void pretrain(std::size_t k) {
    const std::string name = paser::message("f", k + 1);
    const auto options = pretrain_options(k);
    folder_.run("pretrain " + name, name, [&](const pipeline::Stage& stage) {
      return pipeline::pretrain(networks_.models[k], data_.varied(1), data_.validation(), options, stage,
                                key(2).fold(k), k == 0 ? &networks_.models[2] : nullptr);
    });
  }

  pipeline::PretrainOptions<float> pretrain_options(std::size_t k) const {
    using paser::DistillationSpec;
    pipeline::PretrainOptions<float> options;
    options.epochs = config_.pretrain_epochs[k];
    options.batch = config_.pretrain_batch[k];
    options.learning_rate = config_.pretrain_rate[k];
    options.final_rate = config_.pretrain_final_rate;
    options.validate_every = config_.validate_every;
    options.class_mean = class_mean();
    options.supervised = supervised();
    if (k > 0) options.grid = networks_.grid;
    if (k > 0 || config_.distillation == "none") return options;
    DistillationSpec kd;
    paser::check<paser::ValueError>(config_.distillation == "mse" || config_.distillation == "kl", "distillation", "'",
                                    config_.distillation, "', expected none, mse or kl");
    kd.kind = config_.distillation == "mse" ? DistillationSpec::Kind::mse : DistillationSpec::Kind::kl;
    kd.alpha = config_.distillation_weight;
    kd.temperature = config_.temperature;
    options.supervised.distillation = kd;
    paser::check<paser::ValueError>(config_.teacher_view == "patches" || config_.teacher_view == "image",
                                    "teacher_view", "'", config_.teacher_view, "', expected patches or image");
    options.teacher_grid = config_.teacher_view == "patches" ? networks_.grid : paser::data::PatchGrid{1, 1};
    options.keep_teacher_logits = config_.keep_teacher_logits;
    return options;
  }

  pipeline::SupervisedOptions<float> supervised() const {
    pipeline::SupervisedOptions<float> options;
    options.class_weights = data_.weights().weights;
    options.ignored = paser::data::ignored_label;
    options.micro_batch = config_.micro_batch;
    return options;
  }

  const Measured& measured() {
    if (!measured_.times.patch.empty()) return measured_;
    const auto file = folder_.path() / "measured.json";
    if (std::filesystem::exists(file)) {
      const auto j = nlohmann::json::parse(std::ifstream(file), nullptr, false);
      paser::check<paser::FormatError>(j.is_object() && j.contains("gain"), file.string().c_str(),
                                       "does not hold what a run measured");
      measured_ = {j.at("times").get<Times>(), j.at("gain").get<double>()};
      return measured_;
    }
    measured_.times = measure_times(networks_, data_.validation().range(0, 1).images);
    const pipeline::RewardOptions options{
        .class_mean = class_mean(), .classes = data_.classes(), .ignored = paser::data::ignored_label};
    const auto& policy_data = data_.plain(2);
    const auto& table = ground_.train.experts(networks_, policy_data, options);
    double gain = 0;
    for (Index i = 0; i < policy_data.size(); ++i) {
      const auto seen = ground_.train.rows(networks_, policy_data, std::span<const Index>(&i, 1), options, 0, key(5));
      const Index patches = networks_.grid.patches(), last = table.shape()[2] - 1;
      for (Index p = 0; p < patches; ++p)
        gain += std::max(0.0, static_cast<double>(table(i, p, last) - seen.iou_small.data()[p])) /
                static_cast<double>(patches * policy_data.size());
    }
    measured_.gain = std::clamp(gain, 0.001, 1.0);
    paser::io::write_file(file, nlohmann::json{{"times", measured_.times}, {"gain", measured_.gain}}.dump(1) + "\n");
    return measured_;
  }

  Reward main_reward() const {
    return {config_.cost, config_.cost_scale, config_.reward_baseline, config_.lambda, config_.entropy_bonus};
  }
  Reward tuned_reward() const {
    return {config_.cost, "gain", "batch_mean", config_.tuned_lambda, config_.tuned_entropy_bonus};
  }

  static paser::rl::AdvantageSpec advantage(const Reward& r) {
    using paser::rl::Baseline;
    paser::check<paser::ValueError>(r.baseline == "none" || r.baseline == "batch_mean", "reward_baseline", "'",
                                    r.baseline, "', expected none or batch_mean");
    return {.baseline = r.baseline == "batch_mean" ? Baseline::batch_mean : Baseline::none};
  }
  paser::rl::ExplorationScope explore() const {
    paser::check<paser::ValueError>(config_.explore == "batch" || config_.explore == "patch", "explore", "'",
                                    config_.explore, "', expected batch or patch");
    return config_.explore == "batch" ? paser::rl::ExplorationScope::batch : paser::rl::ExplorationScope::patch;
  }

  /// Stage 2 with one reward, on the networks of stage 1.
  Variant train_policy(const std::string& name, const std::string& file, const Reward& reward, Index epochs) {
    Variant v{name, reward, {}, networks_};
    pipeline::PolicyOptions<float> options;
    options.epochs = epochs;
    options.batch = config_.policy_batch;
    options.learning_rate = config_.policy_rate;
    options.exploit_from = config_.exploit_from;
    options.exploit_to = config_.exploit_to;
    options.explore = explore();
    options.reward = reward_options(reward);
    options.advantage = advantage(reward);
    options.gradient.entropy_bonus = reward.entropy_bonus;
    options.belief_draws = config_.belief_draws;
    folder_.run(name, file, [&](const pipeline::Stage& stage) {
      return pipeline::train_policy(v.paser, data_.plain(2), data_.validation(), options, stage, key(3), &ground_);
    });
    return v;
  }

  /// The policies' shares and costs on validation data.
  void evaluate(Variant& v) {
    v.validation = pipeline::evaluate_policy(v.paser, data_.validation(), ground_.validation, reward_options(v.reward));
  }

  void train_policies() {
    tuned_.clear();
    tuned_.push_back(train_policy("policy", "policy", main_reward(), config_.policy_epochs));
    tuned_.back().name = "PaSeR";
    if (!config_.tuned_reward) return;
    tuned_.push_back(train_policy("policy, tuned reward", "policy_tuned", tuned_reward(), config_.policy_epochs));
    tuned_.back().name = "PaSeR, tuned reward";
  }

  void fine_tune() {
    constexpr std::array names{"fine-tune", "fine-tune, tuned reward"};
    constexpr std::array files{"fine_tune", "fine_tune_tuned"};
    constexpr std::array kept{"paser", "paser_tuned"};
    for (std::size_t i = 0; i < tuned_.size(); ++i) {
      Variant& v = tuned_[i];
      pipeline::FineTuneOptions<float> options;
      const Index images = data_.varied(3).size();
      const Index per_epoch = std::max<Index>(1, images / config_.fine_tune_batch);
      options.steps = config_.fine_tune_epochs * per_epoch;
      options.batch = config_.fine_tune_batch;
      options.expert_learning_rate = config_.fine_tune_rate;
      options.policy_learning_rate = config_.fine_tune_policy_rate;
      options.supervised = supervised();
      options.reward = reward_options(v.reward);
      options.lambda_from = options.lambda_to = v.reward.lambda;
      options.exploit_from = config_.fine_tune_exploit_from;
      options.exploit_to = config_.fine_tune_exploit_to;
      options.explore = explore();
      options.advantage = advantage(v.reward);
      options.gradient.entropy_bonus = v.reward.entropy_bonus;
      options.tvd_every = options.validate_every = per_epoch;
      std::vector<pipeline::Snapshot<float>> snapshots;
      folder_.run(names[i], files[i], [&](const pipeline::Stage& stage) {
        return pipeline::fine_tune(v.paser, data_.varied(3), data_.validation(), options, stage, key(4).fold(i),
                                   snapshots);
      });
      v.paser.models = snapshots.back().models;
      v.paser.policy = snapshots.back().policy;
      keep(kept[i], v);
    }
  }

  void keep(const std::string& file, const Variant& v) {
    auto d = description_;
    d.info["name"] = v.name;
    d.info["reward"] = {{"cost", v.reward.cost},
                        {"scale", v.reward.scale},
                        {"baseline", v.reward.baseline},
                        {"lambda", v.reward.lambda},
                        {"entropy_bonus", v.reward.entropy_bonus}};
    pipeline::save_paser(folder_.checkpoint(file), v.paser, d);
  }

  /// The further policies and networks that the questions need.
  void ask() {
    const Index epochs = config_.question_epochs > 0 ? config_.question_epochs : config_.policy_epochs;
    const auto add = [&](const std::string& label, const std::string& file, Reward reward) -> Variant& {
      questions_.push_back(train_policy("policy, " + label, "question_" + file, reward, epochs));
      questions_.back().name = label;
      evaluate(questions_.back());
      return questions_.back();
    };
    questions_.clear();
    for (const double lambda : config_.lambdas) {
      Reward reward = main_reward();
      reward.lambda = lambda;
      add(paser::message("lambda ", lambda), paser::message("lambda_", lambda), reward);
    }
    for (const double lambda : config_.tuned_reward ? config_.lambdas : std::vector<double>{}) {
      Reward reward = tuned_reward();
      reward.lambda = lambda;
      add(paser::message("tuned reward, lambda ", lambda), paser::message("tuned_lambda_", lambda), reward);
    }
    for (const std::string& cost : config_.costs) {
      Reward reward = tuned_reward();
      reward.cost = cost;
      add("tuned reward, cost " + cost, "cost_" + cost, reward);
    }
    keep_budget("GMAC", "macs", config_.budget_gmac, add);
    keep_budget("ms", "time", config_.budget_ms, add);
    train_noise_aware();
  }

  template <class Add>
  void keep_budget(const std::string& unit, const std::string& cost, double budget, const Add& add) {
    if (budget <= 0) return;
    const auto spent = [&](const Variant& v) {
      const auto [gmac, ms] = expense(v.validation.share);
      return unit == "ms" ? ms : gmac;
    };
    std::vector<pipeline::LambdaTrial> known;
    for (const Variant& v : questions_)
      if (v.reward.cost == cost && v.reward.scale == "gain") known.push_back({v.reward.lambda, spent(v)});
    const auto train = [&](double lambda) {
      Reward reward = tuned_reward();
      reward.cost = cost;
      reward.lambda = lambda;
      return spent(add(paser::message("budget of ", budget, " ", unit, ", lambda ", lambda),
                       paser::message("budget_", unit, "_", lambda), reward));
    };
    budgets_.push_back({unit, budget, pipeline::calibrate_lambda(budget, config_.budget_trials, known, train)});
  }

  /// f2 and f3 go on from their clean weights on every image twice, clean and noisy.
  void train_noise_aware() {
    if (config_.noise <= 0) return;
    using paser::data::NoisyImages;
    using paser::data::SaltAndPepper;
    noise_aware_ = networks_;
    std::vector<Index> rows(static_cast<std::size_t>(data_.varied(1).size()));
    std::iota(rows.begin(), rows.end(), Index{0});
    if (config_.noise_images > 0 && config_.noise_images < data_.varied(1).size())
      rows.resize(static_cast<std::size_t>(config_.noise_images));
    const Folder images = data_.varied(1).only(rows);
    const SaltAndPepper<Folder> train(images, config_.noise, key(6).fold(0), NoisyImages::beside_originals);
    const SaltAndPepper<Folder> validation(data_.validation(), config_.noise, key(6).fold(1));
    for (std::size_t k = 1; k < 3; ++k) {
      auto options = pretrain_options(k);
      options.epochs = config_.noise_epochs[k - 1];
      options.learning_rate /= 3;
      if (options.epochs == 0) continue;
      const std::string name = paser::message("f", k + 1);
      noise_aware_->models[k] = networks_.models[k];
      folder_.run("noise-aware " + name, "noise_" + name, [&](const pipeline::Stage& stage) {
        return pipeline::pretrain(noise_aware_->models[k], train, validation, options, stage, key(6).fold(k + 1));
      });
    }
  }

  Config config_;
  Data data_;
  pipeline::PaserDescription description_;
  pipeline::OperationCounts counts_;
  program::RunFolder folder_;
  Paser networks_;
  pipeline::PolicyGround<float> ground_;
  Measured measured_;
  std::vector<Variant> tuned_, questions_;
  std::vector<Budget> budgets_;
  std::optional<Paser> noise_aware_;
};

}  // namespace segmentation
