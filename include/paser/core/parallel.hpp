#pragma once

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

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

/// Limits every later parallel loop of the process to n threads; 0 returns to the default.
inline void set_threads(int n) {
  detail::thread_limit().store(std::max(n, 0), std::memory_order_relaxed);
}

namespace detail {

/// The loop of parallel_for with the type of its body forgotten, so that a body is compiled once and not once for each
/// way of running it.
inline void run_pieces(Index n, Index grain, const void* body, void (*call)(const void* body, Index begin, Index end)) {
  if (n <= 0) return;
  grain = std::max<Index>(grain, 1);
  [[maybe_unused]] const Index pieces = (n + grain - 1) / grain;
#ifdef _OPENMP
  const int workers = static_cast<int>(std::min<Index>(threads(), pieces));
  if (workers > 1 && !omp_in_parallel()) {
    // Several contiguous runs a thread: few enough to be cheap, enough to level out a slow core.
    const Index run = std::max<Index>(1, pieces / (Index{8} * workers));
    const Index runs = (pieces + run - 1) / run;
#pragma omp parallel for schedule(dynamic, 1) num_threads(workers)
    for (Index r = 0; r < runs; ++r) call(body, r * run * grain, std::min(n, (r + 1) * run * grain));
    return;
  }
#endif
  call(body, Index{0}, n);
}

}  // namespace detail

/// Calls body(begin, end) on disjoint pieces of 0 .. n-1, each a multiple of `grain` long but the last, on several
/// threads. Which piece runs where is not specified, so a body must own what it writes; sums across pieces go through
/// parallel_sum or a fixed partition. A call inside a parallel loop runs serially. The body must not throw.
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
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

}  // namespace paser
