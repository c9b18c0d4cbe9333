#pragma once

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "paser/core/float_state.hpp"
#include "paser/core/shape.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace paser {

namespace detail {
inline std::atomic<int>& thread_limit() {
  static std::atomic<int> limit{0};
  return limit;
}
}  // namespace detail

/// The number of threads that a parallel loop may use: what set_threads said, else OMP_NUM_THREADS or the cores.
/// 1 without OpenMP. It changes the speed, never a result.
inline int threads() {
#ifdef _OPENMP
  const int limit = detail::thread_limit().load(std::memory_order_relaxed);
  return limit > 0 ? limit : omp_get_max_threads();
#else
  return 1;
#endif
}

/// Limits the later parallel loops of the process to n threads, all of them together: when several threads of a program
/// call paser at once, one loop at a time has the team, and the others run on their callers' own threads. 0 returns to
/// the default.
inline void set_threads(int n) {
  detail::thread_limit().store(std::max(n, 0), std::memory_order_relaxed);
}

namespace detail {

#ifdef _OPENMP
/// Set while a team of threads runs a loop. There is one team in the process at a time, so that several callers
/// together use no more threads than asked for beside their own.
inline std::atomic<bool> team_runs{false};

/// The claim of this thread on the team.
class TeamClaim {
 public:
  TeamClaim() : mine_(!team_runs.exchange(true, std::memory_order_acquire)) {}
  ~TeamClaim() {
    if (mine_) team_runs.store(false, std::memory_order_release);
  }
  TeamClaim(const TeamClaim&) = delete;
  TeamClaim& operator=(const TeamClaim&) = delete;
  explicit operator bool() const { return mine_; }

 private:
  bool mine_;
};
#endif

/// The loop of parallel_for with the type of its body forgotten, so that a body is compiled once and not once for each
/// way of running it.
[[gnu::noinline]] inline void run_pieces(Index n, Index grain, const void* body,
                                         void (*call)(const void* body, Index begin, Index end)) {
  if (n <= 0) return;
  grain = std::max<Index>(grain, 1);
#ifdef _OPENMP
  const Index pieces = (n + grain - 1) / grain;
  const int workers = pieces > 1 ? threads() : 1;
  if (workers > 1 && !omp_in_parallel()) {
    if (const TeamClaim team; team) {
      // Several contiguous runs a thread: few enough to be cheap, enough to level out a slow core. The team is as large
      // for a loop of few pieces, since libgomp ends the threads that a smaller one leaves out.
      const Index run = std::max<Index>(1, pieces / (Index{8} * workers));
      const Index runs = (pieces + run - 1) / run;
      std::atomic<Index> next{0};
#pragma omp parallel num_threads(workers)
      {
        const FlushDenormals flush;
        for (Index r = next.fetch_add(1, std::memory_order_relaxed); r < runs;
             r = next.fetch_add(1, std::memory_order_relaxed))
          call(body, r * run * grain, std::min(n, (r + 1) * run * grain));
      }
      return;
    }
  }
#endif
  const FlushDenormals flush;
  call(body, Index{0}, n);
}

}  // namespace detail

/// Calls body(begin, end) on disjoint pieces of 0 .. n-1, each a multiple of `grain` long but the last, on several
/// threads. Which piece runs where is not specified, so a body must own what it writes; sums across pieces go through
/// parallel_sum or a fixed partition. A call inside a parallel loop runs serially. The body must not throw. It runs
/// under FlushDenormals.
template <class Body>
void parallel_for(Index n, Index grain, const Body& body) {
  detail::run_pieces(n, grain, &body,
                     [](const void* b, Index begin, Index end) { (*static_cast<const Body*>(b))(begin, end); });
}

/// Calls body(i) for i in 0 .. n-1 on several threads, each i once. For loops whose every step is worth a thread.
template <class Body>
void parallel_each(Index n, const Body& body) {
  parallel_for(n, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) body(i);
  });
}

/// The sum of body(begin, end) over the pieces of 0 .. n-1, each `grain` long but the last. The parts are added in
/// order, so the sum has the same bits for any number of threads.
template <class Body>
double parallel_sum(Index n, Index grain, const Body& body) {
  std::vector<double> parts(static_cast<std::size_t>(n > 0 ? (n + grain - 1) / grain : 0));
  parallel_each(static_cast<Index>(parts.size()),
                [&](Index i) { parts[static_cast<std::size_t>(i)] = body(i * grain, std::min(n, (i + 1) * grain)); });
  const FlushDenormals flush;
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

}  // namespace paser
