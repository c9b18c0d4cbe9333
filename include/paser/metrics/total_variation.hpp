#pragma once
#include "paser/core/macros_off.inc"

#include <cmath>

#include "paser/core/tensor.hpp"

namespace paser::metrics {

/// Total variation distance of two distributions at every patch, half the sum of |p - q|, in [0,1]. p, q: (N, P, M) ->
/// (N, P). Throws ShapeError when the shapes differ.
template <class T>
Tensor<T, 2> total_variation(const Tensor<T, 3>& p, const Tensor<T, 3>& q) {
  check_same_shape("total_variation", p, q);
  const Index models = p.shape()[2];
  Tensor<T, 2> result({p.shape()[0], p.shape()[1]});
  T* const out = result.mutable_data();
  for (Index i = 0; i < result.numel(); ++i) {
    double sum = 0;
    for (Index k = i * models; k < (i + 1) * models; ++k)
      sum += std::abs(static_cast<double>(p.data()[k]) - static_cast<double>(q.data()[k]));
    out[i] = static_cast<T>(sum / 2);
  }
  return result;
}

/// The mean over all patches of their distances; NaN when there are none.
template <class T>
double mean_total_variation(const Tensor<T, 3>& p, const Tensor<T, 3>& q) {
  double sum = 0;
  const auto distances = total_variation(p, q);
  for (const T d : distances.values()) sum += static_cast<double>(d);
  return sum / static_cast<double>(distances.numel());
}

/// The distance of the two mean distributions, which forgets where a model was chosen; never above the mean distance.
/// NaN when there are no patches.
template <class T>
double total_variation_of_means(const Tensor<T, 3>& p, const Tensor<T, 3>& q) {
  check_same_shape("total_variation", p, q);
  const Index models = p.shape()[2], patches = p.shape()[0] * p.shape()[1];
  double total = 0;
  for (Index k = 0; k < models; ++k) {
    double difference = 0;
    for (Index i = 0; i < patches; ++i)
      difference += static_cast<double>(p.data()[i * models + k]) - static_cast<double>(q.data()[i * models + k]);
    total += std::abs(difference);
  }
  return total / (2 * static_cast<double>(patches));
}

}  // namespace paser::metrics
#include "paser/core/macros_on.inc"
