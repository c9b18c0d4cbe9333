#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>

#include "paser/kernels/conv/shape.hpp"
#include "paser/kernels/conv/winograd/transform.hpp"
#include "paser/kernels/loops/micro_kernel.hpp"

/// How images are cut into tiles and weights into panels. A transformed operand holds one matrix for each point of a
/// tile's window; their distance (`point`) is an odd number of cache lines, since at a power of two all the streams of
/// a transform would fall into one set of the cache.
namespace paser::kernels::winograd {

/// The 3x3 convolution, stride 1, of one direction: the forward pass, or the data gradient seen as a forward pass from
/// dy to dx. Images are (n, h, w, c) and (n, out_h, out_w, k), outputs are cut into squares of Tile x Tile.
template <int Tile>
struct Plane {
  static constexpr int tile = Tile, window = Tile + 2, points = window * window;

  Index n, h, w, c, out_h, out_w, k, pad_h, pad_w;

  constexpr Index tile_rows() const { return (out_h + tile - 1) / tile; }
  constexpr Index tile_columns() const { return (out_w + tile - 1) / tile; }
  /// Tiles of all images, numbered image by image, row by row.
  constexpr Index tiles() const { return n * tile_rows() * tile_columns(); }

  /// A row of tiles is cut into equal segments that are finished together: moments are taken of one at a time. The cut
  /// depends on the shape alone.
  constexpr Index segments_a_row() const {
    constexpr Index most = 64;
    return (tile_columns() + most - 1) / most;
  }
  constexpr Index segments() const { return n * tile_rows() * segments_a_row(); }
  constexpr Index segment_tiles() const { return (tile_columns() + segments_a_row() - 1) / segments_a_row(); }
  /// The first tile of a segment; segments() gives the end of all.
  constexpr Index first_tile(Index segment) const {
    return segment / segments_a_row() * tile_columns() + segment % segments_a_row() * segment_tiles();
  }

  static constexpr Plane forward(const ConvShape& s) {
    return {s.n, s.h, s.w, s.c, s.out_h(), s.out_w(), s.k, s.options.padding[0], s.options.padding[1]};
  }
  static constexpr Plane backward(const ConvShape& s) {
    return {s.n, s.out_h(), s.out_w(), s.k, s.h, s.w, s.c, 2 - s.options.padding[0], 2 - s.options.padding[1]};
  }
};

/// The next multiple of the step.
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
template <int Tile>
struct TilePosition {
  Index image, row, column;
  TilePosition(const Plane<Tile>& plane, Index t)
      : image(t / (plane.tile_rows() * plane.tile_columns())),
        row(t / plane.tile_columns() % plane.tile_rows()),
        column(t % plane.tile_columns()) {}
  void advance(const Plane<Tile>& plane) {
    if (++column < plane.tile_columns()) return;
    column = 0;
    if (++row < plane.tile_rows()) return;
    row = 0;
    ++image;
  }
};

/// The Side x Side cells of an image (h, w, channels) whose corner is (top, left), as addresses of their first
/// channels; a cell outside of the image is `padding`.
template <int Side, class T>
inline void find_cells(const T* image, Index h, Index w, Index channels, Index top, Index left, const T* padding,
                       const T* (&cells)[Side][Side]) {
  const Index corner = (top * w + left) * channels;
  if (top >= 0 && left >= 0 && top + Side <= h && left + Side <= w) {
    for (int i = 0; i < Side; ++i)
      for (int j = 0; j < Side; ++j) cells[i][j] = image + corner + (i * w + j) * channels;
    return;
  }
  for (int i = 0; i < Side; ++i)
    for (int j = 0; j < Side; ++j) {
      const bool inside = top + i >= 0 && top + i < h && left + j >= 0 && left + j < w;
      cells[i][j] = inside ? image + (corner + (i * w + j) * channels) : padding;
    }
}

}  // namespace paser::kernels::winograd
#include "paser/core/macros_on.inc"
