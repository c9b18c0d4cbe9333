#pragma once
#include "paser/core/macros_off.inc"

#include <vector>

#include "paser/models/zoo/conv_norm.hpp"

namespace paser::models {

/// What a residual block is made of.
struct ResidualBlockSpec {
  Index in = 0, width = 0;
  bool bottleneck = true;
  Index stride = 1, dilation = 1;
  BatchNormOptions norm{};

  static constexpr Index expansion = 4;                                 ///< of a bottleneck
  Index out() const { return bottleneck ? expansion * width : width; }  ///< Channels of the result.
};

/// The blocks of ResNets (He et al. 2016). A bottleneck is 1x1, 3x3 and 1x1, the stride on the 3x3, its result of
/// 4 `width` channels; a basic block is two 3x3, the stride on the first. Each is followed by a batch norm; what enters
/// is added, by way of a 1x1 convolution where shapes differ. (N, H, W, in) -> (N, H', W', out).
template <class T>
struct ResidualBlock {
  std::vector<ConvNorm<T>> body;
  std::optional<ConvNorm<T>> shortcut;

  ResidualBlock(const ResidualBlockSpec& s, Key key) {
    const auto add = [&](Index in, Index out, Index kernel, const ConvPlace& place) {
      body.emplace_back(conv_options(in, out, kernel, place), Activated::relu, key.fold(body.size()), s.norm);
    };
    if (s.bottleneck) add(s.in, s.width, 1, {});
    add(s.bottleneck ? s.width : s.in, s.width, 3, {.stride = s.stride, .dilation = s.dilation});
    add(s.width, s.out(), s.bottleneck ? 1 : 3, {.dilation = s.bottleneck ? 1 : s.dilation});
    if (s.stride != 1 || s.in != s.out())
      shortcut.emplace(conv_options(s.in, s.out(), 1, {.stride = s.stride}), Activated::no, key.fold(9), s.norm);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    for (std::size_t i = 0; i < self.body.size(); ++i) {
      const std::string number = std::to_string(i + 1);
      f(("conv" + number).c_str(), self.body[i].conv);
      f(("bn" + number).c_str(), self.body[i].norm);
    }
    if (self.shortcut) f("downsample", *self.shortcut);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    Image<Context> y = x;
    for (std::size_t i = 0; i + 1 < body.size(); ++i) y = body[i](ctx, y);
    const Image<Context> beside = shortcut ? (*shortcut)(ctx, x) : x;
    return body.back()(ctx, y, &beside);
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
