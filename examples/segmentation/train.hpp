#pragma once

#include <CLI/CLI.hpp>

#include "data_options.hpp"
#include "page_assets.hpp"
#include "paser/experiment/finish.hpp"
#include "paser/experiment/folder_summary.hpp"
#include "run_options.hpp"
#include "segmentation/questions.hpp"
#include "segmentation/single.hpp"
#include "team_program.hpp"
#include "without_noise.hpp"

/// What train_segmentation is asked for, and how it goes.
namespace segmentation {

namespace detail {

struct Arguments {
  program::RunOptions run{"own"};
  program::DataOptions data;
  std::string initial, network;
  double wait_limit = 600;
};

inline Config configuration(const Arguments& a) {
  const auto with_options = [&](Config config) {
    a.data.apply_to(config);
    if (!a.initial.empty()) config.initial = experiment::StartFiles::of(a.initial);
    a.run.apply_to(config);
    experiment::settle_rivals(config);
    return config;
  };
  Config preset = experiment::preset_named(presets(), a.run.preset);
  preset.network = a.network;
  const Config config = with_options(preset);
  return config.network.empty() ? config : with_options(alone(preset, config.network));
}

/// The settings of a network alone, of which those that alone() decides, and nobody has set, are as in the run of this
/// network that is in the folder: it goes on as it was begun.
inline Config as_begun(Config c, const std::filesystem::path& run, const Arguments& a) {
  const auto kept = a.run.choice.fresh ? std::nullopt : experiment::begun_settings<Config>(run);
  if (!kept || kept->network != c.network) return c;
  if (!a.run.is_set("split")) c.split = kept->split;
  if (!a.run.is_set("distillation")) c.distillation = kept->distillation;
  if (!a.run.is_set("micro_batch")) c.micro_batch = kept->micro_batch;
  if (!a.run.is_set("grid")) c.grid = kept->grid;
  static_cast<experiment::RivalSettings&>(c) = *kept;  // named by a preset then, and not trained
  return c;
}

/// Trains and tests one network alone.
inline program::Exit run_single(const Arguments& a, const Config& config, const std::filesystem::path& out,
                                const std::string& command) {
  paser::check<paser::ValueError>(a.run.stage == "all", "--network", "trains one network in one stage; it does not ",
                                  "go with --stage");
  SingleNetwork single(config, out, a.run.choice);
  experiment::print_data(report::notes(), std::cerr, config, single.data());
  auto stages = single.stages();
  const auto compare = [&](report::Results& r) {
    single.compare(r);
    return std::vector<report::Sample>{};
  };
  stages.push_back(experiment::compare_stage(single.folder(), command, program::page_assets(), compare, a.run.json));
  a.run.carry_out("One network alone, preset " + config.preset, stages, single.folder());
  return program::end_without(single.data().left_out());
}

/// Trains and tests PaSeR, and answers the paper's questions.
inline program::Exit run_paser(const Arguments& a, const Config& config, const paser::distributed::Team& team,
                               const std::filesystem::path& out, const std::string& command) {
  std::vector<std::string> stages_there;
  for (std::size_t k = config.models(); k > 0; --k) stages_there.push_back(paser::message("f", k));
  stages_there.insert(stages_there.end(), {"policy", "fine-tune"});
  std::ranges::copy(experiment::Rivals::stage_names(config), std::back_inserter(stages_there));
  stages_there.push_back("questions");
  a.run.require_stage(stages_there);
  Experiment experiment(config, out, a.run.choice, team);
  experiment::print_data(report::notes(), std::cerr, config, experiment.data());
  if (config.part_images > 0)
    report::notes() << "Parts     gradients are added over parts of " << config.part_images
                    << (config.part_images == 1 ? " image or patch" : " images or patches")
                    << " of a batch, whatever the number of processes; part_images sets their size\n";
  if (config.policy_group > 0)
    report::notes() << "Groups    the policy's batch norms take the statistics of " << config.policy_group
                    << (config.policy_group == 1 ? " image" : " images")
                    << ", whatever the number of processes; policy_group says so\n";
  if (config.dropout == 0 && config.samples > 1) std::cerr << program::without_noise;
  FurtherTrainings further(experiment);
  auto stages = experiment.stages();
  stages.push_back({"questions", "further policies and networks for the paper's questions", [&] { further.train(); }});
  const auto compare = [&](report::Results& r) {
    Comparison comparison(experiment);
    comparison.compare(r);
    Questions(experiment, further, comparison, r).answer();
    return comparison.samples(experiment.tuned().back());
  };
  stages.push_back(
      experiment::compare_stage(experiment.folder(), command, program::page_assets(), compare, a.run.json));
  a.run.carry_out("PaSeR, preset " + config.preset, stages, experiment.folder());
  return program::end_without(experiment.data().left_out());
}

inline int run(const Arguments& a, const paser::distributed::Team& team, const std::string& command) {
  if (a.run.listed("train_segmentation", presets())) return program::done;
  Config config = configuration(a);
  const std::filesystem::path out = a.run.folder("segmentation_" + config.preset);
  config = in_parts(config, team, out, a.run.choice.fresh, [&](const std::string& name) { return a.run.is_set(name); });
  const report::InterruptGuard guard;
  if (config.network.empty()) return run_paser(a, config, team, out, command);
  paser::check<paser::ValueError>(team.alone(), "--network", "trains by one process; start it without mpirun or srun");
  paser::check<paser::ValueError>(config.rivals.empty(), "--network",
                                  "trains one network, beside which no rivals are trained; leave that setting out");
  return run_single(a, as_begun(config, out, a), out, command);
}

}  // namespace detail

/// The program of these arguments; returns its exit status.
inline int train(int argc, char** argv) {
  detail::Arguments a;
  CLI::App app("PaSeR on a folder of images and masks.");
  program::add_data_options(app, a.data);
  program::add_skip_option(app, a.data);
  app.add_option("--preset", a.run.preset,
                 "demo (<= 15 minutes on two cores), own (<= 90 minutes), standard (the same beside "
                 "the networks that the paper compares with), paper (weeks), cityscapes")
      ->capture_default_str();
  app.add_option(
      "--initial", a.initial,
      "a PaSeR file (checkpoints/paser.safetensors of a run) to start from, or a JSON list that has for each "
      "network a model file of one, or \"\" for random weights");
  app.add_option(
      "--network", a.network,
      "train this network alone, without routing: f1, f2, ..., or NAME:JSON such as unet:{\"width\":8,\"depth\":3}");
  a.run.add_stages_to(
      app, "f3, f2, f1 (the largest first), policy, fine-tune, rival1 and others if there are rivals, questions");
  app.add_option("--wait-limit", a.wait_limit,
                 "of several processes: seconds after which one that does not answer ends all")
      ->check(program::within(1, 1e6))
      ->capture_default_str();
  a.run.add_to(app, "policy_epochs=10 or widths=[8,16,32]");
  app.footer(
      "Example: paser train --data data --masks 0:0,255:1 --out run\n" + std::string(program::statuses) +
      "\nOf several processes also: 4 one was waited for in vain. With --skip-bad: 5 done, some files were left out.");
  return program::run_in_team(app, argc, argv, a.wait_limit, [&](const auto& team, const std::string& command) {
    return detail::run(a, team, command);
  });
}

}  // namespace segmentation
