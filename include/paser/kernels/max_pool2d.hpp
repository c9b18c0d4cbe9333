#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>

#include "paser/kernels/pool_shape.hpp"

namespace paser::kernels {

/// y = the maximum of each window; tap, where it is not null, the number row * kernel width + column of its place in
/// the window, so a recording window has at most 256 taps.
template <class T>
void max_pool2d_forward(const PoolShape& s, const T* x, T* y, std::uint8_t* tap);

/// dx[place of the maximum] += dy for every window; all else zero. Each row of dx gathers from the windows that cover
/// it, in order, so rows are independent and their sums have one order.
template <class T>
void max_pool2d_backward(const PoolShape& s, const T* dy, const std::uint8_t* tap, T* dx);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>
#include <array>

#include "paser/core/parallel.hpp"
#include "paser/core/simd.hpp"

namespace paser::kernels {

namespace detail {

/// The taps of one output pixel's window that lie inside of the image; x0 is the offset of the window's first tap,
/// which itself may lie outside.
struct Window {
  Index row_begin, row_end, column_begin, column_end, x0;
};

inline Window pool_window(const PoolShape& s, Index image, Index out_row, Index out_column) {
  const Index top = out_row * s.options.stride[0] - s.options.padding[0];
  const Index left = out_column * s.options.stride[1] - s.options.padding[1];
  return {std::max<Index>(0, -top), std::min(s.options.kernel[0], s.h - top), std::max<Index>(0, -left),
          std::min(s.options.kernel[1], s.w - left), ((image * s.h + top) * s.w + left) * s.c};
}

/// Where a later value wins: when it is larger or NaN, so ties go to the first and NaN spreads.
template <class P>
P wins(const P& best, const P& value) {
  return simd::mask_or(simd::less(best, value), simd::is_nan(value));
}

/// A packet of channels of one output pixel. Tap numbers are kept as numbers of type T, which hold them exactly.
template <bool Record, class T>
void max_of_window(const PoolShape& s, const Window& window, const T* x, T* y, std::uint8_t* tap) {
  const auto position = [&](Index r, Index q) { return x + (r * s.w + q) * s.c; };
  const auto number = [&](Index r, Index q) { return simd::broadcast(static_cast<T>(r * s.options.kernel[1] + q)); };
  auto best = simd::load(position(window.row_begin, window.column_begin));
  [[maybe_unused]] auto best_tap = number(window.row_begin, window.column_begin);
  for (Index r = window.row_begin; r < window.row_end; ++r)
    for (Index q = window.column_begin; q < window.column_end; ++q) {
      const auto value = simd::load(position(r, q));
      if constexpr (Record) best_tap = simd::select(wins(best, value), number(r, q), best_tap);
      best = simd::max_or_nan(best, value);
    }
  simd::store(y, best);
  if constexpr (Record) simd::store_bytes<T>(tap, best_tap);
}

/// The same for fewer channels than a packet has.
template <bool Record, class T>
void max_of_window_scalar(const PoolShape& s, const Window& window, const T* x, T* y, std::uint8_t* tap) {
  for (Index k = 0; k < s.c; ++k) {
    Index best_r = window.row_begin, best_q = window.column_begin;
    T best = x[(best_r * s.w + best_q) * s.c + k];
    for (Index r = window.row_begin; r < window.row_end; ++r)
      for (Index q = window.column_begin; q < window.column_end; ++q) {
        const T value = x[(r * s.w + q) * s.c + k];
        if (!(value > best) && value == value) continue;
        best = value;
        best_r = r;
        best_q = q;
      }
    y[k] = best;
    if constexpr (Record) tap[k] = static_cast<std::uint8_t>(best_r * s.options.kernel[1] + best_q);
  }
}

/// True for whole windows of 2x2 side by side and at least a packet of channels.
template <class T>
bool pool_halves(const PoolShape& s) {
  return s.options.kernel == std::array<Index, 2>{2, 2} && s.options.stride == s.options.kernel &&
         s.options.padding == std::array<Index, 2>{0, 0} && s.c >= simd::width<T>;
}

/// One row of y from the two rows of x under it, for such windows.
template <bool Record, class T>
void halve_row(const PoolShape& s, const T* x, T* y, std::uint8_t* tap) {
  const Index row = s.w * s.c;
  for (Index q = 0; q < s.out_w; ++q, x += 2 * s.c)
    for (Index k = 0; k < s.c; k += simd::width<T>) {
      const Index at = std::min(k, s.c - simd::width<T>), out = q * s.c + at;  // the last packet may repeat channels
      auto best = simd::load(x + at);
      [[maybe_unused]] auto best_tap = simd::zero<T>();
      const auto meet = [&](Index offset, T number) {
        const auto value = simd::load(x + at + offset);
        if constexpr (Record) best_tap = simd::select(wins(best, value), simd::broadcast(number), best_tap);
        best = simd::max_or_nan(best, value);
      };
      meet(s.c, 1);
      meet(row, 2);
      meet(row + s.c, 3);
      simd::store(y + out, best);
      if constexpr (Record) simd::store_bytes<T>(tap + out, best_tap);
    }
}

template <bool Record, class T>
void max_of_windows(const PoolShape& s, const T* x, T* y, std::uint8_t* tap) {
  constexpr Index width = simd::width<T>;
  const Index row = s.out_w * s.c, piece = std::max<Index>(1, 4096 / std::max<Index>(1, row));
  const Index x_size = s.n * s.h * s.w * s.c;
  const bool halves = pool_halves<T>(s);
  const auto at = [tap](Index position) { return Record ? tap + position : nullptr; };
  parallel_for(s.n * s.out_h, piece, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      if (halves) {
        halve_row<Record>(s, x + (i / s.out_h * s.h + 2 * (i % s.out_h)) * s.w * s.c, y + i * row, at(i * row));
        continue;
      }
      for (Index q = 0; q < s.out_w; ++q) {
        const auto window = pool_window(s, i / s.out_h, i % s.out_h, q);
        const Index out = i * row + q * s.c;
        const Index last_tap = window.x0 + ((window.row_end - 1) * s.w + window.column_end - 1) * s.c;
        Index k = 0;
        for (; k + width <= s.c; k += width)
          max_of_window<Record>(s, window, x + window.x0 + k, y + out + k, at(out + k));
        if (k == s.c) continue;
        if (s.c >= width)
          max_of_window<Record>(s, window, x + window.x0 + s.c - width, y + out + s.c - width, at(out + s.c - width));
        else if ((s.out_w - q) * s.c >= width && last_tap + width <= x_size)  // the next output overwrites the surplus
          max_of_window<Record>(s, window, x + window.x0, y + out, at(out));
        else
          max_of_window_scalar<Record>(s, window, x + window.x0, y + out, at(out));
      }
    }
  });
}

/// Adds dy to the places in one row of dx that hold the maxima of the window at output column q. number0 is the tap
/// number of the row's first place in the window.
template <class T>
void scatter_window(const PoolShape& s, Index q, Index number0, const T* dy, const std::uint8_t* tap, T* row) {
  constexpr Index width = simd::width<T>;
  const Index left = q * s.options.stride[1] - s.options.padding[1];
  const Index begin = std::max<Index>(0, -left), end = std::min(s.options.kernel[1], s.w - left);
  Index k = 0;
  for (; k + width <= s.c; k += width) {
    const auto g = simd::load(dy + k), place = simd::load_bytes<T>(tap + k);
    T* target = row + (left + begin) * s.c + k;
    for (Index v = begin; v < end; ++v, target += s.c) {
      const auto here = simd::equal(place, simd::broadcast(static_cast<T>(number0 + v)));
      simd::store(target, simd::add(simd::load(target), simd::select(here, g, simd::zero<T>())));
    }
  }
  for (; k < s.c; ++k) {
    const Index v = tap[k] - number0;
    if (v >= begin && v < end) row[(left + v) * s.c + k] += dy[k];
  }
}

/// One row of dx from the row of y over it, for whole windows of 2x2 side by side. number0 is the tap number of the
/// row's first place in a window.
template <class T>
void spread_halved_row(const PoolShape& s, T number0, const T* dy, const std::uint8_t* tap, T* row) {
  for (Index q = 0; q < s.out_w; ++q, dy += s.c, tap += s.c, row += 2 * s.c)
    for (Index k = 0; k < s.c; k += simd::width<T>) {
      const Index at = std::min(k, s.c - simd::width<T>);
      const auto g = simd::load(dy + at), place = simd::load_bytes<T>(tap + at), zero = simd::zero<T>();
      simd::store(row + at, simd::select(simd::equal(place, simd::broadcast(number0)), g, zero));
      simd::store(row + s.c + at, simd::select(simd::equal(place, simd::broadcast(number0 + T(1))), g, zero));
    }
  std::fill_n(row, (s.w - 2 * s.out_w) * s.c, T(0));
}

}  // namespace detail

template <class T>
void max_pool2d_forward(const PoolShape& s, const T* x, T* y, std::uint8_t* tap) {
  tap != nullptr ? detail::max_of_windows<true>(s, x, y, tap) : detail::max_of_windows<false>(s, x, y, tap);
}

template <class T>
void max_pool2d_backward(const PoolShape& s, const T* dy, const std::uint8_t* tap, T* dx) {
  const Index kernel = s.options.kernel[0], stride = s.options.stride[0], row = s.w * s.c;
  const bool halves = detail::pool_halves<T>(s);
  parallel_for(s.n * s.h, std::max<Index>(1, 4096 / std::max<Index>(1, row)), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      if (const Index p = i % s.h / 2; halves && p < s.out_h) {
        const Index from = (i / s.h * s.out_h + p) * s.out_w * s.c;
        detail::spread_halved_row(s, static_cast<T>(i % s.h % 2 * 2), dy + from, tap + from, dx + i * row);
        continue;
      }
      std::fill_n(dx + i * row, row, T(0));
      const Index at = i % s.h + s.options.padding[0];
      const Index first = at < kernel ? 0 : (at - kernel) / stride + 1;
      for (Index p = first; p <= std::min(at / stride, s.out_h - 1); ++p)
        for (Index q = 0; q < s.out_w; ++q) {
          const Index from = ((i / s.h * s.out_h + p) * s.out_w + q) * s.c;
          detail::scatter_window(s, q, (at - p * stride) * s.options.kernel[1], dy + from, tap + from, dx + i * row);
        }
    }
  });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
