#pragma once
#include "paser/core/macros_off.inc"

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>

#include "paser/distributed/team.hpp"
#include "paser/pipeline/how_far.hpp"
#include "paser/pipeline/training_state.hpp"

namespace paser::pipeline {

/// How a long computation talks to the world around it. Every part may stay empty.
struct Callbacks {
  /// Gets one record of the run's log, with "stage" and "step" filled in.
  std::function<void(const nlohmann::json& record)> log;
  /// Gets, before the first step, how many steps earlier runs have made, and how many there are; the two are equal when
  /// none is left.
  std::function<void(Index done, Index total)> started;
  /// Gets how far a part of what comes before the first step is, in images, like HowFar.
  std::function<void(const std::string& part, Index done, Index total)> preparing;
  /// Gets after every step how far the stage is, and a short text such as the present loss.
  std::function<void(Index done, Index total, const std::string& note)> progress;
  /// Asked after every step; true stops the stage at once, saved. True at one process of a team stops all.
  std::function<bool()> interrupted;

  /// `preparing` for one part; empty where nobody listens.
  HowFar preparation(std::string part) const {
    if (!preparing) return {};
    return [tell = preparing, part = std::move(part)](Index done, Index total) { tell(part, done, total); };
  }
};

/// A number of a stage of training was not finite.
struct StageNotFiniteError : NotFiniteError {
  Index step = -1;  ///< from 0; -1: before the first one

  StageNotFiniteError(Index s, const std::string& what) : NotFiniteError(what), step(s) {}
};

/// A stage of training that can be stopped and resumed: `steps` calls of a step, with all its state in one checkpoint
/// file.
struct Stage {
  std::string name;
  Index steps = 0;
  io::Path file{};           ///< the checkpoint; empty: nothing is stored
  double save_seconds = 60;  ///< the longest time of work that a killed process loses
  Callbacks callbacks{};
  /// A step, counted from 0, that was not finite: the stage runs up to it from what is stored, looks at every number of
  /// it, and stores nothing.
  std::optional<Index> replay{};
  /// The processes that make every step together; its leader alone reads and stores the checkpoint, and has callbacks
  /// that show anything.
  distributed::Team team{};

  /// Sends a record to the log under this stage's name.
  template <class Json = nlohmann::json>
  void log(Index step, std::type_identity_t<Json> record) const {
    if (!callbacks.log) return;
    record["stage"] = name;
    record["step"] = step;
    callbacks.log(record);
  }
};

namespace detail {

/// What earlier runs have stored of a stage, for every process of its team; none where there is nothing.
template <class Checkpoint = io::Checkpoint>
std::optional<Checkpoint> stored(const Stage& stage) {
  const bool there = stage.team.leads() && !stage.file.empty() && std::filesystem::exists(stage.file);
  if (stage.team.alone()) return there ? std::optional(Checkpoint::load(stage.file)) : std::nullopt;
  const std::string bytes = stage.team.of_leader(there ? io::read_file(stage.file) : "", "the checkpoint");
  if (bytes.empty()) return std::nullopt;
  return Checkpoint::parse(std::as_bytes(std::span(bytes)), stage.file.string());
}

}  // namespace detail

/// Runs step(i), which returns a short note, for each i that is not done yet, after prepare() if there is one. A step
/// may return a std::optional of the note: none says that it had nothing to do and that the stage is over, whatever
/// number of steps was planned. `state` is all that the stage remembers; since a step's randomness depends on i alone,
/// a run that was stopped and resumed gives the same bits as one that was not. Returns false when it was interrupted.
/// Throws FormatError when the file belongs to another stage or to another number of steps, or holds a number that the
/// stage cannot have. A NotFiniteError of a step
/// goes on as a StageNotFiniteError with the stage's name and the step's number, counted from 1 as in the log; the file
/// then still has the state that was stored last, in which all numbers were finite. A replay throws it with the name of
/// the first operation whose result or gradient is not finite, and ValueError when its step is finite this time, or,
/// before anything is computed, when what is stored lies beyond that step.
template <class Step, class Prepare = void (*)()>
bool run_stage(
    const Stage& stage, const TrainingState& state, Step&& step, Prepare&& prepare = [] {}) {
  using Clock = std::chrono::steady_clock;
  Index done = 0, made = 0;  // different only once a stage is over early
  stage.team.at(stage.name);
  if (const auto checkpoint = detail::stored(stage)) {
    const auto& info = checkpoint->info;
    const auto stored = [&](const char* name) { return info.contains(name) ? io::json_text(info[name]) : "none"; };
    check<FormatError>(info.is_object(), stage.file.string().c_str(), "expected an object, got ", info.type_name());
    check<FormatError>(
        info.contains("stage") && info["stage"] == stage.name && info.contains("steps") && info["steps"] == stage.steps,
        stage.file.string().c_str(), "this checkpoint is of stage ", excerpt(stored("stage")), " with ",
        excerpt(stored("steps")), " steps; expected \"", stage.name, "\" with ", stage.steps);
    detail::read_stored(info, checkpoint->origin, "step", done, Index{0}, stage.steps);
    made = done;
    if (info.contains("made")) detail::read_stored(info, checkpoint->origin, "made", made, Index{0}, done);
    state.load(*checkpoint);
  }
  const bool was_finished = done == stage.steps;
  check<ValueError>(stage.replay.value_or(-1) < 0 || done <= *stage.replay, stage.name.c_str(), "step ",
                    stage.replay.value_or(-1) + 1, " of ", stage.steps, " cannot run again: ",
                    was_finished ? "the stage is over" : message("what is stored lies beyond it, at step ", done),
                    "; run it without a replay");
  const auto store = [&] {
    if (stage.file.empty() || stage.replay || !stage.team.leads()) return;
    io::Checkpoint checkpoint;
    checkpoint.info = {{"stage", stage.name}, {"steps", stage.steps}, {"step", done}, {"made", made}};
    state.save(checkpoint);
    checkpoint.save(stage.file);
  };
  const auto guarded = [&](Index at, const std::string& where, const auto& work) {
    std::optional<FiniteWatch> watch;
    if (stage.replay == at) state.name_parameters(watch.emplace());
    try {
      return work();
    } catch (const NotFiniteError& error) {
      throw StageNotFiniteError(
          at, message(stage.name, ", ", where, ": ", error.what(), "; what was stored before is as it was"));
    }
  };
  if (!was_finished) guarded(-1, "before its first step", prepare);
  if (stage.callbacks.started) stage.callbacks.started(made, was_finished ? made : stage.steps);
  auto saved = Clock::now();
  while (done < stage.steps) {
    stage.team.at(message(stage.name, ", step ", done + 1));
    const std::optional<std::string> note = guarded(done, message("step ", done + 1, " of ", stage.steps),
                                                    [&]() -> std::optional<std::string> { return step(done); });
    check<ValueError>(stage.replay != done, stage.name.c_str(), "step ", done + 1,
                      ", which was not finite, is so this time: something of the machine or the data is not as it was");
    if (!note) {
      done = stage.steps;
      break;
    }
    made = ++done;
    if (stage.callbacks.progress) stage.callbacks.progress(done, stage.steps, *note);
    const bool asked = stage.callbacks.interrupted && stage.callbacks.interrupted();
    if (stage.team.any(asked, "whether to stop") && done < stage.steps) {
      store();
      return false;
    }
    if (std::chrono::duration<double>(Clock::now() - saved).count() > stage.save_seconds) {
      store();
      saved = Clock::now();
    }
  }
  if (!was_finished) store();
  return true;
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
