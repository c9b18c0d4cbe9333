#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"
#include "paser/kernels/gemm.hpp"

/// softmax(Q K^T scale) V of one head. The scores are made a block of rows at a time and never stored whole; the
/// gradient makes them again (as Dao et al., "FlashAttention", 2022, do).
namespace paser::kernels {

/// q: (n, d), k: (s, d), v: (s, e) -> y: (n, e). The rows of each lie a stride of its own apart, so that a head may be
/// a block of channels of a map. Any run of the rows of q and y is a head, too: they do not know of each other.
template <class T>
struct AttentionHead {
  Index n, s, d, e;
  const T *q, *k, *v;
  Index q_stride, k_stride, v_stride, y_stride;
  T scale;

  /// Queries whose scores are made at a time: a whole number of the product's tiles on every instruction set.
  static constexpr Index block = 96;

  MatrixView<T> queries() const { return {q, n, d, q_stride, 1}; }
  MatrixView<T> keys() const { return {k, s, d, k_stride, 1}; }
  MatrixView<T> values() const { return {v, s, e, v_stride, 1}; }
};

/// The gradients of keys and values, and the distances of their rows.
template <class T>
struct AttentionGradient {
  T *k, *v;
  Index k_stride, v_stride;
};

template <class T>
void attention_forward(const AttentionHead<T>& head, T* y);

/// The gradients of q, k and v, overwritten, from dy; dq has the stride of q, dy that of y, dk and dv have strides of
/// their own. With P the softmax:
///   dV = P^T dy,   dP = dy V^T,   dS = P (dP - rowsum(P dP)) scale,   dQ = dS K,   dK = dS^T Q.
template <class T>
void attention_backward(const AttentionHead<T>& head, const T* dy, T* dq, const AttentionGradient<T>& d);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>

#include "paser/core/memory.hpp"
#include "paser/core/simd.hpp"
#include "paser/kernels/loops/map.hpp"

namespace paser::kernels {

namespace detail {

/// `rows` queries from `row` on, times the scale, one after the other.
template <class T>
void scaled_queries(const AttentionHead<T>& head, Index row, Index rows, T* to) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < head.d; ++j) to[i * head.d + j] = head.q[(row + i) * head.q_stride + j] * head.scale;
}

/// e = exp(x - the largest of x), in place, of n >= 1 numbers. Returns the sum of e.
template <class T>
T exp_row(Index n, T* x) {
  constexpr Index width = simd::width<T>;
  T largest = x[0];
  Index i = 0;
  if (n >= width) {
    auto most = simd::load(x);
    for (i = width; i + width <= n; i += width) most = simd::max(most, simd::load(x + i));
    T lanes[width];
    simd::store(lanes, most);
    largest = *std::max_element(lanes, lanes + width);
  }
  for (; i < n; ++i) largest = std::max(largest, x[i]);
  const auto shift = simd::broadcast(largest);
  auto total = simd::zero<T>();
  for (i = 0; i + width <= n; i += width) {
    const auto e = simd::exp(simd::sub(simd::load(x + i), shift));
    simd::store(x + i, e);
    total = simd::add(total, e);
  }
  T sum = simd::sum<T>(total);
  if (i == n) return sum;
  T rest[width];
  simd::store(rest, simd::exp(simd::sub(simd::load_partial(x + i, n - i), shift)));
  for (Index j = 0; i < n; ++i, ++j) {
    x[i] = rest[j];
    sum += rest[j];
  }
  return sum;
}

}  // namespace detail

template <class T>
void attention_forward(const AttentionHead<T>& head, T* y) {
  const auto [n, s, d, e] = std::tuple(head.n, head.s, head.d, head.e);
  Scratch<T> scratch(static_cast<std::size_t>(head.block * (s + d + 1)));
  T *const p = scratch.data(), *const q = p + head.block * s, *const sum = q + head.block * d;
  for (Index row = 0; row < n; row += head.block) {
    const Index rows = std::min(head.block, n - row);
    T* const out = y + row * head.y_stride;
    detail::scaled_queries(head, row, rows, q);
    gemm<T>({q, rows, d}, head.keys().transposed(), p);
    for (Index i = 0; i < rows; ++i) sum[i] = detail::exp_row(s, p + i * s);
    gemm<T>({p, rows, s}, head.values(), out, {.row_stride = head.y_stride});
    for (Index i = 0; i < rows; ++i) {
      T* const to = out + i * head.y_stride;
      map_span(
          e, to, [share = simd::broadcast(1 / sum[i])](const auto& v) { return simd::mul(v, share); }, to);
    }
  }
}

template <class T>
void attention_backward(const AttentionHead<T>& head, const T* dy, T* dq, const AttentionGradient<T>& gradient) {
  const auto [n, s, d, e] = std::tuple(head.n, head.s, head.d, head.e);
  Scratch<T> scratch(static_cast<std::size_t>(head.block * (2 * s + d)));
  T *const p = scratch.data(), *const ds = p + head.block * s, *const q = ds + head.block * s;
  for (Index row = 0; row < n; row += head.block) {
    const Index rows = std::min(head.block, n - row);
    const MatrixView<T> dy_rows(dy + row * head.y_stride, rows, e, head.y_stride, 1);
    detail::scaled_queries(head, row, rows, q);
    gemm<T>({q, rows, d}, head.keys().transposed(), p);
    for (Index i = 0; i < rows; ++i) {
      T* const to = p + i * s;
      const auto share = simd::broadcast(1 / detail::exp_row(s, to));
      map_span(
          s, to, [&](const auto& v) { return simd::mul(v, share); }, to);
    }
    gemm(MatrixView<T>(p, rows, s).transposed(), dy_rows, gradient.v,
         {.accumulate = row > 0, .row_stride = gradient.v_stride});
    gemm(dy_rows, head.values().transposed(), ds);
    for (Index i = 0; i < rows; ++i) {
      // Not rowsum(dy y), the same sum rounded otherwise: where one key has all the weight its dP - mean is 0.
      const T *const from = p + i * s, *const dp = ds + i * s;
      const auto mean = simd::broadcast(dot(s, from, dp)), scale = simd::broadcast(head.scale);
      map_span(
          s, ds + i * s,
          [&](const auto& share, const auto& g) { return simd::mul(simd::mul(share, simd::sub(g, mean)), scale); },
          from, dp);
    }
    gemm<T>({ds, rows, s}, head.keys(), dq + row * head.q_stride, {.row_stride = head.q_stride});
    gemm(MatrixView<T>(ds, rows, s).transposed(), head.queries().block(row, 0, rows, d), gradient.k,
         {.accumulate = row > 0, .row_stride = gradient.k_stride});
  }
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
