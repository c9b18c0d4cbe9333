#pragma once
#include "paser/core/macros_off.inc"

#include <dirent.h>
#include <sys/resource.h>

#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "paser/core/parallel.hpp"
#include "paser/metrics/statistics.hpp"
#include "paser/report/progress.hpp"
#include "paser/report/result_parts.hpp"

/// Timings that a busy machine cannot pass off as good ones: medians of runs in turn, with their spread and a mark.
namespace paser::report {

/// Seconds that the threads of this process, all together, were ready to run and had no processor. Linux tells it for
/// every thread (/proc/self/task/*/schedstat); elsewhere every time that the system took a processor away counts as
/// 3 ms, the usual turn of the other thread.
inline double waited_seconds() {
  double nanoseconds = 0;
  bool told = false;
  if (DIR* const threads = ::opendir("/proc/self/task")) {
    while (const dirent* const entry = ::readdir(threads)) {
      std::ifstream in("/proc/self/task/" + std::string(entry->d_name) + "/schedstat");
      double ran = 0, waited = 0;
      if (!(in >> ran >> waited)) continue;
      nanoseconds += waited;
      told = true;
    }
    ::closedir(threads);
  }
  if (told) return nanoseconds * 1e-9;
  rusage use{};
  return ::getrusage(RUSAGE_SELF, &use) == 0 ? 0.003 * static_cast<double>(use.ru_nivcsw) : 0;
}

/// The share of the threads' time, since the construction, in which they waited for a processor.
class WaitMeter {
 public:
  explicit WaitMeter(std::function<double()> clock = monotonic_seconds, std::function<double()> waited = waited_seconds)
      : clock_(std::move(clock)), waited_(std::move(waited)), start_(clock_()), before_(waited_()) {}

  /// The share of the time in which threads were ready to run and waited.
  double share() const {
    const double seconds = (clock_() - start_) * threads();
    return seconds > 0 ? std::max(0.0, waited_() - before_) / seconds : 0;
  }

 private:
  std::function<double()> clock_, waited_;
  double start_, before_;
};

/// How works are timed. The clocks can be replaced for tests.
struct TimingOptions {
  int rounds = 7;    ///< in which every work runs once
  int warm_ups = 1;  ///< rounds before them that do not count
  std::function<double()> clock = monotonic_seconds;
  std::function<double()> waited = waited_seconds;
  /// Gets how many runs of all are done, first 0.
  std::function<void(Index done, Index total)> progress{};
};

/// Seconds that one work takes.
struct Timing {
  double median = 0;
  TimeSpread spread{};  ///< in seconds
};

/// Times every work several times, in turn: one run of each, then again, so that whatever else the machine does hits
/// all alike.
inline std::vector<Timing> time_in_turn(const std::vector<std::function<void()>>& works,
                                        const TimingOptions& options = {}) {
  check<ValueError>(options.rounds >= 1 && options.warm_ups >= 0, "time_in_turn", "expected a round or more, got ",
                    options.rounds, " and ", options.warm_ups, " to warm up");
  std::vector<std::vector<double>> seconds(works.size());
  std::vector<double> waited(works.size(), 0.0), all(works.size(), 0.0);
  const Index total = (options.rounds + options.warm_ups) * static_cast<Index>(works.size());
  Index done = 0;
  if (options.progress) options.progress(0, total);
  for (int round = -options.warm_ups; round < options.rounds; ++round)
    for (std::size_t i = 0; i < works.size(); ++i) {
      const double waited_before = options.waited(), start = options.clock();
      works[i]();
      const double took = options.clock() - start;
      if (round >= 0) {
        seconds[i].push_back(took);
        all[i] += took;
        waited[i] += std::max(0.0, options.waited() - waited_before);
      }
      if (options.progress) options.progress(++done, total);
    }
  std::vector<Timing> timings;
  for (std::size_t i = 0; i < works.size(); ++i) {
    const double threads_seconds = all[i] * threads();
    timings.push_back({metrics::quantile(seconds[i], 0.5),
                       {.low = metrics::quantile(seconds[i], 0.25),
                        .high = metrics::quantile(seconds[i], 0.75),
                        .runs = options.rounds,
                        .waited = threads_seconds > 0 ? waited[i] / threads_seconds : 0}});
  }
  return timings;
}

/// What Results::time_convention says of times that time_in_turn measured on `images` images.
inline std::string time_convention(int runs, Index images) {
  return message("median of ", runs, " runs on a batch of ", images,
                 " test images, all methods in turn; in brackets "
                 "the first and third quartile");
}

}  // namespace paser::report
#include "paser/core/macros_on.inc"
