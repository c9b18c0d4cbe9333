#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "paser/core/one_program.hpp"
#include "paser/core/page_memory.hpp"

namespace paser {

/// Bytes held by tensors now, and at most since the last reset.
struct MemoryUse {
  std::size_t current = 0;
  std::size_t peak = 0;
};

/// A cache of freed tensor buffers. A training step asks for the same sizes again and again; handing back a warm buffer
/// saves the page faults of a fresh one. Thread safe. Idle buffers go back to the system, those first that have been
/// idle longest, where they and the buffers in use would exceed the peak of use by more than an eighth (or 32 MiB): so
/// a repeated step finds all its buffers, and a run over many different sizes does not grow.
class BufferPool {
 public:
  static constexpr std::size_t alignment = detail::buffer_alignment;

  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool() { release_idle(); }

  /// The one pool of the process. Never destroyed, since tensors in static storage may outlive any order of
  /// destruction.
#ifdef PASER_STATE_IN_LIBRARY
  static BufferPool& instance();
#else
  static BufferPool& instance() {
    static auto* pool = new BufferPool;
    return *pool;
  }
#endif

  /// A 64-byte aligned buffer of at least `bytes`, returned to the pool when its last owner goes. Content undefined.
  std::shared_ptr<std::byte> allocate(std::size_t bytes) {
    Buffer buffer = take(size_class(bytes));
    if (buffer.data == nullptr) buffer.data = detail::allocate_buffer(buffer.size);
    return {buffer.data, [this, size = buffer.size](std::byte* b) { give_back(b, size); }};
  }

  MemoryUse use() const {
    const std::lock_guard lock(mutex_);
    return use_;
  }

  /// Bytes of freed buffers that are kept for reuse.
  std::size_t idle_bytes() const {
    const std::lock_guard lock(mutex_);
    return idle_bytes_;
  }

  /// Starts a new peak at the present use, so that each stage of a run can report its own.
  void reset_peak() {
    const std::lock_guard lock(mutex_);
    use_.peak = use_.current;
  }

  /// Gives every idle buffer back to the system.
  void release() {
    const std::lock_guard lock(mutex_);
    release_idle();
  }

  /// The size that a request is rounded up to: at most an eighth is wasted, and few distinct sizes remain.
  static constexpr std::size_t size_class(std::size_t bytes) {
    if (bytes <= 512) return (std::max<std::size_t>(bytes, 1) + 63) / 64 * 64;
    const std::size_t step = std::bit_floor(bytes) / 8;
    return (bytes + step - 1) / step * step;
  }

 private:
  struct Idle {
    std::byte* buffer;
    std::uint64_t since;  // counts the buffers given back
  };

  struct Buffer {
    std::byte* data;
    std::size_t size;
  };

  /// An idle buffer of this size; none, to be allocated, when there is none; where that would take too much memory, one
  /// that is larger than asked for, or else after idle ones have gone.
  Buffer take(std::size_t size) {
    constexpr std::size_t least = std::size_t{1} << 25, largest_waste = 4;
    const std::lock_guard lock(mutex_);
    auto found = idle_.lower_bound(size);
    if (found != idle_.end() && found->first != size) {
      const bool fits = use_.current + size + idle_bytes_ <= most(least);
      if (fits || found->first > largest_waste * size) found = idle_.end();
    }
    if (found == idle_.end()) {
      use(size);
      while (idle_bytes_ > 0 && use_.current + idle_bytes_ > most(least)) release_oldest();
      return {nullptr, size};
    }
    const Buffer buffer{found->second.back().buffer, found->first};
    found->second.pop_back();
    if (found->second.empty()) idle_.erase(found);
    idle_bytes_ -= buffer.size;
    use(buffer.size);
    return buffer;
  }

  void use(std::size_t size) {
    use_.current += size;
    use_.peak = std::max(use_.peak, use_.current);
  }
  std::size_t most(std::size_t least) const {
    return use_.peak + std::max(least, use_.peak / 8);
  }

  void give_back(std::byte* buffer, std::size_t size) {
    const std::lock_guard lock(mutex_);
    use_.current -= size;
    idle_[size].push_back({buffer, ++given_back_});
    idle_bytes_ += size;
  }

  /// The buffers of a size stand in the order in which they were given back.
  void release_oldest() {
    const auto oldest = std::min_element(idle_.begin(), idle_.end(), [](const auto& a, const auto& b) {
      return a.second.front().since < b.second.front().since;
    });
    detail::free_buffer(oldest->second.front().buffer, oldest->first);
    idle_bytes_ -= oldest->first;
    oldest->second.erase(oldest->second.begin());
    if (oldest->second.empty()) idle_.erase(oldest);
  }

  void release_idle() {
    for (auto& [size, buffers] : idle_)
      for (const Idle& idle : buffers) detail::free_buffer(idle.buffer, size);
    idle_.clear();
    idle_bytes_ = 0;
  }

  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<Idle>> idle_;  // by size; no entry is empty
  std::size_t idle_bytes_ = 0;
  std::uint64_t given_back_ = 0;
  MemoryUse use_;
};

/// A buffer of the pool, or none, with any number of owners. What owners do is called and not inlined: nearly every
/// function holds tensors, and the atomic counts of each would fill programs and the time to compile them.
class SharedBuffer {
 public:
  SharedBuffer() = default;
  [[gnu::noinline]] explicit SharedBuffer(std::size_t bytes) : owner_(BufferPool::instance().allocate(bytes)) {}
  [[gnu::noinline]] SharedBuffer(const SharedBuffer& other) noexcept : owner_(other.owner_) {}
  SharedBuffer(SharedBuffer&& other) noexcept : owner_(std::move(other.owner_)) {}
  [[gnu::noinline]] SharedBuffer& operator=(const SharedBuffer& other) noexcept {
    owner_ = other.owner_;
    return *this;
  }
  [[gnu::noinline]] SharedBuffer& operator=(SharedBuffer&& other) noexcept {
    owner_ = std::move(other.owner_);
    return *this;
  }
  [[gnu::noinline]] ~SharedBuffer() {}

  std::byte* get() const { return owner_.get(); }
  /// False promises that this owner may write: what other owners read, on whatever thread, they have read.
  bool shared() const {
    if (owner_.use_count() > 1) return true;
    std::atomic_thread_fence(std::memory_order_acquire);
    return false;
  }
  explicit operator bool() const { return owner_ != nullptr; }
  bool operator==(const SharedBuffer& other) const { return owner_ == other.owner_; }

 private:
  std::shared_ptr<std::byte> owner_;
};

/// Scratch for a kernel: `count` values of T, 64-byte aligned, undefined content.
template <class T>
class Scratch {
 public:
  explicit Scratch(std::size_t count) : bytes_(count * sizeof(T)) {}
  T* data() { return reinterpret_cast<T*>(bytes_.get()); }
  const T* data() const { return reinterpret_cast<const T*>(bytes_.get()); }

 private:
  SharedBuffer bytes_;
};

}  // namespace paser
