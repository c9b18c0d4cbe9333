#pragma once

#include "paser/core/parallel.hpp"
#include "paser/core/tensor.hpp"

namespace paser {

/// The class with the largest logit (or probability) of every pixel; ties go to the lowest class. (N, H, W, K) -> (N,
/// H, W).
template <class T>
Labels argmax_channels(const Tensor<T, 4>& logits) {
  const Shape<4>& shape = logits.shape();
  check(shape.c() >= 1, "argmax_channels", "no channels in ", shape);
  Labels labels({shape.n(), shape.h(), shape.w()});
  std::int32_t* out = labels.mutable_data();
  const T* in = logits.data();
  const Index classes = shape.c();
  parallel_for(labels.numel(), 1 << 12, [=](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const T* pixel = in + i * classes;
      std::int32_t best = 0;
      for (std::int32_t k = 1; k < classes; ++k)
        if (pixel[k] > pixel[best]) best = k;
      out[i] = best;
    }
  });
  return labels;
}

}  // namespace paser
