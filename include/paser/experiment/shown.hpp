#pragma once
#include "paser/core/macros_off.inc"

#include <stdexcept>
#include <string>

#include "paser/pipeline/how_far.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/progress.hpp"

/// How computations are shown that are no stages of a training, and how Ctrl-C ends them.
namespace paser::experiment {

/// Ctrl-C: what was done is saved, the same command goes on.
struct Interrupted : std::runtime_error {
  explicit Interrupted(
      const std::string& message = "interrupted; the run is saved, and the same command goes on with it")
      : std::runtime_error(message) {}
};

/// Whether Ctrl-C may end this process at any place. As one of a team it ends with the others, after a step.
inline bool& stops_by_itself() {
  static bool stops = true;
  return stops;
}

/// Throws Interrupted after Ctrl-C where the process may end.
inline void end_if_interrupted() {
  if (stops_by_itself() && report::interrupted()) throw Interrupted();
}

/// Whether this process has read what its options name and begun with its work: a file that cannot be read before is a
/// wrong option, and one that cannot be read or written afterwards is a failure. RunFolder says it of trainings.
inline bool& work_has_begun() {
  static bool begun = false;
  return begun;
}

/// Runs work(how_far) and shows how far it is, in a line of its own. Throws Interrupted after Ctrl-C.
template <class Work>
auto shown(const std::string& part, const std::string& unit, const Work& work) {
  report::ProgressOf progress(part, unit);
  auto result = work(pipeline::HowFar([&](Index done, Index total) {
    end_if_interrupted();
    progress(done, total);
  }));
  progress.finish();
  return result;
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
