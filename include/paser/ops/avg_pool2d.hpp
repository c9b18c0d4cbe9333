#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/kernels/axis_maps.hpp"
#include "paser/kernels/pool_shape.hpp"
#include "paser/ops/separable.hpp"

namespace paser {

namespace detail {
template <class T>
SeparableMap<T> avg_pool2d_map(const kernels::PoolShape& shape, bool count_include_pad) {
  const Pool2dOptions& options = shape.options;
  return {kernels::average_axis<T>(shape.h, shape.out_h, options.kernel[0], options.stride[0], options.padding[0],
                                   count_include_pad),
          kernels::average_axis<T>(shape.w, shape.out_w, options.kernel[1], options.stride[1], options.padding[1],
                                   count_include_pad)};
}
}  // namespace detail

/// The mean over windows, the convention of torch.nn.functional.avg_pool2d. x: (N, H, W, C) -> (N, H', W', C) with
/// H' = (H + 2 padding - kernel) / stride + 1. Padding counts as zeros when count_include_pad, else not at all.
/// Throws ShapeError when a window is larger than the padded input or the padding than half a window.
template <class T>
Tensor<T, 4> avg_pool2d(const Tensor<T, 4>& x, const Pool2dOptions& options = {}, bool count_include_pad = true) {
  const auto shape = kernels::pool_shape("avg_pool2d", x.shape(), options);
  return detail::separable(x, {shape.out_h, shape.out_w},
                           [&] { return detail::avg_pool2d_map<T>(shape, count_include_pad); });
}

/// The same value, recorded. Keeps no tensor.
template <class T>
Var<T, 4> avg_pool2d(const Var<T, 4>& x, const Pool2dOptions& options = {}, bool count_include_pad = true) {
  const auto shape = kernels::pool_shape("avg_pool2d", x.shape(), options);
  return detail::separable(x, {shape.out_h, shape.out_w},
                           [&] { return detail::avg_pool2d_map<T>(shape, count_include_pad); });
}

/// Counted as free.
inline Counted<4> avg_pool2d(const Counted<4>& x, const Pool2dOptions& options = {}, bool = true) {
  const auto shape = kernels::pool_shape("avg_pool2d", x.shape(), options);
  return x.free(Shape<4>{shape.n, shape.out_h, shape.out_w, shape.c});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
