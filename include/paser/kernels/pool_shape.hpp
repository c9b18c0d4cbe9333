#pragma once
#include "paser/core/macros_off.inc"

#include <array>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

namespace paser {

/// Settings of a pooling window; the default halves both sides.
struct Pool2dOptions {
  std::array<Index, 2> kernel{2, 2};
  std::array<Index, 2> stride{2, 2};
  std::array<Index, 2> padding{0, 0};
};

namespace kernels {

/// The extents of one pooling. x: (n, h, w, c), y: (n, out_h, out_w, c).
struct PoolShape {
  Index n, h, w, c, out_h, out_w;
  Pool2dOptions options;
};

/// Checks a pooling of input x; no window can then miss the image. Throws ShapeError.
inline PoolShape pool_shape(const char* where, const Shape<4>& x, const Pool2dOptions& options) {
  const auto extent = [&](std::size_t a, Index in) {
    const Index kernel = options.kernel[a], stride = options.stride[a], padding = options.padding[a];
    check(kernel >= 1 && stride >= 1 && kernel <= largest_setting && stride <= largest_setting, where,
          "kernel and stride must be at least 1 and at most ", largest_setting, ", got ", kernel, " and ", stride);
    check(padding >= 0 && padding <= kernel / 2, where, "padding must be at most half of the kernel, got padding ",
          padding, " for kernel ", kernel);
    check(in >= 1 && in + 2 * padding >= kernel, where, "input ", x, " with padding ", padding,
          " is smaller than the window of ", kernel);
    return (in + 2 * padding - kernel) / stride + 1;
  };
  return {x.n(), x.h(), x.w(), x.c(), extent(0, x.h()), extent(1, x.w()), options};
}

}  // namespace kernels
}  // namespace paser
#include "paser/core/macros_on.inc"
