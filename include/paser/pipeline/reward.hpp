#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/tensor.hpp"

namespace paser::pipeline {

/// Reward of every patch, (1 - lambda) gain - lambda cost; all (N, P). With the difference of the patch's IoUs as gain,
/// IoU(chosen model) - IoU(f1), it is the paper's Eq. 2. Throws ValueError unless 0 <= lambda <= 1.
template <class T>
Tensor<T, 2> reward(const Tensor<T, 2>& gain, const Tensor<T, 2>& cost, double lambda) {
  check<ValueError>(lambda >= 0 && lambda <= 1, "reward", "lambda must lie in [0,1], got ", lambda);
  check_same_shape("reward", gain, cost);
  Tensor<T, 2> result(cost.shape());
  T* out = result.mutable_data();
  for (Index i = 0; i < cost.numel(); ++i)
    out[i] = static_cast<T>((1 - lambda) * static_cast<double>(gain.data()[i]) -
                            lambda * static_cast<double>(cost.data()[i]));
  return result;
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
