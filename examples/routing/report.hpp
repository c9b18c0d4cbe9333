#pragma once

#include "paser/pipeline/routing/curve_report_json.hpp"
#include "paser/report/environment.hpp"
#include "paser/report/table.hpp"
#include "routing/advice.hpp"
#include "routing/comparison.hpp"

/// What a run prints and leaves behind.
namespace routing {

using paser::message;

/// What salt and pepper on the test images does to a way of routing.
struct NoiseRow {
  std::string name;
  double clean = 0, noisy = 0;              ///< IoU of the set
  double share_clean = 0, share_noisy = 0;  ///< of the patches that leave f1

  /// Share of the clean IoU.
  double loss() const { return 1 - noisy / clean; }
};

/// All that a run found out, as results.json has it. The figures of the router that is called first stand at the top.
struct Findings {
  std::string command, task;
  std::vector<Judged> routers;   ///< on the test images
  pipeline::CurveReport unseen;  ///< of training images by networks that had not seen them: what the verdict is of
  std::vector<pipeline::MeasuredPoint> oracle;  ///< greedy, by true gains
  std::vector<pipeline::MeasuredPoint> paper;   ///< the paper's policy, a point for each lambda
  std::vector<NoiseRow> noise;
  std::vector<BudgetCheck> budgets;
  std::vector<FloorCheck> floors;
  std::string split;
  std::map<std::string, std::string> left_out;  ///< files that could not be used, each with the reason
  std::optional<pipeline::DomainCheck> domain;  ///< of the test images beside those of the calibration
};

/// See advice.hpp.
inline std::string advice(const Findings& found) {
  return advice(found.routers.front().name, found.routers.front().report, found.unseen);
}

inline nlohmann::json document(const Findings& found, const Comparison& comparison, const Settings& settings) {
  nlohmann::json j = found.routers.front().report;
  j["task"] = found.task;
  j["seed"] = settings.seed;
  j["router"] = found.routers.front().name;
  j["command"] = found.command;
  j["split"] = found.split;
  j["advice"] = advice(found);
  j["settings"] = settings;
  if (!found.left_out.empty()) j["left_out"] = found.left_out;
  j["machine"] = comparison.machine();
  j["networks"] = comparison.sizes();
  for (const Judged& r : found.routers) j["routers"][r.name] = r.report;
  j["unseen"] = found.unseen;
  const auto point = [](const pipeline::MeasuredPoint& p) {
    return nlohmann::json{
        {"share", p.share}, {"iou", p.iou}, {"image_iou", p.image_iou}, {"ms", p.ms}, {"gmac", p.gmac}};
  };
  for (const auto& p : found.oracle) j["oracle"].push_back(point(p));
  for (const auto& p : found.paper) {
    j["paper_policy"].push_back(point(p));
    j["paper_policy"].back()["lambda"] = p.price;
  }
  for (const auto& n : found.noise)
    j["noise"].push_back({{"name", n.name},
                          {"clean_iou", n.clean},
                          {"noisy_iou", n.noisy},
                          {"loss", n.loss()},
                          {"share_clean", n.share_clean},
                          {"share_noisy", n.share_noisy}});
  for (const auto& b : found.budgets)
    j["budgets"].push_back({{"asked_ms", b.asked_ms}, {"price", b.price}, {"spent_ms", b.spent_ms}, {"iou", b.iou}});
  for (const auto& f : found.floors)
    j["floor"].push_back({{"files", f.files},
                          {"e", f.e},
                          {"smallest_e", paser::is_finite(f.smallest) ? nlohmann::json(f.smallest) : nlohmann::json()},
                          {"certified", f.choice.certified},
                          {"price", f.choice.price},
                          {"cost_saved", f.choice.cost_saved},
                          {"resplits", f.resplits},
                          {"certified_resplits", f.certified},
                          {"claimed", !(found.domain && found.domain->other())},
                          {"violations", f.violations},
                          {"mean_cost_saved", f.saved}});
  if (found.domain) j["domain"] = *found.domain;
  j["environment"] = report::environment();
  return j;
}

/// Quality against time.
inline report::CurveFigure figure_of(const Findings& found) {
  const pipeline::CurveReport& first = found.routers.front().report;
  report::CurveFigure figure{found.task, first.singles, {}};
  for (const Judged& r : found.routers) figure.curves.push_back({r.name, r.report.curve});
  figure.curves.push_back({"entropy cascade", first.entropy});
  figure.curves.push_back({"oracle (greedy)", found.oracle});
  if (!found.paper.empty()) figure.curves.push_back({"the paper's policy", found.paper});
  return figure;
}

/// Of the gap.
inline std::string interval_text(const pipeline::CurveReport& r) {
  if (paser::is_nan(r.gap_interval[0])) return "no interval";
  return message("95 % interval ", signed_number(r.gap_interval[0]), " .. ", signed_number(r.gap_interval[1]));
}

/// The networks alone.
inline report::ComparisonTable table_of_networks(const Findings& found) {
  const pipeline::CurveReport& first = found.routers.front().report;
  report::ComparisonTable t{
      "Networks alone",
      paser::message("gap of the best other network over f1: ", signed_number(first.gap), ", ", interval_text(first),
                     " (", first.groups, first.groups == 1 ? " file)" : " files)"),
      {"network", "IoU of the set", "mean IoU of images", "ms", "GMAC"},
      {}};
  for (const auto& s : first.singles)
    t.rows.push_back({s.name, report::fixed(s.iou, 4), report::fixed(s.image_iou, 4), report::significant(s.ms),
                      report::significant(s.gmac)});
  return t;
}

inline report::ComparisonTable table_of_routers(const Findings& found) {
  report::ComparisonTable t{"Ways to route",
                            "areas: mean IoU between 10 and 50 % of the way from f1 to the best network in ms",
                            {"router", "gap closed by 10 / 20 / 30 / 50 % of the patches", "APGR", "above the hull",
                             "z", "above the entropy cascade", "z"},
                            {}};
  const auto line = [&](const std::string& name, const pipeline::CurveReport& r) {
    std::string closed;
    for (const char* share : {"0.1", "0.2", "0.3", "0.5"})
      closed += (closed.empty() ? "" : " / ") + report::fixed(r.closed.at(share), 2);
    t.rows.push_back({name, closed, report::fixed(r.apgr, 2), signed_number(r.area_over_hull),
                      report::fixed(r.z_over_hull, 1), signed_number(r.area_over_entropy),
                      report::fixed(r.z_over_entropy, 1)});
  };
  for (const Judged& r : found.routers) line(r.name, r.report);
  line("(unseen training images)", found.unseen);
  return t;
}

inline report::ComparisonTable table_of_budgets(const Findings& found) {
  report::ComparisonTable t{"Budgets",
                            "prices by the calibration alone, without training; ms as of patches that run together",
                            {"budget, ms", "spent", "off by", "IoU"},
                            {}};
  for (const auto& b : found.budgets)
    t.rows.push_back({report::significant(b.asked_ms), report::significant(b.spent_ms),
                      signed_number(100 * (b.spent_ms / b.asked_ms - 1), 1) + " %", report::fixed(b.iou, 4)});
  return t;
}

/// Those that were asked for by the setting `references`.
inline std::vector<report::ComparisonTable> tables_of_references(const Findings& found) {
  std::vector<report::ComparisonTable> tables;
  if (!found.paper.empty()) {
    auto& t = tables.emplace_back();
    t = {"The paper's policy",
         "a training for each lambda, by the paper's reward",
         {"lambda", "patches that leave f1", "ms", "IoU"},
         {}};
    for (const auto& p : found.paper)
      t.rows.push_back({report::significant(p.price), report::fixed(100 * p.share, 0) + " %", report::significant(p.ms),
                        report::fixed(p.iou, 4)});
  }
  if (!found.noise.empty()) {
    auto& t = tables.emplace_back();
    t = {"Salt and pepper on the test images",
         "nothing was trained on noise; routers at the price of the saved PaSeR",
         {"answered by", "clean IoU", "noisy IoU", "loss", "patches that leave f1"},
         {}};
    for (const auto& n : found.noise)
      t.rows.push_back({n.name, report::fixed(n.clean, 4), report::fixed(n.noisy, 4),
                        report::fixed(100 * n.loss(), 1) + " %",
                        report::fixed(100 * n.share_clean, 0) + " -> " + report::fixed(100 * n.share_noisy, 0) + " %"});
  }
  return tables;
}

/// What holds for these images and what does not, a sentence each.
inline std::vector<std::string> sentences(const Findings& found) {
  const pipeline::CurveReport& first = found.routers.front().report;
  std::vector<std::string> list;
  if (found.domain && found.domain->other())
    list.push_back(message("of ", found.domain->images, " test images ", found.domain->unlike,
                           " are unlike those of the calibration (of the same kind, ",
                           report::fixed(100 * found.domain->expected, 0),
                           " % would be): budgets may be missed, and no floor is claimed for them"));
  for (const auto& f : found.floors)
    list.push_back(message(
        "floor: at most ", report::fixed(f.e, 2), " below the best network, with ", 100 * f.confidence, " %: ",
        f.choice.certified && f.choice.cost_saved > 0
            ? message("certified by ", f.files, " unseen files, saves ", report::fixed(100 * f.choice.cost_saved, 0),
                      " % of its ms")
            : message("nothing cheaper is certified by ", f.files, f.files == 1 ? " unseen file" : " unseen files"),
        f.resplits == 0 ? std::string()
                        : message("; of ", f.resplits, " resplits of the test files ", f.certified,
                                  " certified it, and in ", f.violations, " of these the other half lost more")));
  const auto& u = found.unseen;
  list.push_back(message("on training images that the networks had not seen the best one gains ", signed_number(u.gap),
                         " (", interval_text(u), "): ", u.verdict));
  if (u.verdict == "nothing to route")
    list.push_back(message("ship f1 alone: ", report::significant(first.singles[0].ms),
                           " ms per image; routing would start at ", report::significant(first.curve.front().ms),
                           " ms"));
  if (!found.floors.empty() && paser::is_finite(found.floors.front().smallest))
    list.push_back(
        message("the smallest floor that these files certify: ", report::fixed(found.floors.front().smallest, 3)));
  return list;
}

/// The tables and the sentences for people.
inline void tell(std::ostream& out, const Findings& found, const Comparison& comparison) {
  out << "\n"
      << paser::visible(found.task) << ": " << paser::visible(found.split) << "\nTest images; ms per image on "
      << comparison.machine().processor << ", " << comparison.machine().threads
      << (comparison.machine().threads == 1 ? " thread" : " threads") << (comparison.machine().busy ? " (busy)" : "")
      << "\n";
  const auto show = [&](const report::ComparisonTable& t) {
    report::TextTable text(t.header);
    for (const auto& row : t.rows) text.add(row);
    out << text << t.note << "\n\n";
  };
  for (const auto& t : {table_of_networks(found), table_of_routers(found), table_of_budgets(found)}) show(t);
  for (const auto& t : tables_of_references(found)) show(t);
  for (const std::string& sentence : sentences(found)) out << sentence << "\n";
  out << "\nAdvice         " << advice(found) << "\n\n";
}

}  // namespace routing
