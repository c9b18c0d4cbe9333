#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/core/parallel.hpp"
#include "paser/kernels/copy_channels.hpp"

namespace paser {

namespace detail {

inline Shape<4> slice_shape(const Shape<4>& x, Index first, Index count) {
  check(first >= 0 && count >= 0 && first <= x.c() && count <= x.c() - first, "slice_channels", "expected channels ",
        first, " .. ", first + count, " (excluded) within the ", x.c(), " of input ", x);
  return {x.n(), x.h(), x.w(), count};
}

/// Channels offset .. offset + shape.c() of x, as a tensor of the given shape.
template <class T>
Tensor<T, 4> slice_channels(const Tensor<T, 4>& x, const Shape<4>& shape, Index offset) {
  Tensor<T, 4> y(shape);
  const Index c = x.shape().c(), part = shape.c();
  parallel_for(shape.n() * shape.h() * shape.w(), 1024, [&, out = y.mutable_data()](Index begin, Index end) {
    kernels::copy_channels(end - begin, part, x.data() + begin * c + offset, c, out + begin * part, part);
  });
  return y;
}

/// Writes the channels of dy over the channels first .. first + dy's of a tensor of zeros: what a slice hands back.
template <class T>
Tensor<T, 4> among_zeros(const Tensor<T, 4>& dy, const Shape<4>& shape, Index first) {
  auto dx = Tensor<T, 4>::zeros(shape);
  const Index c = shape.c(), part = dy.shape().c();
  parallel_for(shape.n() * shape.h() * shape.w(), 1024, [&, out = dx.mutable_data()](Index begin, Index end) {
    kernels::copy_channels(end - begin, part, dy.data() + begin * part, part, out + begin * c + first, c);
  });
  return dx;
}

}  // namespace detail

/// The channels first .. first + count - 1: (N, H, W, C) -> (N, H, W, count). torch.narrow along the channels. Throws
/// ShapeError when x has not as many.
template <class T>
Tensor<T, 4> slice_channels(const Tensor<T, 4>& x, Index first, Index count) {
  const Shape<4> shape = detail::slice_shape(x.shape(), first, count);
  return count == x.shape().c() ? x : detail::slice_channels(x, shape, first);
}

/// The same value, recorded. Keeps no tensor: dx is dy in those channels and zero in the others.
template <class T>
Var<T, 4> slice_channels(const Var<T, 4>& x, Index first, Index count) {
  return record(slice_channels(x.value(), first, count), {x},
                [shape = x.shape(), first](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
                  if (grad.wants(0)) grad.add(0, detail::among_zeros(dy, shape, first));
                });
}

/// Counted as free.
inline Counted<4> slice_channels(const Counted<4>& x, Index first, Index count) {
  return x.free(detail::slice_shape(x.shape(), first, count));
}

}  // namespace paser
#include "paser/core/macros_on.inc"
