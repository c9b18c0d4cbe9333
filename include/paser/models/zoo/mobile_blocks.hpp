#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/zoo/conv_layer.hpp"

/// The convolutional blocks of EfficientViT (Cai et al. 2023), with the names of mit-han-lab's checkpoints. Each adds
/// what `addend` points to, if anything, to its result.
namespace paser::models {

/// The settings of the inverted bottlenecks of EfficientViT.
struct MobileBlockSpec {
  Index in = 0, out = 0;
  Index expand = 1;  ///< channels inside per channel of the input
  Index stride = 1;
  /// The first two convolutions have a bias in the place of their norm.
  bool fewer_norms = false;
};

/// Depthwise separable: 3x3 of each channel, activated, and 1x1. (N, H, W, in) -> (N, H', W', out).
template <class T>
struct DSConv {
  ConvLayer<T> depth_conv, point_conv;

  DSConv(const MobileBlockSpec& s, const ConvStyle& style, Key key)
      : depth_conv({.in = s.in, .out = s.in, .kernel = 3, .stride = s.stride, .groups = s.in}, style, key.fold(1)),
        point_conv({.in = s.in, .out = s.out, .activated = false}, style, key.fold(2)) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("depth_conv", self.depth_conv);
    f("point_conv", self.point_conv);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x, const Image<Context>* addend = nullptr) const {
    return point_conv(ctx, depth_conv(ctx, x), addend);
  }
};

/// Inverted residual: 1x1 to more channels and 3x3 of each, both activated, and 1x1. (N, H, W, in) -> (N, H', W', out).
template <class T>
struct MBConv {
  ConvLayer<T> inverted_conv, depth_conv, point_conv;

  MBConv(const MobileBlockSpec& s, const ConvStyle& style, Key key)
      : inverted_conv({.in = s.in, .out = s.in * s.expand, .bias = s.fewer_norms, .norm = !s.fewer_norms}, style,
                      key.fold(1)),
        depth_conv({.in = s.in * s.expand,
                    .out = s.in * s.expand,
                    .kernel = 3,
                    .stride = s.stride,
                    .groups = s.in * s.expand,
                    .bias = s.fewer_norms,
                    .norm = !s.fewer_norms},
                   style, key.fold(2)),
        point_conv({.in = s.in * s.expand, .out = s.out, .activated = false}, style, key.fold(3)) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("inverted_conv", self.inverted_conv);
    f("depth_conv", self.depth_conv);
    f("point_conv", self.point_conv);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x, const Image<Context>* addend = nullptr) const {
    return point_conv(ctx, depth_conv(ctx, inverted_conv(ctx, x)), addend);
  }
};

/// The same with one 3x3 convolution in the place of the first two. (N, H, W, in) -> (N, H', W', out).
template <class T>
struct FusedMBConv {
  ConvLayer<T> spatial_conv, point_conv;

  FusedMBConv(const MobileBlockSpec& s, const ConvStyle& style, Key key)
      : spatial_conv({.in = s.in, .out = s.in * s.expand, .kernel = 3, .stride = s.stride}, style, key.fold(1)),
        point_conv({.in = s.in * s.expand, .out = s.out, .activated = false}, style, key.fold(2)) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("spatial_conv", self.spatial_conv);
    f("point_conv", self.point_conv);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x, const Image<Context>* addend = nullptr) const {
    return point_conv(ctx, spatial_conv(ctx, x), addend);
  }
};

/// Two 3x3 convolutions, the first one activated. (N, H, W, in) -> (N, H', W', out).
template <class T>
struct ResBlock {
  ConvLayer<T> conv1, conv2;

  ResBlock(const MobileBlockSpec& s, const ConvStyle& style, Key key)
      : conv1({.in = s.in, .out = s.in * s.expand, .kernel = 3, .stride = s.stride}, style, key.fold(1)),
        conv2({.in = s.in * s.expand, .out = s.out, .kernel = 3, .activated = false}, style, key.fold(2)) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv1", self.conv1);
    f("conv2", self.conv2);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x, const Image<Context>* addend = nullptr) const {
    return conv2(ctx, conv1(ctx, x), addend);
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
