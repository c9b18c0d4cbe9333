#pragma once

#include <deque>

#include "paser/metrics/significance/t_test.hpp"
#include "paser/pipeline/cascade.hpp"
#include "paser/report/figures.hpp"
#include "paser/report/html.hpp"
#include "paser/report/method_row.hpp"
#include "segmentation/experiment.hpp"
#include "shown.hpp"

/// What a trained run is worth: every method of the paper's Table 1 on the same test images.
namespace segmentation {

namespace report = paser::report;

/// A method of the comparison and what it did.
struct Method {
  report::Row row;
  pipeline::MethodEvaluation evaluation;
};

/// The share of the values below, at and above which a tenth, a half and nine tenths of them lie, as text.
inline std::string percentiles(const std::vector<double>& values) {
  std::string text;
  for (const double q : {0.1, 0.5, 0.9})
    text += (text.empty() ? "" : " / ") + report::fixed(paser::metrics::quantile(values, q), 3);
  return text;
}

class Comparison {
 public:
  /// Reads the test images, which nothing has seen before.
  explicit Comparison(Experiment& experiment)
      : experiment_(experiment), test_(experiment.data().test()), key_(experiment.key(7)) {
    options_ = {.classes = experiment.data().classes(),
                .models = 3,
                .kinds = 1,
                .class_mean = class_mean(experiment.config()),
                .batch = 8,
                .ignored = paser::data::ignored_label};
  }

  const Folder& test() const { return test_; }
  const pipeline::EvaluationOptions& options() const { return options_; }
  Key key() const { return key_; }
  const std::deque<Method>& methods() const { return methods_; }
  const Method& method(const std::string& name) const {
    for (const Method& m : methods_)
      if (m.row.model == name) return m;
    throw paser::ValueError("no method named " + name);
  }
  /// Every answer of the networks of stage 1 on the test images.
  const pipeline::RoutingTable& table() const { return table_; }

  /// Runs every method, and fills the rows and all that belongs to them.
  void compare(report::Results& r) {
    const Paser& networks = experiment_.networks();
    table_ = tabulate("test", test_, key_.fold(0));
    for (std::int32_t k = 0; k < 3; ++k)
      add(paser::message("f", k + 1), "single", run_of(networks, pipeline::Constant{k}, key_), "one pass");
    add("random policy", "baseline", run_of(networks, pipeline::Random{}, key_.fold(1)), "one pass of the drawn model");
    add_cascades(r);
    add("oracle routing", "bound", pipeline::evaluate_oracle(table_, experiment_.macs(), {}, options_),
        "greedy, by the truth: the largest additive gain on the image; networks of stage 1");
    for (const Variant& v : experiment_.tuned())
      add(v.name, "paser", run_of(v.paser, v.paser.policy, key_.fold(0)),
          paser::message("cost by ", v.reward.cost, v.reward.scale == "gain" ? " scaled to the mean gain of f3" : "",
                         ", lambda ", v.reward.lambda, ", ", v.reward.gradient, " gradient, the policy reads the ",
                         v.reward.view, ", fine-tuned"));
    add_parts();
    r.time_convention = time();
    describe(r);
  }

  pipeline::Method<float> run_of(const Paser& paser, const pipeline::Policy<float>& policy, Key key) const {
    return pipeline::method(paser, policy, key, experiment_.description().image());
  }

  /// Evaluates a method on some images and shows how far it is.
  template <class Source>
  pipeline::MethodEvaluation evaluate(const std::string& what, const pipeline::Method<float>& run,
                                      const Source& source) const {
    return program::shown("compare: " + what, "images", [&](const pipeline::HowFar& how_far) {
      auto options = options_;
      options.how_far = how_far;
      return pipeline::evaluate_method(run, source, options);
    });
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
  void add(const std::string& name, const std::string& kind, const pipeline::Method<float>& run,
           const std::string& note) {
    add(name, kind, evaluate(name, run, test_), note);
    // A part costs what the network of its name costs, which is timed.
    if (kind != "part") runs_.emplace_back(&methods_.back().row, run);
  }
  void add(const std::string& name, const std::string& kind, pipeline::MethodEvaluation e, const std::string& note) {
    report::Row row = report::method_row(name, kind, e, note);
    row.ms_per_image = std::numeric_limits<double>::quiet_NaN();  // timed later, together with the others
    methods_.push_back({std::move(row), std::move(e)});
  }

  pipeline::RoutingTable tabulate(const std::string& images, const Folder& source, Key key) const {
    return program::shown("compare: every network on " + images + " images", "images",
                          [&](const pipeline::HowFar& how_far) {
                            return pipeline::tabulate_routing(experiment_.networks(), source, options_.classes, key,
                                                              options_.ignored, how_far);
                          });
  }

  /// Times all methods on some of the test images; returns how.
  std::string time() const {
    const Index n = std::min(options_.batch, test_.size());
    std::vector<Index> rows;
    for (Index i = 0; i < n; ++i) rows.push_back(i * test_.size() / n);
    const auto batch = test_.rows(rows);
    return program::shown("compare: times of all methods in turn", "runs", [&](const pipeline::HowFar& how_far) {
      report::TimingOptions options;
      options.rounds = 5;  // f3 alone takes a quarter of a second an image
      options.progress = how_far;
      return report::time_methods(runs_, batch, options);
    });
  }

  void add_cascades(report::Results& r) {
    const Paser& networks = experiment_.networks();
    const auto& validation = experiment_.data().validation();
    const auto table = tabulate("validation", validation, key_.fold(2));
    const auto points =
        program::shown("compare: thresholds of the cascade", "pairs", [&](const pipeline::HowFar& how_far) {
          return pipeline::search_thresholds(table, experiment_.macs(), options_.class_mean, 21, how_far);
        });
    const auto cascade = [&](const std::string& name, const pipeline::CascadePoint& point, const std::string& note) {
      add(name, "baseline", run_of(networks, pipeline::EntropyThreshold{point.thresholds}, key_.fold(0)),
          paser::message(note, "; entropy thresholds ", report::significant(point.thresholds[0]), " and ",
                         report::significant(point.thresholds[1]), " nats"));
      for (std::size_t k = 0; k < point.thresholds.size(); ++k)
        r.cascade_thresholds[paser::message(name, ", f", k + 1)] = point.thresholds[k];
    };
    cascade("IDK cascade", pipeline::most_parsimonious(points), "best IoU per GMAC on validation (Eq. 5)");
    for (const Variant& v : experiment_.tuned()) {
      const double target =
          evaluate(v.name + " on validation images", run_of(v.paser, v.paser.policy, key_.fold(2)), validation).iou;
      cascade("IDK cascade, IoU of " + v.name, pipeline::iou_match(points, target),
              paser::message("cheapest with that PaSeR's validation IoU of ", report::fixed(target, 4),
                             ", else the one with the largest"));
    }
  }

  /// What a PaSeR owes to its policy, and what to the fine-tuning of its networks.
  void add_parts() {
    for (const Variant& v : experiment_.tuned())
      for (std::int32_t k = experiment_.config().fine_tune_small ? 0 : 1; k < 3; ++k)
        add(paser::message("f", k + 1, " of ", v.name), "part", run_of(v.paser, pipeline::Constant{k}, key_),
            "fine-tuned, one pass over every patch");
  }

  void describe(report::Results& r) const {
    const Config& c = experiment_.config();
    r.title = "PaSeR on " + std::filesystem::path(c.data).filename().string();
    r.preset = c.preset;
    r.seed = c.seed;
    r.data =
        paser::message(c.data, ": ", experiment_.data().varied(1).size(), " + ", experiment_.data().varied(2).size(),
                       " + ", experiment_.data().varied(3).size(), " training images for the three stages, ",
                       experiment_.data().validation().size(), " for validation, ", test_.size(),
                       experiment_.data().has_test() ? " for the test" : " of validation in place of a test");
    r.iou_convention =
        paser::message("macro IoU of ", options_.classes, " classes, mean over images; a class absent ",
                       "from prediction and truth is ", c.absent_class == "zero" ? "counted as 0" : "left out");
    if (const Index without = methods_.front().evaluation.without_iou(); without > 0)
      r.iou_convention += paser::message("; ", without, " test images have no pixel that counts, and no IoU");
    r.mac_convention = report::mac_convention;
    r.models = {"f1", "f2", "f3"};
    r.kinds = {"all images"};
    const Paser& networks = experiment_.networks();
    for (std::size_t k = 0; k < 3; ++k) r.parameters[r.models[k]] = paser::nn::count_parameters(networks.models[k]);
    r.parameters["policy"] = paser::nn::count_parameters(networks.policy);
    r.classes = experiment_.data().class_names();
    r.settings = c;
    r.environment = report::environment();
    for (Index i = 0; i < test_.size(); ++i) r.images.push_back({test_.info(i).name, {}});
    for (const auto& [row, e] : methods_) {
      r.rows.push_back(row);
      r.class_tables[row.model] = report::class_table(e.confusion);
      if (row.kind != "single" && row.kind != "part") r.assignment[row.model] = e.assignment;
      for (std::size_t i = 0; i < r.images.size(); ++i)
        r.images[i].methods[row.model] = {.iou = e.image_iou[i], .share = e.image_share[i]};
    }
  }

  report::Sample sample(const Variant& v, Index i, const std::string& kind) const {
    const auto batch = test_.rows(std::span<const Index>(&i, 1));
    const auto prediction = v.paser.predict_coarse(batch.images, batch.ids, key_.fold(0));
    const auto result = pipeline::segment(v.paser, batch.images, batch.ids, key_.fold(0));
    const auto input = report::image_picture(batch.images);
    const auto mask = [&](const paser::Labels& labels) { return report::label_picture(labels); };
    const auto whole = [&](std::size_t k) {
      return mask(paser::argmax_channels(
          pipeline::predict_logits_on_grid(v.paser.models[k], batch.images, v.paser.grid, v.paser.micro_batch)));
    };
    const auto& shape = prediction.entropy.shape();
    const auto entropy = prediction.entropy.reshape(paser::Shape<4>{shape[0], shape[1], shape[2], 1});
    return {.kind = kind,
            .iou = method(v.name).evaluation.image_iou[static_cast<std::size_t>(i)],
            .pictures = {{"input", input},
                         {"truth", mask(batch.labels)},
                         {"f1", mask(prediction.labels)},
                         {"f2", whole(1)},
                         {"f3", whole(2)},
                         {"entropy of f1", report::heat_picture(entropy, 0, std::log(double(options_.classes)))},
                         {"routes", report::route_picture(input, result.answered_by, v.paser.grid)},
                         {"PaSeR", mask(result.labels)}},
            .note = test_.info(i).name,
            .share = pipeline::usage(result.answered_by, v.paser.actions())};
  }

  Experiment& experiment_;
  Folder test_;
  Key key_;
  pipeline::EvaluationOptions options_;
  pipeline::RoutingTable table_;
  std::deque<Method> methods_;  // whose rows runs_ points to
  std::vector<std::pair<report::Row*, pipeline::Method<float>>> runs_;
};

}  // namespace segmentation
