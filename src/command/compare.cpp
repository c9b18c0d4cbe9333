/// Several finished runs of one training, usually with other seeds: mean and spread of every method, and how many runs
/// reproduce each of the paper's claims.
///
///   paser compare run_seed1 run_seed2 run_seed3
///
/// Exit status: 0 done; 2 the options make no sense, or a file cannot be read.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>

#include "command.hpp"
#include "common_options.hpp"
#include "paser/metrics/statistics.hpp"
#include "paser/report/results_file.hpp"
#include "paser/report/table.hpp"
#include "program.hpp"

namespace command {

namespace compare_command {

namespace report = paser::report;

/// One number of every run that has it.
struct Spread {
  std::vector<double> values;

  double mean() const { return paser::metrics::mean(values); }
  /// "0.687 +- 0.004"; the spread is the sample standard deviation, left out for a single run.
  template <class Text>
  std::string text(const Text& number) const {
    if (values.empty()) return "-";
    return number(mean()) +
           (values.size() > 1 ? " +- " + number(paser::metrics::standard_deviation(values)) : std::string());
  }
};

void to_json(nlohmann::json& j, const Spread& s) {
  j = {{"mean", s.mean()}, {"values", s.values}};
  if (s.values.size() > 1) j["standard_deviation"] = paser::metrics::standard_deviation(s.values);
}

struct Method {
  std::string name, kind;
  Spread iou, gmac, iou_per_gmac, ms;
  std::vector<Spread> share;
};

struct Statement {
  std::string text;
  std::optional<double> paper;
  Spread measured;
  int reproduced = 0, runs = 0;
};

/// The results of a run folder, or the file itself.
std::filesystem::path results_file(const std::filesystem::path& run) {
  std::error_code none;  // what cannot be looked at cannot be opened either, which is told then
  return std::filesystem::is_directory(run, none) ? run / "results.json" : run;
}

/// Throws FormatError where two have one name, which would count as two runs.
template <class Entry>
void require_each_once(const std::vector<Entry>& entries, std::string Entry::*name, const char* what,
                       const std::filesystem::path& file) {
  std::set<std::string> names;
  for (const Entry& e : entries)
    paser::check<paser::FormatError>(names.insert(e.*name).second, file.string().c_str(), "has the ", what, " '",
                                     paser::excerpt(e.*name), "' twice, expected it once");
}

/// The results of a run. Throws FormatError, also on those of train_router, which compares networks and routers by its
/// own tables.
report::Results results_of(const std::filesystem::path& run) {
  const auto file = results_file(run);
  const auto document = paser::io::read_json(file);
  paser::check<paser::FormatError>(
      !document.is_object() || document.contains("rows") || !document.contains("routers"), file.string().c_str(),
      "is of train_router, whose numbers are other ones; expected runs of paser train or train_noisy_mnist. What its "
      "routers gain is in its report.html and curve.csv");
  auto results = report::read_results(file);
  require_each_once(results.rows, &report::Row::model, "method", file);
  require_each_once(results.claims, &report::Claim::text, "claim", file);
  return results;
}

/// The settings, but for the seed, that are not the same in all runs. Runs that differ in them are no repetitions.
std::vector<std::string> differing(const std::vector<report::Results>& runs) {
  std::set<std::string> all;
  for (const report::Results& r : runs)
    for (const auto& [name, value] : r.settings.items()) all.insert(name);
  std::vector<std::string> names;
  for (const std::string& name : all) {
    const auto of = [&](const report::Results& r) { return r.settings.value(name, nlohmann::json()); };
    const auto same = [&](const report::Results& r) { return of(r) == of(runs.front()); };
    if (name != "seed" && !std::ranges::all_of(runs, same)) names.push_back(name);
  }
  return names;
}

/// The entry of this name, in the order of first appearance.
template <class Entry>
Entry& entry(std::vector<Entry>& entries, std::string Entry::*name, const std::string& wanted) {
  for (Entry& e : entries)
    if (e.*name == wanted) return e;
  entries.emplace_back().*name = wanted;
  return entries.back();
}

std::vector<Method> methods_of(const std::vector<report::Results>& runs) {
  std::vector<Method> methods;
  for (const report::Results& r : runs)
    for (const report::Row& row : r.rows) {
      Method& m = entry(methods, &Method::name, row.model);
      m.kind = row.kind;
      if (paser::is_finite(row.iou)) m.iou.values.push_back(row.iou);
      if (paser::is_finite(row.gmac)) m.gmac.values.push_back(row.gmac);
      if (paser::is_finite(row.iou_per_gmac())) m.iou_per_gmac.values.push_back(row.iou_per_gmac());
      if (paser::is_finite(row.ms_per_image)) m.ms.values.push_back(row.ms_per_image);
      if (row.share.size() != runs.front().models.size()) continue;  // of other models: no mean of these
      m.share.resize(row.share.size());
      for (std::size_t k = 0; k < row.share.size(); ++k) m.share[k].values.push_back(row.share[k]);
    }
  return methods;
}

std::vector<Statement> statements_of(const std::vector<report::Results>& runs) {
  std::vector<Statement> statements;
  for (const report::Results& r : runs)
    for (const report::Claim& claim : r.claims) {
      Statement& s = entry(statements, &Statement::text, claim.text);
      s.paper = claim.paper;
      if (claim.measured) s.measured.values.push_back(*claim.measured);
      s.reproduced += claim.reproduced.value_or(false) ? 1 : 0;
      s.runs += claim.reproduced ? 1 : 0;
    }
  return statements;
}

nlohmann::json document(const std::vector<report::Results>& runs) {
  nlohmann::json j{{"seeds", nlohmann::json::array()},
                   {"differing_settings", differing(runs)},
                   {"methods", nlohmann::json::array()},
                   {"claims", nlohmann::json::array()}};
  for (const report::Results& r : runs) j["seeds"].push_back(r.seed);
  for (const Method& m : methods_of(runs)) {
    nlohmann::json line{{"method", m.name},
                        {"kind", m.kind},
                        {"iou", m.iou},
                        {"gmac", m.gmac},
                        {"iou_per_gmac", m.iou_per_gmac},
                        {"share", m.share},
                        {"runs", m.iou.values.size()}};
    if (!m.ms.values.empty()) line["ms_per_image"] = m.ms;
    j["methods"].push_back(line);
  }
  for (const Statement& s : statements_of(runs)) {
    nlohmann::json line{{"text", s.text}, {"reproduced", s.reproduced}, {"runs", s.runs}};
    if (s.paper) line["paper"] = *s.paper;
    if (!s.measured.values.empty()) line["measured"] = s.measured;
    j["claims"].push_back(line);
  }
  return j;
}

void print(const std::vector<report::Results>& runs) {
  std::cout << paser::visible(runs.front().title) << ", " << runs.size() << (runs.size() == 1 ? " run" : " runs")
            << ", seeds";
  for (const report::Results& r : runs) std::cout << " " << r.seed;
  std::cout << "\nMean +- standard deviation over the runs.\n\n";
  report::TextTable table({"method", "runs", "IoU", "GMAC", "IoU/GMAC", "ms", "share of patches, %"});
  for (const Method& m : methods_of(runs)) {
    const auto three = [](double v) { return report::significant(v); };
    std::string shares;
    for (const Spread& s : m.share) shares += (shares.empty() ? "" : " / ") + report::fixed(100 * s.mean(), 1);
    table.add({m.name, std::to_string(m.iou.values.size()), m.iou.text([](double v) { return report::fixed(v, 4); }),
               m.gmac.text(three), m.iou_per_gmac.text(three), m.ms.text(three), shares.empty() ? "-" : shares});
  }
  std::cout << table << "\n";
  report::TextTable claims({"statement of the paper", "paper", "measured", "holds"});
  for (const Statement& s : statements_of(runs)) {
    std::string measured;
    for (const double v : s.measured.values) measured += (measured.empty() ? "" : ", ") + report::significant(v);
    claims.add({s.text, s.paper ? report::significant(*s.paper) : "-", measured.empty() ? "-" : measured,
                s.runs == 0 ? "only compared" : paser::message("in ", s.reproduced, " of ", s.runs)});
  }
  std::cout << claims;
}

/// Tells what else than the seed is not the same in all runs.
void warn_of_differences(const std::vector<report::Results>& runs) {
  const auto warn = [](const std::string& what) {
    std::cerr << "warning: the runs differ in " << paser::visible(what)
              << ", so that their spread is not that of the seed\n";
  };
  const auto differ = [&](const auto& member) {
    return !std::ranges::all_of(runs, [&](const report::Results& r) { return r.*member == runs.front().*member; });
  };
  for (const std::string& name : differing(runs)) warn("the setting " + name);
  if (differ(&report::Results::models)) warn("their models (shares are of the runs that have as many as the first)");
  if (differ(&report::Results::iou_convention)) warn("how their IoU counts (iou_convention)");
}

int run(const std::vector<std::string>& folders, const program::CommonOptions& common) {
  std::vector<report::Results> runs;
  program::DryRun would;
  for (const std::string& folder : folders) {
    runs.push_back(results_of(folder));
    would.reads({results_file(folder), paser::message(runs.back().title, ", seed ", runs.back().seed)});
  }
  for (std::size_t i = 1; i < runs.size(); ++i)
    paser::check<paser::ValueError>(runs[i].kinds == runs[0].kinds && runs[i].classes == runs[0].classes,
                                    folders[i].c_str(), "is of other images (", runs[i].title, ") than ", folders[0],
                                    " (", runs[0].title, "); expected runs with the same classes");
  for (std::size_t i = 0; i < runs.size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      if (runs[i].seed == runs[k].seed)
        std::cerr << "warning: " << paser::visible(folders[k]) << " and " << paser::visible(folders[i])
                  << " have the same seed, " << runs[i].seed << "\n";
  warn_of_differences(runs);
  if (common.dry_run) throw program::DryRunEnds{would};
  if (common.json)
    std::cout << paser::io::json_text(document(runs), 2) << "\n";
  else
    print(runs);
  return program::done;
}

}  // namespace compare_command

int run_compare(int argc, char** argv) {
  using namespace compare_command;
  std::vector<std::string> folders;
  program::CommonOptions common;
  CLI::App app("Mean and spread of several runs of one training.");
  app.add_option("runs", folders, "run folders, or their results.json")->required();
  common.add_to(app);
  app.footer(
      "Example: paser compare run_seed1 run_seed2 run_seed3\n"
      "Exit status: 0 done; 2 the options make no sense, or a file cannot be read.");
  return program::run(app, argc, argv, [&](const std::string&) { return run(folders, common); });
}

}  // namespace command
