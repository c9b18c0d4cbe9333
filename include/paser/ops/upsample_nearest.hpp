#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/kernels/axis_maps.hpp"
#include "paser/ops/resize_options.hpp"
#include "paser/ops/separable.hpp"

namespace paser {

namespace detail {
template <class T>
SeparableMap<T> nearest_map(const Shape<4>& x, const ResizeOptions& options) {
  const auto extent = resize_extent("upsample_nearest", x, options);
  return {kernels::nearest_axis<T>(x.h(), extent.out[0], extent.step[0]),
          kernels::nearest_axis<T>(x.w(), extent.out[1], extent.step[1])};
}
}  // namespace detail

/// Repeats (or skips) pixels: output (i, j) is input (floor(i H / H'), floor(j W / W')), or (floor(i / scale), floor(j
/// / scale)); torch.nn.functional.interpolate(mode="nearest"). x: (N, H, W, C) -> (N, H', W', C). Throws like
/// upsample_bilinear.
template <class T>
Tensor<T, 4> upsample_nearest(const Tensor<T, 4>& x, const ResizeOptions& options) {
  return detail::separable(x, detail::resize_extent("upsample_nearest", x.shape(), options).out,
                           [&] { return detail::nearest_map<T>(x.shape(), options); });
}

/// The same value, recorded. Keeps no tensor: dx sums dy over the repetitions of a pixel.
template <class T>
Var<T, 4> upsample_nearest(const Var<T, 4>& x, const ResizeOptions& options) {
  return detail::separable(x, detail::resize_extent("upsample_nearest", x.shape(), options).out,
                           [&] { return detail::nearest_map<T>(x.shape(), options); });
}

/// Counted: one for each element of the result.
inline Counted<4> upsample_nearest(const Counted<4>& x, const ResizeOptions& options) {
  const auto out = detail::resize_extent("upsample_nearest", x.shape(), options).out;
  const Shape<4> shape{x.shape().n(), out[0], out[1], x.shape().c()};
  return x.then(shape, "upsample_nearest2d", shape.numel());
}

}  // namespace paser
#include "paser/core/macros_on.inc"
