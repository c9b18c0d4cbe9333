#pragma once

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/winograd_tiles.hpp"

/// The forward pass and the data gradient: transform, 36 matrix products M = V U, transform back. The tiles of all
/// images of a batch are the rows of one product, so that each weight is read once for many images.
namespace paser::kernels::winograd {

/// Products are summed over this many channels at a time: a panel of U then stays in the first-level cache while the
/// rows of V pass.
inline constexpr Index depth_block = 256;

/// Up to this many tiles, V of the whole batch is kept, and each panel of U is made just before its only use.
inline constexpr Index few_tiles = 144;

/// Rows of V and a panel of U, for each point: M (tiles x columns), summed over `depth` channels.
template <class T>
inline void multiply_points(Index tiles, Index columns, Index depth, const T* v, Index v_point, Index v_row, const T* u,
                            Index u_point, T* m, Index m_point, Index m_row, bool accumulate) {
  for (int p = 0; p < points; ++p)
    for (Index c = 0; c < depth; c += depth_block)
      multiply_panel(tiles, columns, std::min(depth_block, depth - c), v + p * v_point + c, v_row, Index{1},
                     u + p * u_point + c * block_width<T>, block_width<T>, m + p * m_point, m_row, accumulate || c > 0);
}

/// For few tiles, where the weights are the larger operand: parallel over panels of outputs.
template <class T>
void convolve_by_panels(const Plane& plane, const T* x, const T* weight, bool rotated, const T* bias, T* y) {
  const Index tiles = plane.tiles(), row = round_up(plane.c, simd::width<T>), point = odd_lines<T>(tiles * row);
  const Index panels = (plane.k + block_width<T> - 1) / block_width<T>;
  const Index depth = std::min(plane.c, depth_block / 2), u_point = odd_lines<T>(depth * block_width<T>);
  const Index m_point = odd_lines<T>(tiles * block_width<T>);
  Scratch<T> zeros(static_cast<std::size_t>(plane.c)), all_v(static_cast<std::size_t>(points * point));
  std::fill_n(zeros.data(), plane.c, T(0));
  T* const v = all_v.data();
  parallel_for(tiles, 4, [&](Index begin, Index end) {
    transform_input(plane, x, zeros.data(), begin, end, v + begin * row, point, row);
  });
  parallel_each(panels, [&](Index panel) {
    Scratch<T> some_u(static_cast<std::size_t>(points * u_point)), some_m(static_cast<std::size_t>(points * m_point));
    T *const u = some_u.data(), *const m = some_m.data();
    const Index k = panel * block_width<T>, columns = std::min(block_width<T>, plane.k - k);
    for (Index c = 0; c < plane.c; c += depth) {
      const Index some = std::min(depth, plane.c - c);
      transform_filter(weight, rotated, plane.c, plane.k, c, c + some, k, u, u_point);
      multiply_points(tiles, columns, some, v + c, point, row, u, u_point, m, m_point, block_width<T>, c > 0);
    }
    transform_output(plane, m, m_point, block_width<T>, Index{0}, tiles, k, columns, bias, y);
  });
}

/// Tiles that one thread takes at a time: so many that V and a panel of M stay in its second-level cache, but enough to
/// use each panel of U several times.
template <class T>
constexpr Index band_tiles(const Plane& plane) {
  constexpr Index cache = Index{320} << 10;
  const Index tile_bytes = points * (plane.c + block_width<T>)*static_cast<Index>(sizeof(T));
  return std::clamp<Index>(cache / tile_bytes / block_rows, 4, 16) * block_rows;
}

/// For many tiles: parallel over bands of tiles, all of U made beforehand.
template <class T>
void convolve_by_bands(const Plane& plane, const T* x, const T* weight, bool rotated, const T* bias, T* y) {
  const Index panels = (plane.k + block_width<T> - 1) / block_width<T>;
  const Index u_point = odd_lines<T>(plane.c * block_width<T>), u_panel = points * u_point;
  const Index tiles = plane.tiles(), band = band_tiles<T>(plane), row = round_up(plane.c, simd::width<T>);
  const Index point = odd_lines<T>(band * row), m_point = odd_lines<T>(band * block_width<T>);
  Scratch<T> zeros(static_cast<std::size_t>(plane.c)), all_u(static_cast<std::size_t>(panels * u_panel));
  std::fill_n(zeros.data(), plane.c, T(0));
  T* const u = all_u.data();
  parallel_each(panels, [&](Index panel) {
    transform_filter(weight, rotated, plane.c, plane.k, Index{0}, plane.c, panel * block_width<T>, u + panel * u_panel,
                     u_point);
  });
  parallel_for(tiles, band, [&](Index first, Index last) {
    Scratch<T> some_v(static_cast<std::size_t>(points * point)), some_m(static_cast<std::size_t>(points * m_point));
    T *const v = some_v.data(), *const m = some_m.data();
    for (Index begin = first; begin < last; begin += band) {
      const Index end = std::min(begin + band, last);
      transform_input(plane, x, zeros.data(), begin, end, v, point, row);
      for (Index panel = 0; panel < panels; ++panel) {
        const Index k = panel * block_width<T>, columns = std::min(block_width<T>, plane.k - k);
        multiply_points(end - begin, columns, plane.c, v, point, row, u + panel * u_panel, u_point, m, m_point,
                        block_width<T>, false);
        transform_output(plane, m, m_point, block_width<T>, begin, end, k, columns, bias, y);
      }
    }
  });
}

/// y = x convolved with the transformed filter, + bias (k, may be null).
template <class T>
void convolve(const Plane& plane, const T* x, const T* weight, bool rotated, const T* bias, T* y) {
  if (plane.tiles() <= few_tiles)
    convolve_by_panels(plane, x, weight, rotated, bias, y);
  else
    convolve_by_bands(plane, x, weight, rotated, bias, y);
}

}  // namespace paser::kernels::winograd
