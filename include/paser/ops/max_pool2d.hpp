#pragma once
#include "paser/core/macros_off.inc"

#include <utility>

#include "paser/autograd/counted.hpp"
#include "paser/autograd/tape.hpp"
#include "paser/kernels/max_pool2d.hpp"

namespace paser {

/// The largest value of every window, the convention of torch.nn.functional.max_pool2d: NaN wins, padding never does.
/// x: (N, H, W, C) -> (N, H', W', C) with H' = (H + 2 padding - kernel) / stride + 1. Throws ShapeError when a window
/// is larger than the padded input or the padding than half a window.
template <class T>
Tensor<T, 4> max_pool2d(const Tensor<T, 4>& x, const Pool2dOptions& options = {}) {
  const auto shape = kernels::pool_shape("max_pool2d", x.shape(), options);
  Tensor<T, 4> y({shape.n, shape.out_h, shape.out_w, shape.c});
  kernels::max_pool2d_forward(shape, x.data(), y.mutable_data(), nullptr);
  return y;
}

namespace detail {

/// The maxima and their places in the windows, a byte each.
template <class T>
std::pair<Tensor<T, 4>, Tensor<std::uint8_t, 4>> max_pool2d_with_taps(const kernels::PoolShape& s,
                                                                      const Tensor<T, 4>& x) {
  check(s.options.kernel[0] * s.options.kernel[1] <= 256, "max_pool2d", "a window of ", s.options.kernel[0], " x ",
        s.options.kernel[1], " has more than the 256 places that can be recorded");
  Tensor<T, 4> y({s.n, s.out_h, s.out_w, s.c});
  Tensor<std::uint8_t, 4> tap(y.shape());
  kernels::max_pool2d_forward(s, x.data(), y.mutable_data(), tap.mutable_data());
  return {std::move(y), std::move(tap)};
}

}  // namespace detail

/// The same value, recorded. Keeps a byte per output: the place of the maximum, to which all of dy goes; of equal
/// values the first in row-major order. Throws ShapeError also when a window has more than 256 places.
template <class T>
Var<T, 4> max_pool2d(const Var<T, 4>& x, const Pool2dOptions& options = {}) {
  const auto shape = kernels::pool_shape("max_pool2d", x.shape(), options);
  if (x.is_constant()) return Var<T, 4>(max_pool2d(x.value(), options));
  auto [y, tap] = detail::max_pool2d_with_taps(shape, x.value());
  return record(std::move(y), {x}, [shape, tap = std::move(tap)](const Tensor<T, 4>& dy, GradientSink<T>& grad) {
    if (!grad.wants(0)) return;
    Tensor<T, 4> dx({shape.n, shape.h, shape.w, shape.c});
    kernels::max_pool2d_backward(shape, dy.data(), tap.data(), dx.mutable_data());
    grad.add(0, std::move(dx));
  });
}

/// The maxima, and where they stand in their plane: h * W + w of the input, as torch's return_indices.
template <class T>
struct MaxPoolWithIndices {
  Tensor<T, 4> values;
  Tensor<Index, 4> indices;
};

/// max_pool2d together with the places of the maxima.
template <class T>
MaxPoolWithIndices<T> max_pool2d_with_indices(const Tensor<T, 4>& x, const Pool2dOptions& options = {}) {
  const auto s = kernels::pool_shape("max_pool2d", x.shape(), options);
  auto [y, tap] = detail::max_pool2d_with_taps(s, x);
  Tensor<Index, 4> indices(y.shape());
  Index* const out = indices.mutable_data();
  for (Index i = 0; i < y.numel(); ++i) {
    const Index pixel = i / s.c, column = pixel % s.out_w, row = pixel / s.out_w % s.out_h, place = tap.data()[i];
    const Index h = row * options.stride[0] - options.padding[0] + place / options.kernel[1];
    const Index w = column * options.stride[1] - options.padding[1] + place % options.kernel[1];
    out[i] = h * s.w + w;
  }
  return {std::move(y), std::move(indices)};
}

/// Counted as free.
inline Counted<4> max_pool2d(const Counted<4>& x, const Pool2dOptions& options = {}) {
  const auto shape = kernels::pool_shape("max_pool2d", x.shape(), options);
  return x.free(Shape<4>{shape.n, shape.out_h, shape.out_w, shape.c});
}

}  // namespace paser
#include "paser/core/macros_on.inc"
