#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

namespace paser::kernels {

/// The entropy in nats of each of `rows` distributions over n classes: - sum of q log(clamp(q, epsilon, 1 - epsilon)),
/// q = p / sum of p, in [0, ln n]. NaN stays NaN.
template <class T>
void entropy(Index rows, Index n, const T* p, double epsilon, T* entropy);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>
#include <cmath>
#include <limits>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/cross_entropy.hpp"

namespace paser::kernels {

namespace detail {

/// Entropies of `rows` rows of n probabilities; q is scratch for rows * n numbers twice.
template <class T>
void entropy_rows(Index rows, Index n, const T* p, double epsilon, T* q, T* entropy) {
  T* const log_q = q + rows * n;
  const T low = epsilon > 0 ? static_cast<T>(epsilon) : std::numeric_limits<T>::min();
  const T high = static_cast<T>(1 - epsilon), most = static_cast<T>(std::log(static_cast<double>(n)));
  for (Index row = 0; row < rows; ++row) {
    T sum = 0;
    for (Index i = row * n; i < (row + 1) * n; ++i) sum += p[i];
    const T share = T(1) / sum;
    for (Index i = row * n; i < (row + 1) * n; ++i) q[i] = p[i] * share;
  }
  // all rows in a single pass, for full packets. A NaN may be lost in the clamping; it comes back when q is multiplied.
  const auto lows = simd::broadcast(low), highs = simd::broadcast(high);
  Index at = 0;
  for (; at + simd::width<T> <= rows * n; at += simd::width<T>)
    simd::store(log_q + at, simd::max(simd::min(simd::load(q + at), highs), lows));
  for (; at < rows * n; ++at) log_q[at] = std::max(std::min(q[at], high), low);
  log_span(rows * n, log_q, log_q);
  for (Index row = 0; row < rows; ++row) {
    T h = 0;
    for (Index i = row * n; i < (row + 1) * n; ++i) h -= q[i] * log_q[i];
    entropy[row] = h > 0 ? (h < most ? h : most) : h == h ? T(0) : h;
  }
}

}  // namespace detail

template <class T>
void entropy(Index rows, Index n, const T* p, double epsilon, T* entropy) {
  const Index piece = loss_rows(n);
  parallel_for(rows, piece, [=](Index begin, Index end) {
    Scratch<T> scratch(static_cast<std::size_t>(2 * std::min(piece, end - begin) * n));
    for (Index row = begin; row < end; row += piece)
      detail::entropy_rows(std::min(piece, end - row), n, p + row * n, epsilon, scratch.data(), entropy + row);
  });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
