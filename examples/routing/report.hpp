#pragma once

#include "paser/pipeline/routing/curve_report_json.hpp"
#include "paser/report/environment.hpp"
#include "paser/report/table.hpp"
#include "routing/comparison.hpp"

/// What a run prints and leaves behind.
namespace routing {

/// All that a run found out, as results.json has it. The figures of the router that is called first stand at the top.
struct Findings {
  std::string command, task;
  std::vector<Judged> routers;   ///< on the test images
  pipeline::CurveReport unseen;  ///< of training images by networks that had not seen them: what the verdict is of
  std::vector<pipeline::MeasuredPoint> oracle;  ///< greedy, by true gains
  std::vector<BudgetCheck> budgets;
  std::vector<FloorCheck> floors;
  std::string split;
};

inline nlohmann::json document(const Findings& found, const Comparison& comparison, const Settings& settings) {
  nlohmann::json j = found.routers.front().report;
  j["task"] = found.task;
  j["seed"] = settings.seed;
  j["router"] = found.routers.front().name;
  j["command"] = found.command;
  j["split"] = found.split;
  j["settings"] = settings;
  j["machine"] = comparison.machine();
  for (const Judged& r : found.routers) j["routers"][r.name] = r.report;
  j["unseen"] = found.unseen;
  for (const auto& p : found.oracle)
    j["oracle"].push_back(
        {{"share", p.share}, {"iou", p.iou}, {"image_iou", p.image_iou}, {"ms", p.ms}, {"gmac", p.gmac}});
  for (const auto& b : found.budgets)
    j["budgets"].push_back({{"asked_ms", b.asked_ms}, {"price", b.price}, {"spent_ms", b.spent_ms}, {"iou", b.iou}});
  for (const auto& f : found.floors)
    j["floor"].push_back({{"files", f.files},
                          {"e", f.e},
                          {"smallest_e", std::isfinite(f.smallest) ? nlohmann::json(f.smallest) : nlohmann::json()},
                          {"certified", f.choice.certified},
                          {"price", f.choice.price},
                          {"cost_saved", f.choice.cost_saved},
                          {"resplits", f.resplits},
                          {"certified_resplits", f.certified},
                          {"violations", f.violations},
                          {"mean_cost_saved", f.saved}});
  j["environment"] = report::environment();
  return j;
}

/// The figure and the table behind it.
inline void write_curve(program::RunFolder& folder, const Findings& found) {
  const pipeline::CurveReport& first = found.routers.front().report;
  report::CurveFigure figure{found.task, first.singles, {}};
  for (const Judged& r : found.routers) figure.curves.push_back({r.name, r.report.curve});
  figure.curves.push_back({"entropy cascade", first.entropy});
  figure.curves.push_back({"oracle (greedy)", found.oracle});
  folder.write("curve.svg", report::curve_svg(figure));
  folder.write("curve.csv", report::curve_csv(figure));
}

inline std::string signed_number(double value, int digits = 4) {
  return (value >= 0 ? "+" : "") + report::fixed(value, digits);
}

/// The table and the sentences for people.
inline void tell(std::ostream& out, const Findings& found, const Comparison& comparison) {
  const pipeline::CurveReport& first = found.routers.front().report;
  out << "\n"
      << found.task << ", test images; ms per image on " << comparison.machine().processor << ", "
      << comparison.machine().threads << " threads" << (comparison.machine().busy ? " (busy)" : "") << "\n";
  report::TextTable networks({"network", "IoU of the set", "mean IoU of images", "ms", "GMAC"});
  for (const auto& s : first.singles)
    networks.add({s.name, report::fixed(s.iou, 4), report::fixed(s.image_iou, 4), report::significant(s.ms),
                  report::significant(s.gmac)});
  out << networks << "gap of the best network over f1: " << signed_number(first.gap) << ", 95 % interval "
      << signed_number(first.gap_interval[0]) << " .. " << signed_number(first.gap_interval[1]) << " (" << first.groups
      << " files)\n\n";
  report::TextTable routers({"router", "gap closed by 10 / 20 / 30 / 50 % of the patches", "APGR", "above the hull",
                             "z", "above the entropy cascade", "z"});
  const auto line = [&](const std::string& name, const pipeline::CurveReport& r) {
    std::string closed;
    for (const char* share : {"0.1", "0.2", "0.3", "0.5"})
      closed += (closed.empty() ? "" : " / ") + report::fixed(r.closed.at(share), 2);
    routers.add({name, closed, report::fixed(r.apgr, 2), signed_number(r.area_over_hull),
                 report::fixed(r.z_over_hull, 1), signed_number(r.area_over_entropy),
                 report::fixed(r.z_over_entropy, 1)});
  };
  for (const Judged& r : found.routers) line(r.name, r.report);
  line("(unseen training images)", found.unseen);
  out << routers << "areas: mean IoU between 10 and 50 % of the way from f1 to the best network in ms\n\n";
  report::TextTable budgets({"budget, ms", "spent", "off by", "IoU"});
  for (const auto& b : found.budgets)
    budgets.add({report::significant(b.asked_ms), report::significant(b.spent_ms),
                 signed_number(100 * (b.spent_ms / b.asked_ms - 1), 1) + " %", report::fixed(b.iou, 4)});
  out << budgets << "prices by the calibration alone, without training; ms as of patches that run together\n\n";
  for (const auto& f : found.floors) {
    out << "floor: at most " << report::fixed(f.e, 2) << " below the best network, with " << 100 * f.confidence
        << " %: ";
    if (f.choice.certified && f.choice.cost_saved > 0)
      out << "certified by " << f.files << " unseen files, saves " << report::fixed(100 * f.choice.cost_saved, 0)
          << " % of its ms";
    else
      out << "nothing cheaper is certified by " << f.files << " unseen files";
    out << "; of " << f.resplits << " resplits of the test files " << f.certified << " certified it, and in "
        << f.violations << " of these the other half lost more\n";
  }
  const auto& u = found.unseen;
  out << "\non training images that the networks had not seen the best one gains " << signed_number(u.gap) << " ("
      << signed_number(u.gap_interval[0]) << " .. " << signed_number(u.gap_interval[1]) << "): " << u.verdict << "\n";
  if (u.verdict == "nothing to route")
    out << "ship f1 alone: " << report::significant(first.singles[0].ms) << " ms per image; routing would start at "
        << report::significant(first.curve.front().ms) << " ms\n";
  if (!found.floors.empty() && std::isfinite(found.floors.front().smallest))
    out << "the smallest floor that these files certify: " << report::fixed(found.floors.front().smallest, 3) << "\n";
}

}  // namespace routing
