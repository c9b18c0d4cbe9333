#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/winograd/filter.hpp"
#include "paser/kernels/conv/winograd/input.hpp"
#include "paser/kernels/conv/winograd/output.hpp"

/// The forward pass and the data gradient: transform, a matrix product M = V U a point, transform back. The tiles of
/// all images of a batch are the rows of one product, so that each weight is read once for many images.
namespace paser::kernels::winograd {

/// Products are summed over this many channels at a time: then a panel of U and the rows of V that pass by it share the
/// first-level cache (at 192 channels they do not, and a quarter of the speed is lost).
inline constexpr Index depth_block = 128;

/// For each point, the rows of V (tiles x depth) times the panels of U (depth x columns): M (tiles x columns).
template <int Points, class T>
inline void multiply_points(Index tiles, Index columns, Index depth, const T* v, Index v_point, Index v_row, const T* u,
                            Index u_point, Index u_panel, T* m, Index m_point, Index m_row, bool accumulate) {
  for (int p = 0; p < Points; ++p)
    for (Index c = 0; c < depth; c += depth_block)
      for (Index k = 0; k < columns; k += block_width<T>) {
        const auto panel = [&](int point, Index from_c, Index from_k) {
          return u + from_k / block_width<T> * u_panel + point * u_point + from_c * block_width<T>;
        };
        const T* const next = k + block_width<T> < columns ? panel(p, c, k + block_width<T>)
                              : c + depth_block < depth    ? panel(p, c + depth_block, 0)
                              : p + 1 < Points             ? panel(p + 1, 0, 0)
                                                           : nullptr;
        multiply_panel(tiles, std::min(block_width<T>, columns - k), std::min(depth_block, depth - c),
                       v + p * v_point + c, v_row, Index{1}, panel(p, c, k), block_width<T>, m + p * m_point + k, m_row,
                       accumulate || c > 0, next);
      }
}

/// Weights and how they are meant.
template <class T>
struct Filter {
  const T* weight;
  bool rotated;  // as the data gradient takes them, see transform_filter
  /// The whole filter transformed, as transform_whole_filter leaves it, or null.
  const T* transformed = nullptr;
};

/// The layout of a whole transformed filter: panels of block_width outputs, in each a matrix (inputs x block_width) a
/// point.
template <int Tile, class T>
struct FilterLayout {
  Index panels, point, panel;

  explicit FilterLayout(const Plane<Tile>& plane)
      : panels((plane.k + block_width<T> - 1) / block_width<T>),
        point(odd_lines<T>(plane.c * block_width<T>)),
        panel(Plane<Tile>::points * point) {}
  Index size() const { return panels * panel; }
};

/// Transforms the weights of all outputs into u.
template <class T, int Tile>
void transform_whole_filter(const Plane<Tile>& plane, const Filter<T>& filter, T* u) {
  const FilterLayout<Tile, T> layout(plane);
  parallel_each(layout.panels, [&](Index panel) {
    const Index k = panel * block_width<T>, columns = std::min(block_width<T>, plane.k - k);
    transform_filter<Tile>(filter.weight, filter.rotated, plane.c, plane.k, Index{0}, plane.c, k, columns,
                           u + panel * layout.panel, layout.point, layout.panel);
  });
}

/// For few tiles, where the weights are the larger operand: V of the whole batch is made first; then, in parallel over
/// groups of panels, U is made just before its only use and never leaves the cache.
template <class T, int Tile>
void convolve_by_panels(const Plane<Tile>& plane, const InputReader<T>& input, const Filter<T>& filter,
                        const OutputWriter<T>& output) {
  constexpr int points = Plane<Tile>::points;
  const Index tiles = plane.tiles(), row = tile_row<T>(plane.c), point = odd_lines<T>(tiles * row);
  const FilterLayout<Tile, T> whole(plane);
  const Index group = whole.panels >= 16 ? 2 : 1;
  const Index depth = std::min(plane.c, depth_block), u_point = odd_lines<T>(depth * block_width<T>);
  const Index u_panel = points * u_point, m_row = group * block_width<T>, m_point = odd_lines<T>(tiles * m_row);
  Scratch<T> all_v(static_cast<std::size_t>(points * point));
  T* const v = all_v.data();
  parallel_for(tiles, 1,
               [&](Index begin, Index end) { transform_input(plane, input, begin, end, v + begin * row, point, row); });
  parallel_each((whole.panels + group - 1) / group, [&](Index task) {
    Scratch<T> some_u(static_cast<std::size_t>(filter.transformed ? 0 : group * u_panel)),
        some_m(static_cast<std::size_t>(points * m_point));
    T *const u = some_u.data(), *const m = some_m.data();
    const Index k = task * m_row, columns = std::min(m_row, plane.k - k);
    if (filter.transformed) {
      multiply_points<points>(tiles, columns, plane.c, v, point, row, filter.transformed + task * group * whole.panel,
                              whole.point, whole.panel, m, m_point, m_row, false);
    } else {
      for (Index c = 0; c < plane.c; c += depth) {
        const Index some = std::min(depth, plane.c - c);
        transform_filter<Tile>(filter.weight, filter.rotated, plane.c, plane.k, c, c + some, k, columns, u, u_point,
                               u_panel);
        multiply_points<points>(tiles, columns, some, v + c, point, row, u, u_point, u_panel, m, m_point, m_row, c > 0);
      }
    }
    output.write(plane, m, m_point, m_row, Index{0}, plane.segments(), k, columns);
  });
}

/// Segments that one thread takes at a time. U is read once for each band; at about 96 tiles that no longer shows, even
/// where U is in memory. A small U allows for shorter bands, whose V and M stay in the second-level cache. Within that
/// the time is least that the most loaded thread needs for its bands, where a band costs its blocks of rows and its
/// share of U.
template <class T, int Tile>
Index band_segments(const Plane<Tile>& plane, Index columns) {
  constexpr Index near_cache = Index{640} << 10, bytes = sizeof(T) * Plane<Tile>::points;
  constexpr Index start = 8;  // tiles
  const Index segment = plane.segment_tiles();
  const Index most = plane.c * plane.k * bytes > near_cache
                         ? 96
                         : std::clamp<Index>(near_cache / ((plane.c + columns) * bytes), 48, 96);
  Index best = 1, least = 0;
  for (Index band = 1; band == 1 || band * segment <= most; ++band) {
    const Index bands = (plane.segments() + band - 1) / band, turns = (bands + threads() - 1) / threads();
    const Index time = turns * (round_up(band * segment, block_rows) + start);
    if (band == 1 || time <= least) best = band, least = time;
  }
  return best;
}

/// For many tiles: all of U is made beforehand; then, in parallel over bands of tiles.
template <class T, int Tile>
void convolve_by_bands(const Plane<Tile>& plane, const InputReader<T>& input, const Filter<T>& filter,
                       const OutputWriter<T>& output) {
  constexpr int points = Plane<Tile>::points;
  constexpr Index group = 8;  // panels whose M is kept, so that an image is written in long runs
  const FilterLayout<Tile, T> whole(plane);
  const Index row = tile_row<T>(plane.c), m_row = std::min(whole.panels, group) * block_width<T>;
  const Index band = band_segments<T>(plane, m_row), band_tiles = band * plane.segment_tiles();
  const Index point = odd_lines<T>(band_tiles * row), m_point = odd_lines<T>(band_tiles * m_row);
  Scratch<T> all_u(static_cast<std::size_t>(filter.transformed ? 0 : whole.size()));
  if (!filter.transformed) transform_whole_filter(plane, filter, all_u.data());
  const T* const u = filter.transformed ? filter.transformed : all_u.data();
  parallel_for(plane.segments(), band, [&](Index first, Index last) {
    Scratch<T> some_v(static_cast<std::size_t>(points * point)), some_m(static_cast<std::size_t>(points * m_point));
    T *const v = some_v.data(), *const m = some_m.data();
    for (Index begin = first; begin < last; begin += band) {
      const Index end = std::min(begin + band, last);
      const Index begin_tile = plane.first_tile(begin), end_tile = plane.first_tile(end);
      transform_input(plane, input, begin_tile, end_tile, v, point, row);
      for (Index k = 0; k < plane.k; k += m_row) {
        const Index columns = std::min(m_row, plane.k - k);
        multiply_points<points>(end_tile - begin_tile, columns, plane.c, v, point, row,
                                u + k / block_width<T> * whole.panel, whole.point, whole.panel, m, m_point, m_row,
                                false);
        output.write(plane, m, m_point, m_row, begin, end, k, columns);
      }
    }
  });
}

/// y = the input convolved with the filter, finished by the epilogue.
template <class T, int Tile>
void convolve(const Plane<Tile>& plane, const ConvInput<T>& x, const Filter<T>& filter, const ConvEpilogue<T>& epilogue,
              T* y) {
  const InputReader<T> input(x);
  Scratch<double> parts(static_cast<std::size_t>(epilogue.mean ? 2 * plane.segments() * plane.k : 0));
  const OutputWriter<T> output(epilogue, y, epilogue.mean ? parts.data() : nullptr);
  if (plane.tiles() <= 144 && plane.k > 3 * block_width<T>)
    convolve_by_panels(plane, input, filter, output);
  else
    convolve_by_bands(plane, input, filter, output);
  if (epilogue.mean) {
    const auto pixels = [&](Index segment) { return segment_pixels(plane, segment); };
    detail::merge_moments(plane.n, plane.segments() / plane.n, plane.k, parts.data(), pixels, epilogue.mean,
                          epilogue.variance);
  }
}

}  // namespace paser::kernels::winograd
#include "paser/core/macros_on.inc"
