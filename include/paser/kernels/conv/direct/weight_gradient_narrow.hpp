#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/simd.hpp"
#include "paser/kernels/conv/direct/read.hpp"
#include "paser/kernels/conv/shape.hpp"

/// The weight gradient of 1x1 convolutions that have few channels on one side, as the first and the last layer of a
/// network do. Every pixel adds the outer product of its narrow and its wide side, and both are read in place: copies
/// would cost more than the products.
namespace paser::kernels::direct {

/// The most channels of the narrow side.
inline constexpr Index most_narrow = 4;

/// True when backward_weight_narrow can compute the weight gradient.
template <class T>
bool is_narrow(const ConvShape& s) {
  const auto& options = s.options;
  return s.r == 1 && s.s == 1 && options.groups == 1 && options.stride[0] == 1 && options.stride[1] == 1 &&
         options.padding[0] == 0 && options.padding[1] == 0 && std::min(s.c, s.k) <= most_narrow &&
         std::max(s.c, s.k) >= simd::width<T>;
}

/// sums[i * row + j] += sum over pixels of narrow[i] * wide[j] for i < N and j < V packets, where pixels are N and
/// `wide_step` apart.
template <int N, int V, class T>
void add_outer_products(const T* narrow, const T* wide, Index wide_step, Index pixels, T* sums, Index row) {
  // Neighbouring pixels have sums of their own where few would wait for each other.
  constexpr int U = std::max(1, (N == 3 ? 12 : 8) / (N * V));
  simd::Packet<T> own[U][N][V];
#pragma GCC unroll 8
  for (int u = 0; u < U; ++u)
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) own[u][i][v] = simd::zero<T>();
  const auto add = [&](int u) __attribute__((always_inline)) {
    simd::Packet<T> values[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) values[v] = simd::keep(simd::load(wide + u * wide_step + v * simd::width<T>));
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) {
      const auto factor = simd::broadcast(narrow[u * N + i]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) own[u][i][v] = simd::fma(factor, values[v], own[u][i][v]);
    }
  };
  Index p = 0;
  for (; p + U <= pixels; p += U, narrow += U * N, wide += U * wide_step)
#pragma GCC unroll 8
    for (int u = 0; u < U; ++u) add(u);
  for (; p < pixels; ++p, narrow += N, wide += wide_step) add(0);
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      auto sum = own[0][i][v];
#pragma GCC unroll 8
      for (int u = 1; u < U; ++u) sum = simd::add(sum, own[u][i][v]);
      T* const to = sums + i * row + v * simd::width<T>;
      simd::store(to, simd::add(simd::load(to), sum));
    }
}

/// The same for `narrow` channels by `wide`, which are at least one packet. In `sums` the rows are filled up to whole
/// packets: the last one ends with the last channel and repeats some that stand in the one before.
template <class T, int N = most_narrow>
void add_outer_products(Index narrow, Index wide, const T* a, const T* b, Index pixels, T* sums, Index row) {
  if (narrow == N) {
    constexpr Index width = simd::width<T>;
    Index j = 0;
    for (; j + 2 * width <= wide; j += 2 * width) add_outer_products<N, 2>(a, b + j, wide, pixels, sums + j, row);
    for (; j < wide; j += width)
      add_outer_products<N, 1>(a, b + std::min(j, wide - width), wide, pixels, sums + j, row);
  } else if constexpr (N > 1) {
    add_outer_products<T, N - 1>(narrow, wide, a, b, pixels, sums, row);
  }
}

/// dweight of such a convolution, overwritten.
template <class T>
void backward_weight_narrow(const ConvShape& s, const ConvInput<T>& input, const T* dy, T* dw) {
  constexpr Index width = simd::width<T>;
  const bool narrow_out = s.k < s.c;
  const Index narrow = std::min(s.c, s.k), wide = std::max(s.c, s.k), row = ceil_div(wide, width) * width;
  const Index image = s.h * s.w, pixels = s.n * image;
  // Blocks of pixels stay in the first-level cache.
  const Index block = std::clamp<Index>(8192 / wide, 64, 1024);
  const Index blocks = ceil_div(pixels, block), pieces = std::min<Index>(blocks, 16);
  Scratch<T> scratch(static_cast<std::size_t>(pieces * narrow * row));
  T* const sums = scratch.data();
  parallel_each(pieces, [&](Index piece) {
    T* const own = sums + piece * narrow * row;
    std::fill_n(own, narrow * row, T(0));
    Scratch<T> copy(static_cast<std::size_t>(input.is_plain() ? 0 : block * s.c));
    const Range range = part(blocks, pieces, piece);
    for (Index b = range.first; b < range.end; ++b) {
      const Index first = b * block, end = std::min(pixels, first + block);
      const T* x = input.first.data + first * s.c;
      if (!input.is_plain()) {
        for (Index at = first; at < end;) {
          const Index n = at / image, stop = std::min(end, (n + 1) * image);
          read_pixels(input, n, at, stop - at, {0, s.c}, copy.data() + (at - first) * s.c, s.c);
          at = stop;
        }
        x = copy.data();
      }
      const T* const y = dy + first * s.k;
      add_outer_products(narrow, wide, narrow_out ? y : x, narrow_out ? x : y, end - first, own, row);
    }
  });
  const FlushDenormals flush;
  for (Index i = 0; i < narrow; ++i)
    for (Index j = 0; j < wide; ++j) {
      T* const to = dw + (narrow_out ? j * narrow + i : i * wide + j);
      const T* from = sums + i * row + j + (j < row - width ? 0 : row - wide);
      *to = *from;
      for (Index piece = 1; piece < pieces; ++piece) *to += from[piece * narrow * row];
    }
}

}  // namespace paser::kernels::direct
#include "paser/core/macros_on.inc"
