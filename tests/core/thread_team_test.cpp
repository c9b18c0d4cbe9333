#ifndef PASER_NO_THREADS
#include "paser/core/thread_team.hpp"

#include <sys/resource.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>
#include <vector>

#include "child.hpp"
#include "loops.hpp"
#include "paser/core/parallel.hpp"

using namespace paser;

namespace {

double result_alone() {
  set_threads(1);
  return result();
}

/// Seconds of processor time that this process has used.
double processor_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(use.ru_utime) + seconds(use.ru_stime);
}

/// A team that waits for a helper to come, so that one has.
void wait_for_help() {
  std::atomic<int> here{0};
  parallel_each(2, [&](Index) {
    ++here;
    while (here < 2) std::this_thread::yield();
  });
}

}  // namespace

TEST_CASE("loops have the same bits on 1, 2 and 4 threads") {
  const double alone = result_alone();
  for (const int n : {2, 4}) {
    set_threads(n);
    CHECK(result() == alone);
  }
  set_threads(0);
}

TEST_CASE("loops of changing size on changing numbers of threads") {
  std::minstd_rand random(3);
  std::vector<int> visits;
  int wrong = 0;
  for (int loop = 0; loop < 20000; ++loop) {
    if (loop % 50 == 0) set_threads(1 + static_cast<int>(random() % 6));
    if (loop % 5000 == 4999) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the team goes to sleep
    const Index n = static_cast<Index>(random() % 40), grain = static_cast<Index>(1 + random() % 4);
    visits.assign(static_cast<std::size_t>(n), 0);
    parallel_for(n, grain, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
    });
    for (const int visited : visits) wrong += visited != 1;
  }
  set_threads(0);
  CHECK(wrong == 0);
}

TEST_CASE("a worker who does not come holds nobody up, and one who comes is waited for") {
  set_threads(2);
  wait_for_help();
  // The helper is at work on a long piece while the caller has done all others.
  std::atomic<int> done{0};
  parallel_each(2, [&](Index) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    ++done;
  });
  CHECK(done == 2);
  set_threads(0);
}

TEST_CASE("a team that waits uses no processor") {
  const double limit = 0.02;
  for (const int n : {2, 4}) {
    set_threads(n);
    result();
    const double before = processor_seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CHECK(processor_seconds() - before < limit);
  }
  set_threads(0);
}

TEST_CASE("a caller who waits for a worker sleeps") {
  set_threads(2);
  wait_for_help();
  const auto caller = std::this_thread::get_id();
  std::atomic<bool> helped{false};
  const double before = processor_seconds();
  parallel_each(2, [&](Index) {
    if (std::this_thread::get_id() == caller) {
      // Leaves the other piece to the helper, whom it waits for.
      for (int i = 0; i < 2000 && !helped; ++i) std::this_thread::sleep_for(std::chrono::microseconds(100));
    } else {
      helped = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
  });
  CHECK(processor_seconds() - before < 0.1);
  set_threads(0);
}

TEST_CASE("loops in the child of a fork", "[fork]") {
  if (!children_can_allocate) return;
  const double alone = result_alone();
  set_threads(3);
  REQUIRE(result() == alone);
  CHECK(in_child([&] { return result() == alone; }));
  CHECK(in_child([&] {
    wait_for_help();  // the child has workers of its own
    return in_child([&] { return result() == alone; });
  }));
  CHECK(result() == alone);

  // While another thread of the parent has the team.
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) result(1);
  });
  bool right = true;
  for (int i = 0; i < 20; ++i) right = in_child([&] { return result(3) > 0; }) && right;
  stop = true;
  other.join();
  CHECK(right);

  // Out of a loop: the child goes on without the helpers.
  std::vector<int> ended(4);
  parallel_each(4, [&](Index i) { ended[static_cast<std::size_t>(i)] = in_child([&] { return result() == alone; }); });
  CHECK(ended == std::vector<int>(4, 1));
  set_threads(0);
}

TEST_CASE("a child counts its processors anew", "[fork]") {
  if (!children_can_allocate) return;
  set_threads(0);
  CHECK(threads() >= 1);
  set_threads(2);
  result();
  set_threads(0);
  CHECK(in_child([] {
    ::setenv("OMP_NUM_THREADS", "7,2", 1);
    return threads() == 7;
  }));
}

TEST_CASE("several threads of a program at once") {
  const double alone = result_alone();
  for (const int n : {1, 2, 4}) {
    set_threads(n);
    std::vector<double> results(6);
    std::vector<std::thread> hosts;
    for (double& value : results) hosts.emplace_back([&value] { value = result(); });
    for (auto& host : hosts) host.join();
    CHECK(results == std::vector<double>(6, alone));
  }
  set_threads(0);
}

TEST_CASE("where no thread can be started, loops run with fewer", "[fork]") {
  if (!children_can_allocate) return;
  const double alone = result_alone();
  CHECK(in_child([&] {
    // Addresses for the stacks of a few threads more.
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t most = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + (std::size_t{40} << 20);
    const rlimit little{most, most};
    if (setrlimit(RLIMIT_AS, &little) != 0) return false;
    set_threads(200);
    return result() == alone && result() == alone;
  }));
  set_threads(0);
}

#endif  // PASER_NO_THREADS
