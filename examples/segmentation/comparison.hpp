#pragma once

#include "paser/metrics/significance/t_test.hpp"
#include "segmentation/experiment.hpp"

/// What a trained run is worth: every method of the paper's Table 1 on the same test images.
namespace segmentation {

/// The share of the values below, at and above which a tenth, a half and nine tenths of them lie, as text.
inline std::string percentiles(const std::vector<double>& values) {
  std::string text;
  for (const double q : {0.1, 0.5, 0.9})
    text += (text.empty() ? "" : " / ") + report::fixed(paser::metrics::quantile(values, q), 3);
  return text;
}

class Comparison : public experiment::FolderComparison {
 public:
  /// Reads the test images, which nothing has seen before.
  explicit Comparison(Experiment& experiment)
      : FolderComparison(experiment.data(), experiment.config(), experiment.networks(), experiment.description(), 8),
        experiment_(experiment),
        key_(experiment.key(7)) {}

  Key key() const { return key_; }
  /// Every answer of the networks of stage 1 on the test images.
  const pipeline::RoutingTable& table() const { return table_; }

  /// Runs every method, and fills the rows and all that belongs to them.
  void compare(report::Results& r) {
    table_ = tabulate("test", test(), key_.fold(0));
    add_networks(key_);
    experiment_.rivals().add_to(*this, key_);
    add_random(key_.fold(1));
    add_cascades();
    add_oracle(table_, {}, "greedy, by the truth: the largest additive gain on the image; networks of stage 1");
    for (const Variant& v : experiment_.tuned())
      add(v.name, "paser", run_of(v.paser, v.paser.policy, key_.fold(0)),
          paser::message("cost by ", v.reward.cost,
                         v.reward.scale == "gain" ? paser::message(" scaled to the mean gain of f", v.paser.actions())
                                                  : std::string(),
                         ", lambda ", v.reward.lambda, ", ", v.reward.gradient, " gradient, the policy reads the ",
                         v.reward.view, ", fine-tuned"));
    add_parts();
    r.time_convention = time(options().batch, 5);  // a large network alone takes a quarter of a second an image
    const auto images = [&](std::size_t stage) { return experiment_.data().varied(stage).size(); };
    describe(r, experiment_.config(),
             paser::message(images(1), " + ", images(2), " + ", images(3), " training images for the three stages"));
    experiment_.rivals().describe(r);
    r.title = "PaSeR on " + experiment::own_name(experiment_.config().source());
  }

  /// Test images on their way through a PaSeR: those on which it does best and worst.
  std::vector<report::Sample> samples(const Variant& v, Index each = 3) const {
    const auto& iou = method(v.name).evaluation.image_iou;
    std::vector<Index> order;
    for (std::size_t i = 0; i < iou.size(); ++i)
      if (!paser::is_nan(iou[i])) order.push_back(static_cast<Index>(i));
    std::sort(order.begin(), order.end(),
              [&](Index a, Index b) { return iou[static_cast<std::size_t>(a)] > iou[static_cast<std::size_t>(b)]; });
    const Index n = std::min<Index>(each, static_cast<Index>(order.size()) / 2);
    std::vector<report::Sample> shown;
    for (Index i = 0; i < n; ++i) shown.push_back(sample(v, order[static_cast<std::size_t>(i)], "best by IoU"));
    for (Index i = 0; i < n; ++i)
      shown.push_back(sample(v, order[order.size() - 1 - static_cast<std::size_t>(i)], "worst by IoU"));
    return shown;
  }

 private:
  void add_cascades() {
    const auto& validation = experiment_.data().validation();
    const auto points = thresholds(validation, key_.fold(2));
    add_cascade("IDK cascade", pipeline::most_parsimonious(points), key_.fold(0), "best IoU per GMAC on validation");
    for (const Variant& v : experiment_.tuned()) {
      const auto reward = experiment_.reward_options(v.reward);
      add_cascade("IDK cascade, loss of " + v.name, pipeline::cost_aware(points, reward.costs, reward.lambda),
                  key_.fold(0), "least loss on validation by that PaSeR's costs and lambda");
      const double target =
          evaluate(v.name + " on validation images", run_of(v.paser, v.paser.policy, key_.fold(2)), validation).iou;
      add_cascade("IDK cascade, IoU of " + v.name, pipeline::iou_match(points, target), key_.fold(0),
                  paser::message("cheapest with that PaSeR's validation IoU of ", report::fixed(target, 4),
                                 ", else the one with the largest"));
    }
  }

  /// What a PaSeR owes to its policy, and what to the fine-tuning of its networks.
  void add_parts() {
    for (const Variant& v : experiment_.tuned())
      for (Index k = experiment_.config().fine_tune_small ? 0 : 1; k < experiment_.networks().actions(); ++k)
        add(paser::message("f", k + 1, " of ", v.name), "part",
            run_of(v.paser, pipeline::Constant{static_cast<std::int32_t>(k)}, key_),
            "fine-tuned, one pass over every patch");
  }

  report::Sample sample(const Variant& v, Index i, const std::string& kind) const {
    auto shown = experiment::sample_of(v.paser, test().rows(std::span<const Index>(&i, 1)), key_.fold(0));
    shown.kind = kind;
    shown.iou = method(v.name).evaluation.image_iou[static_cast<std::size_t>(i)];
    shown.note = test().info(i).name;
    return shown;
  }

  Experiment& experiment_;
  Key key_;
  pipeline::RoutingTable table_;
};

}  // namespace segmentation
