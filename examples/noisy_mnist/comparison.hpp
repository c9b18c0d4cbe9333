#pragma once

#include <deque>

#include "noisy_mnist/experiment.hpp"
#include "paser/report/figures.hpp"
#include "paser/report/html.hpp"
#include "paser/report/method_row.hpp"
#include "shown.hpp"

/// What a trained run is worth: every method of the paper's Table 1 on the same test images, and the report.
namespace noisy_mnist {

using Method = std::pair<report::Row, pipeline::MethodEvaluation>;
using Run = pipeline::Method<float>;

class Comparison {
 public:
  explicit Comparison(Experiment& experiment)
      : experiment_(experiment),
        paser_(experiment.untuned()),
        key_(Key{experiment.config().seed}.fold(5)),
        costs_(pipeline::mac_costs(paser_, description(experiment.config()))) {
    options_ = {.classes = classes, .models = 3, .kinds = 3};
  }

  /// Evaluates every method on the test images, which nothing has seen before.
  report::Results results(const std::string& command) {
    const auto& test = experiment_.data().test();
    for (std::int32_t k = 0; k < 3; ++k)
      add(paser::message("f", k + 1), "single", run_of(paser_, pipeline::Constant{k}, key_), "one pass");
    add_cascades();
    add("random policy", "baseline", run_of(paser_, pipeline::Random{}, key_.fold(1)), "one pass of the drawn model");
    add_oracle(test);
    for (const Variant& v : experiment_.variants()) {
      add(v.name, "paser", run_of(v.paser, v.paser.policy, key_),
          v.reached ? paser::message("lambda = ", report::significant(v.lambda))
                    : paser::message("stopped at lambda = ", report::significant(v.lambda), " before this distance"));
      methods_.back().first.tvd = v.tvd;
    }
    report::Results r;
    r.time_convention = time(test);
    r.title = "PaSeR on noisy MNIST";
    r.preset = experiment_.config().preset;
    r.seed = experiment_.config().seed;
    r.command = command;
    r.data =
        paser::message("MNIST digits on 32x32 pixels in three noises (Gaussian blur of radius 1 and 2, box blur), ",
                       test.size(), " test images, ", experiment_.data().validation().size(), " for validation");
    r.iou_convention =
        "macro IoU of background and digit, mean over images; a class absent from prediction and truth is left out";
    r.mac_convention = report::mac_convention;
    r.models = {"f1", "f2", "f3"};
    r.kinds = {"Gaussian, radius 1", "Gaussian, radius 2", "box"};
    for (std::size_t k = 0; k < 3; ++k) r.parameters[r.models[k]] = paser::nn::count_parameters(paser_.models[k]);
    r.parameters["policy"] = paser::nn::count_parameters(paser_.policy);
    for (const auto& [row, evaluation] : methods_) {
      r.rows.push_back(row);
      if (row.kind != "single") r.assignment[row.model] = evaluation.assignment;
    }
    r.cascade_thresholds = thresholds_;
    r.claims = claims();
    r.stages = experiment_.folder().stage_costs();
    r.settings = experiment_.config();
    r.environment = report::environment();
    return r;
  }

  /// Test images of each noise on their way through PaSeR.
  std::vector<report::Sample> samples(paser::Index per_kind = 4) const {
    const auto& test = experiment_.data().test();
    std::vector<report::Sample> shown;
    for (int kind = 0; kind < 3; ++kind) {
      std::vector<paser::Index> rows;
      const auto all = test.range(0, std::min<paser::Index>(test.size(), 60));
      for (std::size_t i = 0; i < all.kinds.size() && static_cast<paser::Index>(rows.size()) < per_kind; ++i)
        if (all.kinds[i] == kind) rows.push_back(static_cast<paser::Index>(i));
      const auto batch = test.rows(rows);
      const auto prediction = paser_.predict_coarse(batch.images, batch.ids, key_);
      const auto result = pipeline::segment(paser_, batch.images, batch.ids, key_);
      const auto ious = paser::metrics::mean_iou<double>(
          paser::metrics::image_confusion(result.labels, batch.labels, classes), options_.class_mean);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto n = static_cast<paser::Index>(i);
        const auto route = result.answered_by.data()[i];
        const auto mask = [&](const paser::Labels& labels) {
          return report::label_picture(labels, n, report::mask_palette);
        };
        const auto& shape = prediction.entropy.shape();
        const auto entropy = prediction.entropy.reshape(paser::Shape<4>{shape[0], shape[1], shape[2], 1});
        shown.push_back({.kind = kind_names[static_cast<std::size_t>(kind)],
                         .route = paser::message("f", route + 1),
                         .right = route == kind,
                         .iou = ious(n),
                         .pictures = {{"input", report::image_picture(batch.images, n)},
                                      {"truth", mask(batch.labels)},
                                      {"f1", mask(prediction.labels)},
                                      {"entropy of f1", report::heat_picture(entropy, 0, std::log(2.0), n)},
                                      {"PaSeR", mask(result.labels)}}});
      }
    }
    return shown;
  }

 private:
  static constexpr std::array<const char*, 3> kind_names{"Gaussian, radius 1", "Gaussian, radius 2", "box"};

  /// Images of the batch on which methods are timed.
  static constexpr paser::Index timed_images = 128;

  Run run_of(const pipeline::Paser<float>& paser, const pipeline::Policy<float>& policy, Key key) const {
    return pipeline::method(paser, policy, key, description(experiment_.config()).image());
  }

  /// Evaluates a method on the test images. It is timed later, together with the others.
  void add(const std::string& name, const std::string& kind, const Run& run, const std::string& note) {
    auto e = evaluate(name, run, experiment_.data().test());
    methods_.emplace_back(report::method_row(name, kind, e, note), std::move(e));
    runs_.emplace_back(&methods_.back().first, run);
  }

  template <class Source>
  pipeline::MethodEvaluation evaluate(const std::string& what, const Run& run, const Source& source) const {
    return program::shown("compare: " + what, "images", [&](const pipeline::HowFar& how_far) {
      auto options = options_;
      options.how_far = how_far;
      return pipeline::evaluate_method(run, source, options);
    });
  }

  template <class Source>
  pipeline::RoutingTable tabulate(const std::string& images, const Source& source) const {
    return program::shown("compare: every network on " + images + " images", "images",
                          [&](const pipeline::HowFar& how_far) {
                            return pipeline::tabulate_routing(paser_, source, classes, key_, {}, how_far);
                          });
  }

  /// Times all methods on some of the test images; returns how.
  template <class Source>
  std::string time(const Source& test) const {
    const paser::Index n = std::min(timed_images, test.size());
    std::vector<paser::Index> rows;
    for (paser::Index i = 0; i < n; ++i) rows.push_back(i * test.size() / n);
    const auto batch = test.rows(rows);
    return program::shown("compare: times of all methods in turn", "runs", [&](const pipeline::HowFar& how_far) {
      report::TimingOptions options;
      options.progress = how_far;
      return report::time_methods(runs_, batch, options);
    });
  }

  void add_cascades() {
    const auto& validation = experiment_.data().validation();
    const auto table = tabulate("validation", validation);
    const auto points =
        program::shown("compare: thresholds of the cascade", "pairs", [&](const pipeline::HowFar& how_far) {
          return pipeline::search_thresholds(table, costs_, options_.class_mean, 21, how_far);
        });
    const double target = evaluate("PaSeR on validation images", run_of(paser_, paser_.policy, key_), validation).iou;
    const auto cascade = [&](const std::string& name, const pipeline::CascadePoint& point, const std::string& note) {
      add(name, "baseline", run_of(paser_, pipeline::EntropyThreshold{point.thresholds}, key_),
          paser::message(note, "; entropy thresholds ", report::significant(point.thresholds[0]), " and ",
                         report::significant(point.thresholds[1]), " nats"));
      for (std::size_t k = 0; k < point.thresholds.size(); ++k)
        thresholds_[paser::message(name, ", f", k + 1)] = point.thresholds[k];
    };
    cascade("IDK cascade", pipeline::most_parsimonious(points), "best IoU per GMAC on validation");
    cascade("IDK cascade, IoU match", pipeline::iou_match(points, target),
            paser::message("cheapest with PaSeR's validation IoU of ", report::fixed(target, 4), ", else the best"));
  }

  template <class Source>
  void add_oracle(const Source& test) {
    const auto table = tabulate("test", test);
    std::vector<paser::Index> kinds;
    paser::for_each_chunk(test.size(), 512, [&](paser::Index begin, paser::Index end) {
      const auto batch = test.range(begin, end);
      kinds.insert(kinds.end(), batch.kinds.begin(), batch.kinds.end());
    });
    auto e = pipeline::evaluate_oracle(table, costs_, kinds, options_);
    methods_.emplace_back(report::method_row("oracle routing", "bound", e, "greedy, by the truth"), std::move(e));
  }

  const report::Row& row(const std::string& name) const {
    for (const auto& [row, evaluation] : methods_)
      if (row.model == name) return row;
    throw paser::ValueError("no method named " + name);
  }

  /// The paper's statements about this data, each with the number of this run.
  std::vector<report::Claim> claims() const;

  Experiment& experiment_;
  const pipeline::Paser<float>& paser_;
  Key key_;
  pipeline::WorkCosts costs_;
  pipeline::EvaluationOptions options_;
  std::deque<Method> methods_;  // whose rows runs_ points to
  std::vector<std::pair<report::Row*, Run>> runs_;
  std::map<std::string, double> thresholds_;
};

inline std::vector<report::Claim> Comparison::claims() const {
  std::vector<report::Claim> list;
  const report::Row& untuned = row(experiment_.variants().front().name);
  const report::Row& cheapest = row(experiment_.variants().back().name);
  const double accuracy = untuned.assignment_accuracy.value_or(0);
  list.push_back({"With lambda = 0 the policy gives each noise to the model that was trained on it",
                  {},
                  accuracy,
                  accuracy >= 0.95,
                  "share of test images routed to their model; it holds from 0.95 on"});
  double best_other = 0;
  std::string best_name;
  for (const auto& [r, e] : methods_)
    if (r.kind == "single" || r.kind == "baseline")
      if (r.iou > best_other) {
        best_other = r.iou;
        best_name = r.model;
      }
  list.push_back({"PaSeR's IoU is above that of every single model, of the random policy and of the IDK cascade",
                  {},
                  untuned.iou - best_other,
                  untuned.iou >= best_other,
                  paser::message("IoU of PaSeR (TVD 0 %) less that of the best other method, ", best_name)});
  constexpr std::array paper_iou{0.8432, 0.8328, 0.8231};
  for (std::size_t i = 0; i < experiment_.variants().size() && i < paper_iou.size(); ++i) {
    const report::Row& r = row(experiment_.variants()[i].name);
    list.push_back({r.model + ": IoU", paper_iou[i], r.iou, std::nullopt,
                    "no test: the paper does not say from which gray value on a pixel is foreground, so that its task "
                    "may be harder or easier than this one"});
  }
  bool gains = true;
  for (std::size_t i = 1; i < experiment_.variants().size(); ++i) {
    const report::Row &a = row(experiment_.variants()[i - 1].name), &b = row(experiment_.variants()[i].name);
    gains = gains && b.iou_per_gmac() > a.iou_per_gmac();
  }
  list.push_back({"The further the policy may move, the more IoU per GMAC, for a small loss of IoU", 0.8432 - 0.8231,
                  untuned.iou - cheapest.iou, gains && untuned.iou - cheapest.iou <= 0.8432 - 0.8231,
                  "loss of IoU from TVD 0 % to the largest TVD; it holds when IoU per GMAC rises from each TVD to "
                  "the next and no "
                  "more IoU is lost than in the paper"});
  double rival = 0;
  std::string rival_name = "none";
  for (const auto& [r, e] : methods_)
    if ((r.kind == "single" || r.kind == "baseline") && r.iou >= cheapest.iou - 0.01 && r.iou_per_gmac() > rival) {
      rival = r.iou_per_gmac();
      rival_name = r.model;
    }
  list.push_back({"PaSeR has at least 13.4 % more IoU per GigaFlop than the methods of equal IoU", 13.4,
                  rival > 0 ? std::optional(100 * (cheapest.iou_per_gmac() / rival - 1)) : std::nullopt,
                  rival > 0 ? std::optional(cheapest.iou_per_gmac() >= 1.134 * rival) : std::nullopt,
                  paser::message("per cent over the best of the compared methods within 0.01 of the IoU of ",
                                 cheapest.model, ": ", rival_name,
                                 ". The paper compares with DeepLabV3+, SegFormer, EfficientViT and MatPhase, which "
                                 "are not part of this run")});
  return list;
}

}  // namespace noisy_mnist
