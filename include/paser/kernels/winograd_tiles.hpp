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
/// to[p * point + c - begin]. Channels up to the next whole packet are written as zeros.
template <class Map, class T>
inline void transform_cells(const T* const (&cells)[Map::in][Map::in], Index begin, Index end, T* to, Index point) {
  using P = simd::Packet<T>;
  const auto run = [&](Index c, const auto& read) {
    transform<Map, P>([&](int i, int j) { return read(cells[i][j] + c); },
                      [&](int i, int j, const P& v) { simd::store(to + (i * Map::out + j) * point + c - begin, v); });
  };
  Index c = begin;
  for (; c + simd::width<T> <= end; c += simd::width<T>) run(c, [](const T* p) { return simd::load(p); });
  if (c < end) run(c, [&](const T* p) { return simd::load_partial(p, end - c); });
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

/// y = A^T m A + bias for the tiles begin <= t < end and the outputs k .. k + count - 1, where point p of output k + l
/// stands at m[p * point + (t - begin) * row + l]. bias (k) may be null.
template <class T>
void transform_output(const Plane& plane, const T* m, Index point, Index row, Index begin, Index end, Index k,
                      Index count, const T* bias, T* y) {
  using P = simd::Packet<T>;
  TilePosition at(plane, begin);
  for (Index t = begin; t < end; ++t, at.advance(plane), m += row) {
    T* const corner = y + ((at.image * plane.out_h + at.row * tile) * plane.out_w + at.column * tile) * plane.k + k;
    const Index rows = plane.out_h - at.row * tile, columns = plane.out_w - at.column * tile;
    const bool whole = rows >= tile && columns >= tile;
    for (Index l = 0; l < count; l += simd::width<T>) {
      const Index lanes = count - l;
      const bool full = lanes >= simd::width<T>;
      P offset = simd::zero<T>();
      if (bias != nullptr) offset = full ? simd::load(bias + k + l) : simd::load_partial(bias + k + l, lanes);
      const auto read = [&](int i, int j) { return simd::load(m + (i * window + j) * point + l); };
      T* const to = corner + l;
      if (whole && full)
        transform<OutputMap<T>, P>(read, [&](int i, int j, const P& v) {
          simd::store(to + (i * plane.out_w + j) * plane.k, simd::add(v, offset));
        });
      else
        transform<OutputMap<T>, P>(read, [&](int i, int j, const P& v) {
          if (i >= rows || j >= columns) return;
          T* const cell = to + (i * plane.out_w + j) * plane.k;
          if (full)
            simd::store(cell, simd::add(v, offset));
          else
            simd::store_partial(cell, simd::add(v, offset), lanes);
        });
    }
  }
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
  using P = simd::Packet<T>;
  constexpr Index lanes = simd::width<T>;
  // Large weights come from memory, a short run of each row at a time, which no hardware foresees.
  constexpr Index ahead = 8, line = 64 / Index{sizeof(T)};
  const Index tap = inputs * outputs;
  const auto run = [&](const auto& read, T* to) {
    transform<FilterMap<T>, P>([&](int i, int j) { return read(i * 3 + j); },
                               [&](int i, int j, const P& v) { simd::store(to + (i * window + j) * point, v); });
  };
  if (!rotated) {
    for (Index c = begin; c < end; ++c) {
      const T* const from = weight + c * outputs + first;
      T* const to = u + (c - begin) * block_width<T>;
      if (c + ahead < end)
        for (int q = 0; q < 9; ++q)
          for (Index l = 0; l < columns; l += line) simd::prefetch(from + q * tap + ahead * outputs + l);
      for (Index l = 0; l < columns; l += lanes) {
        T* const packet = to + l / block_width<T> * panel + l % block_width<T>;
        if (columns - l >= lanes)
          run([&](int q) { return simd::load(from + q * tap + l); }, packet);
        else
          run([&](int q) { return simd::load_partial(from + q * tap + l, columns - l); }, packet);
      }
    }
    return;
  }
  // The taps lie along the inputs here: squares of them are transposed first.
  for (Index c = begin; c < end; c += lanes)
    for (Index l = 0; l < columns; l += lanes) {
      const Index depth = std::min(lanes, end - c), wanted = std::min(lanes, columns - l);
      P square[9][lanes];
      for (int q = 0; q < 9; ++q) {
        const T* const from = weight + (8 - q) * tap + (first + l) * inputs + c;
        for (Index i = 0; i < lanes; ++i)
          square[q][i] = i >= wanted      ? simd::zero<T>()
                         : depth == lanes ? simd::load(from + i * inputs)
                                          : simd::load_partial(from + i * inputs, depth);
        simd::transpose<T>(square[q]);
      }
      for (Index i = 0; i < depth; ++i)
        run([&](int q) { return square[q][i]; },
            u + (c - begin + i) * block_width<T> + l / block_width<T> * panel + l % block_width<T>);
    }
}

}  // namespace paser::kernels::winograd
