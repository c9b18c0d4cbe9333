#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/tensor.hpp"

namespace paser::pipeline {

/// Reward of every patch, the paper's Eq. 2: R = (1 - lambda) (IoU(chosen model) - IoU(f1)) - lambda cost. All (N, P).
/// Throws ValueError unless 0 <= lambda <= 1.
template <class T>
Tensor<T, 2> reward(const Tensor<T, 2>& iou_chosen, const Tensor<T, 2>& iou_small, const Tensor<T, 2>& cost,
                    double lambda) {
  check<ValueError>(lambda >= 0 && lambda <= 1, "reward", "lambda must lie in [0,1], got ", lambda);
  check_same_shape("reward", iou_chosen, iou_small);
  check_same_shape("reward", iou_chosen, cost);
  Tensor<T, 2> result(cost.shape());
  T* out = result.mutable_data();
  for (Index i = 0; i < cost.numel(); ++i) {
    const double gain = static_cast<double>(iou_chosen.data()[i]) - static_cast<double>(iou_small.data()[i]);
    out[i] = static_cast<T>((1 - lambda) * gain - lambda * static_cast<double>(cost.data()[i]));
  }
  return result;
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
