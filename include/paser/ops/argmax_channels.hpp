#pragma once
#include "paser/core/macros_off.inc"

#include <atomic>
#include <cmath>

#include "paser/core/finite.hpp"
#include "paser/core/parallel.hpp"
#include "paser/core/tensor.hpp"
#include "paser/kernels/argmax.hpp"

namespace paser {

namespace detail {

/// Throws NotFiniteError unless every pixel has a largest logit that is a number. Minus infinity, a class that cannot
/// be, may stand beside one.
template <class T>
void check_comparable(const Tensor<T, 4>& logits) {
  const Shape<4>& shape = logits.shape();
  const Index classes = shape.c();
  for (Index i = first_non_finite(logits.numel(), logits.data()); i < logits.numel();) {
    const Index pixel = i / classes;
    const T* const row = logits.data() + pixel * classes;
    bool known = false;
    for (Index k = 0; k < classes; ++k) {
      const bool impossible = !is_finite(row[k]) && !is_nan(row[k]) && std::signbit(row[k]);
      known = known || is_finite(row[k]);
      check<NotFiniteError>(is_finite(row[k]) || impossible, "argmax_channels", "class ", k, " has ",
                            value_text(row[k]), " at row ", pixel / shape.w() % shape.h(), ", column ",
                            pixel % shape.w(), " of image ", pixel / (shape.h() * shape.w()),
                            ", expected numbers to compare");
    }
    check<NotFiniteError>(known, "argmax_channels", "no class has a finite number at row ",
                          pixel / shape.w() % shape.h(), ", column ", pixel % shape.w(), " of image ",
                          pixel / (shape.h() * shape.w()));
    const Index next = (pixel + 1) * classes;
    i = next + first_non_finite(logits.numel() - next, logits.data() + next);
  }
}

}  // namespace detail

/// The class with the largest logit (or probability) of every pixel; ties go to the lowest class. (N, H, W, K) -> (N,
/// H, W). Throws NotFiniteError at a pixel with a NaN or infinity among its classes, which would be labelled by chance;
/// minus infinity, a class that cannot be, may stand beside a finite number.
template <class T>
Labels argmax_channels(const Tensor<T, 4>& logits) {
  const Shape<4>& shape = logits.shape();
  check(shape.c() >= 1, "argmax_channels", "no channels in ", shape);
  Labels labels({shape.n(), shape.h(), shape.w()});
  const T* const x = logits.data();
  std::int32_t* const to = labels.mutable_data();
  const Index classes = shape.c();
  // A piece is looked at while it is in the cache for its labels.
  std::atomic<bool> finite{true};
  parallel_for(labels.numel(), Index{1} << 11, [&](Index begin, Index end) {
    const Index n = (end - begin) * classes;
    if (first_non_finite(n, x + begin * classes) < n) finite.store(false, std::memory_order_relaxed);
    kernels::argmax(end - begin, classes, x + begin * classes, to + begin);
  });
  if (!finite.load(std::memory_order_relaxed)) detail::check_comparable(logits);
  return labels;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
