#pragma once
#include "paser/core/macros_off.inc"

#include <array>

#include "paser/core/simd.hpp"

/// The constants of the model of time by which the algorithm of a convolution is chosen, for each instruction set. Each
/// table is what scripts/fit_algorithms measured where its comment says; `lost` is the time of the choice beyond that
/// of the best algorithm.
namespace paser::kernels::detail {

/// The time of an algorithm: a times the multiply-accumulates that it makes, b times the values that it reads or
/// writes, c for each pair of an input and an output channel, whose weights it packs or transforms. The unit is the
/// time of a multiply-accumulate of a large direct forward pass.
struct ConvCost {
  double a, b, c;
};

/// Winograd is not for layers that read or write fewer channels than these, or have fewer pairs of an input and an
/// output channel: the model does not see that most of each packet would be empty. The input gradient reads the
/// outputs; of the weight gradient the inputs count as read.
struct FewestChannels {
  Index read, written, pairs;
};

/// Of one direction: for direct summation, tiles of 2x2 and tiles of 4x4.
struct DirectionCosts {
  std::array<ConvCost, 3> rows;
  FewestChannels fewest;
};

/// Of the forward pass, the input gradient and the weight gradient.
using ConvCosts = std::array<DirectionCosts, 3>;

// x86-64: not fitted; the table of x86-64-v3.
inline constexpr ConvCosts costs_x86_64{{
    {{{{0.98, 14, 103}, {1.13, 138, 213}, {1.21, 393, 397}}}, {8, 16, 128}},
    {{{{0.98, 14, 103}, {1.13, 138, 213}, {1.21, 393, 397}}}, {8, 8, 128}},
    {{{{1.16, 0, 64}, {1.28, 128, 173}, {1.34, 427, 336}}}, {8, 8, 256}},
}};

// x86-64-v3: AMD EPYC (Zen 3), 2026-11-26, benchmarks/winograd_bench.cpp. Lost forward and input gradient 0.2 %, at
// most 17 %; weight gradient 0.9 %, at most 22 %.
inline constexpr ConvCosts costs_x86_64_v3{{
    {{{{0.98, 14, 103}, {1.13, 138, 213}, {1.21, 393, 397}}}, {8, 16, 128}},
    {{{{0.98, 14, 103}, {1.13, 138, 213}, {1.21, 393, 397}}}, {8, 8, 128}},
    {{{{1.16, 0, 64}, {1.28, 128, 173}, {1.34, 427, 336}}}, {8, 8, 256}},
}};

// x86-64-v4: AMD EPYC, family 26, model 2,
// 2026-11-28, scripts/fit_algorithms.
// Lost forward 0.4 %, at most 46.8 %; input gradient 0.3 %, at most 45.4 %; weight gradient 0.4 %, at most 24.8 %.
inline constexpr ConvCosts costs_x86_64_v4{{
    {{{{0.873, 29.4, 98}, {1.17, 204, 165}, {1.41, 570, 295}}}, {8, 4, 256}},
    {{{{0.966, 37.3, 96.8}, {1.34, 155, 204}, {1.44, 558, 349}}}, {8, 4, 256}},
    {{{{2.41, 61.9, 189}, {2.09, 396, 360}, {2.22, 1410, 639}}}, {16, 4, 64}},
}};

/// The table of this file's instruction set. One that has none takes that of AVX2.
constexpr const ConvCosts& conv_costs() {
  if constexpr (simd::width<float> == 16) {
    return costs_x86_64_v4;
  } else if constexpr (simd::width<float> == 4 && simd::registers == 16) {
    return costs_x86_64;
  } else {
    return costs_x86_64_v3;
  }
}

}  // namespace paser::kernels::detail
#include "paser/core/macros_on.inc"
