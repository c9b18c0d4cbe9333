#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

namespace paser::kernels {

/// y = exp(x) / (sum of exp(x)) for each of `rows` rows of n.
template <class T>
void softmax_forward(Index rows, Index n, const T* x, T* y);

/// dx = y * (dy - sum of dy * y).
template <class T>
void softmax_backward(Index rows, Index n, const T* y, const T* dy, T* dx);

/// y = x - log(sum of exp(x)).
template <class T>
void log_softmax_forward(Index rows, Index n, const T* x, T* y);

/// dx = dy - exp(y) * (sum of dy).
template <class T>
void log_softmax_backward(Index rows, Index n, const T* y, const T* dy, T* dx);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <algorithm>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/loops/exp_rows.hpp"

namespace paser::kernels {

namespace detail {

/// f(first row, number of rows) for runs of rows that fit the cache. Runs start at multiples of a size that depends on
/// n alone, so no packet depends on the thread count.
template <class F>
void for_row_runs(Index rows, Index n, const F& f) {
  const Index run = std::max<Index>(1, 4096 / n);
  parallel_for(rows, run, [&](Index begin, Index end) {
    for (Index row = begin; row < end; row += run) f(row, std::min(run, end - row));
  });
}

}  // namespace detail

template <class T>
void softmax_forward(Index rows, Index n, const T* x, T* y) {
  detail::for_row_runs(rows, n, [&](Index first, Index count) {
    with_fixed_extent(n, [&](auto size) {
      const T* const from = x + first * size;
      T* const to = y + first * size;
      Index done = 0;
      if constexpr (!std::is_same_v<decltype(size), Index>)
        done =
            detail::exp_few<decltype(size)::value>(count, from, to, [](Index, auto& e, const auto&, const auto& sum) {
              const auto factor = simd::div(simd::broadcast(T(1)), sum);
              for (auto& value : e) value = simd::mul(value, factor);
            });
      const Index left = count - done;
      if (left == 0) return;
      Scratch<T> scratch(static_cast<std::size_t>(2 * left));
      T *const maximum = scratch.data(), *const sum = maximum + left, *const rest = to + done * size;
      exp_rows(left, n, from + done * size, rest, maximum, sum);
      for (Index row = 0; row < left; ++row) {
        const T factor = T(1) / sum[row];
        for (Index k = 0; k < size; ++k) rest[row * size + k] *= factor;
      }
    });
  });
}

template <class T>
void softmax_backward(Index rows, Index n, const T* y, const T* dy, T* dx) {
  detail::for_row_runs(rows, n, [&](Index first, Index count) {
    with_fixed_extent(n, [&](auto size) {
      for (Index row = first; row < first + count; ++row) {
        const T *const p = y + row * size, *const g = dy + row * size;
        T sum = 0;
        for (Index k = 0; k < size; ++k) sum += g[k] * p[k];
        for (Index k = 0; k < size; ++k) dx[row * size + k] = p[k] * (g[k] - sum);
      }
    });
  });
}

template <class T>
void log_softmax_forward(Index rows, Index n, const T* x, T* y) {
  detail::for_row_runs(rows, n, [&](Index first, Index count) {
    Scratch<T> scratch(static_cast<std::size_t>(2 * count));
    T *const maximum = scratch.data(), *const sum = maximum + count, *const to = y + first * n;
    exp_rows(count, n, x + first * n, to, maximum, sum);
    log_span(count, sum, sum);
    // Not x - (maximum + log(sum)): that sum would lose the digits of a small logarithm behind a large maximum.
    with_fixed_extent(n, [&](auto size) {
      const T* const from = x + first * size;
      for (Index row = 0; row < count; ++row)
        for (Index k = 0; k < size; ++k) to[row * size + k] = (from[row * size + k] - maximum[row]) - sum[row];
    });
  });
}

template <class T>
void log_softmax_backward(Index rows, Index n, const T* y, const T* dy, T* dx) {
  detail::for_row_runs(rows, n, [&](Index first, Index count) {
    exp_span(count * n, y + first * n, dx + first * n);
    with_fixed_extent(n, [&](auto size) {
      for (Index row = first; row < first + count; ++row) {
        const T* const g = dy + row * size;
        T* const out = dx + row * size;
        T sum = 0;
        for (Index k = 0; k < size; ++k) sum += g[k];
        for (Index k = 0; k < size; ++k) out[k] = g[k] - out[k] * sum;
      }
    });
  });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
