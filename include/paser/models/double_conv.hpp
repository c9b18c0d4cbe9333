#pragma once

#include "paser/nn/conv2d.hpp"
#include "paser/ops/instance_norm.hpp"

namespace paser::models {

/// Twice: 3x3 convolution that keeps the size, instance norm without affine, ReLU. (N, H, W, in) -> (N, H, W, out).
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
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    constexpr InstanceNormSpec norm{.relu = true};
    return instance_norm(conv2(ctx, instance_norm(conv1(ctx, x), norm)), norm);
  }
};

}  // namespace paser::models
