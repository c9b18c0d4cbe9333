#pragma once
#include "paser/core/macros_off.inc"

#include "paser/nn/init.hpp"
#include "paser/nn/visit.hpp"
#include "paser/ops/conv_transpose2d.hpp"

namespace paser::nn {

/// What to build a ConvTranspose2d from.
struct ConvTranspose2dSpec {
  Index in = 0, out = 0;
  Index kernel = 2;
  ConvTranspose2dOptions options{};
  bool bias = true;
};

/// Transposed 2-D convolution. (N, H, W, in) -> (N, H', W', out). Initialised as torch.nn.ConvTranspose2d.
template <class T>
struct ConvTranspose2d {
  Parameter<T, 4> weight{{}, WeightKind::transposed_conv};  // kernel, kernel, in, out / groups
  Parameter<T, 1> bias;                                     // out; empty without bias
  ConvTranspose2dOptions options;

  /// Throws ShapeError on channel counts that are not positive or do not split into the groups.
  ConvTranspose2d(const ConvTranspose2dSpec& o, Key key) : options(o.options) {
    check(o.in >= 1 && o.out >= 1 && o.kernel >= 1, "ConvTranspose2d", "channels and kernel must be positive, got in ",
          o.in, ", out ", o.out, ", kernel ", o.kernel);
    check(options.groups >= 1 && o.in % options.groups == 0 && o.out % options.groups == 0, "ConvTranspose2d", o.in,
          " -> ", o.out, " channels do not split into ", options.groups, " groups");
    // PyTorch takes the second axis of its (in, out / groups, R, S) weight for the fan-in.
    const Index fan_in = o.kernel * o.kernel * o.out / options.groups;
    weight.value =
        init::fan_in_uniform<T>(key.fold(0), Shape{o.kernel, o.kernel, o.in, o.out / options.groups}, fan_in);
    if (o.bias) bias.value = init::fan_in_uniform<T>(key.fold(1), Shape{o.out}, fan_in);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("weight", self.weight);
    if (!self.bias.value.empty()) f("bias", self.bias);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return bias.value.empty() ? conv_transpose2d(x, ctx(weight), options)
                              : conv_transpose2d(x, ctx(weight), ctx(bias), options);
  }
};

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
