#pragma once

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/winograd_tiles.hpp"

/// The weight gradient for few channels. Its transforms are as large as its products are cheap, so they must not leave
/// the second-level cache: a task takes a small block of inputs and outputs and one piece of the tiles, and goes
/// through the piece a few tiles at a time with V, W and its sum of products at hand. Where there are several blocks a
/// transform is made more than once, which costs less than fetching it.
namespace paser::kernels::winograd {

template <class T>
struct WeightBlocks {
  /// Channels of a block, at most.
  static constexpr Index side = 32;

  Index inputs, outputs, tiles, c_blocks, k_blocks, c_row, k_row, step, pieces, piece;
  /// Distances between points in V, W and the products, and between the products of two tasks.
  Index v_point, w_point, u_point, u_task;

  explicit WeightBlocks(const Plane& plane) : inputs(plane.c), outputs(plane.k), tiles(plane.tiles()) {
    constexpr Index most_pieces = 16, fewest_tiles = 128, cells = 2048;
    c_blocks = (inputs + side - 1) / side;
    k_blocks = (outputs + side - 1) / side;
    c_row = round_up(std::min(inputs, side), simd::width<T>);
    k_row = round_up(std::min(outputs, side), block_width<T>);
    step = cells / (c_row + k_row);
    const Index wanted = std::clamp<Index>(tiles / fewest_tiles, 1, most_pieces);
    piece = round_up((tiles + wanted - 1) / wanted, step);
    pieces = (tiles + piece - 1) / piece;
    v_point = odd_lines<T>(step * c_row);
    w_point = odd_lines<T>(step * k_row);
    u_point = odd_lines<T>(c_row * k_row);
    u_task = points * u_point;
  }

  Index rows(Index block) const { return std::min(side, inputs - block * side); }
  Index columns(Index block) const { return std::min(side, outputs - block * side); }
};

/// u (points, c_row, k_row) = the products of the input block cb and the output block kb, summed over the tiles
/// begin <= t < end.
template <class T>
void correlate_piece(const WeightBlocks<T>& plan, const Plane& plane, const T* x, const T* dy, const T* zeros, Index cb,
                     Index kb, Index begin, Index end, T* u) {
  const auto scratch = [](Index size) { return Scratch<T>(static_cast<std::size_t>(size)); };
  Scratch<T> some_v = scratch(points * plan.v_point), some_w = scratch(points * plan.w_point);
  T *const v = some_v.data(), *const w = some_w.data();
  const Index c = cb * plan.side, k = kb * plan.side, rows = plan.rows(cb), columns = plan.columns(kb);
  TilePosition at(plane, begin);
  for (Index first = begin; first < end; first += plan.step) {
    const Index count = std::min(plan.step, end - first);
    for (Index t = 0; t < count; ++t, at.advance(plane)) {
      const Index top = at.row * tile, left = at.column * tile;
      const T* from_x[window][window];
      find_cells(x + at.image * plane.h * plane.w * plane.c, plane.h, plane.w, plane.c, top - plane.pad_h,
                 left - plane.pad_w, zeros, from_x);
      transform_cells<InputMap<T>>(from_x, c, c + rows, v + t * plan.c_row, plan.v_point);
      const T* from_dy[tile][tile];
      find_cells(dy + at.image * plane.out_h * plane.out_w * plane.k, plane.out_h, plane.out_w, plane.k, top, left,
                 zeros, from_dy);
      for (Index l = 0; l < columns; l += block_width<T>)
        transform_cells<OutputGradientMap<T>>(from_dy, k + l, k + std::min(columns, l + block_width<T>),
                                              w + l * plan.step + t * block_width<T>, plan.w_point);
    }
    for (Index p = 0; p < points; ++p)
      for (Index l = 0; l < columns; l += block_width<T>)
        multiply_panel(rows, std::min(block_width<T>, columns - l), count, v + p * plan.v_point, Index{1}, plan.c_row,
                       w + p * plan.w_point + l * plan.step, block_width<T>, u + p * plan.u_point + l, plan.k_row,
                       first > begin);
  }
}

/// dw = the correlation of x with dy, by blocks of channels and pieces of tiles. The pieces depend on the shape alone
/// and are added in order.
template <class T>
void correlate_by_blocks(const Plane& plane, const T* x, const T* dy, T* dw) {
  constexpr Index packet = simd::width<T>;
  const WeightBlocks<T> plan(plane);
  const Index pairs = plan.c_blocks * plan.k_blocks, zero_count = std::max(plane.c, plane.k);
  Scratch<T> zeros(static_cast<std::size_t>(zero_count)),
      products(static_cast<std::size_t>(plan.pieces * pairs * plan.u_task));
  std::fill_n(zeros.data(), zero_count, T(0));
  T* const u = products.data();
  parallel_each(plan.pieces * pairs, [&](Index task) {
    const Index begin = task / pairs * plan.piece, pair = task % pairs;
    correlate_piece(plan, plane, x, dy, zeros.data(), pair / plan.k_blocks, pair % plan.k_blocks, begin,
                    std::min(plan.tiles, begin + plan.piece), u + task * plan.u_task);
  });
  parallel_each(plane.c * plan.k_blocks, [&](Index task) {
    const Index c = task / plan.k_blocks, kb = task % plan.k_blocks, columns = plan.columns(kb);
    for (Index l = 0; l < columns; l += simd::width<T>) {
      const T* const from = u + (c / plan.side * plan.k_blocks + kb) * plan.u_task + c % plan.side * plan.k_row + l;
      T sums[points * packet];  // of the pieces
      for (Index p = 0; p < points; ++p) {
        const T* const point = from + p * plan.u_point;
        auto sum = simd::load(point);
        for (Index piece = 1; piece < plan.pieces; ++piece)
          sum = simd::add(sum, simd::load(point + piece * pairs * plan.u_task));
        simd::store(sums + p * packet, sum);
      }
      transform_gradient_packet(sums, packet, dw + c * plane.k + kb * plan.side + l, plane.c * plane.k, columns - l);
    }
  });
}

}  // namespace paser::kernels::winograd
