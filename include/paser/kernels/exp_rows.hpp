#pragma once

#include <cmath>

#include "paser/core/simd.hpp"
#include "paser/kernels/fixed_extent.hpp"

namespace paser::kernels {

/// y[i] = exp(x[i]) on this thread; x and y may be the same array.
template <class T>
void exp_span(Index n, const T* x, T* y) {
  Index i = 0;
  for (; i + simd::width<T> <= n; i += simd::width<T>) simd::store(y + i, simd::exp(simd::load(x + i)));
  for (; i < n; ++i) y[i] = std::exp(x[i]);
}

/// y[i] = log(x[i]) on this thread; x and y may be the same array.
template <class T>
void log_span(Index n, const T* x, T* y) {
  Index i = 0;
  for (; i + simd::width<T> <= n; i += simd::width<T>) simd::store(y + i, simd::log(simd::load(x + i)));
  for (; i < n; ++i) y[i] = std::log(x[i]);
}

/// For each of `rows` rows of `n` logits: e = exp(logits - their maximum), sum = the sum of e, so that softmax = e /
/// sum and log-sum-exp = maximum + log(sum), and nothing overflows. On this thread. The exponentials of all rows are
/// taken in one go, since a row of three classes alone would leave a packet mostly empty.
template <class T>
void exp_rows(Index rows, Index n, const T* logits, T* e, T* maximum, T* sum) {
  with_fixed_extent(n, [&](auto size) {
    for (Index row = 0; row < rows; ++row) {
      const T* const x = logits + row * size;
      T largest = x[0];
      for (Index k = 1; k < size; ++k) largest = x[k] > largest ? x[k] : largest;
      maximum[row] = largest;
      for (Index k = 0; k < size; ++k) e[row * size + k] = x[k] - largest;
    }
  });
  exp_span(rows * n, e, e);
  with_fixed_extent(n, [&](auto size) {
    for (Index row = 0; row < rows; ++row) {
      T total = 0;
      for (Index k = 0; k < size; ++k) total += e[row * size + k];
      sum[row] = total;
    }
  });
}

}  // namespace paser::kernels
