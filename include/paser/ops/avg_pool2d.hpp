#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/kernels/axis_maps.hpp"
#include "paser/kernels/pool_shape.hpp"
#include "paser/ops/separable.hpp"

namespace paser {

namespace detail {
template <class T>
SeparableMap<T> avg_pool2d_map(const Shape<4>& x, const Pool2dSpec& spec, bool count_include_pad) {
  const auto shape = kernels::pool_shape("avg_pool2d", x, spec);
  return {
      kernels::average_axis<T>(x.h(), shape.out_h, spec.kernel[0], spec.stride[0], spec.padding[0], count_include_pad),
      kernels::average_axis<T>(x.w(), shape.out_w, spec.kernel[1], spec.stride[1], spec.padding[1], count_include_pad)};
}
}  // namespace detail

/// The mean over windows, the convention of torch.nn.functional.avg_pool2d. x: (N, H, W, C) -> (N, H', W', C) with
/// H' = (H + 2 padding - kernel) / stride + 1. Padding counts as zeros when count_include_pad, else not at all.
/// Throws ShapeError when a window is larger than the padded input or the padding than half a window.
template <class T>
Tensor<T, 4> avg_pool2d(const Tensor<T, 4>& x, const Pool2dSpec& spec = {}, bool count_include_pad = true) {
  return detail::avg_pool2d_map<T>(x.shape(), spec, count_include_pad)(x);
}

/// The same value, recorded. Keeps no tensor.
template <class T>
Var<T, 4> avg_pool2d(const Var<T, 4>& x, const Pool2dSpec& spec = {}, bool count_include_pad = true) {
  return detail::record_separable(x, detail::avg_pool2d_map<T>(x.shape(), spec, count_include_pad));
}

/// Counted as free.
inline Counted<4> avg_pool2d(const Counted<4>& x, const Pool2dSpec& spec = {}, bool = true) {
  const auto shape = kernels::pool_shape("avg_pool2d", x.shape(), spec);
  return x.free(Shape<4>{shape.n, shape.out_h, shape.out_w, shape.c});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
