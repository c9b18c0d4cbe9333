#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/conv/direct/epilogue.hpp"
#include "paser/kernels/conv/direct/pixel_rows.hpp"
#include "paser/kernels/conv/direct/problem.hpp"
#include "paser/kernels/conv/direct/tile.hpp"

/// Direct 1x1 convolutions. Where one side has few channels, memory or the loads decide, and each case has a kernel.
namespace paser::kernels::direct {

/// Input channels of a 1x1 convolution that are few, see compute_from_few.
inline constexpr int few_inputs = 4;

/// Two packets of channels of neighbouring pixels from `in` <= N input channels: few enough for the weights to stay in
/// registers, and too few for a tile to be worth its addresses. The outputs of pixels are `channels` apart.
template <class T, int N = few_inputs>
void compute_from_few(Index in, const T* x, Index pixels, const T* weights, const T* start, T* y, Index channels) {
  if (in < N) {
    if constexpr (N > 1) compute_from_few<T, N - 1>(in, x, pixels, weights, start, y, channels);
    return;
  }
  constexpr Index width = simd::width<T>;
  simd::Packet<T> left[N], right[N];
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) {
    left[i] = simd::keep(simd::load(weights + i * 2 * width));
    right[i] = simd::keep(simd::load(weights + i * 2 * width + width));
  }
  const auto left_start = simd::keep(simd::load(start)), right_start = simd::keep(simd::load(start + width));
  for (const T* const end = x + pixels * N; x < end; x += N, y += channels) {
    auto a = left_start, b = right_start;
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) {
      const auto value = simd::broadcast(x[i]);
      a = simd::fma(value, left[i], a);
      b = simd::fma(value, right[i], b);
    }
    simd::store(y, a);
    simd::store(y + width, b);
  }
}

/// Output channels of a 1x1 convolution that are few, see compute_to_few.
inline constexpr int few_outputs = 3;

/// True for few outputs, of a packet of pixels or more, from whole packets of input channels.
template <class T>
bool goes_to_few(const Problem<T>& p) {
  return p.out <= few_outputs && p.in % simd::width<T> == 0 && p.in >= 2 * simd::width<T> &&
         p.images * p.rows.outputs * p.columns.outputs >= simd::width<T>;
}

/// N output channels, out of whole packets of input channels: a packet of sums for each pixel and output, so that every
/// load is of a packet; the packets of some pixels are turned to be summed up. `weights` are (N, in); there are at
/// least a packet's width of pixels.
template <class T, int N>
void compute_to_few(Index in, const T* x, Index pixels, const T* weights, const T* start, T* y) {
  constexpr Index width = simd::width<T>;
  constexpr int at_once = static_cast<int>(std::min<Index>(4, width));  // pixels that share the loads of the weights
  for (Index j = 0; j < pixels; j += width) {
    const Index at = std::min(j, pixels - width);
    simd::Packet<T> sums[N][width];
    for (Index i = 0; i < width; i += at_once) {
      const T* const from = x + (at + i) * in;
      simd::Packet<T> part[N][at_once];
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n)
#pragma GCC unroll 4
        for (int q = 0; q < at_once; ++q) part[n][q] = simd::zero<T>();
      for (Index c = 0; c < in; c += width) {
        simd::Packet<T> w[N];
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) w[n] = simd::keep(simd::load(weights + n * in + c));
#pragma GCC unroll 4
        for (int q = 0; q < at_once; ++q) {
          const auto value = simd::keep(simd::load(from + q * in + c));
#pragma GCC unroll 4
          for (int n = 0; n < N; ++n) part[n][q] = simd::fma(value, w[n], part[n][q]);
        }
      }
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n)
#pragma GCC unroll 4
        for (int q = 0; q < at_once; ++q) sums[n][i + q] = part[n][q];
    }
    T values[N][width];
    for (int n = 0; n < N; ++n) {
      simd::transpose<T>(sums[n]);
      auto sum = simd::broadcast(start[n]);
      for (Index i = 0; i < width; ++i) sum = simd::add(sum, sums[n][i]);
      simd::store(values[n], sum);
    }
    for (Index i = 0; i < width; ++i)
      for (int n = 0; n < N; ++n) y[(at + i) * N + n] = values[n][i];
  }
}

template <class T, int N = few_outputs>
void compute_to_few(Index out, Index in, const T* x, Index pixels, const T* weights, const T* start, T* y) {
  if constexpr (N > 1)
    if (out < N) return compute_to_few<T, N - 1>(out, in, x, pixels, weights, start, y);
  compute_to_few<T, N>(in, x, pixels, weights, start, y);
}

/// Pixels of a tile of a 1x1 convolution to one packet of channels.
inline constexpr int pointwise_pixels = 12;

/// True for a convolution that is a product of (pixels, in) and (in, out).
template <class T>
bool is_pointwise(const Problem<T>& p) {
  const auto plain = [](const Axis& a) {
    return a.taps == 1 && a.stride == 1 && a.offset == 0 && a.outputs == a.inputs && a.out_step == 1;
  };
  return p.groups == 1 && plain(p.rows) && plain(p.columns) && Blocking<T>(p).slices == 1 &&
         p.images * p.rows.outputs * p.columns.outputs >= pointwise_pixels;
}

/// Some blocks of two packets of output channels of a 1x1 convolution, at six pixels or more.
template <class T>
void compute_blocks(const Problem<T>& p, const Blocking<T>& b, const Range& blocks, const T* x, Index pixels,
                    const T* weights, const T* biases, T* y) {
  // Where outputs are most of the traffic, a strip of them is completed before the next: it stays in the first level.
  const bool few = p.in <= few_inputs;
  const Index strip = few ? 48 : pixels;
  for (Index begin = 0; begin < pixels; begin += strip) {
    const Index end = std::min(pixels, begin + strip);
    for (Index block = blocks.first; block < blocks.end; ++block) {
      const T *const w = weights + block * b.block_size(), *const start = biases + block * b.width;
      const Index first = block * b.width, channels = std::min(b.width, p.out - first);
      if (few && channels == b.width) {
        compute_from_few<T>(p.in, x + begin * p.in, end - begin, w, start, y + begin * p.out + first, p.out);
        continue;
      }
      for (Index j = begin; j < end; j += 6) {
        const Index at = std::min(j, pixels - 6);
        Tile<T, 6, 2> tile;
        tile.fill(start);
        std::array<const T*, 6> from;
        for (Index q = 0; q < 6; ++q) from[static_cast<std::size_t>(q)] = x + (at + q) * p.in;
        tile.add_products(from, 1, w, p.in);
        std::array<T*, 6> to;
        for (Index q = 0; q < 6; ++q) to[static_cast<std::size_t>(q)] = y + (at + q) * p.out + first;
        tile.store_rows(to, 6, channels);
      }
    }
  }
}

/// Into how many parts the blocks of output channels are cut, where the pixels make few chunks: so many that threads
/// have enough to share, and each part is worth one.
template <class T>
Index block_parts(const Problem<T>& p, const Blocking<T>& b, Index pixels, Index chunks) {
  constexpr Index enough = 16, worth = Index{1} << 16;  // tasks; multiply-accumulates
  const Index work = pixels * p.in * b.blocks * b.width / chunks;
  return std::clamp<Index>(std::min(ceil_div(enough, chunks), work / worth), 1, b.blocks);
}

/// A 1x1 convolution.
template <class T>
void convolve_pointwise(const Problem<T>& p) {
  const Blocking<T> b(p);
  const Index size = b.blocks * b.block_size();
  const bool to_few = goes_to_few(p), kept = p.packed != nullptr && !to_few;
  Scratch<T> packed(static_cast<std::size_t>((kept ? 0 : size) + b.blocks * b.width));
  T *const biases = packed.data(), *const own = biases + b.blocks * b.width;
  for (Index i = 0; i < b.blocks; ++i) copy_bias(p, b, 0, i, biases + i * b.width);
  if (!kept && !to_few)
    parallel_for(b.blocks, std::max<Index>(1, 16384 / b.block_size()), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) pack_weights(p, b, 0, i, own + i * b.block_size());
    });
  for (Index k = 0; to_few && k < p.out; ++k)
    for (Index c = 0; c < p.in; ++c) own[k * p.in + c] = p.weight[k * p.out_step + c * p.in_step];
  const T* const weights = kept ? p.packed : own;
  const Index image = p.rows.outputs * p.columns.outputs;
  // At least one whole tile a chunk: the last tile of a chunk is moved back to end with it. For moments a chunk belongs
  // to one image, which must not make it small.
  const Index least = 8 * pointwise_pixels;
  const Index chunk = std::clamp<Index>(Index{16} * 1024 / p.in, least, 128 * pointwise_pixels);
  const bool by_image = p.epilogue.mean != nullptr && image >= least;
  const Index units = by_image ? p.images : 1, pixels = by_image ? image : p.images * image;
  const Index chunks = std::max<Index>(1, pixels / chunk);
  const PieceMoments<T> moments(p, image, 1, chunks, by_image);
  const bool split = !by_image && !to_few && p.input.is_plain();
  const Index parts = split ? block_parts(p, b, pixels, chunks) : 1;
  parallel_each(units * chunks * parts, [&](Index task) {
    const Index i = task / parts;
    const Range blocks = part(b.blocks, parts, task % parts);
    const Index first_channel = blocks.first * b.width,
                channels = std::min(p.out, blocks.end * b.width) - first_channel;
    Range range = part(pixels, chunks, i % chunks);
    range = {range.first + i / chunks * pixels, range.end + i / chunks * pixels};
    const auto for_each_image = [&](const auto& f) {
      for (Index first = range.first; first < range.end;) {
        const Index n = first / image, end = std::min(range.end, (n + 1) * image);
        f(n, first, end - first);
        first = end;
      }
    };
    Scratch<T> copy(static_cast<std::size_t>(p.input.is_plain() ? 0 : range.size() * p.in));
    const T* x = p.input.first.data + range.first * p.in;
    if (!p.input.is_plain()) {
      T* const to = copy.data();
      for_each_image([&](Index n, Index first, Index count) {
        read_pixels(p.input, n, first, count, {0, p.in}, to + (first - range.first) * p.in, p.in);
      });
      x = to;
    }
    T* const y = p.y + range.first * p.out;
    if (to_few) {
      compute_to_few<T>(p.out, p.in, x, range.size(), weights, biases, y);
    } else if (b.width == simd::width<T>) {
      for (Index j = 0; j < range.size(); j += pointwise_pixels) {
        const Index at = std::min(j, range.size() - pointwise_pixels);
        compute_row_tile<T, pointwise_pixels, 1>(x + at * p.in, p.in, 0, {0, 1}, p.in, weights, biases, y + at * p.out,
                                                 p.out, (range.size() - at - pointwise_pixels) * p.out);
      }
    } else {
      compute_blocks(p, b, blocks, x, range.size(), weights, biases, y);
    }
    for_each_image([&](Index n, Index first, Index count) {
      finish_pixels(p, n, first - n * image, count, first_channel, channels);
    });
    if (by_image) moments.take(i / chunks, i % chunks);
  });
  moments.finish();
}

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
