#pragma once
#include "paser/core/macros_off.inc"

#include <limits>

#include "paser/kernels/conv/operands.hpp"
#include "paser/kernels/conv/winograd/moments.hpp"
#include "paser/kernels/conv/winograd/tiles.hpp"

/// The transform of the products into the result of a convolution, finished as its epilogue says on the way.
namespace paser::kernels::winograd {

/// What happens to one packet of outputs in every cell of a tile.
template <class T>
struct PacketFinish {
  simd::Packet<T> bias, lowest, highest;  // max(lowest, .) is the ReLU, if any
  const T* addend;                        // in the cells of y, from the tile's corner on; may be null
  T *shift, *sums, *squares;              // of this packet in SegmentSums; null without moments
  bool first;                             // of its segment: the tile says what is subtracted
};

/// Sums of one packet in registers, two chains of each.
template <class T>
struct PacketSums {
  simd::Packet<T> shift, sum[2] = {simd::zero<T>(), simd::zero<T>()}, square[2] = {simd::zero<T>(), simd::zero<T>()};

  void add(int chain, const simd::Packet<T>& v) {
    const auto d = simd::sub(v, shift);
    sum[chain] = simd::add(sum[chain], d);
    square[chain] = simd::fma(d, d, square[chain]);
  }
  void give(const PacketFinish<T>& finish) const {
    simd::store(finish.sums, simd::add(simd::load(finish.sums), simd::add(sum[0], sum[1])));
    simd::store(finish.squares, simd::add(simd::load(finish.squares), simd::add(square[0], square[1])));
  }
};

/// v, but not below `lowest`; NaN stays NaN.
template <class T>
inline simd::Packet<T> at_least(const simd::Packet<T>& lowest, const simd::Packet<T>& v) {
  return simd::select(simd::less(v, lowest), lowest, v);
}
/// v, but not above `highest`; NaN stays NaN.
template <class T>
inline simd::Packet<T> at_most(const simd::Packet<T>& highest, const simd::Packet<T>& v) {
  return simd::select(simd::less(highest, v), highest, v);
}

/// y = A^T m A, finished, for one packet of outputs of a whole tile; cell (i, j) goes to to[i * row + j * cell]. A call
/// for the reason that transform_cells has. `Extras`: there is an addend, there are moments,
/// or the outputs have a limit.
template <int Tile, bool Extras, class T>
[[gnu::noinline]] void transform_output_packet(const T* m, Index point, const PacketFinish<T>& finish, T* to, Index row,
                                               Index cell) {
  const auto bias = finish.bias, lowest = finish.lowest;
  PacketSums<T> sums{};
  transform<OutputMap<Tile, T>, simd::Packet<T>>(
      [&](int i, int j) { return simd::load(m + (i * (Tile + 2) + j) * point); },
      [&](int i, int j, const auto& v) {
        const Index at = i * row + j * cell;
        auto value = simd::add(v, bias);
        if constexpr (Extras)
          if (finish.addend) value = simd::add(value, simd::load(finish.addend + at));
        value = at_least<T>(lowest, value);
        if constexpr (Extras) value = at_most<T>(finish.highest, value);
        simd::store(to + at, value);
        if constexpr (Extras) {
          if (i == 0 && j == 0) {
            if (finish.first && finish.shift) simd::store(finish.shift, value);
            sums.shift = finish.shift ? simd::load(finish.shift) : value;
          }
          sums.add(j % 2, value);
        }
      });
  if constexpr (Extras)
    if (finish.sums) sums.give(finish);
}

/// The same for a tile of which only `rows` x `columns` cells and `lanes` outputs exist.
template <int Tile, class T>
void transform_output_part(const T* m, Index point, const PacketFinish<T>& finish, T* to, Index row, Index cell,
                           Index rows, Index columns, Index lanes) {
  constexpr Index packet = simd::width<T>;
  T raw[Tile * Tile * packet];
  constexpr T infinity = std::numeric_limits<T>::infinity();
  const PacketFinish<T> none{simd::zero<T>(),
                             simd::broadcast(-infinity),
                             simd::broadcast(infinity),
                             nullptr,
                             nullptr,
                             nullptr,
                             nullptr,
                             false};
  transform_output_packet<Tile, false>(m, point, none, raw, Tile * packet, packet);
  const bool whole = lanes == packet;
  PacketSums<T> sums{};
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) {
      const Index at = i * row + j * cell;
      auto value = simd::add(simd::load(raw + (i * Tile + j) * packet), finish.bias);
      if (finish.addend)
        value =
            simd::add(value, whole ? simd::load(finish.addend + at) : simd::load_partial(finish.addend + at, lanes));
      value = at_most<T>(finish.highest, at_least<T>(finish.lowest, value));
      if (whole)
        simd::store(to + at, value);
      else
        simd::store_partial(to + at, value, lanes);
      if (!finish.sums) continue;
      if (i == 0 && j == 0) {
        if (finish.first) simd::store(finish.shift, value);
        sums.shift = simd::load(finish.shift);
      }
      sums.add(static_cast<int>(j % 2), value);
    }
  if (finish.sums) sums.give(finish);
}

/// Writes y and, when the epilogue wants moments, those of each segment.
template <class T>
class OutputWriter {
 public:
  /// `parts` (segments, 2, k) or null: means and sums of squared deviations.
  OutputWriter(const ConvEpilogue<T>& epilogue, T* y, double* parts) : epilogue_(epilogue), y_(y), parts_(parts) {}

  /// The outputs k .. k + count - 1 of the segments begin <= s < end, where point p of output k + l of the t-th tile
  /// stands at m[p * point + t * row + l].
  template <int Tile>
  void write(const Plane<Tile>& plane, const T* m, Index point, Index row, Index begin, Index end, Index k,
             Index count) const {
    SegmentSums<T> sums(parts_ ? count : 0);
    TilePosition<Tile> at(plane, plane.first_tile(begin));
    for (Index segment = begin; segment < end; ++segment) {
      if (parts_) sums.start();
      const Index tiles = plane.first_tile(segment + 1) - plane.first_tile(segment);
      for (Index t = 0; t < tiles; ++t, at.advance(plane), m += row) {
        if (parts_ && t > 0 && t % run == 0) sums.flush();
        write_tile(plane, m, point, at, k, count, parts_ ? &sums : nullptr, t == 0);
      }
      if (!parts_) continue;
      double* const part = parts_ + 2 * segment * plane.k + k;
      sums.finish(count, segment_pixels(plane, segment), part, part + plane.k);
    }
  }

 private:
  static constexpr Index run = 4;  // tiles whose values are summed in T

  template <int Tile>
  void write_tile(const Plane<Tile>& plane, const T* m, Index point, const TilePosition<Tile>& at, Index k, Index count,
                  SegmentSums<T>* sums, bool first) const {
    constexpr Index packet = simd::width<T>;
    const Index pixel = (at.row * Tile * plane.out_w + at.column * Tile) * plane.k + k;
    const Index image = plane.out_h * plane.out_w * plane.k, line = plane.out_w * plane.k;
    const Index rows = std::min<Index>(plane.out_h - at.row * Tile, Tile);
    const Index columns = std::min<Index>(plane.out_w - at.column * Tile, Tile);
    const T* const addend =
        epilogue_.addend ? epilogue_.addend + at.image % epilogue_.addend_images * image + pixel : nullptr;
    T* const to = y_ + at.image * image + pixel;
    PacketFinish<T> finish{simd::zero<T>(),
                           simd::broadcast(epilogue_.relu ? T(0) : -std::numeric_limits<T>::infinity()),
                           simd::broadcast(epilogue_.highest),
                           nullptr,
                           nullptr,
                           nullptr,
                           nullptr,
                           first};
    for (Index l = 0; l < count; l += packet) {
      const Index lanes = std::min(count - l, packet);
      if (epilogue_.bias != nullptr)
        finish.bias =
            lanes == packet ? simd::load(epilogue_.bias + k + l) : simd::load_partial(epilogue_.bias + k + l, lanes);
      if (addend) finish.addend = addend + l;
      if (sums) finish.shift = sums->shift() + l, finish.sums = sums->sums() + l, finish.squares = sums->squares() + l;
      if (rows != Tile || columns != Tile || lanes != packet)
        transform_output_part<Tile>(m + l, point, finish, to + l, line, plane.k, rows, columns, lanes);
      else if (addend || sums || epilogue_.limited())
        transform_output_packet<Tile, true>(m + l, point, finish, to + l, line, plane.k);
      else
        transform_output_packet<Tile, false>(m + l, point, finish, to + l, line, plane.k);
    }
  }

  ConvEpilogue<T> epilogue_;
  T* y_;
  double* parts_;
};

}  // namespace paser::kernels::winograd
#include "paser/core/macros_on.inc"
