#pragma once
#include "paser/core/macros_off.inc"

#include <signal.h>  // sigaction is POSIX

#include <atomic>

namespace paser::report {

namespace detail {
inline std::atomic<int>& interrupt_count() {
  static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only touch lock-free atomics");
  static std::atomic<int> count{0};
  return count;
}
extern "C" inline void paser_on_interrupt(int signal_number) {
  if (interrupt_count().fetch_add(1) > 0) {
    ::signal(signal_number, SIG_DFL);
    ::raise(signal_number);
  }
}
}  // namespace detail

/// True after Ctrl-C or a request to terminate, while an InterruptGuard lives. Training loops ask after each step, save
/// and return.
inline bool interrupted() {
  return detail::interrupt_count().load() > 0;
}

/// While it lives, the first Ctrl-C (SIGINT), SIGTERM or SIGUSR1, which mpirun passes on and batch systems send ahead
/// of the end of a job's time, only sets interrupted(); the second ends the process as usual. The destructor restores
/// the handlers that were there before. One at a time.
class InterruptGuard {
 public:
  InterruptGuard() {
    detail::interrupt_count() = 0;
    struct sigaction action {};
    action.sa_handler = detail::paser_on_interrupt;
    action.sa_flags = SA_RESTART;  // a read or write under way goes on
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, &before_int_);
    ::sigaction(SIGTERM, &action, &before_term_);
    ::sigaction(SIGUSR1, &action, &before_user_);
  }
  ~InterruptGuard() {
    ::sigaction(SIGINT, &before_int_, nullptr);
    ::sigaction(SIGTERM, &before_term_, nullptr);
    ::sigaction(SIGUSR1, &before_user_, nullptr);
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_int_ {
  }, before_term_{}, before_user_{};
};

}  // namespace paser::report
#include "paser/core/macros_on.inc"
