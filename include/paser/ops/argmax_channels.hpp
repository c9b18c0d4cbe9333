#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/tensor.hpp"
#include "paser/kernels/argmax.hpp"

namespace paser {

/// The class with the largest logit (or probability) of every pixel; ties go to the lowest class. (N, H, W, K) -> (N,
/// H, W).
template <class T>
Labels argmax_channels(const Tensor<T, 4>& logits) {
  const Shape<4>& shape = logits.shape();
  check(shape.c() >= 1, "argmax_channels", "no channels in ", shape);
  Labels labels({shape.n(), shape.h(), shape.w()});
  kernels::argmax(labels.numel(), shape.c(), logits.data(), labels.mutable_data());
  return labels;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
