#pragma once
#include "paser/core/macros_off.inc"

#include "paser/nn/conv2d.hpp"

namespace paser::models {

/// Twice: 3x3 convolution that keeps the size, instance norm without affine, ReLU. (N, H, W, in) -> (N, H, W, out), the
/// last norm and ReLU pending. `in` is divided among one map or two side by side; see conv2d_norm_relu.
template <class T>
struct DoubleConv {
  nn::Conv2d<T> conv1, conv2;

  DoubleConv(Index in, Index out, Index middle, Key key)
      : conv1(nn::Conv2dOptions::same(in, middle), key.fold(1)),
        conv2(nn::Conv2dOptions::same(middle, out), key.fold(2)) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv1", self.conv1);
    f("conv2", self.conv2);
  }

  template <class Context>
  FeatureMap<Image<Context>> operator()(Context& ctx, const FeatureMap<Image<Context>>& x,
                                        const std::optional<FeatureMap<Image<Context>>>& beside = {}) const {
    return conv2.norm_relu(ctx, conv1.norm_relu(ctx, x, beside));
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
