#pragma once
#include "paser/core/macros_off.inc"

#include "paser/nn/init.hpp"
#include "paser/nn/visit.hpp"
#include "paser/ops/deferred_conv.hpp"

namespace paser::nn {

/// What the weights of a convolution start as.
enum class ConvStart {
  torch,     ///< uniform by the fan-in, as torch.nn.Conv2d
  he_normal  ///< normal by the fan-out, kernel^2 out whatever the groups, as torchvision's networks with batch norm
};

/// What to build a Conv2d from; named, so that no row of integers can be mixed up.
struct Conv2dSpec {
  Index in = 0, out = 0;
  Index kernel = 3;
  Conv2dOptions options{};
  bool bias = true;
  ConvStart start = ConvStart::torch;

  /// A kernel x kernel convolution that keeps the image size where the kernel is odd; an even one, which has no middle,
  /// adds a row and a column.
  static constexpr Conv2dSpec same(Index in, Index out, Index kernel = 3) {
    return {in, out, kernel, {.padding = {kernel / 2, kernel / 2}}};
  }
};

/// 2-D convolution. (N, H, W, in) -> (N, H', W', out). Initialised as torch.nn.Conv2d, unless the
/// options say otherwise.
template <class T>
struct Conv2d {
  Parameter<T, 4> weight{{}, WeightKind::conv};  // kernel, kernel, in / groups, out
  Parameter<T, 1> bias;                          // out; empty without bias
  Conv2dOptions options;

  /// Throws ShapeError on channel counts that are not positive or do not split into the groups.
  Conv2d(const Conv2dSpec& o, Key key) : options(o.options) {
    check(o.in >= 1 && o.out >= 1 && o.kernel >= 1, "Conv2d", "channels and kernel must be positive, got in ", o.in,
          ", out ", o.out, ", kernel ", o.kernel);
    check(options.groups >= 1 && o.in % options.groups == 0 && o.out % options.groups == 0, "Conv2d", o.in, " -> ",
          o.out, " channels do not split into ", options.groups, " groups");
    const Index taps = o.kernel * o.kernel, fan_in = taps * o.in / options.groups;
    const Shape<4> shape{o.kernel, o.kernel, o.in / options.groups, o.out};
    weight.value = o.start == ConvStart::torch ? init::fan_in_uniform<T>(key.fold(0), shape, fan_in)
                                               : init::he_normal_fan_out<T>(key.fold(0), shape, taps * o.out);
    if (o.bias) bias.value = init::fan_in_uniform<T>(key.fold(1), Shape{o.out}, fan_in);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("weight", self.weight);
    if (!self.bias.value.empty()) f("bias", self.bias);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return bias.value.empty() ? conv2d(x, ctx(weight), options) : conv2d(x, ctx(weight), ctx(bias), options);
  }

  /// Of maps inside a network: it waits for what follows it, see DeferredConv.
  template <class Context>
  DeferredConv<Image<Context>> operator()(Context& ctx, const ConcatenatedMaps<Image<Context>>& x) const {
    typename DeferredConv<Image<Context>>::Kernel kernel{ctx(weight), {}, options};
    if (!bias.value.empty()) kernel.bias = ctx(bias);
    if constexpr (requires { ctx.filters; }) kernel.cache = ctx.filters;
    return conv2d(x, std::move(kernel));
  }
};

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
