#pragma once

#include <cmath>

#include "paser/core/tensor.hpp"
#include "paser/kernels/cross_entropy.hpp"

namespace paser::uncertainty {

/// The epsilon of float32, by which PyTorch's Categorical keeps probabilities from 0 and 1 before the logarithm.
inline constexpr double probability_epsilon = 0x1p-23;

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
  // All rows in one go, for full packets. A NaN may be lost in the clamping; it comes back when q is multiplied.
  const auto lows = simd::broadcast(low), highs = simd::broadcast(high);
  Index at = 0;
  for (; at + simd::width<T> <= rows * n; at += simd::width<T>)
    simd::store(log_q + at, simd::max(simd::min(simd::load(q + at), highs), lows));
  for (; at < rows * n; ++at) log_q[at] = std::max(std::min(q[at], high), low);
  kernels::log_span(rows * n, log_q, log_q);
  for (Index row = 0; row < rows; ++row) {
    T h = 0;
    for (Index i = row * n; i < (row + 1) * n; ++i) h -= q[i] * log_q[i];
    entropy[row] = h > 0 ? (h < most ? h : most) : h == h ? T(0) : h;
  }
}

}  // namespace detail

/// Entropy in nats of every pixel's distribution, in [0, ln K] and never -0:
///   - sum of q log(clamp(q, epsilon, 1 - epsilon)),  q = p / sum of p.
/// probabilities: (N, H, W, K) -> (N, H, W). A class of probability 0 adds nothing. With the default epsilon, that of
/// the paper's code, a certain pixel has entropy 1.2e-7; with epsilon 0 it has entropy 0. NaN stays NaN.
template <class T>
Tensor<T, 3> entropy(const Tensor<T, 4>& probabilities, double epsilon = probability_epsilon) {
  const Shape<4>& s = probabilities.shape();
  check(s.c() >= 1, "entropy", "no classes in probabilities ", s);
  Tensor<T, 3> result({s.n(), s.h(), s.w()});
  T* const out = result.mutable_data();
  const T* const p = probabilities.data();
  const Index n = s.c();
  parallel_for(result.numel(), kernels::loss_rows(n), [=](Index begin, Index end) {
    const Index piece = kernels::loss_rows(n);
    Scratch<T> scratch(static_cast<std::size_t>(2 * std::min(piece, end - begin) * n));
    for (Index row = begin; row < end; row += piece)
      detail::entropy_rows(std::min(piece, end - row), n, p + row * n, epsilon, scratch.data(), out + row);
  });
  return result;
}

}  // namespace paser::uncertainty
