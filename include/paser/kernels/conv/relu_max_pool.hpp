#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>
#include <span>
#include <type_traits>
#include <vector>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/direct/plan.hpp"
#include "paser/kernels/conv/direct/tile.hpp"
#include "paser/kernels/conv2d.hpp"
#include "paser/kernels/pool_shape.hpp"

/// The start of many networks in a single pass: a convolution of few input channels, a ReLU and a max-pool. What the
/// convolution makes is the largest map of the network; only a few rows of one block of channels are ever there, in the
/// first-level cache. The ReLU comes after the maximum, which it commutes with, on fewer numbers.
namespace paser::kernels {

namespace detail {

/// max_pool(relu(convolution)) of a rectangle of the pooled map.
template <class T>
class ConvReluMaxPool {
 public:
  ConvReluMaxPool(const ConvShape& s, const PoolShape& pool, const T* weight, const T* bias)
      : s_(s),
        pool_(pool),
        taps_(s.r * s.s * s.c),
        blocks_(direct::ceil_div(s.k, block)),
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

  /// How many columns of the pooled map to ask for: the rows under one window stay in the first-level cache.
  Index columns() const {
    const Index row_bytes = block * static_cast<Index>(sizeof(T)) * (pool_.options.kernel[0] + 1);
    return std::max<Index>(1, (Index{20} * 1024 / row_bytes - pool_.options.kernel[1]) / pool_.options.stride[1]);
  }

  /// x: one image (h, w, c); y: its pooled map (out_h, out_w, k), of which these rows and columns are written.
  void operator()(const T* x, const direct::Range& rows, const direct::Range& columns, T* y) const {
    const Part part(*this, rows, columns);
    Scratch<T> scratch(static_cast<std::size_t>(part.source_size() + part.row_size() * (pool_.options.kernel[0] + 1)));
    T *const source = scratch.data(), *const largest = source + part.source_size(),
             *const ring = largest + part.row_size();
    std::vector<const T*> ready(static_cast<std::size_t>(pool_.options.kernel[0]));
    copy_source(x, part, source);
    for (Index b = 0; b < blocks_; ++b) {
      Index done = 0;  // rows of the convolution before this one are in the ring, or not needed any more
      for (Index row = rows.first; row < rows.end; ++row) {
        const direct::Range under = under_window(row, 0);
        T* const result = y + row * pool_.out_w * s_.k + b * block;
        // What the row writes at its end comes while it is computed.
        for (Index column = columns.first; column < columns.end; ++column) simd::prefetch(result + column * s_.k);
        for (done = std::max(done, under.first); done < under.end; ++done)
          convolve_row(part, source, done, b, ring + done % pool_.options.kernel[0] * part.row_size());
        for (Index r = under.first; r < under.end; ++r)
          ready[static_cast<std::size_t>(r - under.first)] = ring + r % pool_.options.kernel[0] * part.row_size();
        largest_of_rows({ready.data(), static_cast<std::size_t>(under.size())}, part.row_size(), largest);
        pool_row(part, columns, largest, std::min(block, s_.k - b * block), result);
      }
    }
  }

 private:
  static constexpr int pixels = 6, packets = 2;
  static constexpr Index block = packets * simd::width<T>;

  /// The part of the convolution under a rectangle of the pooled map, its columns filled up to whole tiles, and the
  /// part of the image under that.
  struct Part {
    direct::Range rows, columns, source_rows, source_columns;
    Index channels;

    Part(const ConvReluMaxPool& f, const direct::Range& pooled_rows, const direct::Range& pooled_columns)
        : rows(f.under(pooled_rows, 0)), columns(f.under(pooled_columns, 1)), channels(f.s_.c) {
      columns.end = columns.first + direct::ceil_div(columns.size(), pixels) * pixels;
      source_rows = direct::forward_axis(f.s_, 0).input_span(rows);
      source_columns = direct::forward_axis(f.s_, 1).input_span(columns);
    }
    Index row_size() const { return columns.size() * block; }
    Index source_row() const { return source_columns.size() * channels; }
    Index source_size() const { return source_rows.size() * source_row(); }
  };

  /// The rows (axis 0) or columns (axis 1) of the convolution under one output of the pooling.
  direct::Range under_window(Index output, std::size_t axis) const {
    const Index first = output * pool_.options.stride[axis] - pool_.options.padding[axis];
    return {std::max<Index>(0, first), std::min(axis == 0 ? pool_.h : pool_.w, first + pool_.options.kernel[axis])};
  }
  direct::Range under(const direct::Range& outputs, std::size_t axis) const {
    return {under_window(outputs.first, axis).first, under_window(outputs.end - 1, axis).end};
  }

  /// Zeros where the image ends.
  void copy_source(const T* x, const Part& part, T* to) const {
    const direct::Range& columns = part.source_columns;
    const Index first = std::clamp<Index>(0, columns.first, columns.end), end = std::clamp(s_.w, first, columns.end);
    for (Index row = part.source_rows.first; row < part.source_rows.end; ++row) {
      if (row < 0 || row >= s_.h) {
        to = std::fill_n(to, part.source_row(), T(0));
        continue;
      }
      to = std::fill_n(to, (first - columns.first) * s_.c, T(0));
      to = std::copy_n(x + (row * s_.w + first) * s_.c, (end - first) * s_.c, to);
      to = std::fill_n(to, (columns.end - end) * s_.c, T(0));
    }
  }

  /// One row of one block of the convolution: (columns, block).
  void convolve_row(const Part& part, const T* source, Index row, Index b, T* to) const {
    const T* const panel = panels_.data() + b * (taps_ + 1) * block;
    const Index step = s_.options.stride[1] * s_.c, tap_row = s_.options.dilation[0] * part.source_row(),
                tap_column = s_.options.dilation[1] * s_.c;
    // Without dilation neighbouring columns of taps read neighbouring values.
    const Index runs = s_.options.dilation[1] == 1 ? 1 : s_.s;
    const T* const from = source + (row - part.rows.first) * s_.options.stride[0] * part.source_row();
    with_run(s_.s * s_.c / runs, [&](auto run) {
      for (Index column = 0; column < part.columns.size(); column += pixels) {
        direct::Tile<T, pixels, packets> sums;
        sums.fill(panel + taps_ * block);
        const T* weights = panel;
        for (Index t = 0; t < s_.r; ++t)
          for (Index u = 0; u < runs; ++u, weights += run * block)
            sums.add_neighbours(from + column * step + t * tap_row + u * tap_column, step, weights, run);
        sums.store(to + column * block);
      }
    });
  }

  /// f(run), as a compile-time constant where it is that of three columns of one, two or three channels: so short a
  /// loop costs less unrolled.
  template <class F>
  static void with_run(Index run, const F& f) {
    if (run == 3) return f(std::integral_constant<Index, 3>());
    if (run == 6) return f(std::integral_constant<Index, 6>());
    if (run == 9) return f(std::integral_constant<Index, 9>());
    f(run);
  }

  /// A block of packets: the largest of `count` of them, of which f(i) is the i-th.
  struct Largest {
    simd::Packet<T> best[packets];

    template <class F>
    [[gnu::always_inline]] Largest(Index count, const F& f) {
#pragma GCC unroll 4
      for (Index v = 0; v < packets; ++v) best[v] = simd::load(f(0) + v * simd::width<T>);
      for (Index i = 1; i < count; ++i)
#pragma GCC unroll 4
        for (Index v = 0; v < packets; ++v) best[v] = simd::max_or_nan(best[v], simd::load(f(i) + v * simd::width<T>));
    }
  };

  static void largest_of_rows(std::span<const T* const> rows, Index size, T* to) {
    for (Index i = 0; i < size; i += block) {
      const Largest largest(std::ssize(rows), [&](Index r) { return rows[static_cast<std::size_t>(r)] + i; });
#pragma GCC unroll 4
      for (Index v = 0; v < packets; ++v) simd::store(to + i + v * simd::width<T>, largest.best[v]);
    }
  }

  /// These columns of one row of the result, of the largest of the rows under it; y is its first column, of which
  /// `channels` belong to the block.
  void pool_row(const Part& part, const direct::Range& columns, const T* rows, Index channels, T* y) const {
    const auto zero = simd::zero<T>();
    for (Index column = columns.first; column < columns.end; ++column) {
      const direct::Range under = under_window(column, 1);
      const T* const from = rows + (under.first - part.columns.first) * block;
      const Largest largest(under.size(), [&](Index q) { return from + q * block; });
#pragma GCC unroll 4
      for (Index v = 0; v < packets; ++v) {
        const auto value = simd::select(simd::less(largest.best[v], zero), zero, largest.best[v]);
        T* const to = y + column * s_.k + v * simd::width<T>;
        if (const Index rest = channels - v * simd::width<T>; rest >= simd::width<T>) {
          simd::store(to, value);
        } else if (rest > 0) {
          simd::store_partial(to, value, rest);
        }
      }
    }
  }

  const ConvShape& s_;
  const PoolShape& pool_;
  Index taps_, blocks_;
  Scratch<T> panels_;
};

}  // namespace detail

template <class T>
void conv2d_relu_max_pool(const ConvShape& s, const PoolShape& pool, const T* x, const T* weight, const T* bias, T* y) {
  if (s.n == 0) return;
  const detail::ConvReluMaxPool<T> compute(s, pool, weight, bias);
  const Index chunks = direct::ceil_div(pool.out_w, compute.columns());
  const Index bands = std::clamp<Index>(direct::ceil_div(32, s.n * chunks), 1, direct::ceil_div(pool.out_h, 4));
  parallel_each(s.n * chunks * bands, [&](Index i) {
    const Index chunk = i % chunks, band = i / chunks % bands, image = i / chunks / bands;
    compute(x + image * s.h * s.w * s.c, direct::part(pool.out_h, bands, band), direct::part(pool.out_w, chunks, chunk),
            y + image * pool.out_h * pool.out_w * s.k);
  });
}

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
