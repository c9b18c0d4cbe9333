#pragma once
#include "paser/core/macros_off.inc"

#include <vector>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/direct/epilogue.hpp"
#include "paser/kernels/conv/direct/problem.hpp"

/// Direct convolutions of so few pixels that to read the weights takes longer than the products: no copy is made of the
/// weights, which are read where they are, and only the pixels that a tap meets are multiplied by it.
namespace paser::kernels::direct {

/// Pixels of a tile, by two packets of sums, that fit the registers.
inline constexpr Index tile_pixels = simd::registers >= 32 ? 12 : 6;

/// True when the weights are read about once and whole packets of them lie side by side: along the output channels, or,
/// for the gradient of the input, along the input channels, where sums of packets are worth while if they are long.
template <class T>
bool has_few_pixels(const Problem<T>& p) {
  constexpr Index width = simd::width<T>;
  if (p.images * p.rows.outputs * p.columns.outputs > 2 * tile_pixels) return false;
  if (p.out_step == 1) return p.in >= 4 * width && p.out % (2 * width) == 0;
  return p.in >= 16 * width && p.in % width == 0 && p.out % 2 == 0;
}

/// What a tap does to the sums of some pixels: `pixels` pairs of inputs and packets of sums, and the weights.
template <class T>
struct TapProducts {
  const T* const* x;
  T* const* sums;
  const T* weights;
  Index step;      // of the weights: from one input channel to the next, or from one output channel to the other
  Index channels;  // input channels
  const T* next;   // the weights that come next
};

/// Adds to two packets of output channels of P pixels the products of one input channel after the other.
template <int P, class T>
void add_by_output(const TapProducts<T>& t) {
  constexpr Index width = simd::width<T>, line = 64 / static_cast<Index>(sizeof(T)), ahead = 64;
  std::array<const T*, P> x;
  simd::Packet<T> left[P], right[P];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    x[static_cast<std::size_t>(p)] = t.x[p];
    left[p] = simd::load(t.sums[p]);
    right[p] = simd::load(t.sums[p] + width);
  }
  const T* w = t.weights;
  for (Index c = 0; c < t.channels; ++c, w += t.step) {
    // Such rows are too far apart for the hardware to foresee that they come from memory.
    simd::prefetch_far(w + ahead * t.step);
    if (width >= line) simd::prefetch_far(w + ahead * t.step + width);
    const auto a = simd::keep(simd::load(w)), b = simd::keep(simd::load(w + width));
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      const auto value = simd::broadcast(x[static_cast<std::size_t>(p)][c]);
      left[p] = simd::fma(value, a, left[p]);
      right[p] = simd::fma(value, b, right[p]);
    }
  }
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    simd::store(t.sums[p], left[p]);
    simd::store(t.sums[p] + width, right[p]);
  }
}

/// Adds to the sums of two output channels of P pixels, a packet each that is yet to be summed up, the products of a
/// packet of input channels after the other.
template <int P, class T>
void add_by_input(const TapProducts<T>& t) {
  constexpr Index width = simd::width<T>;
  std::array<const T*, P> x;
  simd::Packet<T> left[P], right[P];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    x[static_cast<std::size_t>(p)] = t.x[p];
    left[p] = simd::load(t.sums[p]);
    right[p] = simd::load(t.sums[p] + width);
  }
  const T *w = t.weights, *v = w + t.step;
  for (Index c = 0; c < t.channels; c += width) {
    simd::prefetch_far(t.next + c);
    simd::prefetch_far(t.next + t.step + c);
    const auto a = simd::keep(simd::load(w + c)), b = simd::keep(simd::load(v + c));
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      const auto values = simd::keep(simd::load(x[static_cast<std::size_t>(p)] + c));
      left[p] = simd::fma(values, a, left[p]);
      right[p] = simd::fma(values, b, right[p]);
    }
  }
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    simd::store(t.sums[p], left[p]);
    simd::store(t.sums[p] + width, right[p]);
  }
}

/// Either of them for `pixels` pixels, at most P; x and sums have an entry more, since pixels are taken in pairs.
template <int P, class T>
void add_tap(bool by_output, Index pixels, const TapProducts<T>& t) {
  if constexpr (P > 2)
    if (pixels <= P - 2) return add_tap<P - 2>(by_output, pixels, t);
  by_output ? add_by_output<P>(t) : add_by_input<P>(t);
}

/// A pixel that a tap reads and the output that it contributes to, as numbers of pixels.
struct PixelPair {
  Index input, output;
};

/// What each tap meets.
template <class T>
std::vector<std::vector<PixelPair>> pixels_of_taps(const Problem<T>& p) {
  std::vector<std::vector<PixelPair>> taps;
  for (Index t = 0; t < p.rows.taps; ++t)
    for (Index u = 0; u < p.columns.taps; ++u) {
      const Range rows = p.rows.valid_outputs({0, p.rows.outputs}, t),
                  columns = p.columns.valid_outputs({0, p.columns.outputs}, u);
      auto& pairs = taps.emplace_back();
      for (Index n = 0; n < p.images; ++n)
        for (Index i = rows.first; i < rows.end; ++i)
          for (Index j = columns.first; j < columns.end; ++j)
            pairs.push_back({(n * p.rows.inputs + p.rows.input(i, t)) * p.columns.inputs + p.columns.input(j, u),
                             (n * p.rows.outputs + i) * p.columns.outputs + j});
    }
  return taps;
}

/// One block of output channels, two packets or two channels of them, into `sums`, of two packets a pixel.
template <class T>
void compute_few_pixels(const Problem<T>& p, const Blocking<T>& b, const std::vector<std::vector<PixelPair>>& taps,
                        const T* x, Index group, Index first, T* sums) {
  constexpr Index width = simd::width<T>, columns = 2 * width;
  const bool by_output = p.out_step == 1;
  // Packed weights are read in the same order as others, and so have the same sums.
  const T* const packed =
      by_output && p.packed != nullptr ? p.packed + (group * b.blocks + first / columns) * b.block_size() : nullptr;
  for (Index tap = 0; tap < b.taps; ++tap) {
    const auto& pairs = taps[static_cast<std::size_t>(tap)];
    const auto weights_of = [&](Index number) {
      return p.weight + number / p.columns.taps * p.tap_row + number % p.columns.taps * p.tap_column + group * p.group +
             first * p.out_step;
    };
    const T *const weights = weights_of(tap), *const next = tap + 1 < b.taps ? weights_of(tap + 1)
                                                                             : weights_of(0) + 2 * p.out_step;
    const Index pixels = static_cast<Index>(pairs.size()), slice = by_output ? b.slice : p.in;
    for (Index c = 0; c < p.in; c += slice)
      for (Index i = 0, some; i < pixels; i += some) {
        some = pixels - i <= tile_pixels ? pixels - i : std::min(tile_pixels, ceil_div(pixels - i, 2));
        std::array<const T*, tile_pixels> from;
        std::array<T*, tile_pixels> to;
        for (Index q = 0; q < tile_pixels; ++q) {
          const PixelPair& pair = pairs[static_cast<std::size_t>(i + std::min(q, some - 1))];
          from[static_cast<std::size_t>(q)] = x + (pair.input * p.groups + group) * p.in + c;
          to[static_cast<std::size_t>(q)] = sums + pair.output * columns;
        }
        const T* const w =
            packed != nullptr ? packed + c / slice * b.slice_size() + tap * slice * columns : weights + c * p.in_step;
        add_tap<tile_pixels>(by_output, some,
                             TapProducts<T>{from.data(), to.data(), w,
                                            packed != nullptr ? columns
                                            : by_output       ? p.in_step
                                                              : p.out_step,
                                            std::min(slice, p.in - c), next});
      }
  }
}

/// The convolution of a map with so few pixels that reading the weights takes most of the time.
template <class T>
void convolve_few_pixels(const Problem<T>& p) {
  constexpr Index width = simd::width<T>, columns = 2 * width;
  const Blocking<T> b(p);
  const bool by_output = p.out_step == 1;
  const Index block = by_output ? columns : 2, blocks = p.out / block, tasks = std::min<Index>(blocks, 32);
  const Index image = p.rows.outputs * p.columns.outputs, pixels = p.images * image;
  const auto taps = pixels_of_taps(p);

  const Index channels = p.in * p.groups, input = p.rows.inputs * p.columns.inputs;
  Scratch<T> copy(static_cast<std::size_t>(p.input.is_plain() ? 0 : p.images * input * channels));
  const T* x = p.input.first.data;
  if (!p.input.is_plain()) {
    for (Index n = 0; n < p.images; ++n)
      read_pixels(p.input, n, n * input, input, {0, channels}, copy.data() + n * input * channels, channels);
    x = copy.data();
  }

  const PieceMoments<T> moments(p, p.rows.outputs, p.columns.outputs, 1, false);
  parallel_each(p.groups * tasks, [&](Index task) {
    const Index group = task / tasks;
    const Range range = part(blocks, tasks, task % tasks);
    Scratch<T> scratch(static_cast<std::size_t>(pixels * columns));
    T* const sums = scratch.data();
    for (Index first = range.first * block; first < range.end * block; first += block) {
      const T* const bias = p.epilogue.bias != nullptr ? p.epilogue.bias + group * p.out + first : nullptr;
      std::fill_n(sums, pixels * columns, T(0));
      if (by_output && bias != nullptr)
        for (Index i = 0; i < pixels; ++i) std::copy_n(bias, columns, sums + i * columns);
      compute_few_pixels(p, b, taps, x, group, first, sums);
      for (Index i = 0; i < pixels; ++i) {
        const T* const from = sums + i * columns;
        T* const y = p.y + p.output(i / image, i % image / p.columns.outputs) +
                     i % p.columns.outputs * p.columns.out_step * p.out * p.groups + group * p.out + first;
        if (by_output) {
          std::copy_n(from, columns, y);
        } else {
          for (Index k = 0; k < 2; ++k)
            y[k] = simd::sum<T>(simd::load(from + k * width)) + (bias != nullptr ? bias[k] : T(0));
        }
      }
    }
    for (Index n = 0; n < p.images; ++n)
      finish_pixels(p, n, 0, image, group * p.out + range.first * block, range.size() * block);
  });
  moments.finish();
}

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
