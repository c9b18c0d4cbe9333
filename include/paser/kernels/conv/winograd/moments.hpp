#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/kernels/conv/winograd/tiles.hpp"

/// Mean and variance of a convolution's result, taken while it is written: one pair for each segment and channel, as
/// channel_moments takes them of its pieces.
namespace paser::kernels::winograd {

/// Sums over the pixels of one segment for a range of channels. They run over y - (a pixel of the channel), in T for at
/// most 64 values, then in double.
template <class T>
class SegmentSums {
 public:
  /// `channels` are rounded up to whole packets; 0: no sums are wanted.
  explicit SegmentSums(Index channels)
      : lanes_(round_up(channels, simd::width<T>)),
        values_(static_cast<std::size_t>(3 * lanes_)),
        totals_(static_cast<std::size_t>(2 * lanes_)) {}

  /// Per channel: what is subtracted, and the two sums in T.
  T* shift() { return values_.data(); }
  T* sums() { return values_.data() + lanes_; }
  T* squares() { return values_.data() + 2 * lanes_; }

  void start() {
    std::fill_n(sums(), 2 * lanes_, T(0));
    std::fill_n(totals_.data(), 2 * lanes_, 0.0);
  }
  /// Moves the sums to double.
  void flush() {
    T* const from = sums();
    double* const to = totals_.data();
    for (Index i = 0; i < 2 * lanes_; ++i) to[i] += static_cast<double>(from[i]);
    std::fill_n(from, 2 * lanes_, T(0));
  }
  /// Mean and sum of squared deviations of `channels` channels over `pixels` values each.
  void finish(Index channels, Index pixels, double* mean, double* deviations) {
    flush();
    const double inverse = 1 / static_cast<double>(pixels), *const a = totals_.data(), *const b = a + lanes_;
    for (Index i = 0; i < channels; ++i) {
      mean[i] = static_cast<double>(shift()[i]) + a[i] * inverse;
      deviations[i] = b[i] - a[i] * a[i] * inverse;
    }
  }

 private:
  Index lanes_;
  Scratch<T> values_;
  Scratch<double> totals_;
};

/// The pixels of y that a segment covers.
template <int Tile>
Index segment_pixels(const Plane<Tile>& plane, Index segment) {
  const Index row = segment / plane.segments_a_row() % plane.tile_rows(), part = segment % plane.segments_a_row();
  const Index left = part * plane.segment_tiles() * Tile;
  return std::min<Index>(Tile, plane.out_h - row * Tile) *
         std::min<Index>(plane.segment_tiles() * Tile, plane.out_w - left);
}

}  // namespace paser::kernels::winograd
#include "paser/core/macros_on.inc"
