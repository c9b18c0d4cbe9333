#pragma once
#include "paser/core/macros_off.inc"

#include <vector>

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/core/rows.hpp"
#include "paser/kernels/dropout.hpp"
#include "paser/kernels/elementwise.hpp"
#include "paser/ops/deferred_norm.hpp"

namespace paser {

namespace detail {

inline void check_dropout(double p, const Shape<4>& x, const std::vector<Key>& keys) {
  check<ValueError>(p >= 0 && p <= 1, "dropout", "the probability must lie in 0 .. 1, got ", p);
  const auto count = static_cast<Index>(keys.size());
  check(x.n() == 0 ? count == 0 : count >= x.n() && count % x.n() == 0, "dropout", count, " keys for input ", x,
        ", expected one per image, or as many for each");
}

/// x / (1 - p) where the mask is not zero, else 0.
template <class T>
Tensor<T, 4> apply_mask(const Tensor<T, 4>& x, const Tensor<T, 4>& mask, double p) {
  if (p == 1) return Tensor<T, 4>::zeros(x.shape());
  Tensor<T, 4> y(x.shape());
  kernels::apply_mask(x.numel(), static_cast<T>(1 / (1 - p)), mask.data(), x.data(), y.mutable_data());
  return y;
}

}  // namespace detail

/// Dropout (Srivastava et al. 2014) of single elements: each is zero with probability p and divided by 1 - p otherwise.
/// x: (N, H, W, C) -> (N, H, W, C). Element i of image n is kept when keys[n].uniform(i) >= p, for p = 1/2 when
/// bit i mod 32 of keys[n].word(i / 32) is set. p = 0 is the identity, p = 1 gives zeros.
/// With several times as many keys as images the images are used again and again: (N, H, W, C) -> (keys, H, W, C).
/// Throws ValueError unless 0 <= p <= 1, ShapeError unless there is a key for each image.
template <class T>
Tensor<T, 4> dropout(const Tensor<T, 4>& x, double p, const std::vector<Key>& keys) {
  detail::check_dropout(p, x.shape(), keys);
  const Index n = x.shape().n();
  if (p == 0) return n == 0 ? x : repeat_rows(x, static_cast<Index>(keys.size()) / n);
  Shape<4> shape = x.shape();
  shape[0] = static_cast<Index>(keys.size());
  if (p == 1) return Tensor<T, 4>::zeros(shape);
  Tensor<T, 4> y(shape);
  if (n > 0) kernels::dropout<T>(keys, n, x.numel() / n, p, x.data(), y.mutable_data());
  return y;
}

/// Of a map whose norm and repetition are still to be done: a key for each image as its readers see it.
template <class T>
Tensor<T, 4> dropout(const DeferredNorm<Tensor<T, 4>>& x, double p, const std::vector<Key>& keys) {
  check(static_cast<Index>(keys.size()) == x.shape().n(), "dropout", keys.size(), " keys for input ", x.shape(),
        ", expected one per image");
  return dropout(detail::materialize_once(x), p, keys);
}

/// The same value, recorded; one key per image. Keeps only the keys: backward draws the mask again.
template <class T>
Var<T, 4> dropout(const Var<T, 4>& x, double p, const std::vector<Key>& keys) {
  check(static_cast<Index>(keys.size()) == x.shape().n(), "dropout", keys.size(), " keys for input ", x.shape(),
        ", expected one per image");
  return record(dropout(x.value(), p, keys), {x}, [p, keys](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
    if (grad.wants(0)) grad.add(0, dropout(dy, p, keys));
  });
}

/// Dropout by a given mask: x / (1 - p) where it is not zero, 0 where it is (and everywhere when p = 1).
/// x, mask: (N, H, W, C). Throws ShapeError when the shapes differ, ValueError unless 0 <= p <= 1.
template <class T>
Tensor<T, 4> dropout_with_mask(const Tensor<T, 4>& x, const Tensor<T, 4>& mask, double p) {
  check_same_shape("dropout_with_mask", x, mask);
  check<ValueError>(p >= 0 && p <= 1, "dropout_with_mask", "the probability must lie in 0 .. 1, got ", p);
  return detail::apply_mask(x, mask, p);
}

/// The same value, recorded. Keeps the mask.
template <class T>
Var<T, 4> dropout_with_mask(const Var<T, 4>& x, const Tensor<T, 4>& mask, double p) {
  return record(dropout_with_mask(x.value(), mask, p), {x}, [p, mask](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
    if (grad.wants(0)) grad.add(0, detail::apply_mask(dy, mask, p));
  });
}

/// Counted as free.
inline Counted<4> dropout(const Counted<4>& x, double, const std::vector<Key>&) {
  return x;
}
template <class T>
Counted<4> dropout_with_mask(const Counted<4>& x, const Tensor<T, 4>&, double) {
  return x;
}

}  // namespace paser
#include "paser/core/macros_on.inc"
