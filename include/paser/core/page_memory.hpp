#pragma once
#include "paser/core/macros_off.inc"

#include <cstddef>
#include <limits>
#include <new>

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#include <sys/mman.h>
#define PASER_MAPS_PAGES 1
#else
#define PASER_MAPS_PAGES 0
#endif

/// Memory for buffers: from operator new, and large ones page by page from the system. malloc would take those from its
/// heap, where they leave holes, and the system can back mapped ones by huge pages, which saves most of the faults of a
/// first touch and most misses of the address cache.
namespace paser::detail {

inline constexpr std::size_t buffer_alignment = 64, mapped_from = std::size_t{1} << 20,
                             huge_from = std::size_t{1} << 22;

/// Bytes of memory that this machine has; the largest number where the system does not say.
inline std::size_t machine_memory() {
#ifdef _SC_PHYS_PAGES
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) return static_cast<std::size_t>(pages) * static_cast<std::size_t>(page);
#endif
  return std::numeric_limits<std::size_t>::max();
}

/// `size` bytes, 64-byte aligned. Throws std::bad_alloc.
inline std::byte* allocate_buffer(std::size_t size) {
#if PASER_MAPS_PAGES
  if (size >= mapped_from) {
    void* const pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    if (size >= huge_from) ::madvise(pages, size, MADV_HUGEPAGE);  // a wish: refusing it is no error
    return static_cast<std::byte*>(pages);
  }
#endif
#ifdef __SANITIZE_ADDRESS__  // which has less than 2^40 bytes, and ends a program that asks for more
  if (size >= std::size_t{1} << 40) throw std::bad_alloc();
#endif
  return static_cast<std::byte*>(::operator new (size, std::align_val_t{buffer_alignment}));
}

/// What allocate_buffer(size) gave.
inline void free_buffer(std::byte* buffer, [[maybe_unused]] std::size_t size) {
#if PASER_MAPS_PAGES
  if (size >= mapped_from) {
    ::munmap(buffer, size);
    return;
  }
#endif
  ::operator delete (buffer, std::align_val_t{buffer_alignment});
}

}  // namespace paser::detail
#include "paser/core/macros_on.inc"
