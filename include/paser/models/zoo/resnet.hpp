#pragma once
#include "paser/core/macros_off.inc"

#include <array>

#include "paser/models/zoo/encoder.hpp"
#include "paser/models/zoo/residual_block.hpp"

namespace paser::models {

/// The settings of a ResNet as a backbone.
struct ResNetSpec {
  Index in = 3;
  Index depth = 50;  ///< 34, 50 or 101 convolutions
  Index width = 64;  ///< channels of the stem; 64 in all published ones
  Index output_stride = 16;
  /// The first block of a dilated layer keeps the dilation of the layer before, as in torchvision.
  bool spare_first = true;
  BatchNormOptions norm{};

  bool bottleneck() const { return depth != 34; }  ///< Whether blocks have three convolutions instead of two.
  /// Channels of the map of stride 4.
  Index low_channels() const { return width * (bottleneck() ? ResidualBlockSpec::expansion : 1); }
  Index high_channels() const { return 8 * low_channels(); }  ///< Channels of the last map.

  /// Blocks of each layer. Throws ValueError on another depth.
  std::array<Index, 4> blocks() const {
    check<ValueError>(depth == 34 || depth == 50 || depth == 101, "ResNet", "its depth is ", depth,
                      ", expected 34, 50 or 101");
    return {3, 4, depth == 101 ? Index{23} : Index{6}, 3};
  }
};

/// ResNet (He et al. 2016) as an encoder, its last layers dilated: (N, H, W, in) -> the maps of its first layer
/// (4 `width` channels, stride 4) and of its last (32 `width`, the output stride); of ResNet-34 a quarter of these
/// channels.
template <class T>
struct ResNet {
  ConvNorm<T> stem;
  std::array<std::vector<ResidualBlock<T>>, 4> layers;

  ResNet(const ResNetSpec& s, Key key)
      : stem(conv_options(s.in, s.width, 7, {.stride = 2}), Activated::relu, key.fold(0), s.norm) {
    const auto blocks = s.blocks();
    OutputStride walk(s.output_stride, 4, s.spare_first);
    Index channels = s.width;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const auto stage = walk.next(l == 0 ? 1 : 2);
      for (Index b = 0; b < blocks[l]; ++b) {
        const ResidualBlockSpec block{.in = channels,
                                      .width = s.width << l,
                                      .bottleneck = s.bottleneck(),
                                      .stride = b == 0 ? stage.stride : 1,
                                      .dilation = b == 0 ? stage.first_dilation : stage.dilation,
                                      .norm = s.norm};
        layers[l].emplace_back(block, key.fold(l + 1).fold(static_cast<std::uint64_t>(b)));
        channels = block.out();
      }
    }
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv1", self.stem.conv);
    f("bn1", self.stem.norm);
    for (std::size_t l = 0; l < self.layers.size(); ++l)
      for (std::size_t b = 0; b < self.layers[l].size(); ++b)
        f(message("layer", l + 1, ".", b).c_str(), self.layers[l][b]);
  }

  template <class Context>
  TwoLevels<Image<Context>> operator()(Context& ctx, const Image<Context>& image) const {
    constexpr Pool2dOptions pool{.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}};
    const Image<Context> low = apply(ctx, layers[0], materialize(max_pool2d(stem.deferred(ctx, image), pool)));
    return {low, apply(ctx, layers[3], apply(ctx, layers[2], apply(ctx, layers[1], low)))};
  }

 private:
  template <class Context>
  static Image<Context> apply(Context& ctx, const std::vector<ResidualBlock<T>>& layer, Image<Context> x) {
    for (const auto& block : layer) x = block(ctx, x);
    return x;
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
