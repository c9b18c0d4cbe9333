#pragma once

#include "segmentation/claims.hpp"
#include "segmentation/further_trainings.hpp"
#include "segmentation/throughput.hpp"

/// The paper's research questions on a trained run.
namespace segmentation {

/// Answers them with tables, plots and claims.
class Questions {
 public:
  /// What was trained, and how the methods compare on the test images; the answers go into `results`.
  Questions(Experiment& experiment, const FurtherTrainings& further, const Comparison& comparison,
            report::Results& results)
      : experiment_(experiment), further_(further), comparison_(comparison), results_(results) {}

  void answer() {
    gains();
    costs_and_lambdas();
    budgets();
    samples();
    noise();
    results_.tables.push_back(throughput(experiment_));
    results_.claims = claims(experiment_, comparison_, findings_);
  }

 private:
  using Cells = std::vector<std::string>;
  static std::string shares(const std::vector<double>& share) {
    std::string text;
    for (const double s : share) text += (text.empty() ? "" : " / ") + report::fixed(100 * s, 1);
    return text + " %";
  }

  /// "f1 / f2 / f3"
  std::string networks() const {
    return experiment::listed(experiment::network_names(experiment_.config().models()), " / ");
  }
  /// "f2, f3"
  std::string task_models() const {
    auto names = experiment::network_names(experiment_.config().models());
    names.erase(names.begin());
    return experiment::listed(names);
  }

  /// How the milliseconds of the tables were measured.
  std::string times_note() const {
    const Times& times = experiment_.times();
    std::string note = "medians of several runs on one image, all networks in turn";
    if (times.runs > 0)
      note = paser::message("medians of ", times.runs, " runs on one image, all networks in turn, quartiles within ",
                            percent(times.spread, 0), " of each other");
    return note + (times.busy ? "; the machine was busy, so that they are too long." : ".");
  }

  /// What the larger networks gain over f1, patch by patch, against what they must gain to pay.
  void gains() {
    const auto& table = comparison_.table();
    const auto paid = experiment_.reward_options(experiment_.tuned().front().reward);
    report::ComparisonTable t{
        .title = "Gain of the larger networks over f1 on test patches",
        .note =
            (paid.gain == pipeline::PatchGain::patch_iou
                 ? std::string("IoU of a network on the patch less that of f1's answer.")
                 : std::string("Additive gain: what the patch adds to the mean IoU, times the number of patches.")) +
            " It pays to send a patch to a network when the gain is above "
            "lambda (cost - cost of f1) / (1 - lambda).",
        .header = {"network", "mean gain", "percentiles 10 / 50 / 90", "pays from (paper's reward)", "patches",
                   "pays from (tuned)", "patches"}};
    for (std::size_t k = 1; k < experiment_.config().models(); ++k) {
      const auto gains = pipeline::patch_gain<double>(table.confusion[0], table.confusion[k], paid);
      const std::vector<double> gain(gains.data(), gains.data() + gains.numel());
      Cells cells{paser::message("f", k + 1), report::fixed(paser::metrics::mean(gain), 4), percentiles(gain)};
      for (std::size_t v = 0; v < 2; ++v) {
        if (v >= experiment_.tuned().size()) {
          cells.insert(cells.end(), {"-", "-"});
          continue;
        }
        const auto options = experiment_.reward_options(experiment_.tuned()[v].reward);
        const double from =
            options.lambda < 1 ? options.lambda * (options.costs[k] - options.costs[0]) / (1 - options.lambda) : 1;
        const auto above = std::count_if(gain.begin(), gain.end(), [&](double g) { return g > from; });
        cells.push_back(report::fixed(from, 4));
        cells.push_back(percent(static_cast<double>(above) / static_cast<double>(gain.size())));
      }
      t.rows.push_back(std::move(cells));
    }
    results_.tables.push_back(std::move(t));
  }

  /// What the policies of the questions do on the test images, with the networks of stage 1.
  void costs_and_lambdas() {
    if (further_.policies().empty()) return;
    report::ComparisonTable t{
        .title = "Rules of cost and lambda",
        .note =
            "Policies of stage 2 on the networks of stage 1, read off the answers of all networks. ms: an image, "
            "the time of a patch times the patches; " +
            times_note(),
        .header = {"policy", "costs of " + networks(), "lambda", "mean cost", "shares of " + networks(), "IoU", "GMAC",
                   "IoU/GMAC", "ms"}};
    pipeline::PolicyData<float> seen(1, comparison_.key());
    report::ProgressOf progress("compare: policies of the questions", "policies");
    const auto all = static_cast<Index>(further_.policies().size());
    progress(0, all);
    for (const Variant& v : further_.policies()) {
      const auto options = experiment_.reward_options(v.reward);
      const auto e = routed(v, seen, options);
      double cost = 0;
      for (std::size_t k = 0; k < e.share.size(); ++k) cost += e.share[k] * options.costs[k];
      std::string costs;
      for (const double c : options.costs) costs += (costs.empty() ? "" : " / ") + report::significant(c);
      t.rows.push_back({v.name, costs, report::significant(v.reward.lambda), report::significant(cost), shares(e.share),
                        report::fixed(e.iou, 4), report::significant(e.gmac), report::significant(e.iou_per_gmac()),
                        report::significant(experiment_.expense(e.share).second)});
      if (v.name.find("lambda") != std::string::npos && v.name.find("budget") == std::string::npos)
        results_.lambda_curve.push_back({.label = v.reward.scale == "gain" ? "tuned reward" : "the paper's reward",
                                         .lambda = v.reward.lambda,
                                         .cost = cost,
                                         .gmac = e.gmac,
                                         .iou = e.iou,
                                         .share = e.share});
      progress(static_cast<Index>(t.rows.size()), all);
    }
    progress.finish();
    results_.tables.push_back(std::move(t));
  }

  pipeline::MethodEvaluation routed(const Variant& v, pipeline::PolicyData<float>& seen,
                                    const pipeline::RewardOptions& options) const {
    std::vector<Index> choices;
    paser::for_each_chunk(comparison_.test().size(), 16, [&](Index begin, Index end) {
      const std::vector<Index> rows = paser::data::numbers_from(begin, end);
      const auto observed = seen.rows(v.paser, comparison_.test(), rows, options, 0, Key{});
      for (const std::int32_t a : v.paser.policy.probabilities(v.paser.state(observed.map)).argmax().values())
        choices.push_back(a);
    });
    return pipeline::evaluate_choices(comparison_.table(), choices,
                                      pipeline::mac_costs(v.paser, experiment_.description()), {},
                                      comparison_.options());
  }

  void budgets() {
    if (further_.budgets().empty()) return;
    report::ComparisonTable t{
        .title = "Lambda calibrated to a budget",
        .note = "Mean expense of an image; lambda is found on validation images. Milliseconds: " + times_note(),
        .header = {"budget", "lambda", "spent on validation", "kept", "spent on the test", "IoU"}};
    pipeline::PolicyData<float> seen(1, comparison_.key());
    for (const Budget& b : further_.budgets())
      for (const Variant& v : further_.policies()) {
        if (v.reward.lambda != b.search.lambda || v.reward.scale != "gain" ||
            v.reward.cost != (b.unit == "ms" ? "time" : "macs"))
          continue;
        const auto e = routed(v, seen, experiment_.reward_options(v.reward));
        const auto [gmac, ms] = experiment_.expense(e.share);
        t.rows.push_back({paser::message(b.asked, " ", b.unit), report::significant(b.search.lambda),
                          report::significant(b.search.expense), b.search.kept ? "yes" : "no",
                          report::significant(b.unit == "ms" ? ms : gmac), report::fixed(e.iou, 4)});
        break;
      }
    results_.tables.push_back(std::move(t));
  }

  /// R5: as many samples as the paper takes, or more.
  void samples() {
    const auto& numbers = experiment_.config().sample_counts;
    if (numbers.size() < 2) return;
    const Variant& v = experiment_.tuned().back();
    std::vector<std::vector<double>> iou, entropy;
    std::vector<paser::Tensor<float, 3>> routes;
    for (const int n : numbers) {
      Paser p = v.paser;
      p.estimator = paser::uncertainty::McDropout{n};
      auto& entropies = entropy.emplace_back();
      const auto e = comparison_.evaluate(paser::message(n, " samples of f1"),
                                          comparison_.run_of(p, p.policy, comparison_.key()), comparison_.test());
      auto& known = iou.emplace_back();  // the images that have an IoU are the same for every number
      std::copy_if(e.image_iou.begin(), e.image_iou.end(), std::back_inserter(known),
                   [](double x) { return !paser::is_nan(x); });
      auto& all = routes.emplace_back(
          paser::Shape<3>{comparison_.test().size(), p.grid.patches(), static_cast<Index>(p.models.size())});
      float* out = all.mutable_data();
      report::ProgressOf progress(paser::message("compare: routes by ", n, " samples"), "images");
      progress(0, comparison_.test().size());
      for (Index i = 0; i < comparison_.test().size(); ++i) {
        const auto batch = comparison_.test().rows(std::span<const Index>(&i, 1));
        const auto prediction = p.predict_coarse(batch.images, batch.ids, comparison_.key());
        const auto means = pipeline::mean_per_patch(prediction.entropy, {1, 1});
        entropies.push_back(means[0]);
        const auto r = p.policy.probabilities(p.state(prediction.policy_state())).probabilities();
        out = std::copy_n(r.data(), r.numel(), out);
        progress(i + 1, comparison_.test().size());
      }
      progress.finish();
    }
    const auto ends = std::minmax_element(numbers.begin(), numbers.end());
    const auto least = static_cast<std::size_t>(ends.first - numbers.begin());
    const auto most = static_cast<std::size_t>(ends.second - numbers.begin());
    findings_.least_samples = numbers[least];
    findings_.most_samples = numbers[most];
    const double distance = paser::metrics::mean_total_variation(routes[least], routes[most]);
    findings_.sample_tvd = distance;
    // p of the test, NaN where the images are too few for one.
    const auto plot = [&](const std::string& title, const std::string& unit,
                          const std::vector<std::vector<double>>& values) {
      double found = std::numeric_limits<double>::quiet_NaN();
      if (values.front().empty()) return found;
      report::BoxPlot p{.title = title, .unit = unit};
      for (std::size_t i = 0; i < numbers.size(); ++i)
        p.groups.push_back({paser::message(numbers[i], " samples"), paser::metrics::box_stats(values[i])});
      p.note = paser::message(v.name, ", test images; mean distance (TVD) of the routes' distributions ",
                              percent(distance, 2));
      if (values.front().size() < 2) {
        p.note += "; one image: no test";
      } else {
        const auto welch = paser::metrics::welch_t_test(values[least], values[most]);
        p.test = {paser::message("Welch's t-test, ", numbers[least], " against ", numbers[most], " samples"), welch.t,
                  welch.df, welch.p};
        found = welch.p;
        if (values[least] != values[most]) {
          const auto paired = paser::metrics::paired_t_test(values[least], values[most]);
          p.note += paser::message("; paired by image: t = ", report::fixed(paired.t, 2), ", ",
                                   paser::experiment::p_text(paired.p, 3));
        }
      }
      results_.box_plots.push_back(std::move(p));
      return found;
    };
    findings_.sample_p = plot("IoU by the number of samples", "IoU of an image", iou);
    plot("Entropy of f1 by the number of samples", "nats, mean of an image", entropy);
  }

  /// R3: salt and pepper, with and without networks that know it.
  void noise() {
    const Config& c = experiment_.config();
    if (c.noise <= 0) return;
    const paser::data::SaltAndPepper<Folder> noisy(comparison_.test(), c.noise, experiment_.key(8));
    report::ComparisonTable t{
        .title = paser::message("Salt and pepper on ", percent(c.noise), " of the pixels"),
        .note =
            "Loss: of the clean IoU with the same policy and networks that saw clean images only. Noise-aware networks "
            "were trained on further clean and noisy images; f1 and the policies never saw noise.",
        .header = {"method", "clean IoU", "noisy IoU", "loss", "noisy IoU, noise-aware " + task_models(), "loss",
                   "shares of " + networks() + " on noisy images"}};
    const auto evaluate = [&](const std::string& what, const pipeline::Method<float>& run) {
      return comparison_.evaluate("noisy images, " + what, run, noisy);
    };
    const auto line = [&](const std::string& name, const auto& run_of_paser, const Paser& unaware, const Paser& aware) {
      const double clean = comparison_.method(name).row.iou;
      const auto without = evaluate(name, run_of_paser(unaware));
      const auto with = evaluate(name + " with noise-aware " + task_models(), run_of_paser(aware));
      const double loss = 1 - with.iou / clean;
      t.rows.push_back({name, report::fixed(clean, 4), report::fixed(without.iou, 4),
                        percent(1 - without.iou / clean, 2), report::fixed(with.iou, 4), percent(loss, 2),
                        shares(with.share)});
      return loss;
    };
    const auto aware_with = [&](const Paser& p) {
      Paser aware = p;
      for (std::size_t k = 1; k < experiment_.config().models(); ++k)
        aware.models[k] = further_.noise_aware()->models[k];
      return aware;
    };
    const Paser& networks = experiment_.networks();
    const Paser aware = aware_with(networks);
    for (Index k = 0; k < networks.actions(); ++k) {
      const pipeline::Constant alone{static_cast<std::int32_t>(k)};
      line(
          paser::message("f", k + 1), [&](const Paser& p) { return comparison_.run_of(p, alone, comparison_.key()); },
          networks, aware);
    }
    findings_.noise_random = line(
        "random policy",
        [&](const Paser& p) { return comparison_.run_of(p, pipeline::Random{}, comparison_.key().fold(1)); }, networks,
        aware);
    for (const Variant& v : experiment_.tuned())
      findings_.noise_paser.push_back(line(
          v.name, [&](const Paser& p) { return comparison_.run_of(p, p.policy, comparison_.key().fold(0)); }, v.paser,
          aware_with(v.paser)));
    results_.tables.push_back(std::move(t));
  }

  Experiment& experiment_;
  const FurtherTrainings& further_;
  const Comparison& comparison_;
  report::Results& results_;
  Findings findings_;
};

}  // namespace segmentation
