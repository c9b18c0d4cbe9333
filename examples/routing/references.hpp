#pragma once

#include "paser/data/salt_and_pepper.hpp"
#include "paser/pipeline/train_policy.hpp"
#include "routing/report.hpp"
#include "segmentation/networks.hpp"

/// What a learned router is held against beside the single networks, their mixes and the entropy cascade.
namespace routing {

class References {
 public:
  /// test: of the shipped networks; unseen: the images that routers learn from.
  References(Experiment& experiment, const Comparison& comparison, const std::vector<Unseen>& unseen,
             const Folder& test_images, const pipeline::RoutingTable& test)
      : experiment_(experiment),
        comparison_(comparison),
        unseen_(unseen.front()),
        test_images_(test_images),
        test_(test),
        groups_(files_of(test_images)) {}

  /// By the truth, as far as other networks of the same kind know it, and without any knowledge. `router` pays.
  void add_oracles(const Router& router, Findings& found) const {
    const auto judged = [&](const std::string& name, const pipeline::RoutingCurve& curve) {
      found.routers.push_back({name, comparison_.judge(router.policy, curve, test_, groups_)});
    };
    const Settings& s = experiment_.settings();
    const Paser twins = experiment_.with("twin_", {s.corrected, s.shifts, s.halo, true});
    const auto answers = experiment_.table("test images, twin task models", test_images_, twins);
    judged(
        "oracle by twin task models",
        pipeline::curve_of_gains(pipeline::true_gains(answers, paser::metrics::GainReference::set, comparison_.mean()),
                                 comparison_.prices().costs));
    judged("random", pipeline::random_curve(test_, best_expert(), experiment_.key(9)));
  }

  /// The paper's policy net with the paper's reward, sampled gradient and whole-image view, a training for each lambda:
  /// its points on the test images, by rising milliseconds. It learns on the first part of the unseen images.
  std::vector<pipeline::MeasuredPoint> paper_policy() const {
    std::vector<pipeline::MeasuredPoint> points;
    pipeline::PolicyCache<float> cache(1, experiment_.key(10));
    Paser paser = unseen_.networks;
    const auto& d = experiment_.description();
    std::vector<double> parameters;
    for (const auto& model : paser.models)
      parameters.push_back(static_cast<double>(paser::nn::count_parameters(model)));
    std::optional<pipeline::CurveCosts> costs;
    for (const double lambda : {0.0, 0.02, 0.1, 0.3, 0.5}) {
      paser.policy =
          pipeline::make_policy<float>(pipeline::net_policy_spec({1, 1}, pipeline::RouteChoice::most_probable),
                                       {d.grid, paser.actions(), {}, d.classes()}, experiment_.key(10).fold(1));
      if (!costs) costs = costs_of(paser);
      pipeline::PolicyOptions<float> options;
      options.epochs = experiment_.settings().policy_epochs;
      options.batch = 8;
      options.learning_rate = 1e-3;
      options.reward = {.lambda = lambda,
                        .costs = pipeline::cost_shares(parameters),
                        .class_mean = comparison_.mean(),
                        .classes = experiment_.data().classes(),
                        .ignored = paser::data::ignored_label};
      const std::string name = paser::message("the paper's policy, lambda ", lambda);
      experiment_.folder().run(name, paser::message("paper_policy_", lambda), [&](const pipeline::Stage& stage) {
        return pipeline::train_policy(paser, unseen_.images, experiment_.data().validation(), options, stage,
                                      experiment_.key(10).fold(2), &cache);
      });
      Paser answering = experiment_.networks();
      answering.policy = paser.policy;
      points.push_back(pipeline::measure(test_, {{lambda, choices(answering)}}, *costs, comparison_.mean()).front());
    }
    std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.ms < b.ms; });
    return points;
  }

  /// Salt and pepper on the test images (the paper's third question): every network alone, a random mix and the routers
  /// at the price of the shipped PaSeR. None of them has seen noise.
  std::vector<NoiseRow> noise(const std::vector<Router>& routers, const std::vector<double>& prices) const {
    const paser::data::SaltAndPepper<Folder> noisy(test_images_, experiment_.settings().noise, experiment_.key(11));
    const auto table = experiment_.table("noisy test images", noisy, experiment_.networks());
    const auto iou = [&](const pipeline::RoutingTable& of, const std::vector<Index>& where) {
      return pipeline::measure(of, {{0, where}}, comparison_.costs(routers.front().policy), comparison_.mean())[0];
    };
    std::vector<NoiseRow> rows;
    const auto add = [&](const std::string& name, const std::vector<Index>& clean, const std::vector<Index>& with) {
      const auto a = iou(test_, clean), b = iou(table, with);
      rows.push_back({name, a.iou, b.iou, a.share, b.share});
    };
    for (Index k = 0; k < test_.models(); ++k) {
      const std::vector<Index> all(static_cast<std::size_t>(test_.images * test_.patches), k);
      add(paser::message("f", k + 1), all, all);
    }
    const auto grid = experiment_.networks().grid;
    for (std::size_t i = 0; i < routers.size(); ++i) {
      const auto clean = routers[i].at(prices[i], test_, grid).choices,
                 with = routers[i].at(prices[i], table, grid).choices;
      add(routers[i].name, clean, with);
      add("random, as many patches as " + routers[i].name, shuffled(clean), shuffled(with));
    }
    return rows;
  }

 private:
  Index best_expert() const {
    const auto c = comparison_.costs(pipeline::Constant{0});
    Index best = 1;
    for (Index k = 2; k < test_.models(); ++k)
      if (pipeline::single(test_, k, c, false, comparison_.mean()).iou >
          pipeline::single(test_, best, c, false, comparison_.mean()).iou)
        best = k;
    return best;
  }

  /// The same number of patches for every model, elsewhere.
  std::vector<Index> shuffled(const std::vector<Index>& choices) const {
    const auto order = paser::permutation(experiment_.key(9), static_cast<Index>(choices.size()));
    std::vector<Index> result;
    for (const Index i : order) result.push_back(choices[static_cast<std::size_t>(i)]);
    return result;
  }

  /// What the paper's policy costs in place of a router: it reads maps, and is a network.
  pipeline::CurveCosts costs_of(const Paser& paser) const {
    pipeline::CurveCosts costs = comparison_.costs(paser.policy);
    costs.ms.decide = report::measure_costs<float>(paser, paser.policy, experiment_.description().image(),
                                                   {.rounds = 5, .batches = {1}})
                          .decide;
    return costs;
  }

  std::vector<Index> choices(const Paser& paser) const {
    std::vector<Index> all;
    paser::for_each_chunk(test_images_.size(), 16, [&](Index begin, Index end) {
      const auto batch = test_images_.range(begin, end);
      const auto prediction = paser.predict_coarse(batch.images, batch.ids, experiment_.key(6));
      for (const std::int32_t a : paser.policy.probabilities(paser.state(prediction.policy_state())).argmax().values())
        all.push_back(a);
    });
    return all;
  }

  Experiment& experiment_;
  const Comparison& comparison_;
  const Unseen& unseen_;
  const Folder& test_images_;
  const pipeline::RoutingTable& test_;
  std::vector<Index> groups_;
};

}  // namespace routing
