#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/zoo/mobile_blocks.hpp"
#include "paser/ops/concat_channels.hpp"
#include "paser/ops/relu_linear_attention.hpp"

namespace paser::models {

/// EfficientViT's multi-scale linear attention: queries, keys and values of every pixel, and the same of 5x5
/// neighbourhoods, through ReLU linear attention in heads of `features`. (N, H, W, C) -> (N, H, W, C).
template <class T>
struct LiteMLA {
  ConvLayer<T> qkv, proj;
  nn::Conv2d<T> neighbours, mixed;  // 5x5 of each channel; 1x1 within each query, key and value
  Index features;

  LiteMLA(Index channels, Index head_features, const ConvStyle& style, Key key)
      : qkv({.in = channels, .out = 3 * used(channels, head_features), .norm = false, .activated = false}, style,
            key.fold(1)),
        proj({.in = 2 * used(channels, head_features), .out = channels, .activated = false}, style, key.fold(2)),
        neighbours(grouped(3 * used(channels, head_features), 5, 3 * used(channels, head_features)), key.fold(3)),
        mixed(grouped(3 * used(channels, head_features), 1, 3 * (channels / head_features)), key.fold(4)),
        features(head_features) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("qkv", self.qkv);
    f("aggreg.0.0", self.neighbours);
    f("aggreg.0.1", self.mixed);
    f("proj", self.proj);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x, const Image<Context>* addend = nullptr) const {
    const Image<Context> fine = qkv(ctx, x);
    const Image<Context> coarse = mixed(ctx, neighbours(ctx, fine));
    return proj(ctx, relu_linear_attention(concat_channels(fine, coarse), features), addend);
  }

 private:
  /// Channels of the heads together.
  static Index used(Index channels, Index head_features) {
    check<ValueError>(head_features >= 1 && channels >= head_features, "LiteMLA", channels,
                      " channels are less than one head of ", head_features);
    return channels / head_features * head_features;
  }
  static nn::Conv2dSpec grouped(Index channels, Index kernel, Index groups) {
    auto options = nn::Conv2dSpec::same(channels, channels, kernel);
    options.options.groups = groups;
    options.bias = false;
    return options;
  }
};

/// Attention for what is far, an inverted residual for what is near. (N, H, W, C) -> (N, H, W, C).
template <class T>
struct EfficientViTBlock {
  Residual<LiteMLA<T>> context_module;
  Residual<MBConv<T>> local_module;

  EfficientViTBlock(Index channels, Index head_features, Index expand, const ConvStyle& style, Key key)
      : context_module{{channels, head_features, style, key.fold(1)}},
        local_module{{{.in = channels, .out = channels, .expand = expand, .fewer_norms = true}, style, key.fold(2)}} {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("context_module", self.context_module);
    f("local_module", self.local_module);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return local_module(ctx, context_module(ctx, x));
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
