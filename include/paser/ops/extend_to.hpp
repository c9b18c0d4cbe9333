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

inline Shape<4> extended_shape(const Shape<4>& x, Index height, Index width, Index top = 0, Index left = 0) {
  check(x.h() >= 1 && x.w() >= 1 && top >= 0 && left >= 0 && height >= x.h() && top <= height - x.h() &&
            width >= x.w() && left <= width - x.w(),
        "extend_to", "cannot extend input ", x, " to ", height, " x ", width, " pixels, ", top, " of them above and ",
        left, " on the left");
  return {x.n(), height, width, x.c()};
}

template <class T>
SeparableMap<T> extension(const Shape<4>& x, Index height, Index width, Border border, Index top, Index left) {
  const bool mirror = border == Border::mirrored;
  return {kernels::extended_axis<T>(x.h(), height, mirror, top), kernels::extended_axis<T>(x.w(), width, mirror, left)};
}

}  // namespace detail

/// Adds pixels around an image: `top` rows above and `left` columns on the left, none by default, and at the bottom and
/// the right up to the given size. (N, H, W, C) -> (N, height, width, C). Unlike torch.nn.functional.pad, a mirrored
/// border may be wider than the image: it is then mirrored to and fro. Throws ShapeError when x is empty or does not
/// fit.
template <class T>
Tensor<T, 4> extend_to(const Tensor<T, 4>& x, Index height, Index width, Border border, Index top = 0, Index left = 0) {
  detail::extended_shape(x.shape(), height, width, top, left);
  return detail::separable(x, {height, width},
                           [&] { return detail::extension<T>(x.shape(), height, width, border, top, left); });
}

/// The same value, recorded. Keeps no tensor: dx sums dy over the copies of a pixel.
template <class T>
Var<T, 4> extend_to(const Var<T, 4>& x, Index height, Index width, Border border, Index top = 0, Index left = 0) {
  detail::extended_shape(x.shape(), height, width, top, left);
  return detail::separable(x, {height, width},
                           [&] { return detail::extension<T>(x.shape(), height, width, border, top, left); });
}

/// Counted as free.
inline Counted<4> extend_to(const Counted<4>& x, Index height, Index width, Border, Index top = 0, Index left = 0) {
  return x.free(detail::extended_shape(x.shape(), height, width, top, left));
}

}  // namespace paser
#include "paser/core/macros_on.inc"
