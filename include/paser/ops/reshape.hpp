#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"

namespace paser {

/// The same elements in row-major order under another shape. Throws ShapeError when the element counts differ.
template <class T, int Rank, int NewRank>
Tensor<T, NewRank> reshape(const Tensor<T, Rank>& x, const Shape<NewRank>& shape) {
  return x.reshape(shape);
}

/// The same value, recorded: dx is dy under the shape of x.
template <class T, int Rank, int NewRank>
Var<T, NewRank> reshape(const Var<T, Rank>& x, const Shape<NewRank>& shape) {
  return record(x.value().reshape(shape), {x}, [from = x.shape()](const Tensor<T, NewRank>& dy, GradientSink<T>& grad) {
    grad.add(0, dy.reshape(from));
  });
}

/// Counted as free.
template <int Rank, int NewRank>
Counted<NewRank> reshape(const Counted<Rank>& x, const Shape<NewRank>& shape) {
  check(shape.numel() == x.shape().numel(), "reshape", x.shape(), " and ", shape, " differ in elements");
  return x.free(shape);
}

}  // namespace paser
#include "paser/core/macros_on.inc"
