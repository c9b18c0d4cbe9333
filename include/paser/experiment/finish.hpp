#pragma once
#include "paser/core/macros_off.inc"

#include <iostream>
#include <map>

#include "paser/experiment/advice.hpp"
#include "paser/experiment/stages.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/report/html.hpp"
#include "paser/report/results_csv.hpp"
#include "paser/report/results_file.hpp"

/// The end of a run: what it is worth, measured, written and printed.
namespace paser::experiment {

/// Runs compare(results), which fills them and returns the images that the page shows on their way, as the stage
/// "compare"; and writes those of results.json, methods.csv, images.csv and report.html that are among the results of
/// RunNeeds. page: what report.html is made from.
template <class Compare>
report::Results finish(RunFolder& folder, const std::string& command, const report::PageAssets& page,
                       const Compare& compare) {
  const StageMeter meter;
  report::Results results;
  results.command = command;
  const std::vector<report::Sample> samples = compare(results);
  results.stages = folder.stage_costs();
  results.stages.push_back(meter.cost("compare"));
  for (const std::string& name : folder.results()) {
    if (name == "results.json") folder.write(name, report::results_text(results));
    if (name == "methods.csv") folder.write(name, report::methods_csv(results));
    if (name == "images.csv" && !results.images.empty()) folder.write(name, report::images_csv(results));
    if (name != "report.html") continue;
    report::PageData data{report::read_log(folder.path() / "log.jsonl"), samples};
    if (!results.classes.empty()) data.entropy_max = std::log(static_cast<double>(results.classes.size()));
    folder.write(name, report::html(results, data, page));
  }
  return results;
}

/// A trained PaSeR that a run keeps, and the network of it to use alone; empty: as its policy says.
struct TrainedChoice {
  std::string name, only;
  std::string remark{};  ///< where that network is another one than the comparison says; else empty
};

/// What the advice means: of the trained PaSeRs that a run keeps, the one whose name is that of the best in the
/// comparison, else the first; or the network that does without routing, from a file that has it as it was compared
/// (entry "fine_tuned" of its info: the names of those that are not), where there is one. Empty where nothing is kept.
inline TrainedChoice best_trained(const report::Results& results, const RunFolder& folder) {
  const auto trained = folder.trained();
  if (trained.empty()) return {};
  std::map<std::string, nlohmann::json> infos;
  for (const std::string& name : trained) infos[name] = pipeline::load_paser(folder.checkpoint(name)).description.info;
  const auto named = [&](const std::string& model) {
    for (const auto& [file, info] : infos)
      if (info.value("name", "") == model) return file;
    return std::string();
  };
  const auto [best, alone] = best_and_rival(results.rows);
  const std::string routed = best ? named(best->model) : "";
  TrainedChoice choice{routed.empty() ? trained.front() : routed, "", ""};
  if (!alone || alone->gmac > best->gmac) return choice;
  if (const std::string rival = named(alone->model); !rival.empty()) return {rival, "", ""};
  choice.only = alone->model;
  const auto fine_tuned = [&](const std::string& file) {
    const auto tuned = infos.at(file).value("fine_tuned", nlohmann::json::array());
    return std::find(tuned.begin(), tuned.end(), choice.only) != tuned.end();
  };
  if (!fine_tuned(choice.name)) return choice;
  for (const report::Row& row : results.rows)
    if (const std::string file = row.kind == "paser" ? named(row.model) : ""; !file.empty() && !fine_tuned(file))
      return {file, choice.only, ""};
  choice.remark = message(choice.only, " of that file was fine-tuned: its numbers are those of the row '", choice.only,
                          " of ", infos.at(choice.name).value("name", ""), "'");
  return choice;
}

/// Where the files of a run are, and the command that uses what was trained, where there is something.
inline void print_files(std::ostream& out, const RunFolder& folder, const TrainedChoice& best) {
  if (const auto page = folder.path() / "report.html"; std::filesystem::exists(page))
    out << "Report page    " << visible(page.string()) << "  (for a browser; one file that loads nothing)\n";
  out << "All numbers    " << visible((folder.path() / "results.json").string()) << "\n";
  const auto trained = folder.trained();
  for (std::size_t i = 0; i < trained.size(); ++i)
    out << (i == 0 ? "Trained model  " : "               ") << visible(folder.checkpoint(trained[i]).string()) << "\n";
  if (!best.name.empty())
    out << "Use it         paser segment " << visible(shell_word(folder.checkpoint(best.name).string())) << " IMAGES"
        << (best.only.empty() ? "" : " --only " + shell_word(best.only)) << "\n"
        << (best.remark.empty() ? "" : std::string(15, ' ') + visible(best.remark) + "\n");
  out << std::flush;
}

/// What a run found, for people: methods, other tables, time and memory of the stages, the paper's statements with the
/// numbers of this run, the advice, and where the rest is.
inline void print_results(std::ostream& out, const report::Results& results, const RunFolder& folder) {
  using report::fixed;
  out << "\n"
      << visible(results.data) << (results.data.empty() ? "" : "\n\n") << report::results_table(results) << "\n"
      << report::results_legend(results) << "\n";
  const auto show = [&](const std::string& title, const report::TextTable& table, const std::string& note) {
    out << visible(title) << "\n" << table << visible(note, "\n") << "\n";
  };
  for (const report::Row& row : results.rows)
    if (row.kind == "paser" && results.kinds.size() > 1)
      show(row.model + ": where the test images of each kind went",
           report::assignment_table(results, results.assignment.at(row.model)), "");
  for (const report::ComparisonTable& table : results.tables) {
    report::TextTable text(table.header);
    for (const auto& row : table.rows) text.add(row);
    show(table.title, text, table.note.empty() ? "" : table.note + "\n");
  }
  show("Time and memory of the stages", report::stages_table(results), report::stages_legend(results));
  if (!results.claims.empty())
    out << "What the paper says, and what this run (preset " << results.preset << ") measured\n";
  for (const report::Claim& claim : results.claims)
    out << (!claim.reproduced   ? "[only compared]  "
            : *claim.reproduced ? "[holds here]     "
                                : "[does not hold]  ")
        << claim.text << ": " << (claim.measured ? fixed(*claim.measured, 4) : "-")
        << (claim.paper ? " (paper " + fixed(*claim.paper, 4) + ")" : "") << "\n"
        << (claim.explanation.empty() ? "" : std::string(17, ' ') + claim.explanation + "\n");
  out << (results.claims.empty() ? "" : "\n");
  if (!results.advice.empty()) out << "Advice         " << visible(results.advice) << "\n\n";
  print_files(out, folder, best_trained(results, folder));
}

/// The last part of an experiment: finish(), and what it found on standard output, as print_results or as results.json
/// has it. Of a team the leader does it alone.
template <class Compare>
RunStage compare_stage(RunFolder& folder, const std::string& command, const report::PageAssets& page,
                       const Compare& compare, bool json = false) {
  return {"compare", "every method on the test images, and its time", [=, &folder] {
            folder.end_of_replay();  // before anything is written
            if (!folder.team().leads()) return;
            const report::Results results = finish(folder, command, page, compare);
            if (json)
              std::cout << io::json_text(nlohmann::json(results), 2) << "\n";
            else
              print_results(std::cout, results, folder);
          }};
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
