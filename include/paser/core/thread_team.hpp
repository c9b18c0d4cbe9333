#pragma once
#include "paser/core/macros_off.inc"

#ifdef PASER_NO_THREADS
#error "without threads, paser has no team of them: core/parallel.hpp runs loops on the caller"
#endif

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <initializer_list>

#include "paser/core/bed.hpp"
#include "paser/core/cpu_count.hpp"
#include "paser/core/float_state.hpp"
#include "paser/core/shape.hpp"

#ifdef PASER_HAS_PTHREADS
#include <pthread.h>
#include <signal.h>
#else
#include <thread>  // takes longer to compile
#endif

namespace paser::detail {

class ThreadTeam;

/// The one team of the process.
inline ThreadTeam& thread_team();

/// The threads of the process that help with parallel loops. One loop at a time has them. They are started when a loop
/// first needs them and stay; a thread that waits polls for a moment and then sleeps.
///
/// The pieces of a loop are claimed one by one, by its caller and by the workers who come. The caller waits for the
/// workers who have joined and not left, so a worker who sleeps or is kept off its processor delays nothing but the
/// piece in its hands.
///
/// There is nothing to destroy: the workers sleep in the memory of this object until the process ends, and a loop in
/// the destructor of a static object still has them. After fork() the child starts its own.
class ThreadTeam {
 public:
  static constexpr int most_threads = 1024;
  using Call = void (*)(const void* body, Index begin, Index end);

  constexpr ThreadTeam() = default;
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  /// The threads of a loop, its caller included.
  int size() {
    const int limit = limit_.load(std::memory_order_relaxed);
    if (limit > 0) return limit;
    int chosen = default_size_.load(std::memory_order_relaxed);
    if (chosen == 0) {
      chosen = threads_wished(std::getenv("OMP_NUM_THREADS"));
      if (chosen == 0) chosen = cpus();
      chosen = std::min(chosen, most_threads);
      default_size_.store(chosen, std::memory_order_relaxed);
    }
    return chosen;
  }

  /// 0: as many as OMP_NUM_THREADS says, else as there are processors for this process, which are counted again.
  void limit(int n) {
    limit_.store(std::clamp(n, 0, most_threads), std::memory_order_relaxed);
    default_size_.store(0, std::memory_order_relaxed);
    cpus_.store(0, std::memory_order_relaxed);
    refused_.store(false, std::memory_order_relaxed);
  }

  /// Calls call(body, begin, end) for the pieces of 0 .. n-1, each `grain` long but the last, on up to `threads`
  /// threads, this one among them, each under FlushDenormals. False, and nothing is done, where another loop has the
  /// team, or this thread is inside of one. The first exception of a piece is thrown; what nobody has begun is left
  /// out.
  bool run(Index n, Index grain, int threads, const void* body, Call call) {
    if (inside() || busy_.load(std::memory_order_relaxed) || busy_.exchange(true, std::memory_order_acquire))
      return false;
    Failure failure;
    job_ = {n, grain, (n + grain - 1) / grain, body, call, &failure};
    const int helpers = start(static_cast<int>(std::min<Index>(job_.pieces, threads)) - 1);
    next_.store(0, std::memory_order_relaxed);
    crowded_.store(threads > cpus(), std::memory_order_relaxed);
    door_.store(static_cast<std::uint32_t>(helpers) << invited_shift);
    for (int i = 0; i < helpers; ++i) workers_[i].bed.wake();

    work();
    close_door();
    wait_for_workers();
    busy_.store(false, std::memory_order_release);
    if (failure.first) std::rethrow_exception(failure.first);
    return true;
  }

 private:
  /// The upper half: how many workers may come in, those of the lowest numbers, so that it is the same ones from loop
  /// to loop and they find their data in their caches. The lower half: how many are inside. It changes to another loop
  /// only while nobody is inside, and who comes in sees all that was written before the door opened.
  static constexpr int invited_shift = 16;
  static constexpr std::uint32_t inside_mask = 0xffff;

  /// How long a thread polls before it sleeps: about what it costs to wake one that sleeps, so that polling in vain
  /// never more than doubles the cost. That is 40 microseconds on two virtual cores of an AMD EPYC (Zen 5), where a
  /// loop takes so much longer after a pause of 200 microseconds than after one of 20.
  static constexpr std::int64_t poll_nanoseconds = 50'000;

  struct Failure {
    std::atomic<bool> any{false};
    std::exception_ptr first;
  };

  struct Job {
    Index n = 0, grain = 0, pieces = 0;
    const void* body = nullptr;
    Call call = nullptr;
    Failure* failure = nullptr;
  };

  struct alignas(64) Worker {
    Bed bed;
    std::uint32_t number = 0;
  };

  /// Whether this thread is at work for the team.
  static bool& inside() {
    thread_local bool value = false;
    return value;
  }

  int cpus() {
    int count = cpus_.load(std::memory_order_relaxed);
    if (count == 0) {
      count = usable_cpus();
      cpus_.store(count, std::memory_order_relaxed);
    }
    return count;
  }

  void work() noexcept {
    const FlushDenormals flush;
    const Job job = job_;
    inside() = true;
    try {
      for (Index i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < job.pieces;)
        job.call(job.body, i * job.grain, std::min(job.n, (i + 1) * job.grain));
    } catch (...) {
      if (!job.failure->any.exchange(true)) job.failure->first = std::current_exception();
      next_.store(job.pieces, std::memory_order_relaxed);
    }
    inside() = false;
  }

  /// Polls until done() or for poll_nanoseconds; whether it is done.
  template <class Done>
  bool poll(const Done& done) {
    if (done()) return true;
    if (crowded_.load(std::memory_order_relaxed)) return false;
    const std::int64_t end = nanoseconds_now() + poll_nanoseconds;
    do {
      for (int i = 0; i < 16; ++i) {
        pause_briefly();
        if (done()) return true;
      }
    } while (nanoseconds_now() < end);
    return false;
  }

  void close_door() { door_.fetch_and(inside_mask, std::memory_order_acquire); }

  void wait_for_workers() {
    const auto empty = [this] { return door_.load(std::memory_order_acquire) == 0; };
    if (poll(empty)) return;
    for (;;) {
      caller_.lie_down();
      if (door_.load() == 0) break;
      caller_.sleep();
      if (empty()) return;
    }
    caller_.get_up();
  }

  bool enter(std::uint32_t number) {
    for (std::uint32_t door = door_.load(std::memory_order_relaxed); number < door >> invited_shift;)
      if (door_.compare_exchange_weak(door, door + 1, std::memory_order_acquire, std::memory_order_relaxed))
        return true;
    return false;
  }

  /// Nothing is left to do when a worker leaves, so it closes the door behind itself.
  void leave() {
    close_door();
    if (door_.fetch_sub(1) == 1) caller_.wake();
  }

  [[noreturn]] void serve(Worker& worker) {
    Bed& bed = worker.bed;
    const std::uint32_t number = worker.number;
    const auto invited = [&] { return number < door_.load(std::memory_order_relaxed) >> invited_shift; };
    for (;;) {
      if (enter(number)) {
        work();
        leave();
      }
      if (poll(invited)) continue;
      bed.lie_down();
      if (number < door_.load() >> invited_shift)
        bed.get_up();
      else
        bed.sleep();
    }
  }

  /// Starts the worker of that number, or cannot.
  bool start_worker(int number) {
    workers_[number].number = static_cast<std::uint32_t>(number);
#ifdef PASER_HAS_PTHREADS
    // The program's signals are for the program's own threads, but those that an instruction of a worker itself raises,
    // and a profiler's.
    sigset_t all, before;
    sigfillset(&all);
    for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT, SIGPROF}) sigdelset(&all, own);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const bool done =
        pthread_create(
            &thread, nullptr, [](void* worker) -> void* { thread_team().serve(*static_cast<Worker*>(worker)); },
            &workers_[number]) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (done) pthread_detach(thread);
    return done;
#else
    try {
      std::thread([this, number] { serve(workers_[number]); }).detach();
      return true;
    } catch (...) {
      return false;
    }
#endif
  }

  /// Has at least `wanted` workers started, or as many as can be; returns how many of them there are.
  int start(int wanted) {
    if (started_ < wanted && !refused_.load(std::memory_order_relaxed)) {
      watch_forks();
      while (started_ < wanted && start_worker(started_)) ++started_;
      refused_.store(started_ < wanted, std::memory_order_relaxed);  // not tried again at every loop
    }
    return std::min(started_, wanted);
  }

  void watch_forks() {
#ifdef PASER_HAS_PTHREADS
    if (watches_forks_.load(std::memory_order_relaxed)) return;
    pthread_atfork(nullptr, nullptr, [] { thread_team().forget_workers(); });
    watches_forks_.store(true, std::memory_order_relaxed);
#endif
  }

  /// In the child of a fork() there is one thread, and none of the workers.
  void forget_workers() {
    for (int i = 0; i < started_; ++i) workers_[i].bed.get_up();
    started_ = 0;
    caller_.get_up();
    door_.store(0, std::memory_order_relaxed);
    busy_.store(false, std::memory_order_relaxed);
    refused_.store(false, std::memory_order_relaxed);
    default_size_.store(0, std::memory_order_relaxed);
    cpus_.store(0, std::memory_order_relaxed);
  }

  std::atomic<int> limit_{0}, default_size_{0}, cpus_{0};
  std::atomic<bool> busy_{false}, refused_{false}, watches_forks_{false};
  std::atomic<bool> crowded_{false};  // more threads than processors: who polls keeps another from its work
  int started_ = 0;                   // changed by who has the team
  Job job_;
  alignas(64) std::atomic<std::uint32_t> door_{0};
  alignas(64) std::atomic<Index> next_{0};
  alignas(64) Bed caller_;
  Worker workers_[most_threads];
};

inline ThreadTeam& thread_team() {
  static constinit ThreadTeam team;
  return team;
}

}  // namespace paser::detail
#include "paser/core/macros_on.inc"
