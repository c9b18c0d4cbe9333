#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>

#include "paser/experiment/data_files.hpp"
#include "paser/experiment/dry_run.hpp"
#include "paser/experiment/older_run.hpp"
#include "paser/experiment/replay.hpp"
#include "paser/experiment/run_settings.hpp"
#include "paser/experiment/run_size.hpp"
#include "paser/experiment/shown.hpp"
#include "paser/experiment/stage_meter.hpp"
#include "paser/pipeline/stage.hpp"
#include "paser/report/environment.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/log.hpp"
#include "paser/report/results.hpp"
#include "paser/report/table.hpp"
#include "paser/report/tensorboard.hpp"

/// The folder of a training run, and how its stages are run.
namespace paser::experiment {

/// What is asked of a run's folder on the command line.
struct RunChoice {
  bool fresh = false;        ///< a run that is in the folder is removed first
  bool overwrite = false;    ///< files that are no run's are replaced where their names are needed
  bool replay = false;       ///< only the step that was not finite runs again, watched; nothing is stored
  bool tensorboard = false;  ///< the log's numbers as an event file too
  bool dry_run = false;      ///< everything is judged, nothing is written, and the first stage is where it ends
};

/// What a program needs of its run folder.
struct RunNeeds {
  std::string program{};               ///< its name
  std::size_t bytes = 0;               ///< that its files can take
  DataFiles data{};                    ///< what it trains on and is judged by; never written to
  std::vector<std::string> results{};  ///< files that it writes at the end
  DataFiles inputs{};                  ///< of `data` those that a dry run names one by one
};

/// A run folder: config.json, data.json, log.jsonl, checkpoints/, stages.json, and at the end results.json and
/// report.html. It belongs to one process at a time, and no file in it is replaced or removed that a run of this
/// program did not write, see io::OutputFolder. config.json keeps the paths as they were typed, and the folder that
/// they are relative to. Of a team the leader alone opens and writes it; what the others are asked to write is what the
/// leader writes. In a dry run the folder is judged as ever and nothing is written: the first stage throws DryRunEnds.
class RunFolder {
 public:
  /// Opens a folder, or makes it. `settings` become a JSON object; those that a run in the folder does not know have
  /// their defaults in it, where the type has such. Throws ValueError when the folder holds files and no run, or a run
  /// of other settings or other data, IoError when there is no room, and when another process works there. What the
  /// settings name has been read: see work_has_begun.
  template <class Settings>
  RunFolder(const std::filesystem::path& path, const Settings& settings, const RunChoice& choice, const RunNeeds& needs,
            const distributed::Team& team = {})
      : path_(named_in_utf8(path, settings)), results_(needs.results), team_(team) {
    work_has_begun() = true;
    if (choice.dry_run) would_.emplace();
    const auto again = path_ / replay_file;
    if (!team_.leads()) {
      if (choice.replay && std::filesystem::exists(again)) replay_ = Replay::read(again);
      return;
    }
    out_.emplace(path_, needs.program, io::OutputOptions{{}, choice.overwrite, true, choice.dry_run, begins_as_output});
    const auto file = path / "config.json";
    if (out_->lists_nothing() && std::filesystem::exists(file) && is_output(file, "config.json")) {
      run_settings<Settings>(path);  // throws where they are not this program's
      adopt_older_run(*out_, choice.overwrite);
    }
    check<ValueError>(
        choice.overwrite || !out_->lists_nothing() || holds_nothing(path), "--out", path.string(),
        " holds files and no run of ", needs.program,
        "; expected an empty folder, a new one, or that of a run, or --overwrite to replace what is in the way");
    check<ValueError>(!choice.replay || (!choice.fresh && out_->lists(replay_file)), "--replay", path.string(),
                      " has no ", replay_file, ", which a run leaves behind that stops at ",
                      "a number that is not finite");
    if (choice.replay) replay_ = Replay::read(again);
    for (const auto& [name, input] : needs.data) out_->protect(input);
    for (const std::string& name : needs.results) out_->require(name);
    out_->require(replay_file);
    if (choice.tensorboard) out_->require(events_file);
    constexpr const char* begun_anew[] = {"config.json", "data.json", "log.jsonl", "stages.json", "measured.json"};
    goes_on_ = !choice.fresh && out_->lists("config.json") && std::filesystem::exists(file);
    if (goes_on_) {
      require_same_settings(settings, run_settings<Settings>(path), file);
    } else {
      const bool trained = std::ranges::any_of(out_->listed(), [&](const auto& listed) {
        return listed.first.starts_with("checkpoints/") && !(choice.fresh && out_->lists(listed.first));
      });
      check<ValueError>(!trained, file.string().c_str(),
                        "is gone, and the run in this folder cannot go on without it; --fresh removes ", "that run");
      for (const char* name : begun_anew) out_->require(name);
    }
    require_room(path_, out_->listed(), needs.bytes);
    const auto data = sums_of(needs.data);
    if (choice.fresh) out_->clear();  // once nothing is left that could refuse the run which takes its place
    if (!goes_on_) {
      for (const char* name : begun_anew) out_->remove(name);
      out_->write("config.json",
                  io::json_text(nlohmann::json{{"settings", settings},
                                               {"environment", report::environment()},
                                               {"working_folder", as_utf8(std::filesystem::current_path().string())}},
                                2) +
                      "\n");
    }
    keep_data(data);
    if (!kept("stages.json").empty()) costs_ = read_costs(path / "stages.json");
    if (!choice.replay && out_->unchanged(replay_file)) failed_ = Replay::read(path_ / replay_file);
    if (choice.dry_run) {
      // What a run that goes on writes again, be it behind other stages.
      for (const auto& [name, listed] : out_->listed())
        if (goes_on_ && listed.by_name && out_->lists(name) && (choice.tensorboard || name != events_file))
          out_->require(name);
      describe(choice, needs);
      return;
    }
    log_.emplace(out_->appended("log.jsonl"));
    if (choice.tensorboard) open_events();
  }

  /// The file of a stage or of a trained PaSeR, to be read.
  std::filesystem::path checkpoint(const std::string& name) const { return path() / checkpoint_name(name); }
  /// The same, to be written. Throws ValueError when a file of this name is there and no run wrote it.
  std::filesystem::path checkpoint_to_write(const std::string& name) {
    if (name.starts_with("paser")) trained_.insert(name);
    return out_ ? out_->rewritten(checkpoint_name(name)) : checkpoint(name);
  }
  /// The names of the trained PaSeRs: of the checkpoints that this process had to write those that begin with "paser"
  /// and are there.
  std::vector<std::string> trained() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const std::string& name : trained_)
      if (std::filesystem::is_regular_file(checkpoint(name), none)) names.push_back(name);
    return names;
  }
  /// What an earlier process of this run wrote into a file; empty where there is none, and in a process of a team that
  /// does not lead. Throws FormatError when the file is not as it was written.
  std::string kept(const std::string& name) const {
    if (!goes_on_ || !std::filesystem::exists(path_ / name)) return "";
    out_->require_unchanged(name);
    return io::read_text(path_ / name);
  }
  /// Writes any other file, whole or not at all. Throws as OutputFolder::write.
  void write(const std::string& name, const std::string& content) {
    if (out_) out_->write(name, content);
  }
  const std::filesystem::path& path() const { return path_; }  ///< The folder.
  bool goes_on() const { return goes_on_; }                    ///< Whether an earlier run was there, and goes on.
  /// The files that the program writes at the end.
  const std::vector<std::string>& results() const { return results_; }
  const distributed::Team& team() const { return team_; }  ///< The processes that train together.
  /// Time and memory of the stages so far.
  const std::vector<report::StageCost>& stage_costs() const { return costs_; }

  /// Runs one stage with progress, log and measurements. body(stage) returns false when it was interrupted; then
  /// Interrupted is thrown. A stage that was done in an earlier run costs nothing and has a line that says so.
  template <class Body>
  void run(const std::string& name, const std::string& file, const Body& body) {
    if (would_) throw DryRunEnds{*would_};
    pipeline::Stage stage{.name = name, .file = checkpoint_to_write(file), .team = team_};
    stage.callbacks.interrupted = [] { return report::interrupted(); };
    if (replay_ && replay_->stage == name) stage.replay = replay_->step;
    if (!team_.leads()) {
      if (!guarded(stage, body)) throw Interrupted();
      return;
    }
    std::optional<report::Progress> progress;
    std::optional<report::ProgressOf> preparation;
    std::string last_note;
    Index before = 0, now = 0, planned = 0;
    const StageMeter meter;
    const std::size_t sent = team_.sent();
    stage.callbacks.log = [&](const nlohmann::json& record) {
      if (stage.replay) return;
      log_->write(record);
      if (events_) events_->write(record);
    };
    stage.callbacks.preparing = [&](const std::string& part, Index done, Index total) {
      end_if_interrupted();
      if (done == 0) preparation.emplace(name + ": " + part, "images");
      (*preparation)(done, total);
      if (done == total) preparation->finish();
    };
    stage.callbacks.started = [&](Index done, Index total) {
      if (replay_ && !stage.replay && done < total)
        throw ValueError(message("--replay: ", replay_->stage, " cannot run again before the end of ", name,
                                 "; run the command without --replay"));
      forget_failed(name, done);
      before = now = done;
      planned = total;
      if (done == total)
        report::notes() << name << "  " << done << " steps, made in an earlier run" << std::endl;
      else
        progress.emplace(name, total, report::ProgressOptions{}, done);
    };
    stage.callbacks.progress = [&](Index done, Index, const std::string& note) {
      now = done;
      last_note = note;
      forget_failed(name, done);
      if (progress) progress->update(done, note);
    };
    const bool finished = guarded(stage, body);
    if (stage.replay && !finished) throw Interrupted();
    if (stage.replay)
      throw ValueError(message("--replay: ", name, " is over before step ", *stage.replay + 1, " this time"));
    if (finished) forget_failed(name, std::numeric_limits<Index>::max());
    if (!progress && finished) return;
    auto cost = meter.cost(name);
    cost.steps = now - before;
    cost.planned = planned;
    add_cost(cost);
    std::string end = last_note;
    const auto add = [&end](const std::string& text) { end += (end.empty() ? "" : ", ") + text; };
    if (finished && now < planned) add("over early");
    add(finished ? "peak memory " + report::bytes_text(cost.memory.process) : "interrupted");
    if (!team_.alone() && now > before)
      add(report::bytes_text((team_.sent() - sent) / static_cast<std::size_t>(now - before)) + " sent per step");
    if (progress) progress->finish(end);
    if (!finished) throw Interrupted();
  }

  /// For the end of a run whose stages went up to `last`, see up_to. Throws ValueError where a step was to run again: a
  /// stage that has it ends the run itself, so that none of these had it.
  void end_of_replay(const std::string& last = "all") const {
    if (replay_)
      throw ValueError(message("--replay: ", replay_->stage, ", whose step ", replay_->step + 1,
                               " is to run again, is not among the stages of this run",
                               last == "all" ? "" : ", which ends with --stage " + last));
  }

  /// Adds what a stage, or a part of it before an interruption, needed.
  void add_cost(const report::StageCost& cost) {
    auto found = std::ranges::find(costs_, cost.stage, &report::StageCost::stage);
    if (found == costs_.end()) found = costs_.insert(found, {cost.stage});
    if (const double all = found->seconds + cost.seconds; all > 0)
      found->waited = (found->waited * found->seconds + cost.waited * cost.seconds) / all;
    found->seconds += cost.seconds;
    found->steps += cost.steps;
    found->planned = cost.planned;
    found->memory = {std::max(found->memory.process, cost.memory.process),
                     std::max(found->memory.tensors, cost.memory.tensors), cost.memory.of_stage};
    out_->write("stages.json", io::json_text(nlohmann::json(costs_), 1) + "\n");
  }

 private:
  /// With what the run has logged before, be it without events.
  void open_events() {
    events_.emplace(out_->appended(events_file));
    for (const auto& record : report::read_log(log_->file())) events_->write(record);
  }

  static constexpr const char *replay_file = Replay::file_name, *events_file = "events.out.tfevents.paser";

  /// Forgets the step that was not finite when its stage has made more: that step cannot run again from what is stored.
  void forget_failed(const std::string& stage, Index made) {
    if (!failed_ || failed_->stage != stage || made <= failed_->step) return;
    failed_.reset();
    if (out_->unchanged(replay_file)) out_->remove(replay_file);
  }

  /// body(stage); a step that is not finite leaves replay.json behind where it is so at the leader.
  template <class Body>
  bool guarded(pipeline::Stage& stage, const Body& body) {
    try {
      return body(stage);
    } catch (const pipeline::StageNotFiniteError& error) {
      if (replay_ || error.step < 0) throw;
      failed_ = {stage.name, error.step};
      if (out_) out_->write(replay_file, failed_->text(error.what()));
      const char* same = out_ ? "; the same command" : "; the same command without mpirun comes to it again, and then";
      throw NotFiniteError(message(error.what(), same, " with --replay says which operation it was"));
    }
  }

  /// The path, when config.json can name all that the settings do: not a folder of another encoding, say.
  static const std::filesystem::path& named_in_utf8(const std::filesystem::path& path, const nlohmann::json& settings) {
    for (const auto& [name, all] : settings.items())
      for (const auto& value : all.is_array() ? all : nlohmann::json::array({all}))
        check<ValueError>(!value.is_string() || find_not_utf8(value.get_ref<const std::string&>()) == std::string::npos,
                          "setting", name, " is '", as_utf8(value.is_string() ? value.get<std::string>() : ""),
                          "', which is not UTF-8, and config.json could not name it; rename it");
    return path;
  }

  static std::string checkpoint_name(const std::string& name) { return "checkpoints/" + name + ".safetensors"; }

  /// Whether there is nothing but the manifest.
  static bool holds_nothing(const std::filesystem::path& folder) {
    return !std::filesystem::exists(folder) ||
           std::ranges::all_of(std::filesystem::directory_iterator(folder), [](const auto& entry) {
             return entry.path().filename() == io::OutputManifest::file_name;
           });
  }

  /// Compares the data, by its sums, with what the run that goes on began with, or stores what it is.
  void keep_data(const nlohmann::json& now) {
    const auto file = path() / "data.json";
    if (!goes_on_ || !std::filesystem::exists(file)) return out_->write("data.json", io::json_text(now, 1) + "\n");
    const auto before = io::read_json(file);
    check<FormatError>(before.is_object(), file.string().c_str(), "is not the list of a run's data");
    const std::string difference = first_difference(before, now);
    check<ValueError>(difference.empty(), path().string().c_str(),
                      "the data is not that which this run began with: ", difference,
                      "; restore it, choose another --out, or --fresh to start over");
  }

  /// What a run would read and write.
  void describe(const RunChoice& choice, const RunNeeds& needs) {
    std::vector<std::filesystem::path> inputs;
    for (const auto& [name, file] : needs.data)
      if (!needs.inputs.contains(name)) inputs.push_back(file);
    would_->reads_all(inputs);
    for (const auto& [name, file] : needs.inputs) would_->reads({file, name});
    if (choice.replay) {
      would_->reads({path(), "one step of the run that is there runs again, watched"});
      return;
    }
    const char* which = choice.fresh ? "a new run, in place of any that is there"
                        : goes_on_   ? "the run that is there goes on"
                                     : "a new run";
    would_->writes({path(), message(which, ", at most ", report::bytes_text(needs.bytes))});
    std::vector<std::string> names{"config.json", "data.json", "log.jsonl", "stages.json", "checkpoints"};
    names.insert(names.end(), needs.results.begin(), needs.results.end());
    if (choice.tensorboard) names.emplace_back(events_file);
    for (const std::string& name : names) would_->writes({path() / name});
  }

  std::filesystem::path path_;
  std::vector<std::string> results_;
  distributed::Team team_;
  bool goes_on_ = false;
  std::optional<io::OutputFolder> out_;  ///< of the leader
  std::optional<Replay> replay_;         ///< the step that runs again
  std::optional<Replay> failed_;         ///< the step that replay.json names, where none runs again
  std::optional<DryRun> would_;          ///< of a dry run
  std::optional<report::Log> log_;
  std::optional<report::TensorBoardLog> events_;
  std::vector<report::StageCost> costs_;
  std::set<std::string> trained_;
};

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
