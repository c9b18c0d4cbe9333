#pragma once

#include "page_assets.hpp"
#include "paser/report/html.hpp"
#include "paser/report/method_row.hpp"
#include "routing/report.hpp"

/// The page of a run.
namespace routing {

/// What report.html shows. The curve stands first; the table has each network, and each router at four of its budgets.
inline report::Results page_results(Experiment& experiment, const Findings& found, const Comparison& comparison) {
  report::Results r;
  const pipeline::CurveReport& first = found.routers.front().report;
  r.title = "Routing on " + found.task;
  r.seed = experiment.settings().seed;
  r.command = found.command;
  r.data = message(found.task, ": ", found.split, ", ", first.groups, " test files");
  r.left_out = found.left_out;
  if (!r.left_out.empty()) r.data += message("; left out as bad: ", r.left_out.size(), " files");
  r.iou_convention =
      message("mean over the classes of the IoU of all test images together; a class that is in neither ",
              "answer nor truth is ", experiment.settings().absent_class == "zero" ? "0" : "left out");
  r.mac_convention =
      "multiply-accumulates by fvcore's rules (the paper's Flops): one pass of f1, and of the patches that are sent on";
  r.time_convention = message("per image: one pass of f1, deciding, and the patches that are sent on, ",
                              experiment.settings().micro_batch, " at a time; parts measured in turn on ",
                              comparison.machine().processor, ", ", comparison.machine().threads,
                              comparison.machine().threads == 1 ? " thread" : " threads",
                              comparison.machine().busy ? ", busy with other programs" : "");
  if (first.groups > 0) {
    report::CurveFigure figure = figure_of(found);
    figure.title = "Quality against time";
    auto chart = report::curve_chart(figure, "Up and left is better.");
    if (std::ranges::any_of(chart.lines, &report::ChartLine::reference))
      chart.note += " Gray: random mixes of the networks; a way of routing is worth something where it lies above.";
    r.charts.push_back(std::move(chart));
  }
  r.findings = sentences(found);
  r.advice = advice(found);
  for (std::size_t k = 0; k < first.singles.size(); ++k) {
    const auto& s = first.singles[k];
    r.models.push_back(s.name);
    std::vector<double> share(first.singles.size(), 0.0);
    share[k] = 1;
    r.rows.push_back(
        {.model = s.name, .kind = "single", .iou = s.iou, .gmac = s.gmac, .ms_per_image = s.ms, .share = share});
    r.parameters[s.name] = paser::nn::count_parameters(experiment.networks().models[k]);
  }
  const auto rows = [&](const std::string& name, const std::string& kind,
                        const std::vector<pipeline::MeasuredPoint>& curve, const std::string& note) {
    for (const double share : {0.1, 0.2, 0.3, 0.5}) {
      const auto& p = detail::nearest(curve, share);
      r.rows.push_back({.model = message(name, ", ", report::fixed(100 * share, 0), " % sent on"),
                        .kind = kind,
                        .iou = p.iou,
                        .gmac = p.gmac,
                        .ms_per_image = p.ms,
                        .share = p.shares,
                        .note = note});
    }
  };
  for (std::size_t i = 0; i < 2; ++i)
    rows(found.routers[i].name, "paser", found.routers[i].report.curve,
         found.routers[i].name == "PaSeR" ? "policy gradient, one policy for every budget"
                                          : "regression of each network's gain");
  rows("entropy cascade", "baseline", first.entropy, "the patches of largest mean entropy of f1's answer");
  rows("oracle", "bound", found.oracle, "greedy, by the true gains");
  r.tables = {table_of_routers(found), table_of_budgets(found)};
  for (auto& t : tables_of_references(found)) r.tables.push_back(std::move(t));
  r.stages = experiment.folder().stage_costs();
  r.settings = experiment.settings();
  r.environment = report::environment();
  return r;
}

inline void write_page(Experiment& experiment, const Findings& found, const Comparison& comparison) {
  experiment::RunFolder& folder = experiment.folder();
  const report::CurveFigure figure = figure_of(found);
  if (found.routers.front().report.groups > 0) folder.write("curve.svg", report::curve_svg(figure));
  folder.write("curve.csv", report::curve_csv(figure));
  report::PageData data;
  data.log = report::read_log(folder.path() / "log.jsonl");
  folder.write("report.html", report::html(page_results(experiment, found, comparison), data, program::page_assets()));
}

}  // namespace routing
