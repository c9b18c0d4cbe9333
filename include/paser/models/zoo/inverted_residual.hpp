#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/zoo/conv_norm.hpp"
#include "paser/ops/pad.hpp"

namespace paser::models {

/// Where the zeros around a depthwise convolution are added.
enum class InvertedPadding {
  inside,   ///< to its own input
  at_block  ///< to what enters the block: the border then passes through the expansion, and is not zero behind it
};

/// The settings of an inverted residual.
struct InvertedResidualSpec {
  Index in = 0, out = 0;
  Index expansion = 6;  ///< channels inside per channel of the input; 1: no expansion
  Index stride = 1, dilation = 1;
  InvertedPadding padding = InvertedPadding::inside;
  BatchNormOptions norm{};
};

/// The block of MobileNetV2 (Sandler et al. 2018): 1x1 to more channels, 3x3 of each, both with batch norm and ReLU6,
/// 1x1 to `out` channels with batch norm; what enters is added where the shape stays. (N, H, W, in) -> (N, H', W',
/// out).
template <class T>
struct InvertedResidual {
  std::optional<ConvNorm<T>> expand;
  ConvNorm<T> depthwise, project;
  Index border;   ///< zeros that are added around the block's input
  bool residual;  ///< what enters is added

  InvertedResidual(const InvertedResidualSpec& s, Key key)
      : depthwise(conv_options(s.in * s.expansion, s.in * s.expansion, 3,
                               {.stride = s.stride,
                                .dilation = s.dilation,
                                .groups = s.in * s.expansion,
                                .padded = s.padding == InvertedPadding::inside}),
                  Activated::relu6, key.fold(2), s.norm),
        project(conv_options(s.in * s.expansion, s.out, 1), Activated::no, key.fold(3), s.norm),
        border(s.padding == InvertedPadding::at_block ? s.dilation : 0),
        residual(s.stride == 1 && s.in == s.out) {
    if (s.expansion != 1)
      expand.emplace(conv_options(s.in, s.in * s.expansion, 1), Activated::relu6, key.fold(1), s.norm);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    int number = 0;
    const auto next = [&](auto& member) { f(("conv." + std::to_string(number++)).c_str(), member); };
    if (self.expand) next(*self.expand);
    next(self.depthwise);
    next(self.project.conv);
    next(self.project.norm);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    Image<Context> y = border > 0 ? pad(x, {border, border, border, border}) : x;
    if (expand) y = (*expand)(ctx, y);
    return project(ctx, depthwise(ctx, y), residual ? &x : nullptr);
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
