#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/kernels/axis_maps.hpp"
#include "paser/ops/resize_options.hpp"
#include "paser/ops/separable.hpp"

namespace paser {

namespace detail {

inline ResizeExtent bicubic_extent(const Shape<4>& x, const ResizeOptions& options) {
  check<ValueError>(!options.align_corners, "upsample_bicubic", "there is no bicubic resizing with aligned corners");
  return resize_extent("upsample_bicubic", x, options);
}

template <class T>
SeparableMap<T> bicubic_map(const Shape<4>& x, const ResizeOptions& options) {
  const auto extent = bicubic_extent(x, options);
  return {kernels::cubic_axis<T>(x.h(), extent.out[0], extent.step[0]),
          kernels::cubic_axis<T>(x.w(), extent.out[1], extent.step[1])};
}

}  // namespace detail

/// Bicubic interpolation by a scale or to a size, without antialiasing: cubic convolution (Keys 1981) with a = -0.75,
/// the convention of torch.nn.functional.interpolate(mode="bicubic", align_corners=False).
/// x: (N, H, W, C) -> (N, H', W', C). Throws ValueError unless exactly one of scale and size is given and corners are
/// not aligned, ShapeError when a side would be empty.
template <class T>
Tensor<T, 4> upsample_bicubic(const Tensor<T, 4>& x, const ResizeOptions& options) {
  return detail::separable(x, detail::bicubic_extent(x.shape(), options).out,
                           [&] { return detail::bicubic_map<T>(x.shape(), options); });
}

/// The same value, recorded. Keeps no tensor: dx is dy under the transposed interpolation.
template <class T>
Var<T, 4> upsample_bicubic(const Var<T, 4>& x, const ResizeOptions& options) {
  return detail::separable(x, detail::bicubic_extent(x.shape(), options).out,
                           [&] { return detail::bicubic_map<T>(x.shape(), options); });
}

/// Counted as free, as fvcore does.
inline Counted<4> upsample_bicubic(const Counted<4>& x, const ResizeOptions& options) {
  const auto out = detail::bicubic_extent(x.shape(), options).out;
  return x.free(Shape<4>{x.shape().n(), out[0], out[1], x.shape().c()});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
