#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "paser/core/one_program.hpp"
#include "paser/core/page_memory.hpp"
#include "paser/core/sanitizer.hpp"

namespace paser {

/// Bytes held by tensors now, and at most since the last reset.
struct MemoryUse {
  std::size_t current = 0;
  std::size_t peak = 0;
};

/// There is no memory for a tensor or for a kernel's scratch. what() says how many bytes were asked for at once.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::size_t bytes) noexcept : bytes_(bytes) {
    std::snprintf(text_, sizeof text_, "out of memory: %zu bytes were asked for at once", bytes);
  }
  const char* what() const noexcept override { return text_; }  ///< "out of memory: 4096 bytes were asked for at once"
  std::size_t bytes() const noexcept { return bytes_; }         ///< that were asked for

 private:
  std::size_t bytes_;
  char text_[72];  // no string: there is no memory
};

/// A cache of freed tensor buffers. A training step asks for the same sizes again and again; handing back a warm buffer
/// saves the page faults of a fresh one. Thread safe. Idle buffers go back to the system, those first that have been
/// idle longest, where they and the buffers in use would exceed the largest use so far by more than an eighth (or
/// 32 MiB): so a repeated step finds all its buffers, and a run over many different sizes does not grow. A reset of the
/// peak does not lower that bound, or a stage whose steps and validations differ in sizes would take buffers from the
/// system in every step. To give a buffer back takes no memory, since what the cache notes of an idle buffer stands in
/// that buffer. AddressSanitizer sees through it: whoever touches an idle buffer behind these notes, or what a buffer
/// has beyond the bytes asked for, is reported.
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
  /// Throws OutOfMemory when there is no memory, not even with all idle buffers given back to the system; nothing else
  /// is changed then.
  std::shared_ptr<std::byte> allocate(std::size_t bytes) {
    if (bytes > largest) throw OutOfMemory(bytes);
    Buffer buffer = take(size_class(bytes));
    if (buffer.data == nullptr) {
      try {
        buffer.data = fresh(buffer.size);
      } catch (const std::bad_alloc&) {
        not_taken(buffer);
        throw OutOfMemory(bytes);
      }
    }
    detail::permit_access(buffer.data, bytes);
    detail::forbid_access(buffer.data + bytes, buffer.size - bytes);
    try {
      return {buffer.data, [this, size = buffer.size](std::byte* b) { give_back(b, size); }};
    } catch (const std::bad_alloc&) {  // the buffer has been given back
      throw OutOfMemory(bytes);
    }
  }

  /// Bytes in use now and at most.
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
  /// What stands at the start of an idle buffer: its neighbours among those of its size, by the order in which they
  /// were given back.
  struct Idle {
    Idle* earlier;
    Idle* later;
    std::uint64_t since;  // counts the buffers given back
  };
  static_assert(sizeof(Idle) <= 64);  // the smallest buffer

  struct IdleList {
    Idle* first = nullptr;
    Idle* last = nullptr;
  };

  struct Buffer {
    std::byte* data;
    std::size_t size;
    std::size_t peak_before, largest_before;  // of use, where the buffer is yet to be allocated
  };

  static constexpr std::size_t largest = std::numeric_limits<std::size_t>::max() / 4;
  static constexpr std::size_t size_classes = 8 + (62 - 9) * 8;

  /// Size classes in their order: 64, 128, ... 512, and above eight for every doubling.
  static constexpr std::size_t number_of(std::size_t size) {
    if (size <= 512) return size / 64 - 1;
    const auto doublings = static_cast<std::size_t>(std::bit_width(size) - 1);
    return 8 + (doublings - 9) * 8 + (size - std::bit_floor(size)) / (std::bit_floor(size) / 8) - 1;
  }
  static constexpr std::size_t size_of(std::size_t number) {
    if (number < 8) return (number + 1) * 64;
    const std::size_t power = std::size_t{1} << (9 + (number - 7) / 8);
    return power + power / 8 * ((number - 7) % 8);
  }

  /// An idle buffer of this size; none, to be allocated, when there is none; where that would take too much memory, one
  /// that is larger than asked for, or else after idle ones have gone.
  Buffer take(std::size_t size) {
    constexpr std::size_t least = std::size_t{1} << 25, largest_waste = 4;
    const std::lock_guard lock(mutex_);
    std::size_t found = number_of(size);
    while (found < size_classes && idle_[found].first == nullptr && size_of(found) / largest_waste <= size) ++found;
    const bool any = found < size_classes && idle_[found].first != nullptr;
    const bool fits = use_.current + size + idle_bytes_ <= most(least);
    if (!any || (size_of(found) != size && (fits || size_of(found) / largest_waste > size))) {
      const std::size_t peak_before = use_.peak, largest_before = largest_use_;
      use(size);
      while (idle_bytes_ > 0 && use_.current + idle_bytes_ > most(least)) release_oldest();
      return {nullptr, size, peak_before, largest_before};
    }
    const Buffer buffer{remove(found, idle_[found].last), size_of(found), 0, 0};
    use(buffer.size);
    return buffer;
  }

  /// A buffer from the system; where that has none, after it has got all idle ones back. Throws std::bad_alloc.
  std::byte* fresh(std::size_t size) {
    try {
      return detail::allocate_buffer(size);
    } catch (const std::bad_alloc&) {
      const std::lock_guard lock(mutex_);
      if (idle_bytes_ == 0) throw;
      release_idle();
    }
    return detail::allocate_buffer(size);
  }

  void not_taken(const Buffer& wanted) noexcept {
    const std::lock_guard lock(mutex_);
    use_.current -= wanted.size;
    use_.peak = std::max(use_.current, wanted.peak_before);
    largest_use_ = std::max(use_.current, wanted.largest_before);
  }

  void use(std::size_t size) {
    use_.current += size;
    use_.peak = std::max(use_.peak, use_.current);
    largest_use_ = std::max(largest_use_, use_.current);
  }
  std::size_t most(std::size_t least) const {
    return largest_use_ + std::max(least, largest_use_ / 8);
  }

  void give_back(std::byte* buffer, std::size_t size) noexcept {
    const std::lock_guard lock(mutex_);
    use_.current -= size;
    idle_bytes_ += size;
    IdleList& list = idle_[number_of(size)];
    detail::permit_access(buffer, sizeof(Idle));
    detail::forbid_access(buffer + sizeof(Idle), size - sizeof(Idle));
    Idle* const idle = ::new (buffer) Idle{list.last, nullptr, ++given_back_};
    (list.last != nullptr ? list.last->later : list.first) = idle;
    list.last = idle;
  }

  /// Takes an idle buffer out of the list of its size.
  std::byte* remove(std::size_t number, Idle* idle) {
    IdleList& list = idle_[number];
    (idle->earlier != nullptr ? idle->earlier->later : list.first) = idle->later;
    (idle->later != nullptr ? idle->later->earlier : list.last) = idle->earlier;
    idle_bytes_ -= size_of(number);
    auto* const buffer = reinterpret_cast<std::byte*>(idle);
    detail::permit_access(buffer, size_of(number));
    return buffer;
  }

  void release_oldest() {
    std::size_t oldest = size_classes;
    for (std::size_t i = 0; i < size_classes; ++i)
      if (idle_[i].first != nullptr && (oldest == size_classes || idle_[i].first->since < idle_[oldest].first->since))
        oldest = i;
    detail::free_buffer(remove(oldest, idle_[oldest].first), size_of(oldest));
  }

  void release_idle() {
    for (std::size_t i = 0; i < size_classes; ++i)
      while (idle_[i].first != nullptr) detail::free_buffer(remove(i, idle_[i].first), size_of(i));
  }

  mutable std::mutex mutex_;
  std::array<IdleList, size_classes> idle_{};
  std::size_t idle_bytes_ = 0;
  std::uint64_t given_back_ = 0;
  MemoryUse use_;
  std::size_t largest_use_ = 0;  ///< the peak of use_ if it had never been reset
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

  std::byte* get() const { return owner_.get(); }  ///< The first byte.
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
  explicit Scratch(std::size_t count)
      : bytes_(count <= std::numeric_limits<std::size_t>::max() / sizeof(T) ? count * sizeof(T)
                                                                            : throw OutOfMemory(SIZE_MAX)) {}
  T* data() { return reinterpret_cast<T*>(bytes_.get()); }  ///< The first element.
  const T* data() const { return reinterpret_cast<const T*>(bytes_.get()); }

 private:
  SharedBuffer bytes_;
};

}  // namespace paser
#include "paser/core/macros_on.inc"
