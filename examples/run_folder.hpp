#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "paser/io/atomic_file.hpp"
#include "paser/io/json.hpp"
#include "paser/pipeline/stage.hpp"
#include "paser/report/environment.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/log.hpp"
#include "paser/report/memory.hpp"
#include "paser/report/results.hpp"
#include "paser/report/table.hpp"
#include "paser/report/timing.hpp"
#include "shown.hpp"

/// The folder of a training run, and how its stages are run.
namespace program {

/// The settings of the run in a folder, as config.json has them. Throws IoError and FormatError.
template <class Config>
Config run_settings(const std::filesystem::path& run) {
  const std::filesystem::path file = run / "config.json";
  paser::check<paser::IoError>(std::filesystem::exists(file), "run", "cannot read ", file.string(),
                               "; expected the folder of a run");
  const auto document = paser::io::read_json(file);
  paser::check<paser::FormatError>(document.is_object() && document.contains("settings"), file.string().c_str(),
                                   "is not the configuration of a run");
  try {
    return document["settings"].template get<Config>();
  } catch (const nlohmann::json::exception& error) {
    throw paser::FormatError(paser::message(file.string(), ": ", error.what()));
  }
}

/// A run folder: config.json, log.jsonl, checkpoints/, stages.json, and at the end results.json and report.html.
class RunFolder {
 public:
  /// Opens a folder, or makes it. `settings` become a JSON object; those that a run in the folder does not know have
  /// their defaults in it, where the type has such. With `fresh` that run is deleted first. Throws ValueError when its
  /// settings are others, IoError when there is no room for `bytes_needed`.
  template <class Settings>
  RunFolder(std::filesystem::path path, const Settings& settings, bool fresh, std::size_t bytes_needed)
      : path_(std::move(path)) {
    require_utf8(settings);
    if (fresh) empty();
    std::error_code failed;
    std::filesystem::create_directories(path_ / "checkpoints", failed);
    paser::check<paser::IoError>(!failed, "RunFolder", "cannot make ", (path_ / "checkpoints").string(), ": ",
                                 failed.message());
    const auto space = std::filesystem::space(path_);
    paser::check<paser::IoError>(space.available >= bytes_needed, "RunFolder", "the checkpoints of a run need ",
                                 paser::report::bytes_text(bytes_needed), " in ", path_.string(), ", there are ",
                                 paser::report::bytes_text(space.available));
    const auto file = path_ / "config.json";
    if (std::filesystem::exists(file))
      require_same(settings, run_settings<Settings>(path_), file);
    else
      paser::io::write_file(
          file, paser::io::json_text(
                    nlohmann::json{{"settings", settings}, {"environment", paser::report::environment()}}, 2) +
                    "\n");
    if (const auto stages = path_ / "stages.json"; std::filesystem::exists(stages)) costs_ = read_costs(stages);
    log_.emplace(path_ / "log.jsonl");
  }

  std::filesystem::path checkpoint(const std::string& name) const {
    return path_ / "checkpoints" / (name + ".safetensors");
  }
  const std::filesystem::path& path() const { return path_; }
  const std::vector<paser::report::StageCost>& stage_costs() const { return costs_; }

  /// Runs one stage with progress, log and measurements. body(stage) returns false when it was interrupted; then
  /// Interrupted is thrown. A stage that was done in an earlier run costs nothing and has a line that says so.
  template <class Body>
  void run(const std::string& name, const std::string& file, const Body& body) {
    paser::pipeline::Stage stage{.name = name, .file = checkpoint(file)};
    std::optional<paser::report::Progress> progress;
    std::optional<paser::report::ProgressOf> preparation;
    std::string last_note;
    paser::Index before = 0, now = 0, planned = 0;
    const paser::report::MemoryMeter memory;
    const paser::report::WaitMeter waits;
    const auto start = std::chrono::steady_clock::now();
    stage.monitor.log = [this](const nlohmann::json& record) { log_->write(record); };
    stage.monitor.interrupted = [] { return paser::report::interrupted(); };
    stage.monitor.preparing = [&](const std::string& part, paser::Index done, paser::Index total) {
      if (paser::report::interrupted()) throw Interrupted();
      if (done == 0) preparation.emplace(name + ": " + part, "images");
      (*preparation)(done, total);
      if (done == total) preparation->finish();
    };
    stage.monitor.started = [&](paser::Index done, paser::Index total) {
      before = now = done;
      planned = total;
      if (done == total)
        std::cerr << name << "  " << done << " steps, made in an earlier run" << std::endl;
      else
        progress.emplace(name, total, paser::report::ProgressOptions{}, done);
    };
    stage.monitor.progress = [&](paser::Index done, paser::Index, const std::string& note) {
      now = done;
      last_note = note;
      if (progress) progress->update(done, note);
    };
    const bool finished = body(stage);
    if (!progress && finished) return;
    add_cost(name, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), memory.peak(),
             now - before, planned, waits.share());
    std::string end = last_note;
    const auto add = [&end](const std::string& text) { end += (end.empty() ? "" : ", ") + text; };
    if (finished && now < planned) add("over early");
    add(finished ? "peak memory " + paser::report::bytes_text(memory.peak().process) : "interrupted");
    if (progress) progress->finish(end);
    if (!finished) throw Interrupted();
  }

  /// Adds what a stage, or a part of it before an interruption, needed. `steps` of the `planned` were made in these
  /// seconds; for `waited` see TimeSpread.
  void add_cost(const std::string& stage, double seconds, const paser::report::MemoryPeak& peak, std::int64_t steps = 0,
                std::int64_t planned = 0, double waited = 0) {
    auto found = std::find_if(costs_.begin(), costs_.end(), [&](const auto& c) { return c.stage == stage; });
    if (found == costs_.end()) found = costs_.insert(found, {stage, 0, {}});
    if (const double all = found->seconds + seconds; all > 0)
      found->waited = (found->waited * found->seconds + waited * seconds) / all;
    found->seconds += seconds;
    found->steps += steps;
    found->planned = planned;
    found->memory = {std::max(found->memory.process, peak.process), std::max(found->memory.tensors, peak.tensors),
                     peak.of_stage};
    paser::io::write_file(path_ / "stages.json", paser::io::json_text(nlohmann::json(costs_), 1) + "\n");
  }

 private:
  /// A folder of another encoding, say, which config.json could not name.
  static void require_utf8(const nlohmann::json& settings) {
    for (const auto& [name, value] : settings.items())
      paser::check<paser::ValueError>(
          !value.is_string() || paser::find_not_utf8(value.get_ref<const std::string&>()) == std::string::npos,
          "setting", name, " is '", paser::as_utf8(value.is_string() ? value.get<std::string>() : ""),
          "', which is not UTF-8, and config.json could not name it; rename it");
  }

  static std::vector<paser::report::StageCost> read_costs(const std::filesystem::path& file) {
    try {
      return paser::io::read_json(file).get<std::vector<paser::report::StageCost>>();
    } catch (const nlohmann::json::exception& error) {
      throw paser::FormatError(paser::message(file.string(), ": ", error.what()));
    }
  }

  /// Never empties a folder that is not a run.
  void empty() const {
    if (!std::filesystem::exists(path_ / "config.json")) return;
    for (const char* part : {"checkpoints", "config.json", "log.jsonl", "stages.json", "measured.json", "results.json",
                             "methods.csv", "images.csv", "samples", "report.html", "curve.svg", "curve.csv"})
      std::filesystem::remove_all(path_ / part);
  }

  static void require_same(const nlohmann::json& asked, const nlohmann::json& old, const std::filesystem::path& file) {
    for (const auto& [name, value] : asked.items())
      paser::check<paser::ValueError>(old.value(name, nlohmann::json()) == value, file.string().c_str(),
                                      "this folder holds a run with ", name, " = ",
                                      old.value(name, nlohmann::json()).dump(), ", asked for is ", value.dump(),
                                      "; choose another --out, or --fresh to start over");
  }

  std::filesystem::path path_;
  std::optional<paser::report::Log> log_;
  std::vector<paser::report::StageCost> costs_;
};

}  // namespace program
