#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <numeric>

#include "paser/core/simd.hpp"

namespace paser::kernels {

/// How pixels of few channels fill packets: `pixels` pixels side by side are one row of `lanes` values, a whole number
/// of packets and enough of them to keep the adders busy. Lane l belongs to channel l mod channels.
struct LaneRow {
  Index pixels, lanes;

  template <class T>
  static LaneRow of(Index channels) {
    const Index whole = simd::width<T> / std::gcd(simd::width<T>, channels);
    const Index wanted = (4 * simd::width<T> + whole * channels - 1) / (whole * channels);
    return {whole * wanted, whole * wanted * channels};
  }
};

namespace detail {

/// The sums of `Packets` packets of lanes over rows begin .. end-1, added to the doubles a and b.
template <int Packets, class T, class F>
void add_lane_sums(Index begin, Index end, Index lanes, Index lane, const F& values, double* a, double* b) {
  constexpr Index width = simd::width<T>;
  simd::Packet<T> sum_a[Packets], sum_b[Packets];
  for (int p = 0; p < Packets; ++p) sum_a[p] = sum_b[p] = simd::zero<T>();
  for (Index row = begin; row < end; ++row)
    for (int p = 0; p < Packets; ++p) values(row * lanes + lane + p * width, lane + p * width, sum_a[p], sum_b[p]);
  T total_a[Packets * width], total_b[Packets * width];
  for (int p = 0; p < Packets; ++p) {
    simd::store(total_a + p * width, sum_a[p]);
    simd::store(total_b + p * width, sum_b[p]);
  }
  for (Index k = 0; k < Packets * width; ++k) {
    a[lane + k] += static_cast<double>(total_a[k]);
    b[lane + k] += static_cast<double>(total_b[k]);
  }
}

}  // namespace detail

/// Two sums per lane over `rows` rows, added to the doubles a[lanes] and b[lanes], on this thread.
/// values(position, lane, sum_a, sum_b) adds the terms of one packet. At most 64 terms are added in T before they go to
/// double, so float loses no digits on large maps.
template <class T, class F>
void lane_sums(Index rows, Index lanes, const F& values, double* a, double* b) {
  constexpr Index run = 64, width = simd::width<T>;
  for (Index begin = 0; begin < rows; begin += run) {
    const Index end = std::min(rows, begin + run);
    Index lane = 0;
    for (; lane + 4 * width <= lanes; lane += 4 * width)
      detail::add_lane_sums<4, T>(begin, end, lanes, lane, values, a, b);
    for (; lane < lanes; lane += width) detail::add_lane_sums<1, T>(begin, end, lanes, lane, values, a, b);
  }
}

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
