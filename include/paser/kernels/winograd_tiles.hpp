#pragma once

#include <algorithm>

#include "paser/kernels/conv_shape.hpp"
#include "paser/kernels/micro_kernel.hpp"
#include "paser/kernels/winograd_transform.hpp"

/// How images are cut into tiles and weights into panels. A transformed operand holds one matrix for each of the 36
/// points; their distance (`point`) is an odd number of cache lines, since at a power of two all 36 streams of a
/// transform would fall into one set of the cache.
namespace paser::kernels::winograd {

/// The 3x3 convolution, stride 1, of one direction: the forward pass, or the data gradient seen as a forward pass from
/// dy to dx. Images are (n, h, w, c) and (n, out_h, out_w, k).
struct Plane {
  Index n, h, w, c, out_h, out_w, k, pad_h, pad_w;

  constexpr Index tile_rows() const { return (out_h + tile - 1) / tile; }
  constexpr Index tile_columns() const { return (out_w + tile - 1) / tile; }
  /// Tiles of all images, numbered image by image, row by row.
  constexpr Index tiles() const { return n * tile_rows() * tile_columns(); }

  static constexpr Plane forward(const ConvShape& s) {
    return {s.n, s.h, s.w, s.c, s.out_h(), s.out_w(), s.k, s.spec.padding[0], s.spec.padding[1]};
  }
  static constexpr Plane backward(const ConvShape& s) {
    return {s.n, s.out_h(), s.out_w(), s.k, s.h, s.w, s.c, 2 - s.spec.padding[0], 2 - s.spec.padding[1]};
  }
};

constexpr Index round_up(Index value, Index step) {
  return (value + step - 1) / step * step;
}

/// The smallest distance >= size that is a whole, odd number of cache lines.
template <class T>
constexpr Index odd_lines(Index size) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  const Index lines = (size + line - 1) / line;
  return (lines | 1) * line;
}

/// The distance between two tiles of V: whole packets, and no power of two where it could be a large one.
template <class T>
constexpr Index tile_row(Index channels) {
  return channels < 128 ? round_up(channels, simd::width<T>) : odd_lines<T>(channels);
}

/// A place among the tiles of a plane, walked in order.
struct TilePosition {
  Index image, row, column;
  TilePosition(const Plane& plane, Index t)
      : image(t / (plane.tile_rows() * plane.tile_columns())),
        row(t / plane.tile_columns() % plane.tile_rows()),
        column(t % plane.tile_columns()) {}
  void advance(const Plane& plane) {
    if (++column < plane.tile_columns()) return;
    column = 0;
    if (++row < plane.tile_rows()) return;
    row = 0;
    ++image;
  }
};

/// The Side x Side cells of an image (n, h, w, channels) whose corner is (top, left), as addresses of their first
/// channels; a cell outside of the image is `zeros`.
template <int Side, class T>
inline void find_cells(const T* image, Index h, Index w, Index channels, Index top, Index left, const T* zeros,
                       const T* (&cells)[Side][Side]) {
  for (int i = 0; i < Side; ++i)
    for (int j = 0; j < Side; ++j) {
      const bool inside = top + i >= 0 && top + i < h && left + j >= 0 && left + j < w;
      cells[i][j] = inside ? image + ((top + i) * w + left + j) * channels : zeros;
    }
}

/// Applies a map to the channels begin <= c < end of a square of cells, packet by packet: point p of channel c goes to
/// to[p * point + c - begin]. Channels up to the next whole packet are written as zeros. A call and not inlined, and
/// the last channels take the way of the others through a copy: a map is many instructions, and compiled once.
template <class Map, class T>
[[gnu::noinline]] void transform_cells(const T* const (&cells)[Map::in][Map::in], Index begin, Index end, T* to,
                                       Index point) {
  using P = simd::Packet<T>;
  constexpr int side = Map::in, lanes = int{simd::width<T>};
  T last[side * side * lanes];
  const T* copied[side][side];
  for (Index c = begin; c < end; c += lanes, to += lanes) {
    const T* const(*from)[side] = cells;
    Index shift = c;
    if (end - c < lanes) {
      for (int i = 0; i < side * side; ++i) {
        T* const copy = last + i * lanes;
        simd::store(copy, simd::load_partial(cells[i / side][i % side] + c, end - c));
        copied[i / side][i % side] = copy;
      }
      from = copied;
      shift = 0;
    }
    transform<Map, P>([&](int i, int j) { return simd::load(from[i][j] + shift); },
                      [&](int i, int j, const P& v) { simd::store(to + (i * Map::out + j) * point, v); });
  }
}

/// v[p * point + (t - begin) * row + c] = B^T d B of the tiles begin <= t < end of x.
template <class T>
void transform_input(const Plane& plane, const T* x, const T* zeros, Index begin, Index end, T* v, Index point,
                     Index row) {
  TilePosition at(plane, begin);
  for (Index t = begin; t < end; ++t, at.advance(plane)) {
    const T* cells[window][window];
    find_cells(x + at.image * plane.h * plane.w * plane.c, plane.h, plane.w, plane.c, at.row * tile - plane.pad_h,
               at.column * tile - plane.pad_w, zeros, cells);
    transform_cells<InputMap<T>>(cells, Index{0}, plane.c, v + (t - begin) * row, point);
  }
}

/// A^T m A + offset for one packet of outputs; cell (i, j) goes to to[i * row + j * cell]. A call for the reason that
/// transform_cells has.
template <class T>
[[gnu::noinline]] void transform_output_packet(const T* m, Index point, const simd::Packet<T>& offset, T* to, Index row,
                                               Index cell) {
  transform<OutputMap<T>, simd::Packet<T>>(
      [&](int i, int j) { return simd::load(m + (i * window + j) * point); },
      [&](int i, int j, const auto& v) { simd::store(to + i * row + j * cell, simd::add(v, offset)); });
}

/// y = A^T m A + bias for the tiles begin <= t < end and the outputs k .. k + count - 1, where point p of output k + l
/// stands at m[p * point + (t - begin) * row + l]. bias (k) may be null.
template <class T>
void transform_output(const Plane& plane, const T* m, Index point, Index row, Index begin, Index end, Index k,
                      Index count, const T* bias, T* y) {
  constexpr Index packet = simd::width<T>;
  TilePosition at(plane, begin);
  for (Index t = begin; t < end; ++t, at.advance(plane), m += row) {
    T* const corner = y + ((at.image * plane.out_h + at.row * tile) * plane.out_w + at.column * tile) * plane.k + k;
    const Index rows = std::min<Index>(plane.out_h - at.row * tile, tile);
    const Index columns = std::min<Index>(plane.out_w - at.column * tile, tile);
    for (Index l = 0; l < count; l += packet) {
      const Index lanes = std::min(count - l, packet);
      auto offset = simd::zero<T>();
      if (bias != nullptr)
        offset = lanes == packet ? simd::load(bias + k + l) : simd::load_partial(bias + k + l, lanes);
      if (rows == tile && columns == tile && lanes == packet) {
        transform_output_packet(m + l, point, offset, corner + l, plane.out_w * plane.k, plane.k);
        continue;
      }
      T cells[tile * tile * packet];
      transform_output_packet(m + l, point, offset, cells, tile * packet, packet);
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j) {
          T* const to = corner + l + (i * plane.out_w + j) * plane.k;
          const T* const cell = cells + (i * tile + j) * packet;
          if (lanes == packet)
            simd::store(to, simd::load(cell));
          else
            std::copy_n(cell, lanes, to);
        }
    }
  }
}

/// G g G^T for `count` packets. Tap q of the first stands at from[q * tap] and its point p goes to to[p * point];
/// packets follow one another at from, and at distances of `step` at to.
template <class T>
[[gnu::noinline]] void transform_filter_packets(const T* from, Index tap, Index count, T* to, Index point, Index step) {
  for (; count > 0; --count, from += simd::width<T>, to += step)
    transform<FilterMap<T>, simd::Packet<T>>(
        [&](int i, int j) { return simd::load(from + (i * 3 + j) * tap); },
        [&](int i, int j, const auto& v) { simd::store(to + (i * window + j) * point, v); });
}

/// G^T u G for one packet of outputs, whose point p stands at u[p * point]; tap q goes to dw[q * tap], of which only
/// `lanes` outputs exist.
template <class T>
[[gnu::noinline]] void transform_gradient_packet(const T* u, Index point, T* dw, Index tap, Index lanes) {
  constexpr Index packet = simd::width<T>;
  T taps[9 * packet];
  const bool full = lanes >= packet;
  T* const to = full ? dw : taps;
  const Index step = full ? tap : packet;
  transform<FilterGradientMap<T>, simd::Packet<T>>(
      [&](int i, int j) { return simd::load(u + (i * window + j) * point); },
      [&](int i, int j, const auto& g) { simd::store(to + (i * 3 + j) * step, g); });
  for (Index q = 0; q < 9 && !full; ++q) std::copy_n(taps + q * packet, lanes, dw + q * tap);
}

/// A transformed filter in panels: point p of input c and output first + l stands in panel l / block_width at
/// u[p * point + (c - begin) * block_width + l % block_width], for begin <= c < end and l < columns. A packet of
/// outputs that do not exist is left as it is.
///
/// `rotated` makes the filter of the data gradient, turned by 180 degrees, with inputs and outputs exchanged: `weight`
/// is then (3, 3, outputs, inputs), else (3, 3, inputs, outputs).
template <class T>
void transform_filter(const T* weight, bool rotated, Index inputs, Index outputs, Index begin, Index end, Index first,
                      Index columns, T* u, Index point, Index panel) {
  constexpr Index lanes = simd::width<T>;
  // Large weights come from memory, a short run of each row at a time, which no hardware foresees.
  constexpr Index ahead = 8, line = 64 / Index{sizeof(T)};
  const Index tap = inputs * outputs;
  if (!rotated) {
    for (Index c = begin; c < end; ++c) {
      const T* const from = weight + c * outputs + first;
      T* const to = u + (c - begin) * block_width<T>;
      if (c + ahead < end)
        for (int q = 0; q < 9; ++q)
          for (Index l = 0; l < columns; l += line) simd::prefetch(from + q * tap + ahead * outputs + l);
      for (Index l = 0; l < columns; l += block_width<T>) {
        const Index some = std::min(columns - l, block_width<T>), whole = some / lanes;
        T* const packets = to + l / block_width<T> * panel;
        transform_filter_packets(from + l, tap, whole, packets, point, lanes);
        if (some == whole * lanes) continue;
        T taps[9 * lanes];
        for (int q = 0; q < 9; ++q)
          simd::store(taps + q * lanes, simd::load_partial(from + q * tap + l + whole * lanes, some - whole * lanes));
        transform_filter_packets(taps, lanes, Index{1}, packets + whole * lanes, point, lanes);
      }
    }
    return;
  }
  // The taps lie along the inputs here: squares of them are transposed first.
  for (Index c = begin; c < end; c += lanes)
    for (Index l = 0; l < columns; l += lanes) {
      const Index depth = std::min(lanes, end - c), wanted = std::min(lanes, columns - l);
      T taps[9 * lanes * lanes];
      for (int q = 0; q < 9; ++q) {
        const T* const from = weight + (8 - q) * tap + (first + l) * inputs + c;
        simd::Packet<T> square[lanes];
        for (Index i = 0; i < lanes; ++i)
          square[i] = i >= wanted      ? simd::zero<T>()
                      : depth == lanes ? simd::load(from + i * inputs)
                                       : simd::load_partial(from + i * inputs, depth);
        simd::transpose<T>(square);
        for (Index i = 0; i < lanes; ++i) simd::store(taps + (q * lanes + i) * lanes, square[i]);
      }
      transform_filter_packets(taps, lanes * lanes, depth,
                               u + (c - begin) * block_width<T> + l / block_width<T> * panel + l % block_width<T>,
                               point, block_width<T>);
    }
}

}  // namespace paser::kernels::winograd
