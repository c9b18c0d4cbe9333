#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv2d_tile.hpp"
#include "paser/kernels/conv_shape.hpp"
#include "paser/kernels/pool_shape.hpp"

/// The start of many networks in one go: a convolution of few input channels, a ReLU and a max-pool. What the
/// convolution makes is the largest map of the network; only the rows under one window are ever there, in the
/// second-level cache.
namespace paser::kernels {

namespace detail {

/// One image's convolution row by row, as a product of (pixels, taps) and (taps, channels).
template <class T>
class ConvRows {
 public:
  static constexpr int pixels = 6, packets = 2;
  static constexpr Index block = packets * simd::width<T>;
  using Sums = direct::Tile<T, pixels, packets>;

  ConvRows(const ConvShape& s, const T* weight, const T* bias)
      : s_(s),
        taps_(s.r * s.s * s.c),
        stride_(taps_ + simd::width<T>),
        blocks_((s.k + block - 1) / block),
        panels_(static_cast<std::size_t>(blocks_ * (taps_ + 1) * block)) {
    // A panel holds the weights of one block of channels, tap by tap, and then its bias.
    T* to = panels_.data();
    std::fill_n(to, blocks_ * (taps_ + 1) * block, T(0));
    for (Index b = 0; b < blocks_; ++b)
      for (Index tap = 0; tap <= taps_; ++tap, to += block) {
        const T* const from = tap < taps_ ? weight + tap * s.k : bias;
        if (from != nullptr) std::copy_n(from + b * block, std::min(block, s.k - b * block), to);
      }
  }

  Index window_size() const { return s_.out_w() * stride_; }

  /// y (out_w, k) = relu(row `row` of the convolution of x (h, w, c)); `windows` is scratch for window_size() numbers.
  void compute(const T* x, Index row, T* windows, T* y) const {
    collect(x, row, windows);
    const Index columns = s_.out_w();
    for (Index b = 0; b < blocks_; ++b) {
      const T* const panel = panels_.data() + b * (taps_ + 1) * block;
      const Index channels = std::min(block, s_.k - b * block);
      for (Index first = 0; first < columns; first += pixels) {
        const Index count = std::min<Index>(pixels, columns - first);
        std::array<const T*, pixels> from;
        std::array<T*, pixels> to;
        for (Index i = 0; i < pixels; ++i) {
          const Index pixel = first + std::min(i, count - 1);
          from[static_cast<std::size_t>(i)] = windows + pixel * stride_;
          to[static_cast<std::size_t>(i)] = y + pixel * s_.k + b * block;
        }
        Sums sums;
        sums.fill(panel + taps_ * block);
        sums.add_products(from, 1, panel, taps_);
        sums.relu();
        sums.store_rows(to, count, channels);
      }
    }
  }

 private:
  /// The values under the window of every output of a row, zeros where it leaves the image. Tap row by tap row, in
  /// whole packets: what they write too much belongs to the next tap row or to the gap between two windows.
  void collect(const T* x, Index row, T* to) const {
    const Index run = s_.s * s_.c, step = s_.spec.stride[1], columns = s_.out_w(), image = s_.h * s_.w * s_.c;
    // Columns first .. last - 1 have their whole window inside of the image.
    const Index first = s_.spec.dilation[1] > 1 ? columns : std::min(columns, (s_.spec.padding[1] + step - 1) / step);
    const Index last = std::clamp((s_.w - s_.s + s_.spec.padding[1]) / step + 1, first, columns);
    for (Index r = 0; r < s_.r; ++r, to += run) {
      const Index h = row * s_.spec.stride[0] - s_.spec.padding[0] + r * s_.spec.dilation[0];
      const bool inside = h >= 0 && h < s_.h;
      const T* const from = x + (inside ? h : 0) * s_.w * s_.c;
      for (Index column = 0; column < columns; ++column) {
        if (column == first && inside) {
          const Index stride = step * s_.c, count = whole_runs(image - (from - x), first, last);
          const T* at = from + (first * step - s_.spec.padding[1]) * s_.c;
          for (; column < first + count; ++column, at += stride)
            for (Index i = 0; i < run; i += simd::width<T>) simd::store(to + column * stride_ + i, simd::load(at + i));
          if (column >= columns) break;
        }
        collect_taps(inside ? from : nullptr, column * step - s_.spec.padding[1], to + column * stride_);
      }
    }
  }

  /// How many of the columns first .. last - 1 can be read in whole packets when `left` values of the image remain from
  /// their row on.
  Index whole_runs(Index left, Index first, Index last) const {
    const Index run = s_.s * s_.c, read = (run + simd::width<T> - 1) / simd::width<T> * simd::width<T>;
    const Index most = (left - read) / s_.c + s_.spec.padding[1];  // the leftmost column of the last window that fits
    return left < read ? 0 : std::clamp(most / s_.spec.stride[1] + 1 - first, Index{0}, last - first);
  }

  /// One tap row of one window; x is null where the row lies outside.
  void collect_taps(const T* x, Index left, T* to) const {
    for (Index q = 0; q < s_.s; ++q, to += s_.c) {
      const Index w = left + q * s_.spec.dilation[1];
      if (x != nullptr && w >= 0 && w < s_.w)
        std::copy_n(x + w * s_.c, s_.c, to);
      else
        std::fill_n(to, s_.c, T(0));
    }
  }

  const ConvShape& s_;
  Index taps_, stride_, blocks_;
  Scratch<T> panels_;
};

/// best = the larger of both, or NaN if either is one.
template <class T>
simd::Packet<T> larger(const simd::Packet<T>& best, const simd::Packet<T>& value) {
  return simd::select(simd::mask_or(simd::less(best, value), simd::is_nan(value)), value, best);
}

/// y[i] = the largest of rows[0][i], rows[1][i], ..
template <class T>
void max_of_rows(const T* const* rows, Index count, Index size, T* y) {
  constexpr Index width = simd::width<T>;
  const auto packet = [&](auto load, Index i) {
    auto best = load(rows[0] + i);
    for (Index r = 1; r < count; ++r) best = larger<T>(best, load(rows[r] + i));
    return best;
  };
  Index i = 0;
  for (; i + width <= size; i += width) simd::store(y + i, packet([](const T* p) { return simd::load(p); }, i));
  const Index rest = size - i;
  if (rest > 0) simd::store_partial(y + i, packet([=](const T* p) { return simd::load_partial(p, rest); }, i), rest);
}

}  // namespace detail

/// True when conv2d_relu_max_pool is worth while: with many taps the convolution alone outweighs the rest.
inline bool fuses_with_pool(const ConvShape& s) {
  return s.spec.groups == 1 && s.r * s.s * s.c <= 64;
}

/// y = max_pool(relu(x * weight + bias)) for `groups` = 1. `pool` is a pooling of the convolution's result. x: (n, h,
/// w, c); weight: (r, s, c, k); bias: (k) or null; y: (n, pool.out_h, pool.out_w, k).
template <class T>
void conv2d_relu_max_pool(const ConvShape& s, const PoolShape& pool, const T* x, const T* weight, const T* bias, T* y) {
  const detail::ConvRows<T> convolution(s, weight, bias);
  const auto& [kernel, stride, padding] = pool.spec;
  const Index row_size = pool.w * pool.c;
  constexpr Index band = 8;
  const Index bands = (pool.out_h + band - 1) / band;
  parallel_each(s.n * bands, [&, kernel = kernel, stride = stride, padding = padding](Index task) {
    const Index image = task / bands, first = task % bands * band, last = std::min(first + band, pool.out_h);
    const T* const from = x + image * s.h * s.w * s.c;
    Scratch<T> scratch(static_cast<std::size_t>(convolution.window_size() + (kernel[0] + 1) * row_size));
    T *const windows = scratch.data(), *const largest = windows + convolution.window_size(),
             *const ring = largest + row_size;
    std::vector<const T*> rows(static_cast<std::size_t>(kernel[0])), pixels(static_cast<std::size_t>(kernel[1]));
    Index done = 0;  // rows of the convolution before this one are in the ring, or not needed any more
    for (Index out_row = first; out_row < last; ++out_row) {
      const Index top = out_row * stride[0] - padding[0];
      const Index begin = std::max<Index>(0, top), end = std::min(pool.h, top + kernel[0]);
      for (done = std::max(done, begin); done < end; ++done)
        convolution.compute(from, done, windows, ring + done % kernel[0] * row_size);
      for (Index r = begin; r < end; ++r) rows[static_cast<std::size_t>(r - begin)] = ring + r % kernel[0] * row_size;
      detail::max_of_rows(rows.data(), end - begin, row_size, largest);
      T* to = y + (image * pool.out_h + out_row) * pool.out_w * pool.c;
      for (Index column = 0; column < pool.out_w; ++column, to += pool.c) {
        const Index left = column * stride[1] - padding[1];
        const Index q0 = std::max<Index>(0, left), q1 = std::min(pool.w, left + kernel[1]);
        for (Index q = q0; q < q1; ++q) pixels[static_cast<std::size_t>(q - q0)] = largest + q * pool.c;
        detail::max_of_rows(pixels.data(), q1 - q0, pool.c, to);
      }
    }
  });
}

}  // namespace paser::kernels
