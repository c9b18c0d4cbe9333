#pragma once

#include "noisy_mnist/networks.hpp"
#include "paser/data/noisy_mnist.hpp"
#include "paser/experiment/rivals.hpp"
#include "paser/experiment/stage_options.hpp"

/// The training of the noisy-MNIST experiment: three stages in one run folder, each of which can be stopped and
/// resumed.
namespace noisy_mnist {

using paser::Key;
namespace pipeline = paser::pipeline;
namespace report = paser::report;

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
  Experiment(const Config& config, const std::filesystem::path& out, const std::filesystem::path& mnist,
             const experiment::RunChoice& choice)
      : config_(checked(config)),
        data_(load(config, mnist)),  // first, so that nothing is written when there is nothing to train on
        paser_(fresh_paser(config)),
        rivals_(config, description(config), config.dropout, config.micro_batch, Key{config.seed}.fold(6),
                config.answers_as_published()),
        folder_((require_parts(), out), config, choice, needs(mnist)) {}

  const Config& config() const { return config_; }
  experiment::RunFolder& folder() { return folder_; }
  const paser::data::NoisyMnist& data() const { return data_; }
  const std::vector<Variant>& variants() const { return variants_; }
  const experiment::Rivals& rivals() const { return rivals_; }
  const pipeline::Paser<float>& untuned() const { return variants_.front().paser; }

  /// f1, f2, f3, policy, fine-tune, rivals. Where no time is measured it is milliseconds per image of the preset `demo`
  /// on two cores of an AMD EPYC (Zen 3) times the images of the configuration.
  experiment::Stages stages() {
    constexpr std::array networks{"small", "medium", "large"};
    constexpr std::array blurs{"first", "second", "third"};
    experiment::Stages stages;
    for (std::size_t k = 0; k < 3; ++k) {
      auto& stage = stages.emplace_back(pretrain_stage(k));
      stage.what = paser::message("the ", networks[k], " network on ", config_.pretrain_images[k], " digits of the ",
                                  blurs[k], " blur: ", stage.what);
    }
    const Config& c = config_;
    const auto n = [](Index count) { return static_cast<double>(count); };
    const double policy =
        4e-3 * n(c.policy_images + c.validation_images) + 1.7e-3 * n(c.policy_images * c.policy_epochs);
    const double tuning = 10e-3 * n(c.fine_tune_steps * c.fine_tune_batch);
    stages.push_back(
        {"policy",
         paser::message("which network gets which image: ", c.policy_images, " images, ", c.policy_epochs, " epochs"),
         [this] { train_policy(); }, [=] { return policy; }});
    stages.push_back({"fine-tune",
                      paser::message("policy and networks together: at most ", c.fine_tune_steps, " steps"),
                      [this] { fine_tune(); }, [=] { return tuning; }});
    rivals_.add_stages(stages, folder_, data_.training(), data_.validation(), rival_options(),
                       Key{config_.seed}.fold(7));
    return stages;
  }

 private:
  /// What the trainings of rivals share.
  pipeline::PretrainOptions<float> rival_options() const { return experiment::pretrain_options(config_, 0); }

  /// Whether the rivals' batches may run as the settings say; the networks of a PaSeR here have no batch norms.
  void require_parts() const {
    rivals_.require_parts({data_.training().size(), digit_size, digit_size, 1}, rival_options());
  }

  /// A part of MNIST. Throws FormatError where its images are not of MNIST's size, which sizes of networks and counts
  /// of operations follow.
  static paser::data::Digits digits(const std::filesystem::path& mnist, const std::string& part) {
    auto read = paser::data::read_mnist(mnist, part);
    const auto& shape = read.images.shape();
    paser::check<paser::FormatError>(shape[1] == digit_size && shape[2] == digit_size,
                                     paser::data::find_idx(mnist, part + "-images-idx3-ubyte").string().c_str(),
                                     "digits of ", shape[1], " x ", shape[2], " pixels, expected ", digit_size, " x ",
                                     digit_size);
    return read;
  }

  static paser::data::NoisyMnist load(const Config& c, const std::filesystem::path& mnist) {
    const auto train = digits(mnist, "train"), test = digits(mnist, "t10k");
    return paser::data::NoisyMnist(train, test,
                                   {.seed = c.seed,
                                    .foreground = c.foreground,
                                    .box = paser::data::box_from_name(c.box),
                                    .pretrain = c.pretrain_images,
                                    .policy = c.policy_images,
                                    .fine_tune = c.fine_tune_images,
                                    .validation = c.validation_images,
                                    .test = c.test_images,
                                    .shared = c.shared_digits});
  }

  experiment::RunNeeds needs(const std::filesystem::path& mnist) const {
    experiment::DataFiles files;
    for (const char* name :
         {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"})
      files[name] = paser::data::find_idx(mnist, name);
    auto size = experiment::size_of(paser_);
    size.policies = size.tunings = 1;
    size.snapshots = config_.tvd.size();
    size.kept = 1 + size.snapshots;
    size.alone = rivals_.bytes();
    return {"train_noisy_mnist", experiment::bytes_of(size), files, {"results.json", "report.html"}};
  }

  experiment::RunStage pretrain_stage(std::size_t k) {
    const std::string name = paser::message("f", k + 1);
    return experiment::pretrain_stage(folder_, {"pretrain " + name, name}, paser_.models[k], data_.pretrain(k),
                                      data_.validation(k), experiment::pretrain_options(config_, k),
                                      Key{config_.seed}.fold(2).fold(k));
  }

  pipeline::RewardOptions reward_options(double lambda) const {
    return {.lambda = lambda, .costs = pipeline::cost_shares(experiment::parameters_of(paser_)), .classes = classes};
  }

  void train_policy() {
    auto options = experiment::policy_options(config_, config_.policy_baseline);
    options.reward = reward_options(0);
    folder_.run("policy", "policy", [&](const pipeline::Stage& stage) {
      return pipeline::train_policy(paser_, data_.policy(), data_.validation(), options, stage,
                                    Key{config_.seed}.fold(3));
    });
    keep({"PaSeR (TVD 0 %)", "paser_tvd0", 0, 0, 0, true, paser_});
  }

  void fine_tune() {
    auto options = experiment::fine_tune_options(config_, config_.policy_baseline);
    options.steps = config_.fine_tune_steps;
    options.reward = reward_options(0);
    options.lambda_from = 0;
    options.lambda_to = config_.lambda_to;
    options.tvd_thresholds = config_.tvd;
    std::vector<pipeline::Snapshot<float>> snapshots;
    folder_.run("fine-tune", "fine_tune", [&](const pipeline::Stage& stage) {
      return pipeline::fine_tune(paser_, data_.fine_tune(), data_.validation(), options, stage,
                                 Key{config_.seed}.fold(4), snapshots);
    });
    for (std::size_t i = 0; i < config_.tvd.size(); ++i) {
      const auto& snapshot = snapshots[std::min(i, snapshots.size() - 1)];
      const std::string asked = percent(config_.tvd[i]);
      auto tuned = paser_;
      tuned.models = snapshot.models;
      tuned.policy = snapshot.policy;
      keep({"PaSeR (TVD " + asked + " %)", "paser_tvd" + asked, config_.tvd[i], snapshot.tvd, snapshot.lambda,
            i < snapshots.size() && snapshot.tvd >= config_.tvd[i], std::move(tuned)});
    }
  }

  void keep(Variant variant) {
    auto described = description(config_);
    described.info = {{"name", variant.name}, {"tvd", variant.tvd}, {"lambda", variant.lambda}};
    if (variant.threshold > 0) described.info["fine_tuned"] = experiment::task_models(paser_.actions());
    pipeline::save_paser(folder_.checkpoint_to_write(variant.file), variant.paser, described);
    variants_.push_back(std::move(variant));
  }

  Config config_;
  paser::data::NoisyMnist data_;
  pipeline::Paser<float> paser_;
  experiment::Rivals rivals_;
  experiment::RunFolder folder_;
  std::vector<Variant> variants_;
};

}  // namespace noisy_mnist
