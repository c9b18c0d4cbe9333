#pragma once

#include "paser/experiment/rivals.hpp"
#include "segmentation/measured.hpp"
#include "segmentation/parts.hpp"
#include "team_program.hpp"

/// The three stages of PaSeR on a folder of images and masks.
namespace segmentation {

/// A trained policy with the networks that it sends patches to.
struct Variant {
  std::string name;  ///< "PaSeR", "PaSeR, tuned reward", "macs, lambda 0.25"
  Reward reward;
  pipeline::PolicyEvaluation<float> validation;  ///< with the networks of stage 1; empty where not measured
  Paser paser;
};

/// Trains the networks and the PaSeRs of a configuration. Every stage can be stopped and resumed.
class Experiment {
 public:
  /// Each process of a team makes one; they must agree on settings, data and arithmetic.
  Experiment(const Config& config, const std::filesystem::path& out, const experiment::RunChoice& choice,
             const distributed::Team& team = {})
      : config_(checked_for(team, config)),
        data_(read_data(config)),  // first, so that nothing is written when there is nothing to train on
        description_(describe(config, data_)),
        networks_(fresh_paser(config, description_)),
        rivals_(config, description_, config.dropout, config.micro_batch, Key{config.seed}.fold(9),
                config.answers_as_published()),
        folder_(once_all_may_train(out, team), config, choice, needs(), team),
        macs_(pipeline::mac_costs(networks_, description_)),
        ground_(config.belief_draws, key(3), team) {
    // The leader alone looks at the folder and at what a run in it was trained on, which takes as long as the data is
    // large.
    team.of_leader("", "the folder of the run", distributed::Patience::endless);
  }

  const Config& config() const { return config_; }
  const Data& data() const { return data_; }
  const pipeline::PaserDescription& description() const { return description_; }
  /// Of the networks and a policy that reads the whole image, in multiply-accumulates.
  const pipeline::WorkCosts& macs() const { return macs_; }
  experiment::RunFolder& folder() { return folder_; }
  /// The root of one stream of random numbers. 1: weights; 2: stage 1; 3: stage 2; 4: stage 3; 5: the gain; 6: noise
  /// in training; 7: the comparison; 8: noise in the comparison; 9: the weights of rivals; 10: their training.
  Key key(std::uint64_t stream) const { return Key{config_.seed}.fold(stream); }

  /// Networks as stage 1 left them; the policy in it is not trained.
  const Paser& networks() const { return networks_; }
  /// The fine-tuned PaSeRs: the paper's reward first, then the tuned one if it was asked for.
  const std::vector<Variant>& tuned() const { return tuned_; }
  const Times& times() const { return measured_.times; }

  /// f3, f2, f1 (the largest network first, which teaches f1), policy, fine-tune, rivals.
  experiment::Stages stages() {
    experiment::Stages stages;
    for (std::size_t k = config_.models(); k-- > 0;) {
      const std::string name = paser::message("f", k + 1);
      stages.push_back(experiment::pretrain_stage(
          folder_, {"pretrain " + name, name}, networks_.models[k], data_.varied(1), data_.validation(),
          pretrain_options(config_, data_, k), key(2).fold(k), k == 0 ? &networks_.models.back() : nullptr));
    }
    const char* each = config_.tuned_reward ? ", with the paper's reward and with the tuned one" : "";
    stages.push_back({"policy", paser::message("which network gets which patch", each), [this] { train_policies(); }});
    stages.push_back({"fine-tune", paser::message("policy and networks together", each), [this] { fine_tune(); }});
    rivals_.add_stages(stages, folder_, data_.all_varied(), data_.validation(), rival_options(), key(10));
    return stages;
  }

  /// Networks that the comparison has beside those of the PaSeRs.
  const experiment::Rivals& rivals() const { return rivals_; }

  /// Stage 2 with one reward, on the networks of stage 1. `stage` is its name in the log, `file` its checkpoint.
  Variant train_policy(const std::string& name, const std::string& stage, const std::string& file, const Reward& reward,
                       Index epochs) {
    Variant v{name, reward, {}, networks_};
    v.paser.policy = fresh_policy(config_, description_, reward.view == "patch");
    const auto options = policy_options(config_, reward, reward_options(reward), epochs);
    folder_.run(stage, file, [&](const pipeline::Stage& s) {
      return pipeline::train_policy(v.paser, data_.plain(2), data_.validation(), options, s, key(3), &ground_);
    });
    return v;
  }

  /// A policy's shares and costs on validation data, with the networks of stage 1.
  pipeline::PolicyEvaluation<float> evaluate(const Variant& v) {
    return pipeline::evaluate_policy(v.paser, data_.validation(), ground_.validation, reward_options(v.reward));
  }

  /// Rewards as stages 2 and 3 use them. The first call measures times and the gain.
  pipeline::RewardOptions reward_options(const Reward& r) {
    const Measured& m = measured();
    pipeline::RewardOptions options = gain_options(config_, data_);
    if (m.set.patches > 0) options.set = m.set;
    options.lambda = r.lambda;
    options.costs = costs_of(r.cost, networks_, macs_, m.times);
    if (r.scale == "gain") options.costs = pipeline::normalised_to_gain(options.costs, m.gain);
    if (config_.small_free) options.costs = pipeline::with_free_coarse(options.costs);
    return options;
  }

  /// What an image costs on average with these shares of patches: 1e9 multiply-accumulates, and milliseconds.
  std::pair<double, double> expense(const std::vector<double>& share) const {
    const double patches = static_cast<double>(networks_.grid.patches());
    double macs = macs_.estimate + macs_.decide, ms = measured_.times.state;
    for (std::size_t k = 1; k < share.size(); ++k) {
      macs += share[k] * patches * macs_.patch[k];
      ms += share[k] * patches * measured_.times.patch[k];
    }
    return {macs * 1e-9, ms};
  }

 private:
  /// What the trainings of rivals share.
  pipeline::PretrainOptions<float> rival_options() const { return pretrain_options(config_, data_, 1); }

  /// The folder, once every process has read its data, the networks' batches may run as the settings say, and all would
  /// train the same: with --fresh the leader then removes the run that is in it.
  const std::filesystem::path& once_all_may_train(const std::filesystem::path& out,
                                                  const distributed::Team& team) const {
    rivals_.require_alone(team);
    for (std::size_t k = 0; k < config_.models(); ++k)
      experiment::require_parts(networks_.models[k], paser::message("f", k + 1), data_.shape_of(data_.varied(1).size()),
                                pretrain_options(config_, data_, k), "pretrain_batch");
    rivals_.require_parts(data_.shape_of(data_.all_varied().size()), rival_options());
    if (team.alone()) return out;
    team.require_same(program::arithmetic(), "the arithmetic");
    team.require_same(paser::io::json_text(nlohmann::json(config_)), "the settings");
    team.require_same(paser::io::json_text(experiment::sums_of(data_.files())), "the data");
    return out;
  }

  experiment::RunNeeds needs() const {
    const std::size_t budgets = (config_.budget_gmac > 0) + (config_.budget_ms > 0);
    auto size = experiment::size_of(networks_);
    if (config_.noise > 0) size.networks *= 2;  // all but f1 once more
    size.policies = 2 + 2 * config_.lambdas.size() + config_.costs.size() +
                    budgets * static_cast<std::size_t>(std::max(config_.budget_trials, 0));
    size.alone = rivals_.bytes();
    size.tunings = size.kept = 2;
    size.snapshots = 1;
    return {"train_segmentation",
            experiment::bytes_of(size),
            data_.files(),
            {"results.json", "methods.csv", "images.csv", "report.html"},
            data_.inputs()};
  }

  void train_policies() {
    tuned_.clear();
    tuned_.push_back(train_policy("PaSeR", "policy", "policy", main_reward(config_), config_.policy_epochs));
    if (!config_.tuned_reward) return;
    tuned_.push_back(train_policy("PaSeR, tuned reward", "policy, tuned reward", "policy_tuned", tuned_reward(config_),
                                  config_.policy_epochs));
  }

  void fine_tune() {
    constexpr std::array names{"fine-tune", "fine-tune, tuned reward"};
    constexpr std::array files{"fine_tune", "fine_tune_tuned"};
    constexpr std::array kept{"paser", "paser_tuned"};
    for (std::size_t i = 0; i < tuned_.size(); ++i) {
      Variant& v = tuned_[i];
      const auto options = fine_tune_options(config_, data_, v.reward, reward_options(v.reward));
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
    if (!folder_.team().leads()) return;
    auto d = description_;
    d.info["name"] = v.name;
    d.info["fine_tuned"] = config_.fine_tune_small ? experiment::network_names(config_.models())
                                                   : experiment::task_models(networks_.actions());
    d.info["reward"] = {{"cost", v.reward.cost},         {"scale", v.reward.scale},
                        {"baseline", v.reward.baseline}, {"gradient", v.reward.gradient},
                        {"lambda", v.reward.lambda},     {"entropy_bonus", v.reward.entropy_bonus}};
    pipeline::save_paser(folder_.checkpoint_to_write(file), v.paser, d);
  }

  const Measured& measured() {
    if (!measured_.times.patch.empty()) return measured_;
    const distributed::Team& team = folder_.team();
    team.at("measure");
    const std::string text = team.of_leader(folder_.kept("measured.json"), "what was measured");
    if (!text.empty())
      return measured_ = read_measured(text, folder_.path() / "measured.json", config_, data_.classes());
    Times times;
    if (team.leads())
      times = experiment::shown("measure: times of the networks in turn", "runs", [&](const auto& how_far) {
        return measure_times(networks_, data_.validation().range(0, 1).images, how_far);
      });
    const std::string common =
        team.of_leader(nlohmann::json(times).dump(), "times of the networks", distributed::Patience::endless);
    measured_.times = nlohmann::json::parse(common).get<Times>();
    pipeline::RewardOptions options = gain_options(config_, data_);
    if (config_.gain == "set")
      options.set = measured_.set = answers_of_coarse(networks_, data_.plain(2), ground_, options, key(5));
    measured_.gain = mean_gain(networks_, data_.plain(2), ground_, options, key(5));
    folder_.write("measured.json", measured_text(measured_));
    return measured_;
  }

  Config config_;
  Data data_;
  pipeline::PaserDescription description_;
  Paser networks_;
  experiment::Rivals rivals_;
  experiment::RunFolder folder_;
  pipeline::WorkCosts macs_;
  pipeline::PolicyCache<float> ground_;
  Measured measured_;
  std::vector<Variant> tuned_;
};

}  // namespace segmentation
