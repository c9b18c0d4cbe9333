#pragma once
#include "paser/core/macros_off.inc"

#include <sys/utsname.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "paser/core/isa.hpp"
#include "paser/core/parallel.hpp"
#include "paser/version.hpp"

namespace paser::report {

/// The name of the processor as the system gives it, else its architecture.
inline std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos || colon + 2 > line.size()) continue;
    if (line.rfind("model name", 0) == 0 || line.rfind("Model", 0) == 0) return line.substr(colon + 2);
  }
  utsname system{};
  return ::uname(&system) == 0 ? system.machine : "unknown";
}

/// The operating system: "Linux 6.1.0 x86_64".
inline std::string system_name() {
  utsname system{};
  if (::uname(&system) != 0) return "unknown";
  return std::string(system.sysname) + " " + system.release + " " + system.machine;
}

/// The compiler of the calling program.
inline std::string compiler_name() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "gcc " __VERSION__;
#else
  return "unknown";
#endif
}

/// The present time, UTC, as 2026-01-31T12:00:00Z (ISO 8601).
inline std::string utc_time() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

/// What a run depended on beside its settings: for config.json and the report. "kernels" is isa().
template <class Json = nlohmann::json>
Json environment() {
  return {{"library", std::string("paser ") + version},
          {"cpu", cpu_name()},
          {"cores", std::thread::hardware_concurrency()},
          {"threads", threads()},
          {"kernels", isa()},
          {"compiler", compiler_name()},
          {"optimized",
#ifdef __OPTIMIZE__
           true
#else
           false
#endif
          },
          {"system", system_name()},
          {"date", utc_time()}};
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
