#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "paser/core/simd.hpp"
#include "paser/kernels/loops/fixed_extent.hpp"
#include "paser/kernels/loops/map.hpp"

namespace paser::kernels {

/// y[i] = exp(x[i]), see map_span.
template <class T>
void exp_span(Index n, const T* x, T* y) {
  map_span(
      n, y, [](const auto& v) { return simd::exp(v); }, x);
}

/// y[i] = log(x[i]), see map_span.
template <class T>
void log_span(Index n, const T* x, T* y) {
  map_span(
      n, y, [](const auto& v) { return simd::log(v); }, x);
}

namespace detail {

/// f(row, e, maximum, sum) for every packet of rows from `row` on, with packets over the rows: e[k] is the exponential
/// of logit k less the row's maximum. Then e, which f may change, is written. Returns how many rows that were.
template <Index N, class T, class F>
Index exp_few(Index rows, const T* logits, T* e, const F& f) {
  constexpr Index width = simd::width<T>, run = 8 * width;
  T values[N][run];
  const Index all = rows / width * width;
  for (Index first = 0; first < all; first += run) {
    const Index count = std::min(run, all - first);
    const T* const from = logits + first * N;
    T* const to = e + first * N;
    for (Index i = 0; i < count; ++i)
      for (Index k = 0; k < N; ++k) values[k][i] = from[i * N + k];
    for (Index i = 0; i < count; i += width) {
      simd::Packet<T> v[N];
      for (Index k = 0; k < N; ++k) v[k] = simd::load(values[k] + i);
      auto maximum = v[0];
      for (Index k = 1; k < N; ++k) maximum = simd::select(simd::less(maximum, v[k]), v[k], maximum);
      auto sum = simd::zero<T>();
      for (Index k = 0; k < N; ++k) {
        v[k] = simd::exp(simd::sub(v[k], maximum));
        sum = simd::add(sum, v[k]);
      }
      f(first + i, v, maximum, sum);
      for (Index k = 0; k < N; ++k) simd::store(values[k] + i, v[k]);
    }
    for (Index i = 0; i < count; ++i)
      for (Index k = 0; k < N; ++k) to[i * N + k] = values[k][i];
  }
  return all;
}

}  // namespace detail

/// For each of `rows` rows of `n` logits: e = exp(logits - their maximum), sum = the sum of e, so that softmax = e /
/// sum and log-sum-exp = maximum + log(sum), and nothing overflows. On this thread. The exponentials of all rows are
/// taken in a single pass, since a row of three classes alone would leave a packet mostly empty.
template <class T>
void exp_rows(Index rows, Index n, const T* logits, T* e, T* maximum, T* sum) {
  Index done = 0;
  with_fixed_extent(n, [&](auto size) {
    if constexpr (!std::is_same_v<decltype(size), Index>)
      done = detail::exp_few<decltype(size)::value>(
          rows, logits, e, [&](Index row, const auto&, const auto& largest, const auto& total) {
            simd::store(maximum + row, largest);
            simd::store(sum + row, total);
          });
    for (Index row = done; row < rows; ++row) {
      const T* const x = logits + row * size;
      T largest = x[0];
      for (Index k = 1; k < size; ++k) largest = x[k] > largest ? x[k] : largest;
      maximum[row] = largest;
      for (Index k = 0; k < size; ++k) e[row * size + k] = x[k] - largest;
    }
  });
  exp_span((rows - done) * n, e + done * n, e + done * n);
  with_fixed_extent(n, [&](auto size) {
    for (Index row = done; row < rows; ++row) {
      T total = 0;
      for (Index k = 0; k < size; ++k) total += e[row * size + k];
      sum[row] = total;
    }
  });
}

}  // namespace paser::kernels
#include "paser/core/macros_on.inc"
