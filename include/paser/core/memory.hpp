#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace paser {

/// Bytes held by tensors now, and at most since the last reset.
struct MemoryUse {
  std::size_t current = 0;
  std::size_t peak = 0;
};

/// A cache of freed tensor buffers. A training step asks for the same sizes again and again; handing back a warm buffer
/// saves the page faults of a fresh one. Thread safe. Idle buffers are given back to the system as soon as they
/// outweigh the buffers in use, so that a run over many different sizes does not grow.
class BufferPool {
 public:
  static constexpr std::size_t alignment = 64;

  /// The one pool of the process. Never destroyed, since tensors in static storage may outlive any order of
  /// destruction.
  static BufferPool& instance() {
    static auto* pool = new BufferPool;
    return *pool;
  }

  /// A 64-byte aligned buffer of at least `bytes`, returned to the pool when its last owner goes. Content undefined.
  std::shared_ptr<std::byte> allocate(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    std::byte* buffer = take(size);
    if (buffer == nullptr) buffer = static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment}));
    return {buffer, [this, size](std::byte* b) { give_back(b, size); }};
  }

  MemoryUse use() const {
    const std::lock_guard lock(mutex_);
    return use_;
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
  static constexpr std::size_t always_kept = std::size_t{1} << 24;

  std::byte* take(std::size_t size) {
    const std::lock_guard lock(mutex_);
    use_.current += size;
    use_.peak = std::max(use_.peak, use_.current);
    const auto found = idle_.find(size);
    if (found == idle_.end() || found->second.empty()) {
      if (idle_bytes_ > std::max(always_kept, use_.current)) release_idle();
      return nullptr;
    }
    std::byte* buffer = found->second.back();
    found->second.pop_back();
    idle_bytes_ -= size;
    return buffer;
  }

  void give_back(std::byte* buffer, std::size_t size) {
    const std::lock_guard lock(mutex_);
    use_.current -= size;
    idle_[size].push_back(buffer);
    idle_bytes_ += size;
  }

  void release_idle() {
    for (auto& [size, buffers] : idle_)
      for (std::byte* buffer : buffers) ::operator delete (buffer, std::align_val_t{alignment});
    idle_.clear();
    idle_bytes_ = 0;
  }

  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<std::byte*>> idle_;
  std::size_t idle_bytes_ = 0;
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
