#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

#include "paser/core/isa.hpp"
#include "paser/core/parallel.hpp"
#include "paser/distributed/mpi_team.hpp"
#include "paser/distributed/team.hpp"
#include "paser/io/output_manifest.hpp"
#include "paser/version.hpp"
#include "program.hpp"

/// Programs that mpirun or srun may start as several processes. Rank 0 alone reports; any other speaks when it fails.
namespace program {

/// The processes that started with this one: those of mpirun or srun, else a team of one. wait_limit: seconds after
/// which a process that does not answer ends all, with the status rank_lost; named it is after a minute, or half of it.
inline paser::distributed::Team started_team([[maybe_unused]] double wait_limit) {
#ifdef PASER_WITH_MPI
  if (paser::distributed::started_by_mpi())
    return paser::distributed::Team(std::make_unique<paser::distributed::MpiLink>(
        paser::distributed::WaitLimits{std::min(60.0, wait_limit / 2), wait_limit}));
#endif
  return {};
}

/// What decides the bits of a result beside its settings and data: the instruction set, and the program itself, which
/// holds the table by which algorithms are chosen.
inline std::string arithmetic() {
  std::string program = "of another system";
  if (std::filesystem::exists("/proc/self/exe"))
    program = paser::message("with CRC-32 ", paser::io::ContentSum::of_file("/proc/self/exe").crc);
  return paser::message(paser::isa(), " in a program of paser ", paser::version, " ", program);
}

namespace detail {

/// While it lives, nothing is printed.
class Silence {
 public:
  explicit Silence(bool silent) {
    if (!silent) return;
    for (std::ostream* stream : {&std::cout, &std::cerr}) before_.emplace_back(stream, stream->rdbuf(nullptr));
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  ~Silence() {
    for (auto& [stream, buffer] : before_) stream->rdbuf(buffer);
  }

 private:
  std::vector<std::pair<std::ostream*, std::streambuf*>> before_;
};

}  // namespace detail

/// Divides the cores among those processes of a node that the launcher bound to the same ones, unless OMP_NUM_THREADS
/// says how many threads each has.
inline void share_cores(const paser::distributed::Team& team) {
  if (team.alone() || std::getenv("OMP_NUM_THREADS") != nullptr) return;
  std::string cores(256, '\0');
  (void)::gethostname(cores.data(), cores.size() - 1);
#ifdef __linux__
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  (void)::sched_getaffinity(0, sizeof allowed, &allowed);
  cores.append(reinterpret_cast<const char*>(&allowed), sizeof allowed);
#endif
  const auto sharing = static_cast<int>(std::ranges::count(team.all(cores, "the cores"), cores));
  paser::set_threads(std::max(1, paser::threads() / sharing));
}

/// The same as run(app, argc, argv, body) for each process of a team: body(team, command). An exception at one ends
/// all, with its sentence; where it is the same at all, rank 0 says it. wait_limit: see started_team; read after
/// parsing.
template <class Body>
int run_in_team(CLI::App& app, int argc, char** argv, const double& wait_limit, const Body& body) {
  paser::distributed::Team team;
  const int status = run(app, argc, argv, [&](const std::string& command) {
    std::optional<detail::Silence> silence;
    try {
      team = started_team(wait_limit);  // in which another may be waited for in vain
      stops_by_itself() = team.alone();
      silence.emplace(!team.leads());
      share_cores(team);
      const int result = body(std::as_const(team), command);
      team.of_leader("", "the end", paser::distributed::Patience::endless);
      return result;
    } catch (const DryRunEnds&) {
      team.of_leader("", "the end", paser::distributed::Patience::endless);
      if (team.leads()) throw;
      return int{done};
    } catch (const Interrupted&) {
      team.of_leader("", "the end", paser::distributed::Patience::endless);
      if (team.leads()) throw;
      return int{interrupted};
    } catch (const paser::distributed::LostRank& lost) {
      silence.reset();
      if (!team.leads()) std::this_thread::sleep_for(std::chrono::seconds(1));
      std::cerr << "error: " << lost.what() << ", what was saved before is whole\n";
      return int{rank_lost};
    } catch (...) {
      silence.reset();
      if (!team.leads()) std::this_thread::sleep_for(std::chrono::seconds(1));
      if (!team.alone()) std::cerr << team.name() << ": ";
      throw;
    }
  });
#ifdef PASER_WITH_MPI
  // Where one was lost while the team came together, this process has none, and the others still wait.
  if (status == rank_lost || (!team.alone() && status != done && status != interrupted))
    paser::distributed::MpiLink::end_all(status);
#endif
  return status;
}

}  // namespace program
