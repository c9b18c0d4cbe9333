#pragma once
#include "paser/core/macros_off.inc"

#include <variant>

#include "paser/models/model_spec.hpp"
#include "paser/models/zoo/aspp.hpp"
#include "paser/models/zoo/mobilenet_v2.hpp"
#include "paser/models/zoo/resnet.hpp"
#include "paser/nn/dropout.hpp"

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

enum class DeepLabBackbone { resnet34, resnet50, resnet101, mobilenetv2 };

/// What they are called in files.
inline const char* deeplab_convention_name(DeepLabConvention c) {
  return c == DeepLabConvention::vainf ? "vainf" : "smp";
}
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

  bool is_smp() const { return convention == DeepLabConvention::smp; }
  bool is_mobile() const { return backbone == DeepLabBackbone::mobilenetv2; }
  std::array<Index, 3> used_rates() const {
    if (rates) return *rates;
    return !is_smp() && output_stride == 16 ? std::array<Index, 3>{6, 12, 18} : std::array<Index, 3>{12, 24, 36};
  }
  double used_dropout() const { return dropout.value_or(is_smp() ? 0.5 : 0.1); }
  Index used_width() const { return width != 0 ? width : is_mobile() ? 32 : 64; }

  ResNetSpec resnet() const {
    const Index depth = backbone == DeepLabBackbone::resnet34 ? 34 : backbone == DeepLabBackbone::resnet50 ? 50 : 101;
    return {in, depth, used_width(), output_stride, !is_smp(), {.momentum = encoder_momentum}};
  }
  MobileNetV2Spec mobilenet() const {
    return {in, used_width(), output_stride, !is_smp(), {.momentum = encoder_momentum}};
  }
  Index low_channels() const { return is_mobile() ? mobilenet().low_channels() : resnet().low_channels(); }
  Index high_channels() const { return is_mobile() ? mobilenet().high_channels() : resnet().high_channels(); }
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
  check<ValueError>(output_stride == 8 || output_stride == 16, where, "its output stride is ", output_stride,
                    ", expected 8 or 16");
  for (const Index rate : used_rates())
    check<ValueError>(within(rate), where, "a dilation of its pyramid is ", rate, ", expected 1 .. ", most);
  check<ValueError>(used_dropout() >= 0 && used_dropout() <= 1, where, "its dropout is ", used_dropout(),
                    ", expected a probability");
  check<ValueError>(encoder_momentum >= 0 && encoder_momentum <= 1, where, "its encoder_momentum is ", encoder_momentum,
                    ", expected 0 .. 1");
  check<ValueError>(!(is_smp() && separable), where,
                    "separable is a setting of VainF's convention; smp's head always is separable");
  check<ValueError>(is_smp() || backbone != DeepLabBackbone::resnet34, where,
                    "resnet34 has no dilated form in VainF's convention; expected smp's");
}

/// DeepLabV3+ (Chen et al. 2018): an encoder with dilated last stages, atrous spatial pyramid pooling, and a decoder
/// that joins its result with the encoder's map of stride 4. image: (N, H, W, in) -> logits: (N, H, W, classes). Its
/// tensors have the names of the public checkpoints: "backbone." and "classifier." of VainF's, "encoder.", "decoder."
/// and "segmentation_head." of smp's.
///
/// Training by batch statistics takes two images or more, since the pyramid normalises the mean of the image.
template <class T = float>
struct DeepLabV3Plus {
  using Scalar = T;

  std::variant<ResNet<T>, MobileNetV2<T>> encoder;
  Aspp<T> pyramid;
  nn::Dropout drop;
  std::optional<ConvNorm<T>> refine;  ///< behind the pyramid; smp's
  ConvNorm<T> low_level, join;
  nn::Conv2d<T> head;

  /// Random weights: convolutions He normal by their fan-out, the last one as torch's. Throws ValueError on numbers
  /// that make no network.
  DeepLabV3Plus(const DeepLabV3PlusSpec& spec, Key key)
      : encoder(make_encoder(checked(spec), key.fold(1))),
        pyramid({.in = spec.high_channels(),
                 .out = spec.head_width,
                 .rates = spec.used_rates(),
                 .separation = spec.separation()},
                key.fold(2)),
        drop(spec.used_dropout()),
        low_level(conv_options(spec.low_channels(), spec.low_width, 1), Activated::relu, key.fold(4)),
        join(conv_options(spec.head_width + spec.low_width, spec.head_width, 3), Activated::relu, key.fold(5),
             BatchNormOptions{}, spec.separation()),
        head({.in = spec.head_width, .out = spec.classes, .kernel = 1}, key.fold(6)),
        spec_(spec) {
    if (spec.is_smp())
      refine.emplace(conv_options(spec.head_width, spec.head_width, 3), Activated::relu, key.fold(3),
                     BatchNormOptions{}, spec.separation());
  }

  const DeepLabV3PlusSpec& spec() const { return spec_; }
  Index channels() const { return spec_.in; }
  Index classes() const { return spec_.classes; }
  /// VainF's MobileNetV2 begins with a 3x3 convolution that is not padded.
  Index smallest_size() const { return spec_.is_smp() ? spec_.output_stride : spec_.is_mobile() ? 3 : 1; }
  Index size_multiple() const { return spec_.is_smp() ? spec_.output_stride : 1; }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    const bool smp = self.spec_.is_smp();
    std::visit([&](auto& encoder) { f(smp ? "encoder" : "backbone", encoder); }, self.encoder);
    f(smp ? "decoder.aspp.0" : "classifier.aspp", self.pyramid);
    if (self.refine) {
      f("decoder.aspp.1", self.refine->conv);
      f("decoder.aspp.2", self.refine->norm);
    }
    f(smp ? "decoder.block1" : "classifier.project", self.low_level);
    f(smp ? "decoder.block2" : "classifier.classifier", self.join);
    f(smp ? "segmentation_head.0" : "classifier.classifier.3", self.head);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const;

 private:
  static const DeepLabV3PlusSpec& checked(const DeepLabV3PlusSpec& spec) {
    spec.check_numbers();
    return spec;
  }
  static std::variant<ResNet<T>, MobileNetV2<T>> make_encoder(const DeepLabV3PlusSpec& spec, Key key) {
    if (spec.is_mobile()) return MobileNetV2<T>(spec.mobilenet(), key);
    return ResNet<T>(spec.resnet(), key);
  }

  void check_image(const Shape<4>& image) const {
    check(image.c() == spec_.in, "DeepLabV3Plus", "expected (N,H,W,", spec_.in, ") images, got ", image);
    const Index multiple = size_multiple(), least = smallest_size();
    check(image.h() >= least && image.w() >= least && image.h() % multiple == 0 && image.w() % multiple == 0,
          "DeepLabV3Plus", "an image of ", image.h(), "x", image.w(), "; expected sides of at least ", least,
          multiple > 1 ? message(" that are multiples of ", multiple, " (models::Padded makes them so)") : "");
  }

  /// x resized to the height and width of `like`.
  template <class Value>
  Value resized(const Value& x, const Shape<4>& like) const {
    return upsample_bilinear(x, {.size = {like.h(), like.w()}, .align_corners = spec_.is_smp()});
  }

  DeepLabV3PlusSpec spec_;
};

template <class T>
template <class Context>
Image<Context> DeepLabV3Plus<T>::operator()(Context& ctx, const Image<Context>& image) const {
  check_image(value_of(image).shape());
  const TwoLevels<Image<Context>> maps = std::visit([&](const auto& e) { return e(ctx, image); }, encoder);
  Image<Context> wide = drop(ctx, pyramid(ctx, maps.high));
  if (refine) wide = (*refine)(ctx, wide);
  const Image<Context> low = low_level(ctx, maps.low);
  wide = resized(wide, value_of(low).shape());
  const Image<Context> both = spec_.is_smp() ? concat_channels(wide, low) : concat_channels(low, wide);
  return resized(head(ctx, join(ctx, both)), value_of(image).shape());
}

#ifdef PASER_COMPILED  // these are in the library, so that a program need not compile them again
extern template struct DeepLabV3Plus<float>;
#define PASER_DEEPLAB(Context) \
  extern template Image<Context> DeepLabV3Plus<float>::operator()(Context&, const Image<Context>&) const
PASER_DEEPLAB(EvalContext<float>);
PASER_DEEPLAB(TapeContext<float>);
PASER_DEEPLAB(CountContext<float>);
#undef PASER_DEEPLAB
#endif

}  // namespace paser::models
#include "paser/core/macros_on.inc"
