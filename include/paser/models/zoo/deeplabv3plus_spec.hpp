#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/models/model_spec.hpp"
#include "paser/models/zoo/mobilenet_v2.hpp"
#include "paser/models/zoo/resnet.hpp"

namespace paser::models {

/// Of the functions that are called DeepLabV3+ in PyTorch the two that most checkpoints are of. They take the same maps
/// and compute something else of them.
enum class DeepLabConvention {
  /// VainF/DeepLabV3Plus-Pytorch: images of any size, resized by their edges; torchvision's dilations.
  vainf,
  /// segmentation_models.pytorch: sizes that the output stride divides, resized by their corners; every convolution of
  /// a dilated stage is dilated; separable convolutions, one more of them behind the pyramid.
  smp
};

/// The network that DeepLabV3+ takes its maps from.
enum class DeepLabBackbone { resnet34, resnet50, resnet101, mobilenetv2 };

/// What they are called in files.
inline const char* deeplab_convention_name(DeepLabConvention c) {
  return c == DeepLabConvention::vainf ? "vainf" : "smp";
}
/// The name in settings and files.
inline const char* deeplab_backbone_name(DeepLabBackbone b) {
  constexpr const char* names[] = {"resnet34", "resnet50", "resnet101", "mobilenetv2"};
  return names[static_cast<std::size_t>(b)];
}

/// What a DeepLabV3+ is made of. Zeros and what is left out stand for what the published networks have.
struct DeepLabV3PlusSpec {
  Index in = 3;
  Index classes = 2;
  DeepLabConvention convention = DeepLabConvention::vainf;
  DeepLabBackbone backbone = DeepLabBackbone::resnet50;
  Index output_stride = 16;  ///< 8 or 16
  /// Dilations of the pyramid. Left out: (6, 12, 18) for VainF at stride 16, else (12, 24, 36).
  std::optional<std::array<Index, 3>> rates{};
  bool separable = false;           ///< VainF's head of separable convolutions; smp's always is
  Index width = 0;                  ///< channels of the encoder's stem: 64, of MobileNetV2 32
  Index head_width = 256;           ///< channels of the pyramid and the decoder
  Index low_width = 48;             ///< channels of stride 4 that enter the decoder
  std::optional<double> dropout{};  ///< behind the pyramid; left out: 0.1 for VainF, 0.5 for smp
  double encoder_momentum = 0.1;    ///< of the encoder's batch norms; VainF trains with 0.01

  /// Whether it follows segmentation_models_pytorch.
  bool is_smp() const { return convention == DeepLabConvention::smp; }
  bool is_mobile() const { return backbone == DeepLabBackbone::mobilenetv2; }  ///< Whether the backbone is MobileNetV2.
  /// The dilations of the pyramid, also where the settings leave them to the convention.
  std::array<Index, 3> used_rates() const {
    if (rates) return *rates;
    return !is_smp() && output_stride == 16 ? std::array<Index, 3>{6, 12, 18} : std::array<Index, 3>{12, 24, 36};
  }
  /// The dropout, also where the settings leave it to the convention.
  double used_dropout() const { return dropout.value_or(is_smp() ? 0.5 : 0.1); }
  /// The backbone's width, also where the settings leave it out.
  Index used_width() const { return width != 0 ? width : is_mobile() ? 32 : 64; }

  /// The settings of the backbone, where it is a ResNet.
  ResNetSpec resnet() const {
    const Index depth = backbone == DeepLabBackbone::resnet34 ? 34 : backbone == DeepLabBackbone::resnet50 ? 50 : 101;
    return {in, depth, used_width(), output_stride, !is_smp(), {.momentum = encoder_momentum}};
  }
  /// The settings of the backbone, where it is MobileNetV2.
  MobileNetV2Spec mobilenet() const {
    return {in, used_width(), output_stride, !is_smp(), {.momentum = encoder_momentum}};
  }
  /// Channels of the map that the decoder joins.
  Index low_channels() const { return is_mobile() ? mobilenet().low_channels() : resnet().low_channels(); }
  /// Channels of the map that the pyramid reads.
  Index high_channels() const { return is_mobile() ? mobilenet().high_channels() : resnet().high_channels(); }
  /// Which convolutions are depthwise and pointwise.
  Separation separation() const {
    return is_smp() ? Separation::plain : separable ? Separation::in_body : Separation::none;
  }

  /// Throws ValueError on numbers that make no network.
  void check_numbers() const;

  /// The same for the registry, where it is called "deeplabv3plus".
  operator ModelSpec() const {
    return {"deeplabv3plus",
            message("{\"in\":", in, ",\"classes\":", classes, ",\"convention\":\"", deeplab_convention_name(convention),
                    "\",\"backbone\":\"", deeplab_backbone_name(backbone), "\",\"output_stride\":", output_stride,
                    ",\"rates\":", json_array(used_rates()), ",\"separable\":", separable ? "true" : "false",
                    ",\"width\":", used_width(), ",\"head_width\":", head_width, ",\"low_width\":", low_width,
                    ",\"dropout\":", exact_number(used_dropout()),
                    ",\"encoder_momentum\":", exact_number(encoder_momentum), "}")};
  }
};

inline void DeepLabV3PlusSpec::check_numbers() const {
  constexpr const char* where = "DeepLabV3Plus";
  constexpr Index most = 65536;
  const auto within = [](Index x) { return x >= 1 && x <= most; };
  check<ValueError>(within(in) && classes >= 2 && classes <= most, where, "no network has ", in, " image channels and ",
                    classes, " classes; expected 1 .. ", most, " channels and 2 .. ", most, " classes");
  check<ValueError>(within(used_width()) && within(head_width) && within(low_width) && used_width() <= 1024, where,
                    "the widths of encoder, head and low level are ", used_width(), ", ", head_width, " and ",
                    low_width, "; expected 1 .. 1024, 1 .. ", most, " and 1 .. ", most);
  if (is_mobile()) mobilenet().checked_width();
  check<ValueError>(output_stride == 8 || output_stride == 16, where, "its output stride is ", output_stride,
                    ", expected 8 or 16");
  for (const Index rate : used_rates())
    check<ValueError>(within(rate), where, "a dilation of its pyramid is ", rate, ", expected 1 .. ", most);
  check<ValueError>(used_dropout() >= 0 && used_dropout() < 1, where, "its dropout is ", used_dropout(),
                    ", expected 0 .. 1 (excluded)");
  check<ValueError>(encoder_momentum >= 0 && encoder_momentum <= 1, where, "its encoder_momentum is ", encoder_momentum,
                    ", expected 0 .. 1");
  check<ValueError>(!(is_smp() && separable), where,
                    "separable is a setting of VainF's convention; smp's head always is separable");
  check<ValueError>(is_smp() || backbone != DeepLabBackbone::resnet34, where,
                    "resnet34 has no dilated form in VainF's convention; expected smp's");
}

/// Parameters of a DeepLabV3+, in closed form.
inline Index deeplabv3plus_parameters(const DeepLabV3PlusSpec& s) {
  const auto normed = [](Index in, Index out, Index taps) { return in * out * taps + 2 * out; };
  const auto spatial = [&](Index in, Index out) {
    return s.separation() == Separation::none ? normed(in, out, 9) : 9 * in + normed(in, out, 1);
  };
  const auto resnet = [&](const ResNetSpec& r) {
    const auto blocks = r.blocks();
    Index count = normed(r.in, r.width, 49), in = r.width;
    for (std::size_t l = 0; l < blocks.size(); ++l)
      for (Index b = 0; b < blocks[l]; ++b) {
        const ResidualBlockSpec block{.in = in, .width = r.width << l, .bottleneck = r.bottleneck()};
        const Index width = block.width, out = block.out();
        count += block.bottleneck ? normed(in, width, 1) + normed(width, width, 9) + normed(width, out, 1)
                                  : normed(in, width, 9) + normed(width, out, 9);
        if (in != out) count += normed(in, out, 1);
        in = out;
      }
    return count;
  };
  const auto mobilenet = [&](const MobileNetV2Spec& m) {
    Index count = normed(m.in, m.width, 9), in = m.width;
    for (const auto& stage : MobileNetV2Spec::stages)
      for (Index b = 0; b < stage.blocks; ++b) {
        const Index hidden = in * stage.expansion, out = m.channels(stage.channels);
        if (stage.expansion != 1) count += normed(in, hidden, 1);
        count += normed(1, hidden, 9) + normed(hidden, out, 1);
        in = out;
      }
    return m.vainf ? count : count + normed(in, m.high_channels(), 1);
  };
  const Index high = s.high_channels(), width = s.head_width;
  return (s.is_mobile() ? mobilenet(s.mobilenet()) : resnet(s.resnet())) +                      // encoder
         2 * normed(high, width, 1) + 3 * spatial(high, width) + normed(5 * width, width, 1) +  // pyramid
         (s.is_smp() ? spatial(width, width) : 0) + normed(s.low_channels(), s.low_width, 1) +
         spatial(width + s.low_width, width) + (width + 1) * s.classes;
}

}  // namespace paser::models
#include "paser/core/macros_on.inc"
