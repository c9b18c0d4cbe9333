#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/tape.hpp"
#include "paser/kernels/separable.hpp"

namespace paser::detail {

/// The two sparse matrices of an op that acts on rows and columns apart.
template <class T>
struct SeparableMap {
  kernels::AxisMap<T> rows, columns;

  Tensor<T, 4> operator()(const Tensor<T, 4>& x) const {
    Tensor<T, 4> y({x.shape().n(), rows.out, columns.out, x.shape().c()});
    kernels::apply_separable(rows, columns, x.shape().n(), x.shape().c(), x.data(), y.mutable_data());
    return y;
  }
  SeparableMap transposed() const { return {rows.transposed(), columns.transposed()}; }
};

/// A linear op on a recorded value: the gradient goes through the transposed map, and nothing else is kept.
template <class T>
Var<T, 4> record_separable(const Var<T, 4>& x, const SeparableMap<T>& map) {
  return record(map(x.value()), {x}, [map](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
    if (grad.wants(0)) grad.add(0, map.transposed()(dy));
  });
}

}  // namespace paser::detail
#include "paser/core/macros_on.inc"
