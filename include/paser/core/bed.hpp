#pragma once
#include "paser/core/macros_off.inc"

#include <atomic>
#include <cstdint>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <time.h>
#define PASER_HAS_PTHREADS
#else
#include <chrono>  // takes longer to compile
#endif
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

/// How a thread waits.
namespace paser::detail {

/// Tells the processor that this thread waits for another, so that a hyperthread beside it has the core meanwhile.
inline void pause_briefly() {
#if defined(__SSE__)
  _mm_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
  __asm__ volatile("yield");
#endif
}

/// The time on a clock that never goes back.
inline std::int64_t nanoseconds_now() {
#ifdef PASER_HAS_PTHREADS
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{1'000'000'000} * now.tv_sec + now.tv_nsec;
#else
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
#endif
}

/// A place where one thread sleeps until another wakes it: 1 while it sleeps or is about to.
///
///     sleeper                          waker
///     lie_down()                       make something true
///     true by now? get_up()            wake()
///     else sleep()
///
/// All of it is sequentially consistent, so either the sleeper sees what was made true or the waker sees the sleeper.
class Bed {
 public:
  void lie_down() { taken_.store(1); }
  void get_up() { taken_.store(0, std::memory_order_relaxed); }

  void sleep() {
    while (taken_.load(std::memory_order_relaxed) == 1) {
#ifdef __linux__
      syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&taken_), FUTEX_WAIT_PRIVATE, 1, nullptr, nullptr, 0);
#else
      taken_.wait(1, std::memory_order_relaxed);
#endif
    }
  }

  /// Costs next to nothing where nobody sleeps.
  void wake() {
    if (taken_.load() == 0 || taken_.exchange(0) == 0) return;
#ifdef __linux__
    syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&taken_), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
#else
    taken_.notify_one();
#endif
  }

 private:
  std::atomic<std::uint32_t> taken_{0};
  static_assert(sizeof(std::atomic<std::uint32_t>) == 4);
};

}  // namespace paser::detail
#include "paser/core/macros_on.inc"
