#pragma once
#include "paser/core/macros_off.inc"

#include <cstddef>

#ifndef __has_feature
#define PASER_HAS_FEATURE(x) 0
#else
#define PASER_HAS_FEATURE(x) __has_feature(x)
#endif
#if defined(__SANITIZE_ADDRESS__) || PASER_HAS_FEATURE(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define PASER_ADDRESS_SANITIZER
#endif
#undef PASER_HAS_FEATURE

/// What AddressSanitizer cannot know by itself: memory that a program holds and that nobody may touch. Without it these
/// do nothing.
namespace paser::detail {

/// From now on every access to these bytes is an error.
inline void forbid_access([[maybe_unused]] const std::byte* begin, [[maybe_unused]] std::size_t bytes) {
#ifdef PASER_ADDRESS_SANITIZER
  __asan_poison_memory_region(begin, bytes);
#endif
}

inline void permit_access([[maybe_unused]] const std::byte* begin, [[maybe_unused]] std::size_t bytes) {
#ifdef PASER_ADDRESS_SANITIZER
  __asan_unpoison_memory_region(begin, bytes);
#endif
}

}  // namespace paser::detail
#undef PASER_ADDRESS_SANITIZER
#include "paser/core/macros_on.inc"
