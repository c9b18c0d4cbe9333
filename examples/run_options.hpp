#pragma once

#include <optional>

#include "common_options.hpp"
#include "paser/core/parallel.hpp"
#include "paser/experiment/run_folder.hpp"
#include "paser/experiment/settings.hpp"
#include "paser/experiment/stages.hpp"
#include "program.hpp"

/// The options of all programs that train.
namespace program {

struct RunOptions {
  std::string preset{}, out{}, stage = "all";
  std::vector<std::string> settings{};
  std::optional<std::uint64_t> seed{};
  int threads = 0;
  paser::experiment::RunChoice choice{};
  bool list_presets = false, list_settings = false, json = false;

  /// The example shows settings of the program. A program without presets leaves `preset` empty.
  void add_to(CLI::App& app, const std::string& example) {
    app.add_option("--set", settings, "a setting as name=value, such as " + example + "; repeatable");
    app.add_option("--out", out, "run folder; a folder with an unfinished run goes on with it");
    app.add_option("--seed", seed, "of data, weights and all noise; 1 by default")->check(program::seed());
    app.add_option("--threads", threads, "at most so many; default: all cores")->check(CLI::Range(1, 4096));
    app.add_flag("--fresh", choice.fresh, "remove a run that is in the folder and start over");
    app.add_flag("--replay", choice.replay,
                 "run the step of the run that was not finite again, and say which operation it was; stores nothing");
    app.add_flag("--tensorboard", choice.tensorboard,
                 "write the numbers of log.jsonl into events.out.tfevents.paser too, as TensorBoard reads them");
    app.add_flag("--overwrite", choice.overwrite, "replace files in the folder that are no run's, but no input");
    add_manner_options(app, choice.dry_run);
    app.add_flag("--list-settings", list_settings, "print what every setting means and may be");
    if (!preset.empty()) app.add_flag("--list-presets", list_presets, "print every setting of every preset");
  }

  /// The options of programs that carry out stages, the last of which compares; names: those of the other ones.
  void add_stages_to(CLI::App& app, const std::string& names) {
    app.add_option("--stage", stage, "stop after this stage: " + names + ", or all")->capture_default_str();
    add_json_option(app, json);
  }

  /// Throws ValueError with the names unless --stage is one of these, "compare" or "all": before a folder is made.
  void require_stage(std::vector<std::string> names) const {
    names.insert(names.end(), {"compare", "all"});
    if (std::ranges::find(names, stage) == names.end())
      throw paser::ValueError(paser::unknown_name("stage", stage, names));
  }

  /// Tells what is going to happen, and does it, up to the stage that was asked for.
  void carry_out(const std::string& title, paser::experiment::Stages stages,
                 const paser::experiment::RunFolder& folder) const {
    stages = paser::experiment::up_to(stage, std::move(stages));
    if (!choice.replay) paser::experiment::print_plan(paser::report::notes(), title, stages, folder);
    paser::experiment::run(stages);
    folder.end_of_replay(stage);
  }

  /// Prints what was asked for, if anything was.
  template <class Settings>
  bool listed(const std::string& program, const std::vector<Settings>& presets = {}) const {
    if (list_settings) std::cout << paser::experiment::settings_page<Settings>(program);
    if (list_presets)
      for (const Settings& preset_settings : presets) std::cout << nlohmann::json(preset_settings).dump(2) << "\n";
    return list_settings || list_presets;
  }

  /// Seed and settings of the command line, and the number of threads. Throws ValueError on a setting that there is
  /// not, or of another kind, and on the preset among them.
  template <class Settings>
  void apply_to(Settings& settings_of_run) const {
    if (seed) settings_of_run.seed = *seed;
    for (const std::string& setting : settings) {
      paser::check<paser::ValueError>(preset.empty() || !setting.starts_with("preset="), "--set", "'", setting,
                                      "' would name the settings and change none; expected --preset to choose them");
      paser::experiment::apply(setting, settings_of_run);
    }
    if (threads > 0) paser::set_threads(threads);
  }

  /// Whether a setting is given by its name.
  bool is_set(const std::string& name) const {
    return std::ranges::any_of(settings, [&](const auto& setting) { return setting.starts_with(name + "="); });
  }

  /// The settings for a run in this folder: the run that is there goes on with the answers that it began with, unless
  /// somebody has set others.
  template <class Settings>
  Settings as_begun(Settings settings_of_run, const std::filesystem::path& run) const {
    const auto kept =
        choice.fresh || is_set("answers") ? std::nullopt : paser::experiment::begun_settings<Settings>(run);
    if (kept) settings_of_run.answers = kept->answers;
    return settings_of_run;
  }

  std::filesystem::path folder(const std::string& usual) const { return out.empty() ? "runs/" + usual : out; }
};

}  // namespace program
