#pragma once

#include <string>

#include "paser/pipeline/how_far.hpp"
#include "paser/report/interrupt.hpp"
#include "paser/report/progress.hpp"
#include "program.hpp"

/// How the programs show computations that are no stages of a training.
namespace program {

/// Runs work(how_far) and shows how far it is, in a line of its own. Throws Interrupted after Ctrl-C.
template <class Work>
auto shown(const std::string& part, const std::string& unit, const Work& work) {
  paser::report::ProgressOf progress(part, unit);
  auto result = work(paser::pipeline::HowFar([&](paser::Index done, paser::Index total) {
    if (stops_by_itself() && paser::report::interrupted()) throw Interrupted();
    progress(done, total);
  }));
  progress.finish();
  return result;
}

}  // namespace program
