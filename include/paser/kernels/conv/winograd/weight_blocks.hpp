#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/winograd/filter.hpp"
#include "paser/kernels/conv/winograd/input.hpp"

/// The weight gradient for few channels. Its transforms are as large as its products are cheap, so they must not leave
/// the second-level cache: a task takes a small block of inputs and outputs and one piece of the tiles, and goes
/// through the piece a few tiles at a time with V, W and its sum of products at hand. Where there are several blocks a
/// transform is made more than once, which costs less than fetching it.
namespace paser::kernels::winograd {

/// How transformed weights are cut into blocks.
template <int Tile, class T>
struct WeightBlocks {
  static constexpr int points = Plane<Tile>::points;
  /// Channels of a block, at most.
  static constexpr Index side = 32;

  Index inputs, outputs, tiles, c_blocks, k_blocks, c_row, k_row, step, pieces, piece;
  /// Distances between points in V, W and the products, and between the products of two tasks.
  Index v_point, w_point, u_point, u_task;

  explicit WeightBlocks(const Plane<Tile>& plane) : inputs(plane.c), outputs(plane.k), tiles(plane.tiles()) {
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
template <class T, int Tile>
void correlate_piece(const WeightBlocks<Tile, T>& plan, const Plane<Tile>& plane, const InputReader<T>& x, const T* dy,
                     const T* zeros, Index cb, Index kb, Index begin, Index end, T* u) {
  constexpr int points = Plane<Tile>::points;
  const auto scratch = [](Index size) { return Scratch<T>(static_cast<std::size_t>(size)); };
  Scratch<T> some_v = scratch(points * plan.v_point), some_w = scratch(points * plan.w_point);
  T *const v = some_v.data(), *const w = some_w.data();
  const Index c = cb * plan.side, k = kb * plan.side, rows = plan.rows(cb), columns = plan.columns(kb);
  TilePosition<Tile> at(plane, begin);
  for (Index first = begin; first < end; first += plan.step) {
    const Index count = std::min(plan.step, end - first);
    for (Index t = 0; t < count; ++t, at.advance(plane)) {
      x.transform_tile(plane, at, c, c + rows, v + t * plan.c_row, plan.v_point);
      for (Index l = 0; l < columns; l += block_width<T>)
        transform_output_gradient(plane, at, dy, zeros, k + l, k + std::min(columns, l + block_width<T>),
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
template <class T, int Tile>
void correlate_by_blocks(const Plane<Tile>& plane, const InputReader<T>& x, const T* dy, T* dw) {
  constexpr Index packet = simd::width<T>;
  constexpr int points = Plane<Tile>::points;
  const WeightBlocks<Tile, T> plan(plane);
  const Index pairs = plan.c_blocks * plan.k_blocks;
  Scratch<T> zeros(static_cast<std::size_t>(plane.k)),
      products(static_cast<std::size_t>(plan.pieces * pairs * plan.u_task));
  std::fill_n(zeros.data(), plane.k, T(0));
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
      transform_gradient_packet<Tile>(sums, packet, dw + c * plane.k + kb * plan.side + l, plane.c * plane.k,
                                      columns - l);
    }
  });
}

}  // namespace paser::kernels::winograd
#include "paser/core/macros_on.inc"
