#pragma once
#include "paser/core/macros_off.inc"

#include <cstddef>
#include <fstream>
#include <string>

#include "paser/core/memory.hpp"

namespace paser::report {

namespace detail {

/// A "VmHWM:   1234 kB" line of /proc/self/status, in bytes; 0 where there is no such file.
inline std::size_t process_status_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(field + ":", 0) == 0) return std::stoull(line.substr(field.size() + 1)) * 1024;
  return 0;
}

}  // namespace detail

/// The resident memory of the process now, in bytes; 0 where the system does not say.
inline std::size_t resident_bytes() {
  return detail::process_status_bytes("VmRSS");
}

/// The largest resident memory of the process since its start or the last reset, in bytes (Linux: VmHWM).
inline std::size_t peak_resident_bytes() {
  return detail::process_status_bytes("VmHWM");
}

/// Starts a new peak of the resident memory at its present value. False where the system does not allow it, as in some
/// containers; peaks then are those since the start of the process.
inline bool reset_peak_resident() {
  std::ofstream control("/proc/self/clear_refs");
  if (!control) return false;
  control << '5' << std::flush;
  return control.good();
}

/// What a stage needed at most, in bytes.
struct MemoryPeak {
  std::size_t process = 0;  ///< resident memory of the whole process
  std::size_t tensors = 0;  ///< buffers held by tensors
  bool of_stage = true;     ///< false: `process` is the peak since the start of the process
};

/// Measures the memory of one stage, from its construction to peak().
class MemoryMeter {
 public:
  MemoryMeter() : was_reset_(reset_peak_resident()) { BufferPool::instance().reset_peak(); }
  /// The most memory since the meter was started.
  MemoryPeak peak() const { return {peak_resident_bytes(), BufferPool::instance().use().peak, was_reset_}; }

 private:
  bool was_reset_;
};

}  // namespace paser::report
#include "paser/core/macros_on.inc"
