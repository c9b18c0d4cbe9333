#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/kernels/pad.hpp"

namespace paser {

/// Pixels to add at each border; negative numbers cut pixels off.
struct PadOptions {
  Index left = 0, right = 0, top = 0, bottom = 0;
};

namespace detail {
inline Shape<4> pad_shape(const Shape<4>& x, const PadOptions& options) {
  for (const Index pixels : {options.left, options.right, options.top, options.bottom})
    check(-largest_setting <= pixels && pixels <= largest_setting, "pad", "expected at most ", largest_setting,
          " pixels to add at a border or to cut off, got ", pixels);
  const Shape<4> out{x.n(), x.h() + options.top + options.bottom, x.w() + options.left + options.right, x.c()};
  check(out.h() >= 1 && out.w() >= 1, "pad", "input ", x, " padded by (left,right,top,bottom) = (", options.left, ",",
        options.right, ",", options.top, ",", options.bottom, ") has no pixels left");
  return out;
}
}  // namespace detail

/// Adds pixels of a constant value at the borders; the convention of torch.nn.functional.pad(mode="constant").
/// x: (N, H, W, C) -> (N, H + top + bottom, W + left + right, C). Throws ShapeError when nothing would be left.
template <class T>
Tensor<T, 4> pad(const Tensor<T, 4>& x, const PadOptions& options, T value = T(0)) {
  const Shape<4>& s = x.shape();
  const Shape<4> out = detail::pad_shape(s, options);
  if (options.left == 0 && options.right == 0 && options.top == 0 && options.bottom == 0) return x;
  Tensor<T, 4> y(out);
  kernels::pad(s.n(), s.h(), s.w(), s.c(), options.top, options.left, out.h(), out.w(), value, x.data(),
               y.mutable_data());
  return y;
}

/// The same value, recorded. Keeps no tensor: dx is the part of dy that covers x.
template <class T>
Var<T, 4> pad(const Var<T, 4>& x, const PadOptions& options, T value = T(0)) {
  return record(
      pad(x.value(), options, value), {x}, [options, shape = x.shape()](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
        if (!grad.wants(0)) return;
        grad.add(0, shape.numel() == 0 ? Tensor<T, 4>(shape)
                                       : pad(dy, {-options.left, -options.right, -options.top, -options.bottom}));
      });
}

/// Counted as free.
inline Counted<4> pad(const Counted<4>& x, const PadOptions& options, double = 0) {
  return x.free(detail::pad_shape(x.shape(), options));
}

/// Adds zeros at the bottom and the right up to the given size, as a UNet's decoder needs for odd sizes.
/// Value: what a context carries. (N, H, W, C) -> (N, height, width, C). Throws ShapeError when x is larger.
template <class Value>
Value pad_to(const Value& x, Index height, Index width) {
  const Shape<4>& s = x.shape();
  check(s.h() <= height && s.w() <= width, "pad_to", "input ", s, " is larger than the target ", height, " x ", width);
  if (s.h() == height && s.w() == width) return x;
  return pad(x, {.right = width - s.w(), .bottom = height - s.h()});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
