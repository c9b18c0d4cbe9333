#pragma once
#include "paser/core/macros_off.inc"

/// \file
/// What all files of one program must agree on. PASER_COMPILED: the kernels and the state of the process (the pool of
/// buffers, the team of threads) are those of the library paser::compiled; its CMake target defines it. Without it
/// paser is header-only, and the inline functions of two files differ with their compile flags, while the linker keeps
/// only one of each. Such a program is refused when it is linked, by the name
/// paser_needs_the_same_compile_flags_in_all_files_of_a_program.

#if defined(PASER_COMPILED) || defined(PASER_COMPILING_KERNELS)
/// The state of the process is defined once, in the library.
#define PASER_STATE_IN_LIBRARY
#endif

#if defined(PASER_COMPILED)
#define PASER_FLAGS compiled
#elif defined(__AVX512F__)
#define PASER_FLAGS avx512
#elif defined(__AVX2__) && defined(__FMA__)
#define PASER_FLAGS avx2_fma
#elif defined(__AVX__)
#define PASER_FLAGS avx
#elif defined(__SSE4_1__)
#define PASER_FLAGS sse4
#else
#define PASER_FLAGS base
#endif
#ifdef PASER_NO_THREADS
#define PASER_FLAGS_OF_THREADS without_threads
#else
#define PASER_FLAGS_OF_THREADS with_threads
#endif

// Files of the same flags define the symbol in one group of sections, of which the linker keeps one copy; files of
// other flags define it in another group, and two definitions of one symbol are an error. The function is never called;
// its name has the flags, so that link-time optimisation merges those of the same flags alone.
#if defined(__ELF__) && defined(__GNUC__) && !defined(PASER_COMPILING_KERNELS) && !defined(PASER_COMPILING_STATE) && \
    (defined(__x86_64__) || defined(__aarch64__))
#define PASER_FLAGS_TEXT_(x) #x
#define PASER_FLAGS_TEXT(x) PASER_FLAGS_TEXT_(x)
#define PASER_FLAGS_NAME_(isa, threads) paser_flags_##isa##_##threads
#define PASER_FLAGS_NAME(isa, threads) PASER_FLAGS_NAME_(isa, threads)
namespace paser::detail {
[[gnu::used, gnu::visibility("hidden")]] inline void PASER_FLAGS_NAME(PASER_FLAGS, PASER_FLAGS_OF_THREADS)() {
  __asm__ volatile(
      ".ifndef paser_needs_the_same_compile_flags_in_all_files_of_a_program\n"
      ".pushsection .rodata.paser_flags,\"aG\",%%progbits,"  //
      PASER_FLAGS_TEXT(PASER_FLAGS_NAME(PASER_FLAGS, PASER_FLAGS_OF_THREADS)) ",comdat\n"
      ".globl paser_needs_the_same_compile_flags_in_all_files_of_a_program\n"
      ".hidden paser_needs_the_same_compile_flags_in_all_files_of_a_program\n"
      ".type paser_needs_the_same_compile_flags_in_all_files_of_a_program, %%object\n"
      ".size paser_needs_the_same_compile_flags_in_all_files_of_a_program, 1\n"
      "paser_needs_the_same_compile_flags_in_all_files_of_a_program: .byte 0\n"
      ".popsection\n"
      ".endif" ::);
}
}  // namespace paser::detail
#endif
#include "paser/core/macros_on.inc"
