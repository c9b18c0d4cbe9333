#pragma once
#include "paser/core/macros_off.inc"

#ifdef PASER_WITH_MPI

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <thread>

#include "paser/distributed/team.hpp"

#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>

/// Teams of processes that mpirun or srun started: the one header that names MPI. The target paser::mpi has what it
/// needs.
namespace paser::distributed {

/// How long a process waits for another, in seconds.
struct WaitLimits {
  double tell = 60;  ///< then a sentence on standard error names who is waited for
  double end = 600;  ///< then LostRank is thrown
};

/// Processes that exchange bytes by MPI, point to point. A process that waits looks whether something has come, at
/// longer and longer intervals up to a millisecond, and so takes no processor from others and never waits for ever.
class MpiLink final : public Link {
 public:
  /// Starts MPI, which a process can do once.
  explicit MpiLink(WaitLimits limits = {}) : limits_(limits) {
    int granted = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &granted);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    std::vector<char> node(256, '\0');
    ::gethostname(node.data(), node.size() - 1);
    const std::string own = message("rank ", rank_, " (node ", node.data(), ", pid ", ::getpid(), ")");
    for (int k = 0; k < size_; ++k) names_.push_back(k == rank_ ? own : message("rank ", k));
    std::vector<std::string> told(names_.size(), std::string(320, ' '));
    std::string padded = own;
    padded.resize(320, ' ');
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    for (int k = 0; k < size_; ++k) {
      if (k == rank_) continue;
      out.push_back({k, std::as_bytes(std::span(padded))});
      in.push_back({k, std::as_writable_bytes(std::span(told[static_cast<std::size_t>(k)]))});
    }
    exchange(out, in, "their names", Patience::limited);
    told[static_cast<std::size_t>(rank_)] = own;
    for (std::string& name : told) name.resize(name.find_last_not_of(' ') + 1);
    names_ = std::move(told);
  }
  /// Waits for the others, unless an exception is on its way.
  ~MpiLink() override {
    if (std::uncaught_exceptions() == 0) MPI_Finalize();
  }

  Index rank() const override { return rank_; }
  Index size() const override { return size_; }
  std::string name(Index rank) const override { return names_[static_cast<std::size_t>(rank)]; }

  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in, const std::string& what,
                Patience patience) override {
    std::vector<MPI_Request> requests;
    std::vector<Index> others;
    for (const Incoming& i : in)
      for_each_piece(i.bytes, [&](std::byte* at, int bytes) {
        MPI_Irecv(at, bytes, MPI_BYTE, static_cast<int>(i.rank), tag, MPI_COMM_WORLD, &requests.emplace_back());
        others.push_back(i.rank);
      });
    for (const Outgoing& o : out)
      for_each_piece(o.bytes, [&](const std::byte* at, int bytes) {
        MPI_Isend(at, bytes, MPI_BYTE, static_cast<int>(o.rank), tag, MPI_COMM_WORLD, &requests.emplace_back());
        others.push_back(o.rank);
      });
    wait(requests, others, what, patience);
  }

  /// Ends all processes at once with this exit status.
  [[noreturn]] static void end_all(int status) {
    MPI_Abort(MPI_COMM_WORLD, status);
    std::_Exit(status);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int tag = 7;

  /// A count of MPI is an int.
  template <class Byte, class Piece>
  static void for_each_piece(std::span<Byte> bytes, const Piece& piece) {
    constexpr std::size_t most = std::size_t{1} << 30;
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(most, bytes.size())))
      piece(bytes.data(), static_cast<int>(std::min(most, bytes.size())));
  }

  void wait(std::vector<MPI_Request>& requests, const std::vector<Index>& others, const std::string& what,
            Patience patience) {
    const auto start = Clock::now();
    bool told = false;
    for (int looks = 0; !all_done(requests); ++looks) {
      if (looks < 1000)
        std::this_thread::yield();
      else
        std::this_thread::sleep_for(std::chrono::microseconds(looks < 2000 ? 50 : 1000));
      if (patience == Patience::endless || looks < 1000) continue;
      const double waited = std::chrono::duration<double>(Clock::now() - start).count();
      if (waited > limits_.end) throw LostRank(sentence(waited, what, requests, others) + "; the run ends");
      // One sentence is enough: of rank 0, or of rank 1 that it is rank 0 who is waited for.
      if (waited > limits_.tell && !told && rank_ <= 1) {
        const std::string text = sentence(waited, what, requests, others);
        if (rank_ == 0 || text.find(names_[0], text.find(" for ")) != std::string::npos)
          std::cerr << message(text, "; after ", limits_.end, " s the run ends\n") << std::flush;
        told = true;
      }
    }
  }

  static bool all_done(std::vector<MPI_Request>& requests) {
    int done = 0;
    MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE);
    return done != 0;
  }

  /// Who is waited for, and where.
  std::string sentence(double waited, const std::string& what, std::vector<MPI_Request>& requests,
                       const std::vector<Index>& others) {
    std::vector<Index> missing;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      int done = 0;
      MPI_Test(&requests[i], &done, MPI_STATUS_IGNORE);
      if (done == 0 && std::ranges::find(missing, others[i]) == missing.end()) missing.push_back(others[i]);
    }
    std::string names;
    for (std::size_t i = 0; i < std::min<std::size_t>(missing.size(), 4); ++i)
      names += (i > 0 ? ", " : "") + name(missing[i]);
    if (missing.size() > 4) names += message(" and ", missing.size() - 4, " more");
    return message(name(rank_), " has waited ", static_cast<long>(waited), " s at ", what, ", for ", names);
  }

  WaitLimits limits_;
  int rank_ = 0, size_ = 1;
  std::vector<std::string> names_;
};

/// Whether mpirun, mpiexec or srun started this process, as Open MPI, MPICH and PMIx tell their processes.
inline bool started_by_mpi() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"})
    if (std::getenv(variable) != nullptr) return true;
  return false;
}

}  // namespace paser::distributed

#endif

#include "paser/core/macros_on.inc"
