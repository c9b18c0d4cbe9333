#pragma once

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/winograd_tiles.hpp"

/// The forward pass and the data gradient: transform, 36 matrix products M = V U, transform back. The tiles of all
/// images of a batch are the rows of one product, so that each weight is read once for many images.
namespace paser::kernels::winograd {

/// Products are summed over this many channels at a time: then a panel of U and the rows of V that pass by it share the
/// first-level cache (at 192 channels they do not, and a quarter of the speed is lost).
inline constexpr Index depth_block = 128;

/// For each point, the rows of V (tiles x depth) times the panels of U (depth x columns): M (tiles x columns).
template <class T>
inline void multiply_points(Index tiles, Index columns, Index depth, const T* v, Index v_point, Index v_row, const T* u,
                            Index u_point, Index u_panel, T* m, Index m_point, Index m_row, bool accumulate) {
  for (int p = 0; p < points; ++p)
    for (Index c = 0; c < depth; c += depth_block)
      for (Index k = 0; k < columns; k += block_width<T>)
        multiply_panel(tiles, std::min(block_width<T>, columns - k), std::min(depth_block, depth - c),
                       v + p * v_point + c, v_row, Index{1},
                       u + k / block_width<T> * u_panel + p * u_point + c * block_width<T>, block_width<T>,
                       m + p * m_point + k, m_row, accumulate || c > 0);
}

/// For few tiles, where the weights are the larger operand: V of the whole batch is made first; then, in parallel over
/// groups of panels, U is made just before its only use and never leaves the cache.
template <class T>
void convolve_by_panels(const Plane& plane, const T* x, const T* weight, bool rotated, const T* bias, T* y) {
  const Index tiles = plane.tiles(), row = tile_row<T>(plane.c), point = odd_lines<T>(tiles * row);
  const Index panels = (plane.k + block_width<T> - 1) / block_width<T>, group = panels >= 16 ? 2 : 1;
  const Index depth = std::min(plane.c, depth_block), u_point = odd_lines<T>(depth * block_width<T>);
  const Index u_panel = points * u_point, m_row = group * block_width<T>, m_point = odd_lines<T>(tiles * m_row);
  Scratch<T> zeros(static_cast<std::size_t>(plane.c)), all_v(static_cast<std::size_t>(points * point));
  std::fill_n(zeros.data(), plane.c, T(0));
  T* const v = all_v.data();
  parallel_for(tiles, 1, [&](Index begin, Index end) {
    transform_input(plane, x, zeros.data(), begin, end, v + begin * row, point, row);
  });
  parallel_each((panels + group - 1) / group, [&](Index task) {
    Scratch<T> some_u(static_cast<std::size_t>(group * u_panel)), some_m(static_cast<std::size_t>(points * m_point));
    T *const u = some_u.data(), *const m = some_m.data();
    const Index k = task * m_row, columns = std::min(m_row, plane.k - k);
    for (Index c = 0; c < plane.c; c += depth) {
      const Index some = std::min(depth, plane.c - c);
      transform_filter(weight, rotated, plane.c, plane.k, c, c + some, k, columns, u, u_point, u_panel);
      multiply_points(tiles, columns, some, v + c, point, row, u, u_point, u_panel, m, m_point, m_row, c > 0);
    }
    transform_output(plane, m, m_point, m_row, Index{0}, tiles, k, columns, bias, y);
  });
}

/// Tiles that one thread takes at a time, a multiple of block_rows. A band's V and M stay in the second-level cache
/// where they can; but U is read once for each band, so the larger it is, the longer a band has to be. The threads get
/// equal shares where there are few bands.
template <class T>
Index band_tiles(const Plane& plane, Index columns) {
  constexpr Index kib = 1024, near_cache = 640 * kib, far_cache = 16 * 1024 * kib, bytes = sizeof(T);
  const Index u_bytes = points * plane.c * plane.k * bytes, tile_bytes = points * (plane.c + columns) * bytes;
  const Index wanted = u_bytes > far_cache       ? 144
                       : u_bytes > far_cache / 4 ? 72
                                                 : std::clamp<Index>(near_cache / tile_bytes, 24, 96);
  Index bands = (plane.tiles() + wanted - 1) / wanted;
  if (bands < 4 * threads()) bands = round_up(bands, threads());
  return round_up((plane.tiles() + bands - 1) / bands, block_rows);
}

/// For many tiles: all of U is made beforehand; then, in parallel over bands of tiles.
template <class T>
void convolve_by_bands(const Plane& plane, const T* x, const T* weight, bool rotated, const T* bias, T* y) {
  constexpr Index group = 8;  // panels whose M is kept, so that an image is written in long runs
  const Index panels = (plane.k + block_width<T> - 1) / block_width<T>;
  const Index u_point = odd_lines<T>(plane.c * block_width<T>), u_panel = points * u_point;
  const Index row = tile_row<T>(plane.c), m_row = std::min(panels, group) * block_width<T>;
  const Index tiles = plane.tiles(), band = band_tiles<T>(plane, m_row);
  const Index point = odd_lines<T>(band * row), m_point = odd_lines<T>(band * m_row);
  Scratch<T> zeros(static_cast<std::size_t>(plane.c)), all_u(static_cast<std::size_t>(panels * u_panel));
  std::fill_n(zeros.data(), plane.c, T(0));
  T* const u = all_u.data();
  parallel_each(panels, [&](Index panel) {
    const Index k = panel * block_width<T>, columns = std::min(block_width<T>, plane.k - k);
    transform_filter(weight, rotated, plane.c, plane.k, Index{0}, plane.c, k, columns, u + panel * u_panel, u_point,
                     u_panel);
  });
  parallel_for(tiles, band, [&](Index first, Index last) {
    Scratch<T> some_v(static_cast<std::size_t>(points * point)), some_m(static_cast<std::size_t>(points * m_point));
    T *const v = some_v.data(), *const m = some_m.data();
    for (Index begin = first; begin < last; begin += band) {
      const Index end = std::min(begin + band, last);
      transform_input(plane, x, zeros.data(), begin, end, v, point, row);
      for (Index k = 0; k < plane.k; k += m_row) {
        const Index columns = std::min(m_row, plane.k - k);
        multiply_points(end - begin, columns, plane.c, v, point, row, u + k / block_width<T> * u_panel, u_point,
                        u_panel, m, m_point, m_row, false);
        transform_output(plane, m, m_point, m_row, begin, end, k, columns, bias, y);
      }
    }
  });
}

/// y = x convolved with the filter, + bias (k, may be null).
template <class T>
void convolve(const Plane& plane, const T* x, const T* weight, bool rotated, const T* bias, T* y) {
  if (plane.tiles() <= 144 && plane.k > 3 * block_width<T>)
    convolve_by_panels(plane, x, weight, rotated, bias, y);
  else
    convolve_by_bands(plane, x, weight, rotated, bias, y);
}

}  // namespace paser::kernels::winograd
