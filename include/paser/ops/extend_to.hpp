#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/kernels/axis_maps.hpp"
#include "paser/ops/separable.hpp"

namespace paser {

/// What is thought to stand beyond the border of an image.
enum class Border {
  mirrored,  ///< the image, mirrored at its border pixels, which are not repeated; torch's "reflect"
  edge       ///< the border pixels, repeated; torch's "replicate"
};

namespace detail {

inline Shape<4> extended_shape(const Shape<4>& x, Index height, Index width) {
  check(x.h() >= 1 && x.w() >= 1 && x.h() <= height && x.w() <= width, "extend_to", "cannot extend input ", x, " to ",
        height, " x ", width, " pixels");
  return {x.n(), height, width, x.c()};
}

template <class T>
SeparableMap<T> extension(const Shape<4>& x, Index height, Index width, Border border) {
  extended_shape(x, height, width);
  const bool mirror = border == Border::mirrored;
  return {kernels::extended_axis<T>(x.h(), height, mirror), kernels::extended_axis<T>(x.w(), width, mirror)};
}

}  // namespace detail

/// Adds pixels at the bottom and the right up to the given size. (N, H, W, C) -> (N, height, width, C). Unlike
/// torch.nn.functional.pad, a mirrored border may be wider than the image: it is then mirrored to and fro. Throws
/// ShapeError when x is empty or larger.
template <class T>
Tensor<T, 4> extend_to(const Tensor<T, 4>& x, Index height, Index width, Border border) {
  return detail::extension<T>(x.shape(), height, width, border)(x);
}

/// The same value, recorded. Keeps no tensor: dx sums dy over the copies of a pixel.
template <class T>
Var<T, 4> extend_to(const Var<T, 4>& x, Index height, Index width, Border border) {
  return detail::record_separable(x, detail::extension<T>(x.shape(), height, width, border));
}

/// Counted as free.
inline Counted<4> extend_to(const Counted<4>& x, Index height, Index width, Border) {
  return x.free(detail::extended_shape(x.shape(), height, width));
}

}  // namespace paser
#include "paser/core/macros_on.inc"
