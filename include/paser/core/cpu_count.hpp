#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#ifdef __linux__
#include <sched.h>

#include <bit>
#include <vector>
#else
#include <thread>
#endif

namespace paser::detail {

/// What a limit is that does not limit.
inline constexpr int any_number_of_cpus = std::numeric_limits<int>::max();

/// A number at the start of `text`, and `text` goes on behind it; -1 where there is none. Larger ones than an int count
/// as the largest int.
inline long long leading_number(std::string_view& text) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return -1;
  long long number = 0;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; text.remove_prefix(1))
    number = std::min<long long>(10 * number + (text[0] - '0'), any_number_of_cpus);
  return number;
}

inline std::string_view skip_blanks(std::string_view text) {
  return text.substr(std::min(text.size(), text.find_first_not_of(" \t\r\n")));
}

/// The first number of OMP_NUM_THREADS, which may be a list ("4,2") for nested levels. 0 for anything else.
inline int threads_wished(const char* variable) {
  if (variable == nullptr) return 0;
  std::string_view text = skip_blanks(variable);
  const long long number = leading_number(text);
  text = skip_blanks(text);
  return number > 0 && (text.empty() || text[0] == ',') ? static_cast<int>(number) : 0;
}

/// The whole processors in `quota` microseconds of processor time a `period`, at least 1.
inline int cpus_of_quota(std::string_view quota, std::string_view period) {
  quota = skip_blanks(quota);
  period = skip_blanks(period);
  const long long spent = leading_number(quota), every = leading_number(period);
  if (spent <= 0 || every <= 0) return any_number_of_cpus;  // "max" in version 2, -1 in version 1
  return static_cast<int>(std::max<long long>(1, spent / every));
}

/// The content of a small file, empty where it cannot be read.
inline std::string text_of_file(const std::string& path) {
  std::string text;
  if (std::FILE* const file = std::fopen(path.c_str(), "r")) {
    char part[1024];
    for (std::size_t n; (n = std::fread(part, 1, sizeof part, file)) > 0;) text.append(part, n);
    std::fclose(file);
  }
  return text;
}

/// The first word of `text` up to `separator`, and `text` goes on behind that.
inline std::string_view next_word(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), end + 1));
  return word;
}

inline bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty())
    if (next_word(list, ',') == word) return true;
  return false;
}

/// The processors that the quotas of this process's control groups leave it, those of the groups around them included:
/// the smallest, in versions 1 and 2 of Linux's control groups. `root` is put before every path that is read.
inline int cpus_of_cgroups(const std::string& root = "") {
  int cpus = any_number_of_cpus;
  // ID:CONTROLLERS:PATH; the controllers of version 2 are empty.
  const std::string groups = text_of_file(root + "/proc/self/cgroup");
  // ID PARENT DEVICE ROOT MOUNT_POINT OPTIONS... - TYPE SOURCE SUPER_OPTIONS
  const std::string mounts = text_of_file(root + "/proc/self/mountinfo");
  for (std::string_view rest = groups; !rest.empty();) {
    std::string_view path = next_word(rest, '\n');
    next_word(path, ':');
    const std::string_view controllers = next_word(path, ':');
    const bool version_2 = controllers.empty();
    if (!version_2 && !has_word(controllers, "cpu")) continue;

    for (std::string_view lines = mounts; !lines.empty();) {
      std::string_view front = next_word(lines, '\n');
      const std::size_t dash = front.find(" - ");
      if (dash == std::string_view::npos) continue;
      std::string_view back = front.substr(dash + 3);
      const std::string_view type = next_word(back, ' ');
      next_word(back, ' ');
      if (version_2 ? type != "cgroup2" : type != "cgroup" || !has_word(back, "cpu")) continue;

      for (int field = 0; field < 3; ++field) next_word(front, ' ');
      const std::string_view mounted = next_word(front, ' ');
      const std::string top = root + std::string(next_word(front, ' '));
      // What is mounted may be a group inside of the hierarchy, or not hold the process's own: then the top counts.
      std::string_view below = path;
      if (mounted != "/") {
        const bool inside = below.substr(0, mounted.size()) == mounted &&
                            (below.size() == mounted.size() || below[mounted.size()] == '/');
        below = inside ? below.substr(mounted.size()) : std::string_view();
      }
      if (below == "/" || below.find("/..") != std::string_view::npos) below = {};
      for (std::string folder = top + std::string(below); folder.size() >= top.size();
           folder.resize(std::min(folder.size() - 1, folder.rfind('/')))) {
        if (version_2) {
          const std::string limit = text_of_file(folder + "/cpu.max");
          std::string_view period = limit;
          const std::string_view quota = next_word(period, ' ');
          cpus = std::min(cpus, cpus_of_quota(quota, period));
        } else {
          cpus = std::min(cpus, cpus_of_quota(text_of_file(folder + "/cpu.cfs_quota_us"),
                                              text_of_file(folder + "/cpu.cfs_period_us")));
        }
        if (folder.empty()) break;
      }
    }
  }
  return cpus;
}

/// The processors that the calling thread may run on.
inline int cpus_of_affinity() {
#ifdef __linux__
  // The kernel refuses a mask that is shorter than its own.
  for (std::size_t words = 16; words <= 16384; words *= 4) {
    std::vector<unsigned long> mask(words);
    if (sched_getaffinity(0, words * sizeof(unsigned long), reinterpret_cast<cpu_set_t*>(mask.data())) != 0) continue;
    int count = 0;
    for (const unsigned long word : mask) count += std::popcount(word);
    return std::max(count, 1);
  }
  return 1;
#else
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#endif
}

/// The processors that this process can keep busy: those that the calling thread may run on, and no more than its
/// control groups pay for.
inline int usable_cpus() {
#ifdef __linux__
  return std::min(cpus_of_affinity(), cpus_of_cgroups());
#else
  return cpus_of_affinity();
#endif
}

}  // namespace paser::detail
#include "paser/core/macros_on.inc"
