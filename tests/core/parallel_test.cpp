#include "paser/core/parallel.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace paser;

namespace {

/// The threads that were seen at work, and how many were at work at once.
class Workers {
 public:
  void work() {
    const int running = ++running_;
    {
      const std::lock_guard lock(mutex_);
      ids_.insert(std::this_thread::get_id());
      most_ = std::max(most_, running);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    --running_;
  }
  int ids() const { return static_cast<int>(ids_.size()); }
  int most() const { return most_; }

 private:
  std::atomic<int> running_{0};
  std::mutex mutex_;
  std::set<std::thread::id> ids_;
  int most_ = 0;
};

}  // namespace

TEST_CASE("parallel_for visits every element once, in pieces that are whole grains but the last") {
  for (const int n : {1, 2, 3, 8}) {
    set_threads(n);
    for (const Index count : {0, 1, 7, 64, 1000, 4099})
      for (const Index grain : {0, 1, 7, 64, 5000}) {
        std::vector<int> visits(static_cast<std::size_t>(count));
        std::atomic<int> ragged{0};
        parallel_for(count, grain, [&](Index begin, Index end) {
          const Index whole = std::max<Index>(grain, 1);
          ragged += begin % whole != 0 || (end % whole != 0 && end != count);
          for (Index i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        CHECK(ragged == 0);
        CHECK(visits == std::vector<int>(static_cast<std::size_t>(count), 1));
      }
  }
  set_threads(0);
}

TEST_CASE("a loop uses no more threads than asked for, nor do loops inside it") {
  for (const int n : {1, 2, 3, 5}) {
    set_threads(n);
    Workers outer, inner;
    for (int repeat = 0; repeat < 4; ++repeat) {
      parallel_each(40, [&](Index) { outer.work(); });
      parallel_each(2, [&](Index) { outer.work(); });
      parallel_each(6, [&](Index) { parallel_each(6, [&](Index) { inner.work(); }); });
    }
    CHECK(outer.ids() <= n);
    CHECK(outer.most() <= n);
    CHECK(inner.ids() <= n);
    CHECK(inner.most() <= n);
#ifndef PASER_NO_THREADS
    CHECK((n == 1 || outer.ids() > 1));
#endif
  }
  set_threads(0);
}

TEST_CASE("several callers at once share one team") {
  constexpr int callers = 4, limit = 3;
  set_threads(limit);
  Workers all;
  std::vector<double> sums(callers);
  std::vector<std::thread> hosts;
  for (std::size_t host = 0; host < callers; ++host)
    hosts.emplace_back([&, host] {
      for (int repeat = 0; repeat < 10; ++repeat) {
        parallel_each(12, [&](Index) { all.work(); });
        sums[host] = parallel_sum(1000, 7, [](Index begin, Index end) {
          double sum = 0;
          for (Index i = begin; i < end; ++i) sum += 1 / static_cast<double>(i + 1);
          return sum;
        });
      }
    });
  for (auto& host : hosts) host.join();
  set_threads(0);
  CHECK(all.most() <= callers + limit - 1);
  for (const double sum : sums) CHECK(sum == sums[0]);
}

TEST_CASE("an exception of a loop's body goes to the caller, on any number of threads, and later loops run") {
  for (const int n : {1, 2, 4}) {
    set_threads(n);
    for (const Index thrower : {0, 7, 99}) {
      std::atomic<int> begun{0}, ended{0};
      CHECK_THROWS_WITH(parallel_each(100,
                                      [&](Index i) {
                                        ++begun;
                                        if (i == thrower) throw std::runtime_error("piece");
                                        std::this_thread::sleep_for(std::chrono::microseconds(10));
                                        ++ended;
                                      }),
                        "piece");
      CHECK(begun == ended + 1);  // nobody is at work any more
      std::atomic<int> done{0};
      parallel_each(100, [&](Index) { ++done; });
      CHECK(done == 100);
    }
    CHECK_THROWS_AS(parallel_sum(100, 1, [](Index, Index) -> double { throw std::bad_alloc(); }), std::bad_alloc);
    // Every piece throws, one of them within a loop of its own.
    CHECK_THROWS_AS(parallel_each(8, [](Index) { parallel_each(8, [](Index) { throw std::bad_alloc(); }); }),
                    std::bad_alloc);
  }
  set_threads(0);
}

TEST_CASE("a grain below 1 counts as 1, and one above the length as the length") {
  for (const Index grain : {Index{-1}, Index{0}, Index{1}, Index{3}, std::numeric_limits<Index>::max()}) {
    CHECK(parallel_sum(10, grain, [](Index begin, Index end) { return static_cast<double>(end - begin); }) == 10);
    std::atomic<Index> sum{0};
    parallel_for(10, grain, [&](Index begin, Index end) { sum += end - begin; });
    CHECK(sum == 10);
  }
  CHECK(parallel_sum(0, 0, [](Index, Index) { return 1.0; }) == 0);
}
