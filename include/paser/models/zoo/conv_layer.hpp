#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/autograd/count_context.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/nn/norm.hpp"
#include "paser/ops/gelu.hpp"
#include "paser/ops/hardswish.hpp"

namespace paser::models {

/// What the blocks of one network have in common.
struct ConvStyle {
  /// The activation behind the norm.
  enum class Function { hardswish, gelu_tanh };
  Function function = Function::hardswish;  ///< the activation
  BatchNormOptions norm{};
};

/// The settings of a convolution with norm and activation.
struct ConvLayerSpec {
  Index in = 0, out = 0;
  Index kernel = 1, stride = 1, groups = 1;
  bool bias = false, norm = true, activated = true;
};

/// A convolution padded by half its kernel, then, each where asked for, batch norm and an activation; in inference the
/// norm is folded into the weights. (N, H, W, in) -> (N, ceil(H / stride), ceil(W / stride), out).
template <class T>
struct ConvLayer {
  nn::Conv2d<T> conv;
  std::optional<nn::BatchNorm<T>> norm;
  std::optional<ConvStyle::Function> function;

  ConvLayer(const ConvLayerSpec& s, const ConvStyle& style, Key key)
      : conv({.in = s.in,
              .out = s.out,
              .kernel = s.kernel,
              .options = {.stride = {s.stride, s.stride}, .padding = {s.kernel / 2, s.kernel / 2}, .groups = s.groups},
              .bias = s.bias},
             key) {
    if (s.norm) norm.emplace(s.out, style.norm);
    if (s.activated) function = style.function;
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv", self.conv);
    if (self.norm) f("norm", *self.norm);
  }

  /// `addend`, which may be null, is added before the activation.
  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x, const Image<Context>* addend = nullptr) const {
    auto y = conv(ctx, DeferredNorm(x));
    if (norm) y = (*norm)(ctx, y);
    if (addend) y = add(y, *addend);
    if (!function) return materialize(y);
    return *function == ConvStyle::Function::hardswish ? hardswish(y) : gelu_tanh(y);
  }
};

/// A branch with or without a shortcut beside it. Main is called with what is to be added to its result, or null.
template <class Main>
struct Residual {
  Main main;
  bool shortcut = true;

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("main", self.main);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return main(ctx, x, shortcut ? &x : nullptr);
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
