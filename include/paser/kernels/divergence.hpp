#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

/// Distances between two arrays, as losses.
namespace paser::kernels {

/// The sum of squared differences; gradient, where not null, gets factor times its derivative by a.
template <class T>
double squared_error(Index n, const T* a, const T* b, double factor, T* gradient);

/// The sum over rows of KL(teacher || student); gradients, where not null, get factor times its derivatives by the
/// logits divided by the temperature.
template <class T>
double tempered_divergence(Index rows, Index n, const T* student, const T* teacher, double temperature, double factor,
                           T* dstudent, T* dteacher);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include <cmath>

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/cross_entropy.hpp"

namespace paser::kernels {

template <class T>
double squared_error(Index n, const T* a, const T* b, double factor, T* gradient) {
  const T twice = static_cast<T>(2 * factor);
  return parallel_sum(n, 8192, [=](Index begin, Index end) {
    double sum = 0;
    for (Index i = begin; i < end; ++i) {
      const T difference = a[i] - b[i];
      sum += static_cast<double>(difference) * static_cast<double>(difference);
      if (gradient != nullptr) gradient[i] = twice * difference;
    }
    return sum;
  });
}

namespace detail {

/// Writes softmax and log-softmax of `rows` rows of n logits / temperature; `row_scratch` holds two numbers per row.
template <class T>
void tempered_softmax(Index rows, Index n, const T* logits, T temperature, T* log_p, T* p, T* row_scratch) {
  T *const largest = row_scratch, *const sum = row_scratch + rows;
  for (Index i = 0; i < rows * n; ++i) log_p[i] = logits[i] / temperature;
  exp_rows(rows, n, log_p, p, largest, sum);
  for (Index row = 0; row < rows; ++row) {
    // Two subtractions: largest + log(sum) would lose the digits of a small logarithm.
    const T log_sum = std::log(sum[row]);
    for (Index i = row * n; i < (row + 1) * n; ++i) {
      log_p[i] = (log_p[i] - largest[row]) - log_sum;
      p[i] /= sum[row];
    }
  }
}

}  // namespace detail

template <class T>
double tempered_divergence(Index rows, Index n, const T* student, const T* teacher, double temperature, double factor,
                           T* dstudent, T* dteacher) {
  const T scale = static_cast<T>(factor);
  return parallel_sum(rows, loss_rows(n), [=](Index begin, Index end) {
    const Index size = (end - begin) * n;
    Scratch<T> scratch(static_cast<std::size_t>(4 * size + 2 * (end - begin)));
    T *const log_s = scratch.data(), *const s = log_s + size, *const log_t = s + size, *const t = log_t + size;
    T* const row_scratch = t + size;
    detail::tempered_softmax(end - begin, n, student + begin * n, static_cast<T>(temperature), log_s, s, row_scratch);
    detail::tempered_softmax(end - begin, n, teacher + begin * n, static_cast<T>(temperature), log_t, t, row_scratch);
    double sum = 0;
    for (Index row = 0; row < end - begin; ++row) {
      double divergence = 0;
      for (Index i = row * n; i < (row + 1) * n; ++i)
        if (t[i] > 0) divergence += static_cast<double>(t[i]) * static_cast<double>(log_t[i] - log_s[i]);
      sum += divergence;
      for (Index i = row * n, out = begin * n + i; i < (row + 1) * n; ++i, ++out) {
        if (dstudent != nullptr) dstudent[out] = scale * (s[i] - t[i]);
        if (dteacher != nullptr)
          dteacher[out] = t[i] > 0 ? scale * t[i] * (log_t[i] - log_s[i] - static_cast<T>(divergence)) : T(0);
      }
    }
    return sum;
  });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
