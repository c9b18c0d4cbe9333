#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

/// AddressSanitizer's allocator may be locked by a thread of the parent at the moment of a fork, and then hangs in the
/// child: what children do is tried without it.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool children_can_allocate = false;
#else
inline constexpr bool children_can_allocate = true;
#endif

/// What `check` returns in a child of fork(), which is a process of one thread; false where it does not end in time.
template <class Check>
bool in_child(const Check& check, std::chrono::seconds limit = std::chrono::seconds(60)) {
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) ::_exit(check() ? 0 : 1);
  const auto end = std::chrono::steady_clock::now() + limit;
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(child, &status, WNOHANG)) == 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  if (ended == 0) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
    return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
