#pragma once
#include "paser/core/macros_off.inc"

#include "paser/experiment/advice.hpp"
#include "paser/experiment/shown.hpp"
#include "paser/pipeline/cascade.hpp"
#include "paser/pipeline/cost.hpp"
#include "paser/pipeline/evaluate.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/report/environment.hpp"
#include "paser/report/figures.hpp"
#include "paser/report/html.hpp"
#include "paser/report/results.hpp"
#include "paser/report/table.hpp"

/// Methods side by side on the same test images, as in the paper's Table 1.
namespace paser::experiment {

/// "f1", "f2", ...
inline std::vector<std::string> network_names(std::size_t networks) {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < networks; ++k) names.push_back(message("f", k + 1));
  return names;
}

/// "f2", "f3", ...: of a PaSeR of so many networks those that answer for patches.
inline std::vector<std::string> task_models(Index networks) {
  auto names = network_names(static_cast<std::size_t>(networks));
  names.erase(names.begin());
  return names;
}

/// "f1, f2, f3", or with another text between them.
inline std::string listed(const std::vector<std::string>& names, const char* between = ", ") {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : between) + name;
  return text;
}

/// Source: test images, as evaluate_method takes them.
template <class Source>
class MethodComparison {
 public:
  using Paser = pipeline::Paser<float>;  ///< What is compared.

  /// networks: those that baselines use; names: theirs, f1, f2, ... by default. Copies of `test` should be cheap.
  MethodComparison(Source test, const Paser& networks, const pipeline::PaserDescription& description,
                   const pipeline::EvaluationOptions& options, std::vector<std::string> names = {})
      : test_(std::move(test)),
        networks_(networks),
        image_(description.image()),
        macs_(pipeline::mac_costs(networks, description)),
        options_(options),
        names_(names.empty() ? network_names(networks.models.size()) : std::move(names)) {
    options_.classes = description.classes();
    options_.models = networks.actions();
  }

  const Source& test() const { return test_; }                             ///< The test images.
  const pipeline::EvaluationOptions& options() const { return options_; }  ///< How methods are judged.
  /// All methods so far, in the order in which they were added.
  const std::deque<ComparedMethod>& methods() const { return methods_; }
  /// Throws ValueError where there is none of the name.
  const ComparedMethod& method(const std::string& name) const {
    for (const ComparedMethod& m : methods_)
      if (m.row.model == name) return m;
    throw ValueError("no method named " + name);
  }

  /// A policy as a method of this comparison.
  pipeline::Method<float> run_of(const Paser& paser, const pipeline::Policy<float>& policy, Key key) const {
    return pipeline::method(paser, policy, key, image_);
  }

  /// Evaluates a method on some images and shows how far it is.
  template <class Images>
  pipeline::MethodEvaluation evaluate(const std::string& what, const pipeline::Method<float>& run,
                                      const Images& images) const {
    return shown("compare: " + what, "images", [&](const pipeline::HowFar& how_far) {
      auto options = options_;
      options.how_far = how_far;
      return pipeline::evaluate_method(run, images, options);
    });
  }

  /// Every network on every patch.
  template <class Images>
  pipeline::RoutingTable tabulate(const std::string& what, const Images& images, Key key) const {
    return shown("compare: every network on " + what + " images", "images", [&](const pipeline::HowFar& how_far) {
      return pipeline::tabulate_routing(networks_, images, options_.classes, key, options_.ignored, how_far);
    });
  }

  /// Evaluates a method on the test images. It is timed later, together with the others; but a part costs what the
  /// network of its name costs, which is timed.
  ComparedMethod& add(const std::string& name, const std::string& kind, const pipeline::Method<float>& run,
                      const std::string& note) {
    ComparedMethod& added = add(name, kind, evaluate(name, run, test_), note);
    if (kind != "part") runs_.emplace_back(&added.row, run);
    return added;
  }
  /// What was evaluated already, untimed.
  ComparedMethod& add(const std::string& name, const std::string& kind, pipeline::MethodEvaluation e,
                      const std::string& note) {
    report::Row row = report::method_row(name, kind, e, note);
    row.ms_per_image = std::numeric_limits<double>::quiet_NaN();
    return methods_.emplace_back(ComparedMethod{std::move(row), std::move(e)});
  }

  /// Every network alone.
  void add_networks(Key key) {
    for (Index k = 0; k < networks_.actions(); ++k)
      add(names_[static_cast<std::size_t>(k)], "single",
          run_of(networks_, pipeline::Constant{static_cast<std::int32_t>(k)}, key), "one pass");
  }
  /// A network drawn for every patch.
  void add_random(Key key) {
    add("random policy", "baseline", run_of(networks_, pipeline::Random{}, key), "one pass of the drawn model");
  }
  /// The best choices by the truth. kinds: of the test images, where there are several.
  void add_oracle(const pipeline::RoutingTable& table, const std::vector<Index>& kinds, const std::string& note) {
    add("oracle routing", "bound", pipeline::evaluate_oracle(table, macs_, kinds, options_), note);
  }

  /// What every choice of the cascade's thresholds gives on validation images. The more networks, the coarser the
  /// choices: see cascade_steps.
  template <class Images>
  std::vector<pipeline::CascadePoint> thresholds(const Images& validation, Key key) const {
    const auto table = tabulate("validation", validation, key);
    const Index steps = pipeline::cascade_steps(networks_.actions());
    return shown("compare: thresholds of the cascade", "choices", [&](const pipeline::HowFar& how_far) {
      return pipeline::search_thresholds(table, macs_, options_.class_mean, steps, how_far);
    });
  }
  /// The cascade with the thresholds of a point.
  void add_cascade(const std::string& name, const pipeline::CascadePoint& point, Key key, const std::string& note) {
    std::string nats;
    for (std::size_t k = 0; k < point.thresholds.size(); ++k) {
      const bool last = k + 1 == point.thresholds.size();
      nats += (k == 0 ? "" : last ? " and " : ", ") + report::significant(point.thresholds[k]);
      thresholds_[message(name, ", f", k + 1)] = point.thresholds[k];
    }
    add(name, "baseline", run_of(networks_, pipeline::EntropyThreshold{point.thresholds}, key),
        message(note, "; entropy thresholds ", nats, " nats"));
  }

  /// Times all methods in turn on so many of the test images; returns how.
  std::string time(Index images, int rounds) const {
    const Index n = std::min(images, test_.size());
    std::vector<Index> rows;
    for (Index i = 0; i < n; ++i) rows.push_back(i * test_.size() / n);
    const auto batch = test_.rows(rows);
    return shown("compare: times of all methods in turn", "runs", [&](const pipeline::HowFar& how_far) {
      return report::time_methods(runs_, batch, {.rounds = rounds, .progress = how_far});
    });
  }

  /// The results' rows and all that they have in common. settings: of the run, with a preset.
  template <class Settings>
  void fill(report::Results& r, const Settings& settings) const {
    r.preset = settings.preset;
    r.seed = settings.seed;
    r.settings = settings;
    r.environment = report::environment();
    r.mac_convention = report::mac_convention;
    r.models = names_;
    for (std::size_t k = 0; k < r.models.size(); ++k)
      r.parameters[r.models[k]] = nn::count_parameters(networks_.models[k]);
    if (const Index policy = nn::count_parameters(networks_.policy); policy > 0) r.parameters["policy"] = policy;
    for (const auto& [row, e] : methods_) {
      r.rows.push_back(row);
      if (row.kind != "single" && row.kind != "part") r.assignment[row.model] = e.assignment;
    }
    r.cascade_thresholds = thresholds_;
    r.advice = advice(methods_);
  }

 private:
  Source test_;
  const Paser& networks_;
  Shape<4> image_;
  pipeline::WorkCosts macs_;
  pipeline::EvaluationOptions options_;
  std::vector<std::string> names_;
  std::deque<ComparedMethod> methods_;  // whose rows runs_ points to
  std::vector<std::pair<report::Row*, pipeline::Method<float>>> runs_;
  std::map<std::string, double> thresholds_;
};

/// An image on its way through a PaSeR. batch: of this one image.
template <class Batch>
report::Sample sample_of(const pipeline::Paser<float>& paser, const Batch& batch, Key key,
                         std::span<const report::Rgb> palette = report::label_palette) {
  const auto prediction = paser.predict_coarse(batch.images, batch.ids, key);
  const auto result = pipeline::segment(paser, batch.images, batch.ids, key);
  const auto input = report::image_picture(batch.images);
  const auto mask = [&](const Labels& labels) { return report::label_picture(labels, 0, palette); };
  const auto& shape = prediction.entropy.shape();
  const auto entropy = prediction.entropy.reshape(Shape<4>{shape[0], shape[1], shape[2], 1});
  const double classes = static_cast<double>(prediction.probabilities.shape()[3]);
  report::Sample sample;
  sample.pictures = {{"input", input}, {"truth", mask(batch.labels)}, {"f1", mask(prediction.labels)}};
  const bool patches = paser.grid.patches() > 1;
  for (std::int32_t k = 1; patches && k < paser.actions(); ++k) {
    const auto by_it = pipeline::Actions::full(result.answered_by.shape(), k);
    sample.pictures.push_back({message("f", k + 1), mask(pipeline::apply_experts(paser, batch.images, prediction.labels,
                                                                                 by_it, prediction.probabilities))});
  }
  sample.pictures.push_back({"entropy of f1", report::heat_picture(entropy, 0, std::log(classes))});
  if (patches) sample.pictures.push_back({"routes", report::route_picture(input, result.answered_by, paser.grid)});
  sample.pictures.push_back({"PaSeR", mask(result.labels)});
  sample.share = pipeline::usage(result.answered_by, paser.actions());
  return sample;
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
