#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "paser/experiment/run_folder.hpp"
#include "paser/report/text.hpp"

/// What an experiment does, in its order, as a list that is told before it is done. One of one's own is such a list:
///
///     experiment::RunFolder folder(out, settings, choice, {.program = "train_mine", .results = {"results.json"}});
///     experiment::Stages stages;
///     for (std::size_t k = 0; k < 3; ++k)
///       stages.push_back(experiment::pretrain_stage(folder, {message("pretrain f", k + 1), message("f", k + 1)},
///                                                   paser.models[k], train, validation, networks, key.fold(k)));
///     stages.push_back({"policy", "which network gets which patch", [&] {
///                         folder.run("policy", "policy", [&](const pipeline::Stage& stage) {
///                           return pipeline::train_policy(paser, train, validation, policy, stage, key.fold(3));
///                         });
///                       }});
///     stages.push_back(experiment::compare_stage(folder, command, page, compare));
///     experiment::print_plan(std::cerr, "PaSeR on my images", stages, folder);
///     experiment::run(stages);
///
/// What is done when the program is stopped is not done again by the same command: RunFolder::run sees to that.
namespace paser::experiment {

/// A part of an experiment.
struct RunStage {
  std::string name;                                     ///< one word, such as "policy"
  std::string what;                                     ///< for people, on a line
  std::function<void()> run;                            ///< does it, or what is left of it
  std::function<std::optional<double>()> seconds = {};  ///< about what it will take, where that can be told
};

using Stages = std::vector<RunStage>;  ///< The parts of an experiment, in the order in which they run.

/// The stages up to and including the one named `last`; of "all" every one. Throws ValueError with the names when there
/// is none of this name.
inline Stages up_to(const std::string& last, Stages stages) {
  if (last == "all") return stages;
  const auto found = std::ranges::find(stages, last, &RunStage::name);
  if (found == stages.end()) {
    std::vector<std::string> names;
    for (const RunStage& stage : stages) names.push_back(stage.name);
    names.emplace_back("all");
    throw ValueError(unknown_name("stage", last, names));
  }
  stages.erase(found + 1, stages.end());
  return stages;
}

/// Runs them in their order. Throws what they throw: Interrupted after Ctrl-C.
inline void run(const Stages& stages) {
  for (const RunStage& stage : stages) stage.run();
}

/// A time known to within a factor of two or so: "less than 10 s", "about 40 s", "about 3 min", "about 2 weeks".
inline std::string about(double seconds) {
  if (seconds < 10) return "less than 10 s";
  for (const auto& [unit, length] :
       {std::pair{" weeks", 7 * 86400.0}, {" days", 86400.0}, {" h", 3600.0}, {" min", 60.0}})
    if (seconds >= 1.5 * length) return "about " + report::fixed(seconds / length, 0) + unit;
  return "about " + report::fixed(10 * std::round(seconds / 10), 0) + " s";
}

/// Tells what is going to happen, about how long it takes, and in which folder.
inline void print_plan(std::ostream& out, const std::string& title, const Stages& stages, const RunFolder& folder) {
  std::vector<std::string> times;
  std::size_t name_width = 0, time_width = 0;
  double all = 0;
  bool known = true;
  for (const RunStage& stage : stages) {
    const auto seconds = stage.seconds ? stage.seconds() : std::nullopt;
    times.push_back(seconds ? about(*seconds) : "");
    name_width = std::max(name_width, stage.name.size());
    time_width = std::max(time_width, times.back().size());
    all += seconds.value_or(0);
    known = known && seconds;
  }
  out << title << ", " << stages.size() << (stages.size() == 1 ? " stage" : " stages");
  if (time_width > 0) out << ", " << about(all) << (known ? "" : " and what has no time below");
  out << ":\n";
  for (std::size_t i = 0; i < stages.size(); ++i)
    out << "  " << report::pad_right(stages[i].name, name_width) << "  " << report::pad_right(times[i], time_width)
        << (time_width > 0 ? "  " : "") << stages[i].what << "\n";
  out << (folder.goes_on() ? "The run in " : "Everything is written to ") << visible(folder.path().string())
      << (folder.goes_on() ? " goes on; what is done there is not done again (--fresh starts over).\n"
                           : ". Ctrl-C stops and keeps what is done; the same command goes on with it.\n")
      << std::flush;
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
