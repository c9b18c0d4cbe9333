#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/models/zoo/transformer_layers.hpp"
#include "paser/nn/norm.hpp"
#include "paser/nn/structured_dropout.hpp"
#include "paser/ops/arithmetic.hpp"
#include "paser/ops/attention.hpp"
#include "paser/ops/gelu.hpp"

/// The parts of a Mix Transformer (Xie et al., "SegFormer", 2021). Every pixel of a map is a token, and tokens stay in
/// the map: (N, H, W, C). Members have the names of Hugging Face's checkpoints.
namespace paser::models {

/// Overlapping patches as tokens: a strided convolution wider than its stride, and layer norm. (N, H, W, in) ->
/// (N, ceil(H / stride), ceil(W / stride), out).
template <class T>
struct OverlapPatchEmbedding {
  nn::Conv2d<T> proj;
  nn::LayerNorm<T> layer_norm;

  OverlapPatchEmbedding(Index in, Index out, Index kernel, Index stride, Key key)
      : proj(token_conv<T>({in, out, kernel, {.stride = {stride, stride}, .padding = {kernel / 2, kernel / 2}}}, key)),
        layer_norm(out) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("proj", self.proj);
    f("layer_norm", self.layer_norm);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return layer_norm(ctx, proj(ctx, x));
  }
};

/// Self-attention whose keys and values are of a map that a convolution has made `reduction` times smaller along both
/// sides; rows and columns that are left over are dropped. (N, H, W, C) -> (N, H, W, C).
template <class T>
struct EfficientAttention {
  nn::Linear<T> query, key, value, dense;
  std::optional<nn::Conv2d<T>> sr;
  std::optional<nn::LayerNorm<T>> layer_norm;
  Index heads;

  EfficientAttention(Index channels, Index head_count, Index reduction, Key k)
      : query(token_linear<T>(channels, channels, k.fold(1))),
        key(token_linear<T>(channels, channels, k.fold(2))),
        value(token_linear<T>(channels, channels, k.fold(3))),
        dense(token_linear<T>(channels, channels, k.fold(4))),
        heads(head_count) {
    if (reduction == 1) return;
    sr = token_conv<T>({channels, channels, reduction, {.stride = {reduction, reduction}}}, k.fold(5));
    layer_norm.emplace(channels);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("self.query", self.query);
    f("self.key", self.key);
    f("self.value", self.value);
    if (self.sr) {
      f("self.sr", *self.sr);
      f("self.layer_norm", *self.layer_norm);
    }
    f("output.dense", self.dense);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    const Image<Context> reduced = sr ? (*layer_norm)(ctx, (*sr)(ctx, x)) : x;
    const Index features = query.bias.value.numel() / heads;
    const double scale = 1 / std::sqrt(static_cast<double>(features));
    return dense(ctx, attention_heads(query(ctx, x), key(ctx, reduced), value(ctx, reduced), heads, scale));
  }
};

/// A transformer's feed-forward network that knows places by a depthwise 3x3 convolution: linear to `hidden` channels,
/// that, GELU, linear. (N, H, W, C) -> (N, H, W, C).
template <class T>
struct MixFfn {
  nn::Linear<T> dense1, dense2;
  nn::Conv2d<T> dwconv;

  MixFfn(Index channels, Index hidden, Key k)
      : dense1(token_linear<T>(channels, hidden, k.fold(1))),
        dense2(token_linear<T>(hidden, channels, k.fold(2))),
        dwconv(token_conv<T>({hidden, hidden, 3, {.padding = {1, 1}, .groups = hidden}}, k.fold(3))) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("dense1", self.dense1);
    f("dwconv.dwconv", self.dwconv);
    f("dense2", self.dense2);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return dense2(ctx, gelu(dwconv(ctx, DeferredNorm(dense1(ctx, x)))));
  }
};

/// The settings of a block of SegFormer's encoder.
struct MixTransformerBlockSpec {
  Index channels = 0, heads = 1;
  Index reduction = 1;  ///< of the map that keys and values come from
  Index mlp_ratio = 4;  ///< hidden channels of the feed-forward network per channel
  double drop_path = 0;
  LayerNormOptions norm{};
};

/// Attention and feed-forward network, each behind a layer norm and beside a shortcut. (N, H, W, C) -> (N, H, W, C).
template <class T>
struct MixTransformerBlock {
  nn::LayerNorm<T> layer_norm_1, layer_norm_2;
  EfficientAttention<T> attention;
  MixFfn<T> mlp;
  nn::DropPath drop_path;

  MixTransformerBlock(const MixTransformerBlockSpec& s, Key k)
      : layer_norm_1(s.channels, s.norm),
        layer_norm_2(s.channels, s.norm),
        attention(s.channels, s.heads, s.reduction, k.fold(1)),
        mlp(s.channels, s.channels * s.mlp_ratio, k.fold(2)),
        drop_path(s.drop_path) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("layer_norm_1", self.layer_norm_1);
    f("attention", self.attention);
    f("layer_norm_2", self.layer_norm_2);
    f("mlp", self.mlp);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    const Image<Context> y = add(x, drop_path(ctx, attention(ctx, layer_norm_1(ctx, x))));
    return add(y, drop_path(ctx, mlp(ctx, layer_norm_2(ctx, y))));
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
