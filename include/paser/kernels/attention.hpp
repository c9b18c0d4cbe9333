#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"
#include "paser/kernels/gemm.hpp"

/// softmax(Q K^T scale) V of one head. The scores are made a block of rows at a time and never stored whole; training
/// keeps only their log-sum-exp, a number per row, and makes them again (Dao et al., "FlashAttention", 2022).
namespace paser::kernels {

/// q: (n, d), k: (s, d), v: (s, e) -> y: (n, e), all row-major.
template <class T>
struct AttentionHead {
  Index n, s, d, e;
  const T *q, *k, *v;
  T scale;

  static constexpr Index block = 64;

  MatrixView<T> q_rows(Index row, Index rows) const { return MatrixView<T>(q, n, d).block(row, 0, rows, d); }
  MatrixView<T> keys() const { return {k, s, d}; }
  MatrixView<T> values() const { return {v, s, e}; }
};

/// y, and where it is not null the log-sum-exp of every row of scores.
template <class T>
void attention_forward(const AttentionHead<T>& head, T* y, T* log_sum_exp);

/// The gradients of q, k and v, overwritten, from dy, y and the log-sum-exp of the forward pass. With P the softmax:
///   dV = P^T dy,   dP = dy V^T,   dS = P (dP - rowsum(dy y)) scale,   dQ = dS K,   dK = dS^T Q.
template <class T>
void attention_backward(const AttentionHead<T>& head, const T* y, const T* log_sum_exp, const T* dy, T* dq, T* dk,
                        T* dv);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include "paser/kernels/loops/exp_rows.hpp"

namespace paser::kernels {

template <class T>
void attention_forward(const AttentionHead<T>& head, T* y, T* log_sum_exp) {
  const auto [n, s, d, e] = std::tuple(head.n, head.s, head.d, head.e);
  Scratch<T> scratch(static_cast<std::size_t>(head.block * (s + 2)));
  T *const p = scratch.data(), *const largest = p + head.block * s, *const sum = largest + head.block;
  for (Index row = 0; row < n; row += head.block) {
    const Index rows = std::min(head.block, n - row);
    gemm(head.q_rows(row, rows), head.keys().transposed(), p);
    for (Index i = 0; i < rows * s; ++i) p[i] *= head.scale;
    exp_rows(rows, s, p, p, largest, sum);
    for (Index i = 0; i < rows; ++i) {
      if (log_sum_exp != nullptr) log_sum_exp[row + i] = largest[i] + std::log(sum[i]);
      for (Index j = 0; j < s; ++j) p[i * s + j] /= sum[i];
    }
    gemm<T>({p, rows, s}, head.values(), y + row * e);
  }
}

template <class T>
void attention_backward(const AttentionHead<T>& head, const T* y, const T* log_sum_exp, const T* dy, T* dq, T* dk,
                        T* dv) {
  const auto [n, s, d, e] = std::tuple(head.n, head.s, head.d, head.e);
  Scratch<T> scratch(static_cast<std::size_t>(2 * head.block * s));
  T *const p = scratch.data(), *const ds = p + head.block * s;
  for (Index row = 0; row < n; row += head.block) {
    const Index rows = std::min(head.block, n - row);
    const MatrixView<T> dy_rows(dy + row * e, rows, e);
    const GemmOutput<T> sum{.accumulate = row > 0};
    gemm(head.q_rows(row, rows), head.keys().transposed(), p);
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < s; ++j) p[i * s + j] = p[i * s + j] * head.scale - log_sum_exp[row + i];
    exp_span(rows * s, p, p);
    gemm(MatrixView<T>(p, rows, s).transposed(), dy_rows, dv, sum);
    gemm(dy_rows, head.values().transposed(), ds);
    for (Index i = 0; i < rows; ++i) {
      T dot = 0;
      for (Index j = 0; j < e; ++j) dot += dy[(row + i) * e + j] * y[(row + i) * e + j];
      // Of one key the softmax is 1 whatever the score, and rounding must not make a gradient of that.
      for (Index j = i * s; j < (i + 1) * s; ++j) ds[j] = s == 1 ? T(0) : p[j] * (ds[j] - dot) * head.scale;
    }
    gemm<T>({ds, rows, s}, head.keys(), dq + row * d);
    gemm(MatrixView<T>(ds, rows, s).transposed(), head.q_rows(row, rows), dk, sum);
  }
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
