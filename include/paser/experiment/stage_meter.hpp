#pragma once
#include "paser/core/macros_off.inc"

#include "paser/report/memory.hpp"
#include "paser/report/results.hpp"
#include "paser/report/timing.hpp"

namespace paser::experiment {

/// Measures what a stage costs, from its construction on.
class StageMeter {
 public:
  /// Time, memory and how long threads waited for a processor, so far.
  report::StageCost cost(const std::string& stage) const {
    return {.stage = stage,
            .seconds = report::monotonic_seconds() - start_,
            .memory = memory_.peak(),
            .waited = waits_.share()};
  }

 private:
  report::MemoryMeter memory_;
  report::WaitMeter waits_;
  double start_ = report::monotonic_seconds();
};

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
