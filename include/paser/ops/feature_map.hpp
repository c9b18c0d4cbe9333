#pragma once
#include "paser/core/macros_off.inc"

#include <memory>
#include <utility>

#include "paser/autograd/counted.hpp"
#include "paser/ops/channel_norm.hpp"
#include "paser/ops/max_pool2d.hpp"

namespace paser {

/// A map inside a network, (N, H, W, C), whose last step may be pending: relu(instance norm) of the values held. Who
/// reads it applies that step on the way, which saves a pass over memory, and on a tape the copy that would be kept.
/// V is Tensor<T, 4> or Var<T, 4>. A plain V converts to a map with nothing pending.
template <class V>
class FeatureMap {
 public:
  using Scalar = typename V::Scalar;
  using Norm = detail::Normalization<Scalar>;

  FeatureMap(V map) : held_(std::move(map)) {}
  /// relu(norm(held)). The place of a Var `held` on its tape is that of the result: gradients that flow into it are
  /// those of relu(norm(held)).
  FeatureMap(V held, std::shared_ptr<const Norm> norm) : held_(std::move(held)), norm_(std::move(norm)) {}

  const Shape<4>& shape() const { return held_.shape(); }
  bool pending() const { return norm_ != nullptr; }

  /// The values before the pending step.
  const V& held() const { return held_; }
  const std::shared_ptr<const Norm>& norm() const { return norm_; }

 private:
  V held_;
  std::shared_ptr<const Norm> norm_;
};

/// The map with nothing pending. (N, H, W, C) -> (N, H, W, C).
template <class T>
Tensor<T, 4> materialize(const FeatureMap<Tensor<T, 4>>& x) {
  return x.pending() ? detail::normalize(*x.norm(), x.held()) : x.held();
}

/// The same value, recorded. Keeps nothing: the gradient of the result is that of the map.
template <class T>
Var<T, 4> materialize(const FeatureMap<Var<T, 4>>& x) {
  if (!x.pending()) return x.held();
  return record(detail::normalize(*x.norm(), x.held().value()), {x.held()},
                [](Tensor<T, 4> dy, GradientSink<T>& grad) { grad.add(0, std::move(dy)); });
}

/// max_pool2d of the map, its last step still pending: a norm with positive scale and a ReLU never decrease, so they
/// commute with the maximum, and where the ReLU cuts a whole window off no gradient passes whichever value is chosen.
template <class V>
FeatureMap<V> max_pool2d(const FeatureMap<V>& x, const Pool2dSpec& spec = {}) {
  return {max_pool2d(x.held(), spec), x.norm()};
}

/// Counted as free.
inline Counted<4> materialize(const FeatureMap<Counted<4>>& x) {
  return x.held();
}

}  // namespace paser
#include "paser/core/macros_on.inc"
