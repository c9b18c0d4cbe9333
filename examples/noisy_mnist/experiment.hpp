#pragma once

#include <filesystem>
#include <fstream>
#include <iostream>

#include "noisy_mnist/networks.hpp"
#include "paser/data/noisy_mnist.hpp"
#include "paser/pipeline/cascade.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/train_policy.hpp"
#include "paser/report/environment.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/log.hpp"
#include "paser/report/memory.hpp"
#include "paser/report/progress.hpp"
#include "paser/report/table.hpp"

/// The training of the noisy-MNIST experiment: three stages in one run folder, each of which can be stopped and
/// resumed.
namespace noisy_mnist {

using paser::Key;
namespace pipeline = paser::pipeline;
namespace report = paser::report;

/// Ctrl-C: what was done is saved, the same command goes on.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted; the run is saved, and the same command goes on with it") {}
};

/// A run folder: config.json, log.jsonl, checkpoints/, stages.json, and at the end results.json and report.html.
class RunFolder {
 public:
  /// Most of it for f3 with the two moments of Adam, and for the copies of all networks at each distance.
  static constexpr std::size_t bytes_needed = std::size_t{1} << 30;

  /// Opens a folder, or makes it. Throws ValueError when it holds a run with other settings.
  RunFolder(std::filesystem::path path, const Config& config) : path_(std::move(path)) {
    std::error_code failed;
    std::filesystem::create_directories(path_ / "checkpoints", failed);
    paser::check<paser::IoError>(!failed, "RunFolder", "cannot make ", (path_ / "checkpoints").string(), ": ",
                                 failed.message());
    const auto space = std::filesystem::space(path_);
    paser::check<paser::IoError>(space.available >= bytes_needed, "RunFolder", "the checkpoints of a run need ",
                                 report::bytes_text(bytes_needed), " in ", path_.string(), ", there are ",
                                 report::bytes_text(space.available));
    nlohmann::json document{{"settings", config}, {"environment", report::environment()}};
    const auto file = path_ / "config.json";
    if (std::filesystem::exists(file)) {
      const auto old = nlohmann::json::parse(std::ifstream(file), nullptr, false);
      paser::check<paser::FormatError>(old.is_object() && old.contains("settings"), file.string().c_str(),
                                       "is not the configuration of a run");
      for (const auto& [name, value] : document["settings"].items())
        paser::check<paser::ValueError>(old["settings"].value(name, nlohmann::json()) == value, file.string().c_str(),
                                        "this folder holds a run with ", name, " = ",
                                        old["settings"].value(name, nlohmann::json()).dump(), ", asked for is ",
                                        value.dump(), "; choose another --out, or --fresh to start over");
    } else {
      paser::io::write_file(file, document.dump(2) + "\n");
    }
    if (const auto stages = path_ / "stages.json"; std::filesystem::exists(stages))
      costs_ = nlohmann::json::parse(std::ifstream(stages)).get<std::vector<report::StageCost>>();
  }

  std::filesystem::path checkpoint(const std::string& name) const {
    return path_ / "checkpoints" / (name + ".safetensors");
  }
  const std::filesystem::path& path() const { return path_; }
  const std::vector<report::StageCost>& stage_costs() const { return costs_; }

  /// Adds what a stage, or a part of it before an interruption, needed.
  void add_cost(const std::string& stage, double seconds, const report::MemoryPeak& peak) {
    auto found = std::find_if(costs_.begin(), costs_.end(), [&](const auto& c) { return c.stage == stage; });
    if (found == costs_.end()) found = costs_.insert(found, {stage, 0, {}});
    found->seconds += seconds;
    found->memory = {std::max(found->memory.process, peak.process), std::max(found->memory.tensors, peak.tensors),
                     peak.of_stage};
    paser::io::write_file(path_ / "stages.json", nlohmann::json(costs_).dump(1) + "\n");
  }

 private:
  std::filesystem::path path_;
  std::vector<report::StageCost> costs_;
};

/// PaSeR at one distance from the policy of stage 2, ready to be evaluated.
struct Variant {
  std::string name;      ///< "PaSeR (TVD 5 %)"
  std::string file;      ///< its checkpoint's name
  double threshold = 0;  ///< asked for
  double tvd = 0;        ///< measured on validation data
  double lambda = 0;     ///< when it was reached
  bool reached = true;
  pipeline::Paser<float> paser;
};

/// Trains everything that a configuration asks for.
class Experiment {
 public:
  /// With `fresh` a run that is in the folder is deleted first.
  Experiment(const Config& config, const std::filesystem::path& out, const std::filesystem::path& mnist, bool fresh)
      : config_(config),
        data_(load(config, mnist)),  // first, so that nothing is written when there is nothing to train on
        folder_(fresh ? emptied(out) : out, config),
        log_(out / "log.jsonl"),
        paser_(fresh_paser(config)) {}

  const Config& config() const { return config_; }
  RunFolder& folder() { return folder_; }
  const paser::data::NoisyMnist& data() const { return data_; }
  const std::vector<Variant>& variants() const { return variants_; }
  const pipeline::Paser<float>& untuned() const { return variants_.front().paser; }

  /// All three stages. Throws Interrupted after Ctrl-C.
  void train() {
    for (std::size_t k = 0; k < 3; ++k) pretrain(k);
    train_policy();
    fine_tune();
  }

 private:
  static const std::filesystem::path& emptied(const std::filesystem::path& out) {
    if (std::filesystem::exists(out / "config.json"))  // never empties a folder that is not a run
      for (const char* part : {"checkpoints", "config.json", "log.jsonl", "stages.json", "results.json", "report.html"})
        std::filesystem::remove_all(out / part);
    return out;
  }

  static paser::data::NoisyMnist load(const Config& c, const std::filesystem::path& mnist) {
    return paser::data::NoisyMnist(mnist, {.seed = c.seed,
                                           .foreground = c.foreground,
                                           .box = paser::data::box_from_name(c.box),
                                           .pretrain = c.pretrain_images,
                                           .policy = c.policy_images,
                                           .fine_tune = c.fine_tune_images,
                                           .validation = c.validation_images,
                                           .test = c.test_images,
                                           .shared = c.shared_digits});
  }

  /// Runs one stage with progress, log and measurements. body(stage) returns false when it was interrupted.
  template <class Body>
  void run(const std::string& name, const std::string& file, Body&& body) {
    pipeline::Stage stage{.name = name, .file = folder_.checkpoint(file)};
    std::optional<report::Progress> progress;
    const report::MemoryMeter memory;
    const auto start = std::chrono::steady_clock::now();
    stage.monitor.log = [this](const nlohmann::json& record) { log_.write(record); };
    stage.monitor.interrupted = [] { return report::interrupted(); };
    stage.monitor.progress = [&](paser::Index done, paser::Index total, const std::string& note) {
      if (!progress) progress.emplace(name, total, report::ProgressOptions{}, done - 1);
      progress->update(done, note);
      last_note_ = note;
    };
    const bool finished = body(stage);
    if (!progress && finished) return;  // was done in an earlier run
    folder_.add_cost(name, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                     memory.peak());
    if (!finished) throw Interrupted();
    progress->finish(last_note_ + ", peak memory " + report::bytes_text(memory.peak().process));
  }

  void pretrain(std::size_t k) {
    const std::string name = paser::message("f", k + 1);
    pipeline::PretrainOptions<float> options;
    options.epochs = config_.pretrain_epochs[k];
    options.batch = config_.pretrain_batch[k];
    options.learning_rate = config_.pretrain_rate[k];
    options.supervised.micro_batch = config_.micro_batch;
    run("pretrain " + name, name, [&](const pipeline::Stage& stage) {
      return pipeline::pretrain(paser_.models[k], data_.pretrain(k), data_.validation(k), options, stage,
                                Key{config_.seed}.fold(2).fold(k));
    });
  }

  pipeline::RewardOptions reward_options(double lambda) const {
    std::vector<double> parameters;
    for (const auto& model : paser_.models)
      parameters.push_back(static_cast<double>(paser::nn::count_parameters(model)));
    return {.lambda = lambda, .costs = pipeline::cost_shares(parameters), .classes = classes};
  }

  /// How rewards become advantages, the same in stages 2 and 3.
  paser::rl::AdvantageSpec advantage() const {
    using paser::rl::Baseline;
    return {.baseline = config_.policy_baseline == "batch_mean" ? Baseline::batch_mean : Baseline::none};
  }

  void train_policy() {
    pipeline::PolicyOptions<float> options;
    options.epochs = config_.policy_epochs;
    options.batch = config_.policy_batch;
    options.learning_rate = config_.policy_rate;
    options.exploit_from = config_.exploit_from;
    options.exploit_to = config_.exploit_to;
    options.reward = reward_options(0);
    options.advantage = advantage();
    options.gradient.entropy_bonus = config_.entropy_bonus;
    run("policy", "policy", [&](const pipeline::Stage& stage) {
      return pipeline::train_policy(paser_, data_.policy(), data_.validation(), options, stage,
                                    Key{config_.seed}.fold(3));
    });
    keep({"PaSeR (TVD 0 %)", "paser_tvd0", 0, 0, 0, true, paser_});
  }

  void fine_tune() {
    pipeline::FineTuneOptions<float> options;
    options.steps = config_.fine_tune_steps;
    options.batch = config_.fine_tune_batch;
    options.expert_learning_rate = config_.fine_tune_rate;
    options.policy_learning_rate = config_.fine_tune_policy_rate;
    options.supervised.micro_batch = config_.micro_batch;
    options.reward = reward_options(0);
    options.exploit_from = config_.fine_tune_exploit_from;
    options.exploit_to = config_.fine_tune_exploit_to;
    options.lambda_from = 0;
    options.lambda_to = config_.lambda_to;
    options.advantage = advantage();
    options.gradient.entropy_bonus = config_.entropy_bonus;
    options.tvd_thresholds = config_.tvd;
    std::vector<pipeline::Snapshot<float>> snapshots;
    run("fine-tune", "fine_tune", [&](const pipeline::Stage& stage) {
      return pipeline::fine_tune(paser_, data_.fine_tune(), data_.validation(), options, stage,
                                 Key{config_.seed}.fold(4), snapshots);
    });
    for (std::size_t i = 0; i < config_.tvd.size(); ++i) {
      const auto& snapshot = snapshots[std::min(i, snapshots.size() - 1)];
      const std::string percent = paser::message(100 * config_.tvd[i]);
      auto tuned = paser_;
      tuned.models = snapshot.models;
      tuned.policy = snapshot.policy;
      keep({"PaSeR (TVD " + percent + " %)", "paser_tvd" + percent, config_.tvd[i], snapshot.tvd, snapshot.lambda,
            i < snapshots.size() && snapshot.tvd >= config_.tvd[i], std::move(tuned)});
    }
  }

  void keep(Variant variant) {
    auto described = description(config_);
    described.info = {{"name", variant.name}, {"tvd", variant.tvd}, {"lambda", variant.lambda}};
    pipeline::save_paser(folder_.checkpoint(variant.file), variant.paser, described);
    variants_.push_back(std::move(variant));
  }

  Config config_;
  paser::data::NoisyMnist data_;
  RunFolder folder_;
  report::Log log_;
  pipeline::Paser<float> paser_;
  std::vector<Variant> variants_;
  std::string last_note_;
};

}  // namespace noisy_mnist
