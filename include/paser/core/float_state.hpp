#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace paser {

namespace detail {

/// The register that says how this thread computes with floating-point numbers, where it is known how to reach it: the
/// bits that count as zero what is subnormal, and those of rounding.
#if defined(__SSE__)
using FloatControl = std::uint32_t;                                         // MXCSR
inline constexpr FloatControl flush_bits = 0x8040, rounding_bits = 0x6000;  // FTZ and DAZ; RC
inline FloatControl float_control() {
  return _mm_getcsr();
}
inline void set_float_control(FloatControl control) {
  _mm_setcsr(control);
}
#elif defined(__aarch64__) && defined(__GNUC__)
using FloatControl = std::uint64_t;                                             // FPCR
inline constexpr FloatControl flush_bits = 1u << 24, rounding_bits = 3u << 22;  // FZ; RMode
inline FloatControl float_control() {
  FloatControl control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  return control;
}
inline void set_float_control(FloatControl control) {
  __asm__ volatile("msr fpcr, %0" : : "r"(control));
}
#else
using FloatControl = std::uint32_t;
inline constexpr FloatControl flush_bits = 0, rounding_bits = 0;
inline FloatControl float_control() {
  return 0;
}
inline void set_float_control(FloatControl) {}
#endif

/// Keeps the compiler from moving loads and stores, and so the arithmetic between them, over a change of the register.
inline void fence_float_control() {
#if defined(__GNUC__)
  __asm__ volatile("" : : : "memory");
#endif
}

}  // namespace detail

/// While it lives, subnormal numbers count as zero on this thread, as operands and as results, and results are rounded
/// to nearest; then the thread's state is again exactly what it was, exception flags included. Arithmetic on subnormal
/// numbers is up to a hundred times slower, and a network never needs them. parallel_for holds one on every thread it
/// uses, so results depend neither on the thread nor on what the caller has set. Where the machine cannot flush,
/// nothing happens. Cheap inside another one.
class FlushDenormals {
 public:
  FlushDenormals() : before_(detail::float_control()) {
    const detail::FloatControl wanted = (before_ | detail::flush_bits) & ~detail::rounding_bits;
    if (wanted != before_) detail::set_float_control(wanted);
    detail::fence_float_control();
  }
  ~FlushDenormals() {
    detail::fence_float_control();
    if (detail::float_control() != before_) detail::set_float_control(before_);
  }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  detail::FloatControl before_;
};

}  // namespace paser
#include "paser/core/macros_on.inc"
