#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <utility>
#include <vector>

#include "paser/core/float_state.hpp"
#include "paser/core/one_program.hpp"
#include "paser/core/shape.hpp"

#if !defined(PASER_NO_THREADS) && !defined(PASER_STATE_IN_LIBRARY)
#include "paser/core/thread_team.hpp"
#endif

namespace paser {

/// The number of threads that a parallel loop may use: what set_threads said, else OMP_NUM_THREADS, else the processors
/// that the process may run on and that its control groups pay for (whole ones, at least 1), counted when that is
/// first asked. 1 where paser is compiled with PASER_NO_THREADS. It changes the speed, never a result.
int threads();

/// Limits the later parallel loops of the process to n threads, all of them together: when several threads of a program
/// call paser at once, one loop at a time has the team, and the others run on their callers' own threads. 0 returns to
/// the default, counted anew. More than 1024 count as 1024.
void set_threads(int n);

namespace detail {

/// The loop of parallel_for with the type of its body forgotten, so that a body is compiled once and not once for each
/// way of running it.
void run_pieces(Index n, Index grain, const void* body, void (*call)(const void* body, Index begin, Index end));

}  // namespace detail

/// Calls body(begin, end) on disjoint pieces of 0 .. n-1, each a multiple of `grain` (at least 1) long but the last, on
/// several threads. Which piece runs where is not specified, so a body must own what it writes; sums across pieces go
/// through parallel_sum or a fixed partition. A call inside a parallel loop runs serially. When a body throws, pieces
/// that nobody has begun are left out, and the first exception goes to the caller once the others have ended. The body
/// must not fork a process that goes on with it. It runs under FlushDenormals.
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
/// order, so the sum has the same bits for any number of threads. A grain below 1 counts as 1, as for parallel_for.
template <class Body>
double parallel_sum(Index n, Index grain, const Body& body) {
  grain = std::clamp<Index>(grain, 1, std::max<Index>(n, 1));
  std::vector<double> parts(static_cast<std::size_t>(n > 0 ? (n + grain - 1) / grain : 0));
  parallel_each(static_cast<Index>(parts.size()),
                [&](Index i) { parts[static_cast<std::size_t>(i)] = body(i * grain, std::min(n, (i + 1) * grain)); });
  const FlushDenormals flush;
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

#ifndef PASER_STATE_IN_LIBRARY

inline int threads() {
#ifdef PASER_NO_THREADS
  return 1;
#else
  return detail::thread_team().size();
#endif
}

inline void set_threads([[maybe_unused]] int n) {
#ifndef PASER_NO_THREADS
  detail::thread_team().limit(n);
#endif
}

[[gnu::noinline]] inline void detail::run_pieces(Index n, [[maybe_unused]] Index grain, const void* body,
                                                 void (*call)(const void* body, Index begin, Index end)) {
  if (n <= 0) return;
#ifndef PASER_NO_THREADS
  grain = std::clamp<Index>(grain, 1, n);
  const Index pieces = (n + grain - 1) / grain;
  if (pieces > 1) {
    // Several contiguous runs a thread: few enough to be cheap, enough to level out a slow core.
    const int workers = threads();
    const Index run = std::max<Index>(1, pieces / (Index{8} * workers));
    if (workers > 1 && thread_team().run(n, run * grain, workers, body, call)) return;
  }
#endif
  const FlushDenormals flush;
  call(body, Index{0}, n);
}

#endif

}  // namespace paser
#include "paser/core/macros_on.inc"
