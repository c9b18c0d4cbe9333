#pragma once

#include <CLI/CLI.hpp>

#include "data_options.hpp"
#include "page_assets.hpp"
#include "paser/report/results_csv.hpp"
#include "paser/report/results_file.hpp"
#include "print_results.hpp"
#include "run_options.hpp"
#include "segmentation/advice.hpp"
#include "segmentation/questions.hpp"
#include "segmentation/single.hpp"
#include "team_program.hpp"
#include "without_noise.hpp"

/// What train_segmentation is asked for, and how it goes.
namespace segmentation {

namespace detail {

struct Arguments {
  program::RunOptions run{"standard"};
  program::DataOptions data;
  std::string stage = "all", initial, network;
  double wait_limit = 600;
  bool json = false;
};

inline Config configuration(const Arguments& a) {
  Config config = experiment::preset_named(presets(), a.run.preset);
  if (!a.network.empty()) config = alone(config, a.network);
  a.data.apply_to(config);
  if (!a.initial.empty()) config.initial = a.initial;
  a.run.apply_to(config);
  return config;
}

/// Evaluates a finished run, and writes and prints what it found.
inline void compare(Experiment& experiment, const FurtherTrainings& further, const std::string& command, bool json) {
  namespace report = paser::report;
  experiment::RunFolder& folder = experiment.folder();
  const report::MemoryMeter memory;
  const report::WaitMeter waits;
  const auto start = std::chrono::steady_clock::now();
  report::Results results;
  results.command = command;
  Comparison comparison(experiment);
  comparison.compare(results);
  Questions(experiment, further, comparison, results).answer();
  const auto samples = comparison.samples(experiment.tuned().back());
  results.stages = folder.stage_costs();
  results.stages.push_back({"compare", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                            memory.peak(), 0, 0, waits.share()});
  results.advice = advice(results);
  folder.write("results.json", report::results_text(results));
  folder.write("methods.csv", report::methods_csv(results));
  if (!results.images.empty()) folder.write("images.csv", report::images_csv(results));
  folder.write("report.html", report::html(results,
                                           {report::read_log(folder.path() / "log.jsonl"), samples,
                                            std::log(static_cast<double>(results.classes.size()))},
                                           program::page_assets()));
  if (json) {
    std::cout << paser::io::json_text(nlohmann::json(results), 2) << "\n";
    return;
  }
  std::cout << "\n" << report::results_table(results) << "\n" << report::results_legend(results) << "\n";
  for (const report::ComparisonTable& table : results.tables) {
    std::cout << table.title << "\n";
    report::TextTable text(table.header);
    for (const auto& row : table.rows) text.add(row);
    std::cout << text << (table.note.empty() ? "" : table.note + "\n") << "\n";
  }
  std::vector<std::filesystem::path> trained;
  for (const char* name : {"paser", "paser_tuned"})
    if (std::filesystem::exists(folder.checkpoint(name))) trained.push_back(folder.checkpoint(name));
  program::print_results(std::cout, results, folder.path(), trained);
  if (!results.advice.empty()) std::cout << "\nAdvice         " << results.advice << std::endl;
}

/// What to say of the data: how they were divided, and the classes' weights.
inline void tell_of(const Data& data) {
  program::tell_division(data.division());
  for (const std::string& warning : data.weights().warnings) std::cerr << "warning: " << warning << "\n";
}

/// Trains and tests one network alone.
inline int run_single(const Arguments& a, const Config& config, const std::filesystem::path& out,
                      const std::string& command) {
  namespace report = paser::report;
  paser::check<paser::ValueError>(a.stage == "all" && a.initial.empty(), "--network",
                                  "trains one network from random weights in one stage; it goes with neither --stage ",
                                  "nor --initial");
  SingleNetwork single(config, out, a.run.choice);
  tell_of(single.data());
  if (!a.run.choice.replay) single.print_plan(std::cerr);
  single.train();
  const report::Results results = single.results(command);
  experiment::RunFolder& folder = single.folder();
  folder.write("results.json", report::results_text(results));
  folder.write("methods.csv", report::methods_csv(results));
  folder.write("images.csv", report::images_csv(results));
  if (a.json) {
    std::cout << paser::io::json_text(nlohmann::json(results), 2) << "\n";
    return program::done;
  }
  std::cout << "\n"
            << report::results_table(results) << "\n"
            << report::results_legend(results) << "\n"
            << "All numbers      " << (folder.path() / "results.json").string() << "\n"
            << "Trained network  " << folder.checkpoint("paser").string() << "\n"
            << "Use it           segment_image " << folder.path().string() << " IMAGES\n";
  return program::done;
}

inline int run(const Arguments& a, const paser::distributed::Team& team, const std::string& command) {
  if (a.run.listed("train_segmentation", presets())) return program::done;
  Config config = configuration(a);
  const std::filesystem::path out = a.run.folder("segmentation_" + config.preset);
  if (std::ranges::none_of(a.run.settings, [](const auto& setting) { return setting.starts_with("part_images="); }))
    config = in_parts(config, team, out, a.run.choice.fresh);
  const paser::report::InterruptGuard guard;
  if (!config.network.empty()) {
    paser::check<paser::ValueError>(team.alone(), "--network",
                                    "trains by one process; start it without mpirun or srun");
    return run_single(a, config, out, command);
  }
  Experiment experiment(config, out, a.run.choice, team);
  tell_of(experiment.data());
  if (!a.run.choice.replay) experiment.print_plan(std::cerr);
  if (config.dropout == 0 && config.samples > 1) std::cerr << program::without_noise;
  FurtherTrainings further(experiment);
  if (experiment.train(a.stage)) further.train();
  if (a.stage == "all" && team.leads()) compare(experiment, further, command, a.json);
  return program::done;
}

}  // namespace detail

/// The program of these arguments; returns its exit status.
inline int train(int argc, char** argv) {
  detail::Arguments a;
  CLI::App app("PaSeR on a folder of images and masks.");
  program::add_data_options(app, a.data);
  app.add_option("--preset", a.run.preset, "demo (<= 15 minutes on two cores), standard (<= 90 minutes), paper (weeks)")
      ->capture_default_str();
  app.add_option("--initial", a.initial, "a PaSeR file (checkpoints/paser.safetensors of a run) to start from");
  app.add_option(
      "--network", a.network,
      "train this network alone, without routing: f1, f2, ..., or NAME:JSON such as unet:{\"width\":8,\"depth\":3}");
  app.add_option("--stage", a.stage,
                 "stop after this stage: f3, f2, f1 (the largest first), policy, fine-tune, questions, or all")
      ->capture_default_str();
  app.add_option("--wait-limit", a.wait_limit,
                 "of several processes: seconds after which one that does not answer ends all")
      ->check(program::within(1, 1e6))
      ->capture_default_str();
  a.run.add_to(app, "policy_epochs=10 or widths=[8,16,32]");
  app.add_flag("--json", a.json, "print results.json instead of tables");
  app.footer(std::string(program::statuses) + "\nOf several processes also: 4 one was waited for in vain.");
  return program::run_in_team(app, argc, argv, a.wait_limit, [&](const auto& team, const std::string& command) {
    return detail::run(a, team, command);
  });
}

}  // namespace segmentation
