#pragma once

#include "paser/data/salt_and_pepper.hpp"
#include "paser/pipeline/calibrate_lambda.hpp"
#include "segmentation/experiment.hpp"

/// The trainings that the paper's questions need beyond the three stages.
namespace segmentation {

/// A budget that lambda was calibrated to.
struct Budget {
  std::string unit;  ///< "GMAC" or "ms", an image
  double asked = 0;
  pipeline::LambdaSearch search;
};

/// Policies of other rewards on the networks of stage 1, and networks that know noise.
class FurtherTrainings {
 public:
  /// The stages of `experiment` come first.
  explicit FurtherTrainings(Experiment& experiment) : experiment_(experiment) {}

  /// The policies, on the networks of stage 1, in the order in which they were trained.
  const std::vector<Variant>& policies() const { return policies_; }
  const std::vector<Budget>& budgets() const { return budgets_; }
  /// All networks but f1 trained on clean and noisy images, in a PaSeR whose policy is not trained; none if not asked
  /// for.
  const std::optional<Paser>& noise_aware() const { return noise_aware_; }

  /// Trains all that the settings ask for. Throws Interrupted after Ctrl-C.
  void train() {
    const Config& c = experiment_.config();
    policies_.clear();
    budgets_.clear();
    for (const double lambda : c.lambdas)
      add(paser::message("lambda ", lambda), paser::message("lambda_", lambda), with_lambda(main_reward(c), lambda));
    if (c.tuned_reward)
      for (const double lambda : c.lambdas)
        add(paser::message("tuned reward, lambda ", lambda), paser::message("tuned_lambda_", lambda),
            with_lambda(tuned_reward(c), lambda));
    for (const std::string& cost : c.costs)
      add("tuned reward, cost " + cost, "cost_" + cost, with_cost(tuned_reward(c), cost));
    keep_budget("GMAC", "macs", c.budget_gmac);
    keep_budget("ms", "time", c.budget_ms);
    train_noise_aware();
  }

 private:
  static Reward with_lambda(Reward reward, double lambda) {
    reward.lambda = lambda;
    return reward;
  }
  static Reward with_cost(Reward reward, const std::string& cost) {
    reward.cost = cost;
    return reward;
  }

  const Variant& add(const std::string& label, const std::string& file, const Reward& reward) {
    const Config& c = experiment_.config();
    Variant v = experiment_.train_policy(label, "policy, " + label, "question_" + file, reward,
                                         c.question_epochs > 0 ? c.question_epochs : c.policy_epochs);
    v.validation = experiment_.evaluate(v);
    return policies_.emplace_back(std::move(v));
  }

  /// Trains policies of several lambdas until the expense on validation images meets the budget; those of `cost` that
  /// are there already are the first trials.
  void keep_budget(const std::string& unit, const std::string& cost, double budget) {
    if (budget <= 0) return;
    const auto spent = [&](const Variant& v) {
      const auto [gmac, ms] = experiment_.expense(v.validation.share);
      return unit == "ms" ? ms : gmac;
    };
    std::vector<pipeline::LambdaTrial> known;
    for (const Variant& v : policies_)
      if (v.reward.cost == cost && v.reward.scale == "gain") known.push_back({v.reward.lambda, spent(v)});
    const Reward reward = with_cost(tuned_reward(experiment_.config()), cost);
    const auto train = [&](double lambda) {
      return spent(add(paser::message("budget of ", budget, " ", unit, ", lambda ", lambda),
                       paser::message("budget_", unit, "_", lambda), with_lambda(reward, lambda)));
    };
    budgets_.push_back(
        {unit, budget, pipeline::calibrate_lambda(budget, experiment_.config().budget_trials, known, train)});
  }

  /// All networks but f1 go on from their clean weights on every image twice, clean and noisy.
  void train_noise_aware() {
    const Config& c = experiment_.config();
    if (c.noise <= 0) return;
    using paser::data::NoisyImages;
    using paser::data::SaltAndPepper;
    const Data& data = experiment_.data();
    const Key key = experiment_.key(6);
    noise_aware_ = experiment_.networks();
    const Index all = data.varied(1).size();
    const Folder images =
        data.varied(1).only(paser::data::numbers_from(0, c.noise_images > 0 ? std::min(all, c.noise_images) : all));
    const SaltAndPepper<Folder> train(images, c.noise, key.fold(0), NoisyImages::beside_originals);
    const SaltAndPepper<Folder> validation(data.validation(), c.noise, key.fold(1));
    for (std::size_t k = 1; k < c.models(); ++k) {
      auto options = pretrain_options(c, data, k);
      options.epochs = c.noise_epochs[k - 1];
      options.learning_rate /= 3;
      if (options.epochs == 0) continue;
      const std::string name = paser::message("f", k + 1);
      experiment::pretrain_stage(experiment_.folder(), {"noise-aware " + name, "noise_" + name},
                                 noise_aware_->models[k], train, validation, options, key.fold(k + 1))
          .run();
    }
  }

  Experiment& experiment_;
  std::vector<Variant> policies_;
  std::vector<Budget> budgets_;
  std::optional<Paser> noise_aware_;
};

}  // namespace segmentation
