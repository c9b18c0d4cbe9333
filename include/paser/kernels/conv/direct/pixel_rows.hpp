#pragma once
#include "paser/core/macros_off.inc"

#include <type_traits>
#include <utility>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/direct/epilogue.hpp"
#include "paser/kernels/conv/direct/problem.hpp"
#include "paser/kernels/conv/direct/tile.hpp"

/// Direct convolutions whose output pixels are taken in rows rather than from a list: three columns of taps with at
/// most one packet of output channels.
namespace paser::kernels::direct {

/// P neighbouring outputs, each a packet of channels. S columns of taps are applied to each value that is loaded: with
/// one packet a tile would else need more loads than multiply-adds. Outputs are `Step` inputs apart; tap row t starts
/// at x + t * row; weights are (t, s, in, packet). The outputs go to `to`, `channels` apart; `room` values behind them
/// will be written later and may be spoilt.
template <class T, int P, int S, int Step = 1>
void compute_row_tile(const T* x, Index pixel, Index row, const Range& taps, Index in, const T* weights, const T* start,
                      T* to, Index channels, Index room) {
  constexpr Index width = simd::width<T>;
  constexpr int inputs = (P - 1) * Step + S;
  simd::Packet<T> sums[P];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) sums[p] = simd::load(start);
  for (Index t = taps.first; t < taps.end; ++t) {
    // Three pixels share a pointer, so that the pointers fit the registers.
    constexpr int pointers = (inputs + 2) / 3;
    std::array<const T*, pointers> at;
    for (int i = 0; i < pointers; ++i) at[static_cast<std::size_t>(i)] = x + t * row + i * 3 * pixel;
    const T* w = weights + t * S * in * width;
    for (Index c = 0; c < in; ++c, w += width) {
      simd::Packet<T> tap[S];
#pragma GCC unroll 4
      for (int s = 0; s < S; ++s) tap[s] = simd::keep(simd::load(w + s * in * width));
#pragma GCC unroll 32
      for (int q = 0; q < inputs; ++q) {
        const auto value = simd::broadcast(at[static_cast<std::size_t>(q / 3)][q % 3 * pixel]);
#pragma GCC unroll 4
        for (int s = 0; s < S; ++s)
          if (const int p = (q - s) / Step; q >= s && p < P && p * Step == q - s)
            sums[p] = simd::fma(value, tap[s], sums[p]);
      }
#pragma GCC unroll 8
      for (int i = 0; i < pointers; ++i) ++at[static_cast<std::size_t>(i)];
    }
  }
  // Pixels are written in order, so what a full packet writes past a pixel is overwritten by the next ones.
  const Index full = P * channels + room - width;
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    if (p * channels <= full) {
      simd::store(to + p * channels, sums[p]);
    } else {
      simd::store_partial(to + p * channels, sums[p], channels);
    }
  }
}

/// The bias of one block, zeros past its last channel.
template <class T>
void copy_bias(const Problem<T>& p, const Blocking<T>& b, Index group, Index block, T* to) {
  std::fill_n(to, b.width, T(0));
  if (p.epilogue.bias != nullptr)
    std::copy_n(p.epilogue.bias + group * p.out + block * b.width, std::min(b.width, p.out - block * b.width), to);
}

/// Pairs of pixels of a tile, see pairs().
inline constexpr int pixel_pairs = 8;

/// True for one packet of output channels under three neighbouring columns of taps.
template <class T>
bool slides(const Problem<T>& p) {
  return p.groups == 1 && p.out <= simd::width<T> && p.columns.stride == 1 && p.columns.tap_step == 1 &&
         p.columns.taps == 3 && p.columns.outputs >= 8 && p.columns.out_step == 1 && Blocking<T>(p).slices == 1;
}

/// True for outputs of half a packet: two neighbouring pixels then share one.
template <class T>
bool pairs(const Problem<T>& p) {
  return 2 * p.out == simd::width<T> && p.columns.outputs >= 2 * pixel_pairs;
}

/// The weights of a pixel and of its right neighbour side by side, under the four columns of taps that either has.
template <class T>
void pair_weights(const Problem<T>& p, const T* packed, T* to) {
  constexpr Index width = simd::width<T>, half = width / 2;
  std::fill_n(to, 4 * p.rows.taps * p.in * width, T(0));
  for (Index t = 0; t < p.rows.taps; ++t)
    for (Index u = 0; u < 3; ++u)
      for (Index i = 0; i < p.in; ++i, packed += width)
        for (Index pixel = 0; pixel < 2; ++pixel)
          std::copy_n(packed, half, to + ((t * 4 + u + pixel) * p.in + i) * width + pixel * half);
}

/// How many neighbouring outputs are computed at a time: the most whose sums fit the registers, unless the last tile of
/// a row would mostly repeat pixels. The eight sums of the smallest tile hide no latency.
constexpr Index sliding_pixels(Index columns) {
  const auto cost = [columns](Index pixels, Index price) {
    return pixels <= columns ? ceil_div(columns, pixels) * price : columns * 100;
  };
  const Index eight = cost(8, 88), ten = cost(10, 100), eleven = cost(11, 111);
  return ten <= std::min(eight, eleven) ? 10 : eleven <= eight ? 11 : 8;
}

/// The convolution row by row, whose window slides along the pixels.
template <class T>
void convolve_sliding(const Problem<T>& p) {
  const Blocking<T> b(p);
  const bool paired = pairs(p);
  const Index width = b.width, pair_size = paired ? 4 * p.rows.taps * p.in * width : 0;
  Scratch<T> packed(static_cast<std::size_t>(pair_size + b.block_size() + width));
  T *const pair = packed.data(), *const single = pair + pair_size, *const start = single + b.block_size();
  pack_weights(p, b, 0, 0, single);
  copy_bias(p, b, 0, 0, start);
  if (paired) {
    pair_weights(p, single, pair);
    std::copy_n(start, width / 2, start + width / 2);
  }
  const T* const weights = paired ? pair : single;

  const RowCopy<T> copy(p, b);
  const Index columns = p.columns.outputs, row_bytes = (columns + 2) * p.in * static_cast<Index>(sizeof(T));
  const Index most = std::clamp<Index>(256 * 1024 / row_bytes, 8, 32);
  const Index rows = std::clamp<Index>(p.images * p.rows.outputs / 16, 8, most), bands = ceil_div(p.rows.outputs, rows);
  const PieceMoments<T> moments(p, p.rows.outputs, columns, bands, true);
  parallel_each(p.images * bands, [&](Index i) {
    const Index image = i / bands;
    const Band band{{image, image + 1}, part(p.rows.outputs, bands, i % bands)};
    const Layout layout = band_layout(p, b, band);
    Scratch<T> scratch(static_cast<std::size_t>(layout.slice));
    T* const source = scratch.data();
    const Index top = p.rows.input(band.rows.first, 0);
    Index copied = 0;
    for (Index row = band.rows.first; row < band.rows.end; ++row) {
      // Rows are copied just before the first outputs that read them, and are so in the first-level cache.
      for (const Index end = p.rows.input_span({row, row + 1}).end - top; copied < end; ++copied)
        copy(image, top + copied, {0, p.in}, source + copied * layout.row);
      const T* x = std::as_const(source) + (p.rows.input(row, 0) - top) * layout.row;
      T* const y = p.y + p.output(image, row);
      const Range taps = p.rows.valid_taps(row);
      const auto run = [&]<int P, int S, int Step>(std::integer_sequence<int, P, S, Step>) {
        for (Index j = 0; j < columns; j += P * Step) {
          const Index at = std::min(j, columns - P * Step);
          compute_row_tile<T, P, S, Step>(x + at * layout.pixel, layout.pixel, p.rows.tap_step * layout.row, taps, p.in,
                                          weights, start, y + at * p.out, Step * p.out,
                                          (columns - at - P * Step) * p.out);
        }
      };
      if (paired) {
        run(std::integer_sequence<int, pixel_pairs, 4, 2>{});
      } else if (const Index pixels = sliding_pixels(columns); pixels == 10) {
        run(std::integer_sequence<int, 10, 3, 1>{});
      } else if (pixels == 11) {
        run(std::integer_sequence<int, 11, 3, 1>{});
      } else {
        run(std::integer_sequence<int, 8, 3, 1>{});
      }
      finish_pixels(p, image, row * columns, columns, 0, p.out);
    }
    moments.take(image, i % bands);
  });
  moments.finish();
}

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
