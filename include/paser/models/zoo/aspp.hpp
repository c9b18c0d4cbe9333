#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <vector>

#include "paser/models/zoo/conv_norm.hpp"
#include "paser/ops/adaptive_avg_pool2d.hpp"
#include "paser/ops/concat_channels.hpp"
#include "paser/ops/upsample_bilinear.hpp"

namespace paser::models {

/// The settings of an atrous spatial pyramid.
struct AsppSpec {
  Index in = 0, out = 256;
  std::array<Index, 3> rates{6, 12, 18};  ///< dilations of the 3x3 convolutions
  Separation separation = Separation::none;
};

/// Atrous spatial pyramid pooling (Chen et al. 2017, "Rethinking atrous convolution"): a 1x1 convolution, three dilated
/// 3x3 ones and the mean of the image side by side, joined by a 1x1 convolution; each with batch norm and ReLU.
/// (N, H, W, in) -> (N, H, W, out).
template <class T>
struct Aspp {
  std::vector<ConvNorm<T>> branches;
  ConvNorm<T> pooled, project;

  Aspp(const AsppSpec& s, Key key)
      : pooled(conv_options(s.in, s.out, 1), Activated::relu, key.fold(4)),
        project(conv_options(5 * s.out, s.out, 1), Activated::relu, key.fold(5)) {
    branches.emplace_back(conv_options(s.in, s.out, 1), Activated::relu, key.fold(0));
    for (const Index rate : s.rates)
      branches.emplace_back(conv_options(s.in, s.out, 3, {.dilation = rate}), Activated::relu,
                            key.fold(branches.size()), BatchNormOptions{}, s.separation);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    for (std::size_t i = 0; i < self.branches.size(); ++i) f(("convs." + std::to_string(i)).c_str(), self.branches[i]);
    f("convs.4.1", self.pooled.conv);  // its number 0 is the pooling
    f("convs.4.2", self.pooled.norm);
    f("project", self.project);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    const Shape<4>& shape = value_of(x).shape();
    const auto a = branches[0](ctx, x), b = branches[1](ctx, x), c = branches[2](ctx, x), d = branches[3](ctx, x);
    const auto mean = pooled(ctx, adaptive_avg_pool2d(x, {1, 1}));
    return project(ctx, concat_channels(a, b, c, d, upsample_bilinear(mean, {.size = {shape.h(), shape.w()}})));
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
