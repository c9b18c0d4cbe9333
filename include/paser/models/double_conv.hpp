#pragma once
#include "paser/core/macros_off.inc"

#include "paser/nn/conv2d.hpp"
#include "paser/nn/norm.hpp"

namespace paser::models {

/// Twice: 3x3 convolution that keeps the size, instance norm without affine, ReLU. (N, H, W, in) -> (N, H, W, out).
template <class T>
struct DoubleConv {
  nn::Conv2d<T> conv1, conv2;
  nn::InstanceNorm<T> norm;

  DoubleConv(Index in, Index out, Index middle, Key key)
      : conv1(nn::Conv2dSpec::same(in, middle), key.fold(1)), conv2(nn::Conv2dSpec::same(middle, out), key.fold(2)) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv1", self.conv1);
    f("conv2", self.conv2);
  }

  template <class Context>
  DeferredNorm<Image<Context>> operator()(Context& ctx, const ConcatenatedMaps<Image<Context>>& x) const {
    const DeferredNorm<Image<Context>> y = relu(norm(ctx, conv1(ctx, x)));
    return relu(norm(ctx, conv2(ctx, y)));
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
