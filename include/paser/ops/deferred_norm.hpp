#pragma once
#include "paser/core/macros_off.inc"

#include <memory>
#include <utility>

#include "paser/autograd/counted.hpp"
#include "paser/core/rows.hpp"
#include "paser/ops/channel_norm.hpp"
#include "paser/ops/max_pool2d.hpp"

namespace paser {

/// A map inside a network, (N, H, W, C), whose last steps may still have to be done: a norm, with or without a ReLU,
/// and the repetition of its images. Who reads the map does them on the way, which saves passes over memory, and on a
/// tape the copy that would be kept. V is Tensor<T, 4>, Var<T, 4> or Counted<4>. A plain V converts to a map with
/// nothing left to do.
template <class V>
class DeferredNorm {
 public:
  using Scalar = typename V::Scalar;
  using Norm = detail::Normalization<Scalar>;  ///< Mean and scale of each channel.

  DeferredNorm(V map) : raw_(std::move(map)) {}
  /// norm(raw). The place of a Var `raw` on its tape is that of the result: gradients that flow into it are those of
  /// norm(raw).
  DeferredNorm(V raw, std::shared_ptr<const Norm> norm) : raw_(std::move(raw)), norm_(std::move(norm)) {}

  /// Of the map as its readers see it.
  Shape<4> shape() const {
    Shape<4> s = raw_.shape();
    s[0] *= repeats_;
    return s;
  }

  /// All images, `times` times in a row: what a network computes of them is the same for every repetition until a
  /// dropout tells these apart, so that a part that reads the map may be computed once for all of them.
  DeferredNorm repeated(Index times) const {
    DeferredNorm result = *this;
    result.repeats_ *= times;
    return result;
  }

  /// The values before norm and repetition.
  const V& raw() const { return raw_; }
  /// Null: no norm is left to do.
  const std::shared_ptr<const Norm>& norm() const { return norm_; }
  Index repeats() const { return repeats_; }  ///< How often each image stands for itself in the batch.

 private:
  V raw_;
  std::shared_ptr<const Norm> norm_;
  Index repeats_ = 1;
};

namespace detail {

/// The map without its repetition.
template <class T>
Tensor<T, 4> materialize_once(const DeferredNorm<Tensor<T, 4>>& x) {
  return x.norm() ? normalize(*x.norm(), x.raw()) : x.raw();
}

}  // namespace detail

/// The map with nothing left to do. (N, H, W, C) -> (N, H, W, C).
template <class T>
Tensor<T, 4> materialize(const DeferredNorm<Tensor<T, 4>>& x) {
  return repeat_rows(detail::materialize_once(x), x.repeats());
}

/// The same value, recorded. Keeps nothing: the gradient of the result is that of the map.
template <class T>
Var<T, 4> materialize(const DeferredNorm<Var<T, 4>>& x) {
  check<ValueError>(x.repeats() == 1, "materialize", "repeated images are not recorded");
  if (!x.norm()) return x.raw();
  return record(detail::normalize(*x.norm(), x.raw().value()), {x.raw()},
                [](Tensor<T, 4> dy, GradientSink<T>& grad) { grad.add(0, std::move(dy)); });
}

/// Counted as free.
inline Counted<4> materialize(const DeferredNorm<Counted<4>>& x) {
  return x.raw().free(x.shape());
}

/// max_pool2d of the map, its last steps still to be done: a norm with positive scale and a ReLU never decrease, so
/// they commute with the maximum, and where the ReLU cuts a whole window off no gradient passes whichever value is
/// chosen.
template <class V>
DeferredNorm<V> max_pool2d(const DeferredNorm<V>& x, const Pool2dOptions& options = {}) {
  return DeferredNorm<V>{max_pool2d(x.raw(), options), x.norm()}.repeated(x.repeats());
}

}  // namespace paser
#include "paser/core/macros_on.inc"
