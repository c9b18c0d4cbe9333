#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/winograd/filter.hpp"
#include "paser/kernels/conv/winograd/input.hpp"

/// The weight gradient. The output of a tile is A^T ((G g G^T) * V) A, so the gradient of g is
/// G^T (sum over tiles of V * (A dy A^T)) G: again a matrix product a point, this time summed over the tiles, and one
/// transform back for each pair of channels.
namespace paser::kernels::winograd {

/// How the products V^T W (inputs x outputs, summed over tiles) are cut: inputs into chunks, outputs into panels,
/// tiles into blocks, which are summed one by one so that rounding errors do not pile up, and blocks into batches,
/// whose transforms are in memory at a time.
template <int Tile, class T>
struct WeightPlan {
  static constexpr int points = Plane<Tile>::points;
  /// With a chunk of V and a panel of W this many tiles long the first-level cache is not quite full.
  static constexpr Index block = 96;
  /// A multiple of block_rows and of the packets; tiles are then an odd number of cache lines apart.
  static constexpr Index chunk = 48;

  Index inputs, outputs, tiles, chunks, panels, batch;
  /// Distances in V between points and chunks, in W between points and panels, in the products between points and pairs
  /// of a chunk and a panel.
  Index v_point, v_chunk, w_point, w_panel, u_point, u_pair;

  explicit WeightPlan(const Plane<Tile>& plane) : inputs(plane.c), outputs(plane.k), tiles(plane.tiles()) {
    constexpr Index far_cache = Index{6} << 20;
    chunks = (inputs + chunk - 1) / chunk;
    panels = (outputs + block_width<T> - 1) / block_width<T>;
    const Index tile_bytes = points * (inputs + outputs) * static_cast<Index>(sizeof(T));
    batch = std::min(std::max<Index>(1, far_cache / tile_bytes / block) * block, tiles);
    v_chunk = batch * chunk;
    v_point = odd_lines<T>(inputs < chunk ? batch * row(0) : chunks * v_chunk);
    w_panel = batch * block_width<T>;
    w_point = odd_lines<T>(panels * w_panel);
    u_point = odd_lines<T>(chunk * block_width<T>);
    u_pair = points * u_point;
  }

  /// Inputs of a chunk, and the distance between its tiles in V.
  Index rows(Index i) const { return std::min(chunk, inputs - i * chunk); }
  Index row(Index i) const { return round_up(rows(i), simd::width<T>); }
  Index columns(Index panel) const { return std::min(block_width<T>, outputs - panel * block_width<T>); }
};

/// V and W of the tiles begin <= t < end, where v and w are the places of tile `first`: point p of channel c stands in
/// chunk c / chunk at p * v_point + (t - first) * row + c % chunk, and W the same by panels of outputs.
template <class T, int Tile>
void transform_pair(const WeightPlan<Tile, T>& plan, const Plane<Tile>& plane, const InputReader<T>& x, const T* dy,
                    const T* zeros, Index first, Index begin, Index end, T* v, T* w) {
  TilePosition<Tile> at(plane, begin);
  for (Index t = begin; t < end; ++t, at.advance(plane)) {
    for (Index i = 0; i < plan.chunks; ++i)
      x.transform_tile(plane, at, i * plan.chunk, i * plan.chunk + plan.rows(i),
                       v + i * plan.v_chunk + (t - first) * plan.row(i), plan.v_point);
    for (Index i = 0; i < plan.panels; ++i)
      transform_output_gradient(plane, at, dy, zeros, i * block_width<T>, i * block_width<T> + plan.columns(i),
                                w + i * plan.w_panel + (t - first) * block_width<T>, plan.w_point);
  }
}

/// dw (3, 3, inputs, outputs) = G^T u G for the channels of a chunk and of a panel.
template <int Tile, class T>
void transform_weight_gradient(const WeightPlan<Tile, T>& plan, const T* u, Index chunk, Index panel, T* dw) {
  const Index columns = plan.columns(panel);
  for (Index i = 0; i < plan.rows(chunk); ++i)
    for (Index l = 0; l < columns; l += simd::width<T>)
      transform_gradient_packet<Tile>(u + i * block_width<T> + l, plan.u_point,
                                      dw + (chunk * plan.chunk + i) * plan.outputs + panel * block_width<T> + l,
                                      plan.inputs * plan.outputs, columns - l);
}

/// dw = the correlation of x with dy, by tiles.
template <class T, int Tile>
void correlate(const Plane<Tile>& plane, const InputReader<T>& x, const T* dy, T* dw) {
  constexpr int points = Plane<Tile>::points;
  const WeightPlan<Tile, T> plan(plane);
  const auto scratch = [](Index size) { return Scratch<T>(static_cast<std::size_t>(size)); };
  const bool once = plan.batch == plan.tiles;
  const Index pairs = plan.chunks * plan.panels;
  Scratch<T> zeros = scratch(plane.k), all_v = scratch(points * plan.v_point), all_w = scratch(points * plan.w_point),
             all_u = scratch(once ? 0 : pairs * plan.u_pair);
  std::fill_n(zeros.data(), plane.k, T(0));
  T *const v = all_v.data(), *const w = all_w.data(), *const kept = all_u.data();

  const auto transform_batch = [&](Index first, Index count) {
    parallel_for(count, 1, [&](Index begin, Index end) {
      transform_pair(plan, plane, x, dy, zeros.data(), first, first + begin, first + end, v, w);
    });
  };
  // u += the products at point p of a chunk and the panels from `panel` to `last`, over `count` tiles.
  const auto multiply = [&](Index p, Index chunk, Index panel, Index last, Index count, bool accumulate, T* u) {
    const auto block_of_w = [&](Index l, Index t) {
      return w + p * plan.w_point + l * plan.w_panel + t * block_width<T>;
    };
    for (Index t = 0; t < count; t += plan.block)
      for (Index l = panel; l < last; ++l)
        multiply_panel(plan.rows(chunk), plan.columns(l), std::min(plan.block, count - t),
                       v + p * plan.v_point + chunk * plan.v_chunk + t * plan.row(chunk), Index{1}, plan.row(chunk),
                       block_of_w(l, t), block_width<T>, u + (l - panel) * plan.u_pair + p * plan.u_point,
                       block_width<T>, accumulate || t > 0,
                       l + 1 < last ? block_of_w(l + 1, t) : block_of_w(panel, t + plan.block));
  };

  if (once) {  // few tiles: the products of a task stay in the cache until they are transformed back
    const Index group = pairs >= 64 ? 4 : 1, groups = (plan.panels + group - 1) / group;
    transform_batch(0, plan.tiles);
    parallel_each(plan.chunks * groups, [&](Index task) {
      Scratch<T> own = scratch(group * plan.u_pair);
      const Index chunk = task / groups, panel = task % groups * group, last = std::min(panel + group, plan.panels);
      for (Index p = 0; p < points; ++p) multiply(p, chunk, panel, last, plan.tiles, false, own.data());
      for (Index l = panel; l < last; ++l)
        transform_weight_gradient(plan, own.data() + (l - panel) * plan.u_pair, chunk, l, dw);
    });
    return;
  }
  for (Index first = 0; first < plan.tiles; first += plan.batch) {
    const Index count = std::min(plan.batch, plan.tiles - first);
    transform_batch(first, count);
    // By points, so that V and W are read once.
    parallel_each(points * plan.chunks, [&](Index task) {
      const Index chunk = task % plan.chunks;
      multiply(task / plan.chunks, chunk, 0, plan.panels, count, first > 0, kept + chunk * plan.panels * plan.u_pair);
    });
  }
  parallel_each(pairs, [&](Index pair) {
    transform_weight_gradient(plan, kept + pair * plan.u_pair, pair / plan.panels, pair % plan.panels, dw);
  });
}

}  // namespace paser::kernels::winograd
#include "paser/core/macros_on.inc"
