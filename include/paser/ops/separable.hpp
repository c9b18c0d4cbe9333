#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <utility>

#include "paser/autograd/tape.hpp"
#include "paser/kernels/separable.hpp"

namespace paser::detail {

/// The two sparse matrices of an op that acts on rows and columns apart.
template <class T>
struct SeparableMap {
  kernels::AxisMap<T> rows, columns;

  Tensor<T, 4> operator()(const Tensor<T, 4>& x, Tensor<T, 4> y) const {
    kernels::apply_separable(rows, columns, x.shape().n(), x.shape().c(), x.data(), y.mutable_data());
    return y;
  }
  SeparableMap transposed() const { return {rows.transposed(), columns.transposed()}; }
};

/// x under the map that make() gives, which leads to sides of this size. The result is made before the map: tables as
/// long as the sides of a result that no memory can hold would take all time and memory before it is refused.
template <class T, class Make>
Tensor<T, 4> separable(const Tensor<T, 4>& x, const std::array<Index, 2>& size, const Make& make) {
  Tensor<T, 4> y({x.shape().n(), size[0], size[1], x.shape().c()});
  return y.empty() ? y : make()(x, std::move(y));
}

/// The same, recorded: the gradient goes through the transposed map, and nothing else is kept.
template <class T, class Make>
Var<T, 4> separable(const Var<T, 4>& x, const std::array<Index, 2>& size, const Make& make) {
  Tensor<T, 4> y({x.shape().n(), size[0], size[1], x.shape().c()});
  if (y.empty())
    return record(std::move(y), {x}, [shape = x.shape()](const Tensor<T, 4>&, GradientSink<T>& grad) {
      if (grad.wants(0)) grad.add(0, Tensor<T, 4>::zeros(shape));
    });
  SeparableMap<T> map = make();
  y = map(x.value(), std::move(y));
  return record(std::move(y), {x},
                [map = std::move(map), shape = x.shape()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  if (grad.wants(0)) grad.add(0, map.transposed()(dy, Tensor<T, 4>(shape)));
                });
}

}  // namespace paser::detail
#include "paser/core/macros_on.inc"
