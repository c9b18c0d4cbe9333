#pragma once
#include "paser/core/macros_off.inc"

#include <variant>

#include "paser/models/zoo/aspp.hpp"
#include "paser/models/zoo/deeplabv3plus_spec.hpp"
#include "paser/nn/dropout.hpp"

namespace paser::models {

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
    std::visit([&](auto& kind) { f(smp ? "encoder" : "backbone", kind); }, self.encoder);
    f(smp ? "decoder.aspp.0" : "classifier.aspp", self.pyramid);
    if (self.refine) {
      f("decoder.aspp.1", self.refine->conv);
      f("decoder.aspp.2", self.refine->norm);
    }
    f(smp ? "decoder.block1" : "classifier.project", self.low_level);
    f(smp ? "decoder.block2" : "classifier.classifier", self.join);
    f(smp ? "segmentation_head.0" : "classifier.classifier.3", self.head);
  }

  /// The part before the dropout, the same in every MC sample: the map of the pyramid, that of the low level, and one
  /// without channels that has the size of the image.
  template <class Context>
  std::vector<DeferredNorm<Image<Context>>> deterministic_part(Context& ctx, const Image<Context>& image) const;

  /// The rest: from the maps of deterministic_part() to the logits.
  template <class Context>
  Image<Context> stochastic_part(Context& ctx, const std::vector<DeferredNorm<Image<Context>>>& maps) const;

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return stochastic_part(ctx, deterministic_part(ctx, image));
  }

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
std::vector<DeferredNorm<Image<Context>>> DeepLabV3Plus<T>::deterministic_part(Context& ctx,
                                                                               const Image<Context>& image) const {
  const Shape<4>& shape = value_of(image).shape();
  check_image(shape);
  const TwoLevels<Image<Context>> maps = std::visit([&](const auto& e) { return e(ctx, image); }, encoder);
  return {pyramid(ctx, maps.high), low_level(ctx, maps.low),
          ctx.constant(Tensor<T, 4>({shape.n(), shape.h(), shape.w(), 0}))};
}

template <class T>
template <class Context>
Image<Context> DeepLabV3Plus<T>::stochastic_part(Context& ctx,
                                                 const std::vector<DeferredNorm<Image<Context>>>& maps) const {
  Image<Context> wide = materialize(drop(ctx, maps.at(0)));
  if (refine) wide = (*refine)(ctx, wide);
  const Image<Context> low = materialize(maps.at(1));
  wide = resized(wide, value_of(low).shape());
  const Image<Context> both = spec_.is_smp() ? concat_channels(wide, low) : concat_channels(low, wide);
  return resized(head(ctx, join(ctx, both)), maps.at(2).shape());
}

#ifdef PASER_COMPILED  // these are in the library, so that a program need not compile them again
extern template struct DeepLabV3Plus<float>;
#define PASER_DEEPLAB(Context)                                                                        \
  extern template std::vector<DeferredNorm<Image<Context>>> DeepLabV3Plus<float>::deterministic_part( \
      Context&, const Image<Context>&) const;                                                         \
  extern template Image<Context> DeepLabV3Plus<float>::stochastic_part(                               \
      Context&, const std::vector<DeferredNorm<Image<Context>>>&) const
PASER_DEEPLAB(EvalContext<float>);
PASER_DEEPLAB(TapeContext<float>);
PASER_DEEPLAB(CountContext<float>);
#undef PASER_DEEPLAB
#endif

}  // namespace paser::models
#include "paser/core/macros_on.inc"
