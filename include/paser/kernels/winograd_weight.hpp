#pragma once

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/winograd_tiles.hpp"

/// The weight gradient. The output of a tile is A^T ((G g G^T) * V) A, so the gradient of g is
/// G^T (sum over tiles of V * (A dy A^T)) G: again 36 matrix products, this time summed over the tiles, and one
/// transform back for each pair of channels.
namespace paser::kernels::winograd {

/// How the 36 products V^T W (inputs x outputs, summed over tiles) are cut: inputs into chunks and outputs into panels,
/// one pair of which is a task; tiles into blocks, summed one by one so that rounding errors do not pile up, and blocks
/// into batches whose transforms are in memory at a time.
template <class T>
struct WeightPlan {
  static constexpr Index block = 128;

  Index inputs, outputs, tiles, chunk, chunks, panels, batch;
  /// Distances in V between points and chunks, in W between points and panels, in the products between points and
  /// tasks.
  Index v_point, v_chunk, w_point, w_panel, u_point, u_task;

  explicit WeightPlan(const Plane& plane) : inputs(plane.c), outputs(plane.k), tiles(plane.tiles()) {
    constexpr Index enough_tasks = 8, cache = Index{8} << 20;
    panels = (outputs + block_width<T> - 1) / block_width<T>;
    chunk = 96;
    while (chunk / 2 % simd::width<T> == 0 && chunk > 24 && (inputs + chunk - 1) / chunk * panels < enough_tasks)
      chunk /= 2;
    chunk = std::min(chunk, round_up(inputs, simd::width<T>));
    chunks = (inputs + chunk - 1) / chunk;
    const Index tile_bytes = points * (chunks * chunk + panels * block_width<T>)*static_cast<Index>(sizeof(T));
    batch = std::min(std::max<Index>(1, cache / tile_bytes / block) * block, tiles);
    v_point = odd_lines<T>(batch * chunk);
    v_chunk = points * v_point;
    w_point = odd_lines<T>(batch * block_width<T>);
    w_panel = points * w_point;
    u_point = odd_lines<T>(chunk * block_width<T>);
    u_task = points * u_point;
  }
};

/// V and W of the tiles begin <= t < end: point p of channel c stands in chunk c / chunk at
/// v[p * v_point + (t - begin) * chunk + c % chunk], and W the same by panels of outputs.
template <class T>
void transform_pair(const WeightPlan<T>& plan, const Plane& plane, const T* x, const T* dy, const T* zeros, Index begin,
                    Index end, T* v, T* w) {
  TilePosition at(plane, begin);
  for (Index t = begin; t < end; ++t, at.advance(plane)) {
    const Index top = at.row * tile, left = at.column * tile;
    const T* from_x[window][window];
    find_cells(x + at.image * plane.h * plane.w * plane.c, plane.h, plane.w, plane.c, top - plane.pad_h,
               left - plane.pad_w, zeros, from_x);
    for (Index i = 0; i < plan.chunks; ++i)
      transform_cells<InputMap<T>>(from_x, i * plan.chunk, std::min(plane.c, (i + 1) * plan.chunk),
                                   v + i * plan.v_chunk + (t - begin) * plan.chunk, plan.v_point);
    const T* from_dy[tile][tile];
    find_cells(dy + at.image * plane.out_h * plane.out_w * plane.k, plane.out_h, plane.out_w, plane.k, top, left, zeros,
               from_dy);
    for (Index i = 0; i < plan.panels; ++i)
      transform_cells<OutputGradientMap<T>>(from_dy, i * block_width<T>, std::min(plane.k, (i + 1) * block_width<T>),
                                            w + i * plan.w_panel + (t - begin) * block_width<T>, plan.w_point);
  }
}

/// dw (3, 3, inputs, outputs) = G^T u G for the inputs c .. c + rows - 1 and the outputs k .. k + columns - 1 of a
/// task.
template <class T>
void transform_weight_gradient(const WeightPlan<T>& plan, const T* u, Index c, Index rows, Index k, Index columns,
                               T* dw) {
  using P = simd::Packet<T>;
  for (Index i = 0; i < rows; ++i)
    for (Index l = 0; l < columns; l += simd::width<T>) {
      const T* const from = u + i * block_width<T> + l;
      T* const to = dw + (c + i) * plan.outputs + k + l;
      const Index lanes = columns - l;
      transform<FilterGradientMap<T>, P>(
          [&](int p, int q) { return simd::load(from + (p * window + q) * plan.u_point); },
          [&](int p, int q, const P& g) {
            T* const tap = to + (p * 3 + q) * plan.inputs * plan.outputs;
            if (lanes >= simd::width<T>)
              simd::store(tap, g);
            else
              simd::store_partial(tap, g, lanes);
          });
    }
}

/// dw = the correlation of x with dy, by tiles.
template <class T>
void correlate(const Plane& plane, const T* x, const T* dy, T* dw) {
  const WeightPlan<T> plan(plane);
  const auto scratch = [](Index size) { return Scratch<T>(static_cast<std::size_t>(size)); };
  const Index tasks = plan.chunks * plan.panels, zero_count = std::max(plane.c, plane.k);
  const bool once = plan.batch == plan.tiles;
  Scratch<T> zeros = scratch(zero_count), all_v = scratch(plan.chunks * plan.v_chunk),
             all_w = scratch(plan.panels * plan.w_panel), all_u = scratch(once ? 0 : tasks * plan.u_task);
  std::fill_n(zeros.data(), zero_count, T(0));
  T *const v = all_v.data(), *const w = all_w.data(), *const kept = all_u.data();
  for (Index first = 0; first < plan.tiles; first += plan.batch) {
    const Index count = std::min(plan.batch, plan.tiles - first);
    parallel_for(count, 4, [&](Index begin, Index end) {
      transform_pair(plan, plane, x, dy, zeros.data(), first + begin, first + end, v + begin * plan.chunk,
                     w + begin * block_width<T>);
    });
    parallel_each(tasks, [&](Index task) {
      Scratch<T> own = scratch(once ? plan.u_task : 0);
      T* const u = once ? own.data() : kept + task * plan.u_task;
      const Index c = task / plan.panels * plan.chunk, rows = std::min(plan.chunk, plane.c - c);
      const Index k = task % plan.panels * block_width<T>, columns = std::min(block_width<T>, plane.k - k);
      const T *const task_v = v + task / plan.panels * plan.v_chunk, *const task_w =
                                                                         w + task % plan.panels * plan.w_panel;
      for (Index p = 0; p < points; ++p)
        for (Index t = 0; t < count; t += plan.block)
          multiply_panel(rows, columns, std::min(plan.block, count - t), task_v + p * plan.v_point + t * plan.chunk,
                         Index{1}, plan.chunk, task_w + p * plan.w_point + t * block_width<T>, block_width<T>,
                         u + p * plan.u_point, block_width<T>, first + t > 0);
      if (first + count == plan.tiles) transform_weight_gradient(plan, u, c, rows, k, columns, dw);
    });
  }
}

}  // namespace paser::kernels::winograd
