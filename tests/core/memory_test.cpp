#include "paser/core/memory.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#ifdef __linux__
#include <sys/resource.h>

#include "core/child.hpp"
#endif

using paser::BufferPool;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20;

/// The buffers that a step over these sizes gets, each held until the next two have been taken.
std::vector<const std::byte*> step(BufferPool& pool, const std::vector<std::size_t>& sizes) {
  std::vector<std::shared_ptr<std::byte>> held;
  std::vector<const std::byte*> seen;
  for (const std::size_t size : sizes) {
    held.push_back(pool.allocate(size));
    seen.push_back(held.back().get());
    if (held.size() > 2) held.erase(held.begin());
  }
  return seen;
}

}  // namespace

TEST_CASE("a repeated step finds the buffers of the last one, whatever the order of its sizes") {
  BufferPool pool;
  const std::vector<std::size_t> sizes{40 * mib, 3 * mib, 20 * mib, 40 * mib, mib, 20 * mib, 5 * mib};
  step(pool, sizes);
  const auto first = step(pool, sizes);
  const std::set<const std::byte*> known(first.begin(), first.end());
  for (int i = 0; i < 3; ++i)
    for (const std::byte* buffer : step(pool, sizes)) CHECK(known.count(buffer) == 1);
}

TEST_CASE("a run over many sizes keeps little more than its peak of use") {
  BufferPool pool;
  for (std::size_t size = 1; size <= 64; ++size) pool.allocate(size * mib);
  const auto use = pool.use();
  CHECK(use.current == 0);
  CHECK(use.peak <= 72 * mib);
  CHECK(pool.idle_bytes() > 0);
  CHECK(pool.idle_bytes() <= use.peak + 32 * mib);
  pool.release();
  CHECK(pool.idle_bytes() == 0);
}

TEST_CASE("the peak can start again for a new stage") {
  BufferPool pool;
  { const auto large = pool.allocate(10 * mib); }
  const auto small = pool.allocate(mib);
  pool.reset_peak();
  CHECK(pool.use().peak == pool.use().current);
  CHECK(pool.use().current >= mib);
}

TEST_CASE("a new peak does not take the buffers of a step away") {
  BufferPool pool;
  const std::vector<std::size_t> sizes(3, 64 * mib);
  const auto first = step(pool, sizes);
  const std::set<const std::byte*> known(first.begin(), first.end());
  pool.reset_peak();
  pool.allocate(8 * mib);  // such as a validation between two steps
  CHECK(pool.use().peak == 8 * mib);
  for (const std::byte* buffer : step(pool, sizes)) CHECK(known.count(buffer) == 1);
}

TEST_CASE("a larger idle buffer serves where another would exceed the bound") {
  BufferPool pool;
  const std::byte* large = nullptr;
  { large = std::shared_ptr<std::byte>(pool.allocate(40 * mib)).get(); }
  CHECK(pool.allocate(5 * mib).get() != large);  // there is room for both
  CHECK(pool.allocate(36 * mib).get() == large);
  CHECK(pool.use().current == 0);
}

TEST_CASE("every size class has a list of its own, and gives back buffers of its size") {
  BufferPool pool;
  for (std::size_t bytes = 1; bytes < 9 * mib; bytes += 1 + bytes / 20) {
    const std::size_t size = BufferPool::size_class(bytes);
    CHECK(size >= bytes);
    CHECK(BufferPool::size_class(size) == size);
    const std::byte* first = nullptr;
    {
      const auto buffer = pool.allocate(bytes);
      first = buffer.get();
      CHECK(pool.use().current == size);
      CHECK(reinterpret_cast<std::uintptr_t>(first) % BufferPool::alignment == 0);
    }
    CHECK(pool.idle_bytes() == size);
    CHECK(pool.allocate(size).get() == first);
    pool.release();
    CHECK(pool.idle_bytes() == 0);
  }
}

TEST_CASE("idle buffers of a size are handed out in any order of giving back") {
  BufferPool pool;
  std::vector<std::shared_ptr<std::byte>> held;
  std::set<const std::byte*> known;
  for (int i = 0; i < 8; ++i) known.insert((held.emplace_back(pool.allocate(1000))).get());
  for (const std::size_t i : {3u, 0u, 7u, 5u, 1u, 2u, 6u, 4u}) held[i].reset();
  for (auto& buffer : held) CHECK(known.count((buffer = pool.allocate(1000)).get()) == 1);
  std::set<const std::byte*> again;
  for (const auto& buffer : held) again.insert(buffer.get());
  CHECK(again == known);
}

TEST_CASE("a buffer larger than any memory is refused, and the pool is as it was") {
  BufferPool pool;
  const auto small = pool.allocate(mib);
  const auto before = pool.use();
  for (const std::size_t bytes : {~std::size_t{0}, ~std::size_t{0} / 2, std::size_t{1} << 62, std::size_t{1} << 60}) {
    CHECK_THROWS_AS(pool.allocate(bytes), std::bad_alloc);
    CHECK_THROWS_WITH(pool.allocate(bytes), Catch::Contains("out of memory: " + std::to_string(bytes) + " bytes"));
    CHECK(pool.use().current == before.current);
    CHECK(pool.use().peak == before.peak);
  }
  CHECK_THROWS_WITH(paser::Scratch<double>(~std::size_t{0} / 2),
                    Catch::Contains(std::to_string(~std::size_t{0}) + " bytes"));
}

#ifdef __SANITIZE_ADDRESS__
TEST_CASE("AddressSanitizer knows what of a buffer nobody may touch") {
  BufferPool pool;
  auto buffer = pool.allocate(1001);
  std::byte* const data = buffer.get();
  CHECK(__asan_region_is_poisoned(data, 1001) == nullptr);
  CHECK(__asan_address_is_poisoned(data + 1001) == 1);
  CHECK(__asan_address_is_poisoned(data + BufferPool::size_class(1001) - 1) == 1);
  buffer.reset();
  CHECK(__asan_address_is_poisoned(data + 500) == 1);
  buffer = pool.allocate(1010);  // the same one again, of which more may be used now
  REQUIRE(buffer.get() == data);
  CHECK(__asan_region_is_poisoned(data, 1010) == nullptr);
  CHECK(__asan_address_is_poisoned(data + 1010) == 1);
}
#endif

#ifdef __linux__
TEST_CASE("idle buffers go back to the system before there is said to be no memory") {
  if (!children_can_allocate) return;
  CHECK(in_child([] {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t most = pages * static_cast<std::size_t>(::getpagesize()) + 96 * mib;
    const rlimit limit{most, most};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) return true;
    BufferPool pool;
    {
      std::vector<std::shared_ptr<std::byte>> held;
      for (int i = 0; i < 80; ++i) held.push_back(pool.allocate(mib));
    }
    const std::size_t idle = pool.idle_bytes();
    std::shared_ptr<std::byte> large;
    try {
      large = pool.allocate(88 * mib);
      pool.allocate(88 * mib);
    } catch (const paser::OutOfMemory&) {
      return idle >= 80 * mib && large != nullptr && pool.use().current == BufferPool::size_class(88 * mib);
    }
    return false;
  }));
}
#endif
