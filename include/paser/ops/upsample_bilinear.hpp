#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/kernels/axis_maps.hpp"
#include "paser/ops/resize_options.hpp"
#include "paser/ops/separable.hpp"

namespace paser {

namespace detail {
template <class T>
SeparableMap<T> bilinear_map(const Shape<4>& x, const ResizeOptions& options) {
  const auto extent = resize_extent("upsample_bilinear", x, options);
  return {kernels::linear_axis<T>(x.h(), extent.out[0], options.align_corners, extent.step[0]),
          kernels::linear_axis<T>(x.w(), extent.out[1], options.align_corners, extent.step[1])};
}
}  // namespace detail

/// Bilinear interpolation by a scale or to a size, enlarging or reducing (without antialiasing); the convention of
/// torch.nn.functional.interpolate(mode="bilinear"). x: (N, H, W, C) -> (N, H', W', C). Throws ValueError unless
/// exactly one of scale and size is given, ShapeError when a side would be empty.
template <class T>
Tensor<T, 4> upsample_bilinear(const Tensor<T, 4>& x, const ResizeOptions& options) {
  return detail::separable(x, detail::resize_extent("upsample_bilinear", x.shape(), options).out,
                           [&] { return detail::bilinear_map<T>(x.shape(), options); });
}

/// The same value, recorded. Keeps no tensor: dx is dy under the transposed interpolation.
template <class T>
Var<T, 4> upsample_bilinear(const Var<T, 4>& x, const ResizeOptions& options) {
  return detail::separable(x, detail::resize_extent("upsample_bilinear", x.shape(), options).out,
                           [&] { return detail::bilinear_map<T>(x.shape(), options); });
}

/// Counted: four for each element of the result.
inline Counted<4> upsample_bilinear(const Counted<4>& x, const ResizeOptions& options) {
  const auto out = detail::resize_extent("upsample_bilinear", x.shape(), options).out;
  const Shape<4> shape{x.shape().n(), out[0], out[1], x.shape().c()};
  return x.then(shape, "upsample_bilinear2d", {4, shape.numel()});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
