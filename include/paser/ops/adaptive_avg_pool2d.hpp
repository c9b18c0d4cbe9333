#pragma once
#include "paser/core/macros_off.inc"

#include <array>

#include "paser/autograd/counted.hpp"
#include "paser/kernels/axis_maps.hpp"
#include "paser/ops/separable.hpp"

namespace paser {

namespace detail {
inline void check_adaptive_avg_pool2d(const Shape<4>& x, const std::array<Index, 2>& size) {
  check(x.h() >= 1 && x.w() >= 1 && size[0] >= 1 && size[1] >= 1, "adaptive_avg_pool2d", "cannot pool input ", x,
        " to ", size[0], " x ", size[1]);
}

template <class T>
SeparableMap<T> adaptive_avg_pool2d_map(const Shape<4>& x, const std::array<Index, 2>& size) {
  return {kernels::adaptive_axis<T>(x.h(), size[0]), kernels::adaptive_axis<T>(x.w(), size[1])};
}
}  // namespace detail

/// The mean over size[0] x size[1] windows that cover the image as evenly as whole pixels allow; {1, 1} is the global
/// mean. x: (N, H, W, C) -> (N, size[0], size[1], C). Convention of torch.nn.functional.adaptive_avg_pool2d. Throws
/// ShapeError when a side is empty.
template <class T>
Tensor<T, 4> adaptive_avg_pool2d(const Tensor<T, 4>& x, const std::array<Index, 2>& size) {
  detail::check_adaptive_avg_pool2d(x.shape(), size);
  return detail::separable(x, size, [&] { return detail::adaptive_avg_pool2d_map<T>(x.shape(), size); });
}

/// The same value, recorded. Keeps no tensor.
template <class T>
Var<T, 4> adaptive_avg_pool2d(const Var<T, 4>& x, const std::array<Index, 2>& size) {
  detail::check_adaptive_avg_pool2d(x.shape(), size);
  return detail::separable(x, size, [&] { return detail::adaptive_avg_pool2d_map<T>(x.shape(), size); });
}

/// Counted: one for each element of the input.
inline Counted<4> adaptive_avg_pool2d(const Counted<4>& x, const std::array<Index, 2>& size) {
  detail::check_adaptive_avg_pool2d(x.shape(), size);
  return x.then(Shape<4>{x.shape().n(), size[0], size[1], x.shape().c()}, "adaptive_avg_pool2d", x.shape().numel());
}

}  // namespace paser
#include "paser/core/macros_on.inc"
