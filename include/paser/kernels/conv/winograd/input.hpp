#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/kernels/conv/operands.hpp"
#include "paser/kernels/conv/winograd/tiles.hpp"

/// The transforms of what a convolution reads: the one or two sources of its input, each perhaps through a map, and the
/// gradient of its output.
namespace paser::kernels::winograd {

/// Values as they stand in memory.
template <class T>
struct Stored {
  /// The channels of one packet.
  struct Lanes {
    simd::Packet<T> operator()(const simd::Packet<T>& v) const { return v; }
  };
  Lanes lanes(Index, Index) const { return {}; }
};

/// max(0, (x - shift) * scale + offset), rounded as apply_channel_map does.
template <class T>
struct Mapped {
  const T *shift, *scale, *offset;

  /// The channels of one packet, and what is done to them.
  struct Lanes {
    simd::Packet<T> shift, scale, offset;
    simd::Packet<T> operator()(const simd::Packet<T>& x) const {
      const auto v = simd::fma(simd::sub(x, shift), scale, offset);
      return simd::select(simd::less(v, simd::zero<T>()), simd::zero<T>(), v);
    }
  };
  /// The map of the channels from c on, of which `count` exist; those behind them are mapped to 0.
  Lanes lanes(Index c, Index count) const {
    const auto some = [&](const T* table) {
      return count >= simd::width<T> ? simd::load(table + c) : simd::load_partial(table + c, count);
    };
    return {some(shift), some(scale), some(offset)};
  }
};

/// The distance to the cells of the next tile, or 0 where a row of cells is so short that the caches foresee it.
template <int Tile>
constexpr Index next_tile(Index channels) {
  return channels >= 64 ? Tile * channels : 0;
}

/// Applies a linear map to the channels begin <= c < end of a square of cells, packet by packet: point p of channel c
/// goes to to[p * point + c - begin]. `on_load` makes a packet of values of what is in the cells. Channels up to the
/// next whole packet are written as zeros. A call and not inlined, and the last channels take the way of the others
/// through a copy: a map is many instructions, and compiled once.
template <class Map, class T, class OnLoad>
[[gnu::noinline]] void transform_cells(const T* const (&cells)[Map::in][Map::in], const OnLoad& on_load, Index begin,
                                       Index end, T* to, Index point, Index ahead) {
  using P = simd::Packet<T>;
  constexpr int side = Map::in, lanes = int{simd::width<T>};
  constexpr Index line = 64 / Index{sizeof(T)};
  constexpr int shared = Map::in == Map::out ? 2 : 0;  // columns of a window that the next one has too
  T last[side * side * lanes];
  const T* copied[side][side];
  for (Index c = begin; c < end; c += lanes, to += lanes) {
    const T* const(*from)[side] = cells;
    Index shift = c;
    if (end - c < lanes) {
      for (int i = 0; i < side * side; ++i) {
        T* const copy = last + i * lanes;
        simd::store(copy, simd::load_partial(cells[i / side][i % side] + c, end - c));
        copied[i / side][i % side] = copy;
      }
      from = copied;
      shift = 0;
    }
    if (ahead > 0 && c % line == 0)
      for (int i = 0; i < side; ++i)
        for (int j = shared; j < side; ++j) simd::prefetch(cells[i][j] + c + ahead);
    const auto value = on_load.lanes(c, end - c);
    transform<Map, P>([&](int i, int j) { return value(simd::load(from[i][j] + shift)); },
                      [&](int i, int j, const P& v) { simd::store(to + (i * Map::out + j) * point, v); });
  }
}

/// The input of a convolution, whose sources meet at a whole packet.
template <class T>
class InputReader {
 public:
  /// False when the sources meet within a packet.
  static bool reads(const ConvInput<T>& input) {
    return input.second.channels == 0 || input.first.channels % simd::width<T> == 0;
  }

  explicit InputReader(const ConvInput<T>& input)
      : input_(input),
        most_(std::max(input.first.channels, input.second.channels)),
        padding_(static_cast<std::size_t>(2 * most_)) {
    std::fill_n(padding_.data(), most_, T(0));
    std::fill_n(padding_.data() + most_, most_, mapped_padding<T>);
  }

  /// B^T d B of the channels begin <= c < end of one tile: point p of channel c goes to v[p * point + c - begin].
  template <int Tile>
  void transform_tile(const Plane<Tile>& plane, const TilePosition<Tile>& at, Index begin, Index end, T* v,
                      Index point) const {
    const Index meeting = input_.first.channels;
    if (begin < meeting) transform_source(plane, at, input_.first, begin, std::min(end, meeting), v, point);
    if (end > meeting) {
      const Index from = std::max(begin, meeting);
      transform_source(plane, at, input_.second, from - meeting, end - meeting, v + from - begin, point);
    }
  }

 private:
  template <int Tile>
  void transform_source(const Plane<Tile>& plane, const TilePosition<Tile>& at, const ConvSource<T>& source,
                        Index begin, Index end, T* v, Index point) const {
    const T* cells[Tile + 2][Tile + 2];
    const Index channels = source.channels;
    find_cells(source.data + at.image * plane.h * plane.w * channels, plane.h, plane.w, channels,
               at.row * Tile - plane.pad_h, at.column * Tile - plane.pad_w,
               source.map ? padding_.data() + most_ : padding_.data(), cells);
    if (source.map) {
      const ChannelMap<T>& map = *source.map;
      const Index image = at.image * channels;
      transform_cells<InputMap<Tile, T>>(cells, Mapped<T>{map.shift + image, map.scale + image, map.offset + image},
                                         begin, end, v, point, next_tile<Tile>(channels));
    } else {
      transform_cells<InputMap<Tile, T>>(cells, Stored<T>{}, begin, end, v, point, next_tile<Tile>(channels));
    }
  }

  ConvInput<T> input_;
  Index most_;  // channels of the larger source
  Scratch<T> padding_;
};

/// v[p * point + (t - begin) * row + c] = B^T d B of the tiles begin <= t < end.
template <class T, int Tile>
void transform_input(const Plane<Tile>& plane, const InputReader<T>& input, Index begin, Index end, T* v, Index point,
                     Index row) {
  TilePosition<Tile> at(plane, begin);
  for (Index t = begin; t < end; ++t, at.advance(plane), v += row)
    input.transform_tile(plane, at, Index{0}, plane.c, v, point);
}

/// A dy A^T of the outputs begin <= k < end of one tile: point p of output k goes to w[p * point + k - begin].
template <class T, int Tile>
void transform_output_gradient(const Plane<Tile>& plane, const TilePosition<Tile>& at, const T* dy, const T* zeros,
                               Index begin, Index end, T* w, Index point) {
  const T* cells[Tile][Tile];
  find_cells(dy + at.image * plane.out_h * plane.out_w * plane.k, plane.out_h, plane.out_w, plane.k, at.row * Tile,
             at.column * Tile, zeros, cells);
  transform_cells<OutputGradientMap<Tile, T>>(cells, Stored<T>{}, begin, end, w, point, next_tile<Tile>(plane.k));
}

}  // namespace paser::kernels::winograd
#include "paser/core/macros_on.inc"
