#pragma once
#include "paser/core/macros_off.inc"

#include <string_view>

namespace paser {

/// The instruction set that the kernels use. Header-only: what this program was compiled for. With paser::compiled: the
/// best that it has and this processor runs, or the one that the environment variable PASER_ISA names. "x86-64" (SSE2),
/// "x86-64-v3" (AVX2, FMA), "x86-64-v4" (AVX-512), "neon" or "scalar". Throws ValueError when PASER_ISA names none that
/// can run here.
#ifdef PASER_COMPILED
std::string_view isa();
#else
inline std::string_view isa() {
#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
  return "x86-64-v4";
#elif defined(__AVX2__) && defined(__FMA__)
  return "x86-64-v3";
#elif defined(__SSE2__)
  return "x86-64";
#elif defined(__ARM_NEON)
  return "neon";
#else
  return "scalar";
#endif
}
#endif

}  // namespace paser
#include "paser/core/macros_on.inc"
