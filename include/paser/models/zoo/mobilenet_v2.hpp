#pragma once
#include "paser/core/macros_off.inc"

#include <vector>

#include "paser/models/zoo/encoder.hpp"
#include "paser/models/zoo/inverted_residual.hpp"

namespace paser::models {

/// The settings of MobileNetV2 as a backbone.
struct MobileNetV2Spec {
  Index in = 3;
  Index width = 32;  ///< channels of the stem, a multiple of 4; 32 in the published ones
  Index output_stride = 16;
  /// As in VainF's code: the stem is not padded, zeros are added where blocks begin, the first block of a dilated stage
  /// keeps the dilation of the stage before, the last 1x1 convolution is left out. Else as in torchvision and smp.
  bool vainf = false;
  BatchNormOptions norm{};

  /// Channels of a stage that has `published` in the published networks.
  Index channels(Index published) const { return published * width / 32; }
  Index low_channels() const { return channels(24); }                   ///< Channels of the map of stride 4.
  Index high_channels() const { return channels(vainf ? 320 : 1280); }  ///< Channels of the last map.

  /// The width. Throws ValueError unless it keeps every stage's channels whole.
  Index checked_width() const {
    check<ValueError>(width >= 4 && width % 4 == 0, "MobileNetV2", "its width is ", width,
                      ", expected a multiple of 4");
    return width;
  }

  /// Blocks of one width.
  struct Stage {
    Index expansion, channels, blocks, stride;  // channels as published
  };
  static constexpr Stage stages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                                     {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
};

/// MobileNetV2 (Sandler et al. 2018) as an encoder, its last stages dilated: (N, H, W, in) -> the maps behind its
/// second stage (24 channels, stride 4) and of its end (1280, or 320 without the last convolution; the output stride).
template <class T>
struct MobileNetV2 {
  ConvNorm<T> stem;
  std::vector<InvertedResidual<T>> blocks;
  std::optional<ConvNorm<T>> last;

  static constexpr std::size_t low_blocks = 3;  ///< so many blocks make the map of stride 4

  MobileNetV2(const MobileNetV2Spec& s, Key key)
      : stem(conv_options(s.in, s.checked_width(), 3, {.stride = 2, .padded = !s.vainf}), Activated::relu6, key.fold(0),
             s.norm) {
    OutputStride walk(s.output_stride, 2, s.vainf);
    Index channels = s.width;
    for (const auto& published : MobileNetV2Spec::stages) {
      const auto stage = walk.next(published.stride);
      for (Index b = 0; b < published.blocks; ++b) {
        const InvertedResidualSpec block{.in = channels,
                                         .out = s.channels(published.channels),
                                         .expansion = published.expansion,
                                         .stride = b == 0 ? stage.stride : 1,
                                         .dilation = b == 0 ? stage.first_dilation : stage.dilation,
                                         .padding = s.vainf ? InvertedPadding::at_block : InvertedPadding::inside,
                                         .norm = s.norm};
        blocks.emplace_back(block, key.fold(blocks.size() + 1));
        channels = block.out;
      }
    }
    if (!s.vainf)
      last.emplace(conv_options(channels, s.high_channels(), 1), Activated::relu6, key.fold(blocks.size() + 1), s.norm);
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    // torchvision has one list of features; VainF cut it in two and kept the numbers.
    const auto name = [&self](std::size_t i) {
      return (self.last         ? "features."
              : i <= low_blocks ? "low_level_features."
                                : "high_level_features.") +
             std::to_string(i);
    };
    f(name(0).c_str(), self.stem);
    for (std::size_t i = 0; i < self.blocks.size(); ++i) f(name(i + 1).c_str(), self.blocks[i]);
    if (self.last) f(name(self.blocks.size() + 1).c_str(), *self.last);
  }

  template <class Context>
  TwoLevels<Image<Context>> operator()(Context& ctx, const Image<Context>& image) const {
    Image<Context> x = stem(ctx, image);
    for (std::size_t i = 0; i < low_blocks; ++i) x = blocks[i](ctx, x);
    const Image<Context> low = x;
    for (std::size_t i = low_blocks; i < blocks.size(); ++i) x = blocks[i](ctx, x);
    return {low, last ? (*last)(ctx, x) : x};
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
