#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "paser/io/checkpoint.hpp"
#include "paser/io/output_manifest.hpp"
#include "paser/report/table.hpp"

/// How much room the files of a run can take.
namespace paser::experiment {

/// Of all tensors, in bytes.
inline std::size_t bytes_of(const io::StateDict& state) {
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : state) bytes += static_cast<std::size_t>(tensor.bytes.numel());
  return bytes;
}

/// What the checkpoints of a run hold, in bytes and numbers.
struct RunSize {
  std::size_t networks = 0, policy = 0;  ///< bytes of all networks' weights, and of the policy's
  std::size_t policies = 0;              ///< trained by themselves
  std::size_t tunings = 0;               ///< trainings of all networks and the policy together
  std::size_t snapshots = 0;             ///< that such a training keeps
  std::size_t kept = 0;                  ///< trained PaSeRs with all their networks
  std::vector<std::size_t> alone{};      ///< bytes of the weights of each network that is trained and kept by itself
};

/// The most that such a run can take: of what is trained the weights, two moments of Adam and the best state; the
/// largest file once more while it is replaced; and the log, the results and the page.
inline std::size_t bytes_of(const RunSize& s) {
  constexpr std::size_t state = 4, texts = std::size_t{1} << 18;
  const std::size_t all = s.networks + s.policy, tuning = (state + s.snapshots) * all;
  std::size_t largest = s.tunings > 0 ? tuning : state * all, apart = 0;
  for (const std::size_t network : s.alone) {
    largest = std::max(largest, state * network);
    apart += (state + 1) * network;
  }
  return state * (s.networks + s.policies * s.policy) + s.tunings * tuning + s.kept * all + apart + largest + texts;
}

/// Throws IoError unless the file system of a run's folder, which need not be there, has room for so many bytes, less
/// what the listed files take already.
inline void require_room(const std::filesystem::path& folder, const std::map<std::string, io::ListedFile>& listed,
                         std::size_t bytes) {
  std::error_code error;
  std::size_t taken = 0;
  for (const auto& [name, file] : listed)
    if (const auto size = std::filesystem::file_size(folder / name, error); !error) taken += size;
  const std::size_t needed = bytes > taken ? bytes - taken : 0;
  std::filesystem::path there = std::filesystem::absolute(folder);
  while (!std::filesystem::exists(there)) there = there.parent_path();
  const auto space = std::filesystem::space(there);
  check<IoError>(space.available >= needed, "RunFolder", "the checkpoints of a run need ", report::bytes_text(needed),
                 " in ", folder.string(), ", there are ", report::bytes_text(space.available));
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
