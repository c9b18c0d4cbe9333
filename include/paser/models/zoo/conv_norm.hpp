#pragma once
#include "paser/core/macros_off.inc"

#include <optional>
#include <string>

#include "paser/autograd/count_context.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/nn/norm.hpp"
#include "paser/ops/relu6.hpp"

/// The blocks of the networks in models/zoo/. Their members have the names of the public checkpoints.
namespace paser::models {

/// How a convolution without bias lies on its image.
struct ConvPlace {
  Index stride = 1, dilation = 1, groups = 1;
  bool padded = true;  ///< zeros on all sides, so that at stride 1 the size stays
};

/// Its weights start He normal, by the fan-out.
inline nn::Conv2dSpec conv_options(Index in, Index out, Index kernel, const ConvPlace& place = {}) {
  const Index border = place.padded ? kernel / 2 * place.dilation : 0;
  return {.in = in,
          .out = out,
          .kernel = kernel,
          .options = {.stride = {place.stride, place.stride},
                      .padding = {border, border},
                      .dilation = {place.dilation, place.dilation},
                      .groups = place.groups},
          .bias = false,
          .start = nn::ConvStart::he_normal};
}

/// Whether a convolution is separable, depthwise and then 1x1 with nothing between (Chollet 2017), and what its two
/// parts are then called.
enum class Separation {
  none,     ///< one convolution
  plain,    ///< two, "0" and "1"
  in_body,  ///< two, "body.0" and "body.1"
};

/// A convolution without bias, whole or separable. (N, H, W, in) -> (N, H', W', out).
template <class T>
struct SpatialConv {
  std::optional<nn::Conv2d<T>> depthwise;
  nn::Conv2d<T> conv;  ///< all of it, or the 1x1 part
  Separation separation;

  SpatialConv(const nn::Conv2dSpec& o, Key key, Separation s = Separation::none)
      : conv(s == Separation::none ? o : conv_options(o.in, o.out, 1), key.fold(1)), separation(s) {
    if (s != Separation::none) depthwise.emplace(by_channel(o), key.fold(2));
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    if (!self.depthwise) return f("weight", self.conv.weight);
    const std::string prefix = self.separation == Separation::in_body ? "body." : "";
    f((prefix + "0").c_str(), *self.depthwise);
    f((prefix + "1").c_str(), self.conv);
  }

  /// The input of `conv`.
  template <class Context>
  Image<Context> before(Context& ctx, const Image<Context>& x) const {
    return depthwise ? (*depthwise)(ctx, x) : x;
  }

 private:
  static nn::Conv2dSpec by_channel(nn::Conv2dSpec o) {
    o.out = o.options.groups = o.in;
    return o;
  }
};

/// What follows a batch norm.
enum class Activated { no, relu, relu6 };

/// A convolution without bias, a batch norm and an activation; in inference the norm is folded into the weights.
/// (N, H, W, in) -> (N, H', W', out). In torch.nn.Sequential's numbering the convolution is "0" and the norm "1".
template <class T>
struct ConvNorm {
  SpatialConv<T> conv;
  nn::BatchNorm<T> norm;
  Activated activated;

  ConvNorm(const nn::Conv2dSpec& o, Activated a, Key key, const BatchNormOptions& spec = {},
           Separation separation = Separation::none)
      : conv(o, key, separation), norm(o.out, spec), activated(a) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("0", self.conv);
    f("1", self.norm);
  }

  /// `addend`, which may be null, is added before the activation. Throws ValueError where a training run would
  /// normalise a channel by the statistics of its only value.
  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x, const Image<Context>* addend = nullptr) const {
    return materialize(deferred(ctx, x, addend));
  }

  /// The same, for what can be done as the convolution writes, such as pooling.
  template <class Context>
  DeferredConv<Image<Context>> deferred(Context& ctx, const Image<Context>& x,
                                        const Image<Context>* addend = nullptr) const {
    if (ctx.mode.batch_statistics) check_values(ctx, value_of(x).shape());
    auto y = norm(ctx, conv.conv(ctx, DeferredNorm(conv.before(ctx, x))));
    if (addend) y = add(y, *addend);
    switch (activated) {
      case Activated::relu:
        return relu(y);
      case Activated::relu6:
        return relu6(y);
      case Activated::no:
        break;
    }
    return y;
  }

 private:
  template <class Context>
  static void check_values(const Context& ctx, const Shape<4>& x) {
    if (x.h() * x.w() != 1) return;
    const Index group = ctx.mode.ghost_batch > 0 ? std::min(ctx.mode.ghost_batch, x.n()) : x.n();
    check<ValueError>(group > 1 && x.n() % group != 1, "ConvNorm", "of ", x.n(), " images of one pixel, in groups of ",
                      group,
                      ", some would be normalised alone, and one value has no variance: train on at least 2 images at "
                      "a time, with no single one left over, or by frozen statistics (run::frozen_statistics)");
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
