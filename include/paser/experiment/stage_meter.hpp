#pragma once
#include "paser/core/macros_off.inc"

#include <filesystem>
#include <vector>

#include "paser/io/json.hpp"
#include "paser/report/memory.hpp"
#include "paser/report/results.hpp"
#include "paser/report/timing.hpp"

/// What the stages of a run cost.
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

/// What stages have cost, from the file in which a run keeps it. Throws FormatError, which names the file.
inline std::vector<report::StageCost> read_costs(const std::filesystem::path& file) {
  const auto document = io::read_json(file);
  try {
    return document.get<std::vector<report::StageCost>>();
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(message(file.string(), ": ", io::json_problem(error)));
  } catch (const FormatError& error) {
    throw FormatError(message(file.string(), ": ", error.what()));
  }
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
