#pragma once
#include "paser/core/macros_off.inc"

#include "paser/core/shape.hpp"

namespace paser {

/// How a 2-D convolution is computed. It changes the speed, and rounding errors.
enum class ConvAlgorithm {
  automatic,     ///< what is expected to be fastest, see kernels::choose_algorithm
  direct,        ///< summation by the definition
  winograd_2x2,  ///< F(2x2, 3x3): 2.25 times fewer multiplications; 3x3 kernels of stride 1 alone
  winograd_4x4,  ///< F(4x4, 3x3): 4 times fewer; 3x3 kernels of stride 1 alone
};

/// Settings of a 2-D convolution; the defaults are those of torch.nn.functional.conv2d.
struct Conv2dOptions {
  std::array<Index, 2> stride{1, 1};
  std::array<Index, 2> padding{0, 0};
  std::array<Index, 2> dilation{1, 1};
  Index groups = 1;
  /// For all three directions. Calculations in double are direct whatever it says.
  ConvAlgorithm algorithm = ConvAlgorithm::automatic;
};

namespace kernels {

/// Every extent of one convolution. x is (n, h, w, c), weight (r, s, c / groups, k), y (n, out_h, out_w, k).
struct ConvShape {
  Index n, h, w, c;
  Index k, r, s;
  Conv2dOptions options;

  constexpr Index out_h() const {
    return (h + 2 * options.padding[0] - options.dilation[0] * (r - 1) - 1) / options.stride[0] + 1;
  }
  constexpr Index out_w() const {
    return (w + 2 * options.padding[1] - options.dilation[1] * (s - 1) - 1) / options.stride[1] + 1;
  }
  constexpr Index group_c() const { return c / options.groups; }
  constexpr Index group_k() const { return k / options.groups; }
  constexpr Index x_size() const { return n * h * w * c; }
  constexpr Index y_size() const { return n * out_h() * out_w() * k; }
  constexpr Index weight_size() const { return r * s * group_c() * k; }
  /// Multiply-accumulates of the forward pass, taps in the padding included (fvcore's rule).
  constexpr Index macs() const { return n * out_h() * out_w() * k * r * s * group_c(); }
};

}  // namespace kernels
}  // namespace paser
#include "paser/core/macros_on.inc"
