#pragma once
#include "paser/core/macros_off.inc"

// g++ 12 copies a constant of 32 or 64 bytes into memory at once where AVX-512, or tuning for a processor that has it,
// allows moves of that size, and takes a constant that repeats a number and ends in zeros (or in all ones) for one that
// repeats it to the end: std::vector<double>{2, 2, 0, 0} holds 2 2 2 2 (GCC PR target/108599). It does so from -O1 on.
// Moves of at most 128 bits are right. A header cannot set that flag, nor does the compiler tell whether it is set;
// hence the macro that goes with it. Tried with 12.2.0; g++ 11 and 13 and clang++ 14 are right as they are.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ == 12 && !defined(PASER_MOVE_MAX_128)
#if defined(__AVX512F__) ||                                                                                   \
    (defined(__AVX__) &&                                                                                      \
     (defined(__tune_skylake_avx512__) || defined(__tune_cascadelake__) || defined(__tune_cooperlake__) ||    \
      defined(__tune_cannonlake__) || defined(__tune_icelake_client__) || defined(__tune_icelake_server__) || \
      defined(__tune_tigerlake__) || defined(__tune_rocketlake__) || defined(__tune_sapphirerapids__)))
#error "g++ 12 writes wrong constants with AVX-512: add -mmove-max=128 -mstore-max=128 -DPASER_MOVE_MAX_128"
#endif
#endif
#include "paser/core/macros_on.inc"
