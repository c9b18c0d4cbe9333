#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cstdint>

#include "paser/core/shape.hpp"

/// Losses on rows of logits, one row a pixel. Every function returns the sum over all rows, in double, and where the
/// gradient pointer is not null writes factor times the derivative of that sum.
namespace paser::kernels {

/// Rows per piece of work: a few thousand logits, whatever the number of classes.
inline Index loss_rows(Index classes) {
  return std::max<Index>(1, 4096 / std::max<Index>(classes, 1));
}

/// Sum over rows of weight[label] * (log-sum-exp - logit of the label). Rows whose label is `ignored` add nothing and
/// get a gradient of zero. All other labels must lie in 0 .. classes - 1.
template <class T>
double cross_entropy_labels(Index rows, Index classes, const T* logits, const std::int32_t* labels,
                            const double* weight, std::int64_t ignored, double factor, T* gradient);

/// Sum over rows and classes of weight * target * (log-sum-exp - logit). A class with target 0 adds nothing even where
/// its logit is minus infinity.
template <class T>
double cross_entropy_probabilities(Index rows, Index classes, const T* logits, const T* target, const double* weight,
                                   double factor, T* gradient);

}  // namespace paser::kernels

#ifndef PASER_COMPILED

#include "paser/core/memory.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/loops/exp_rows.hpp"

namespace paser::kernels {

namespace detail {

/// Calls body(first, rows, e, maximum, log_sum, sum) for each piece, with exp_rows of its logits. e lies in `kept` when
/// that is not null (an array as large as the logits), else in scratch.
template <class T, class Body>
double sum_over_rows(Index rows, Index classes, const T* logits, T* kept, const Body& body) {
  const Index piece = loss_rows(classes);
  return parallel_sum(rows, piece, [&](Index begin, Index end) {
    const Index count = end - begin;
    Scratch<T> scratch(static_cast<std::size_t>(count * (3 + (kept == nullptr ? classes : 0))));
    T *const maximum = scratch.data(), *const sum = maximum + count, *const log_sum = sum + count;
    T* const e = kept == nullptr ? log_sum + count : kept + begin * classes;
    exp_rows(count, classes, logits + begin * classes, e, maximum, sum);
    log_span(count, sum, log_sum);
    return body(begin, count, e, maximum, log_sum, sum);
  });
}

}  // namespace detail

template <class T>
double cross_entropy_labels(Index rows, Index classes, const T* logits, const std::int32_t* labels,
                            const double* weight, std::int64_t ignored, double factor, T* gradient) {
  return detail::sum_over_rows(rows, classes, logits, gradient,
                               [=](Index first, Index count, T* e, const T* maximum, const T* log_sum, const T* sum) {
                                 double loss = 0;
                                 for (Index i = 0; i < count; ++i, e += classes) {
                                   const std::int32_t label = labels[first + i];
                                   if (label == ignored) {
                                     if (gradient != nullptr) std::fill_n(e, classes, T(0));
                                     continue;
                                   }
                                   const T own = logits[(first + i) * classes + label] - maximum[i];
                                   loss += weight[label] * static_cast<double>(log_sum[i] - own);
                                   if (gradient == nullptr) continue;
                                   const T scale = static_cast<T>(factor * weight[label]), share = scale / sum[i];
                                   for (Index k = 0; k < classes; ++k) e[k] *= share;
                                   e[label] -= scale;
                                 }
                                 return loss;
                               });
}

template <class T>
double cross_entropy_probabilities(Index rows, Index classes, const T* logits, const T* target, const double* weight,
                                   double factor, T* gradient) {
  return detail::sum_over_rows(rows, classes, logits, gradient,
                               [=](Index first, Index count, T* e, const T* maximum, const T* log_sum, const T* sum) {
                                 double loss = 0;
                                 for (Index i = 0; i < count; ++i, e += classes) {
                                   const T *x = logits + (first + i) * classes, *t = target + (first + i) * classes;
                                   double mass = 0;
                                   for (Index k = 0; k < classes; ++k) {
                                     const double share = weight[k] * static_cast<double>(t[k]);
                                     mass += share;
                                     if (share != 0)
                                       loss += share * static_cast<double>(log_sum[i] - (x[k] - maximum[i]));
                                   }
                                   if (gradient == nullptr) continue;
                                   const T scale = static_cast<T>(factor * mass) / sum[i];
                                   for (Index k = 0; k < classes; ++k)
                                     e[k] =
                                         e[k] * scale - static_cast<T>(factor * weight[k] * static_cast<double>(t[k]));
                                 }
                                 return loss;
                               });
}

}  // namespace paser::kernels

#endif
#include "paser/core/macros_on.inc"
