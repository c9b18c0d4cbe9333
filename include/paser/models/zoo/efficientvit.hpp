#pragma once
#include "paser/core/macros_off.inc"

#include <variant>

#include "paser/models/zoo/efficientvit_spec.hpp"
#include "paser/models/zoo/lite_mla.hpp"
#include "paser/nn/module_list.hpp"
#include "paser/nn/structured_dropout.hpp"
#include "paser/ops/upsample_bicubic.hpp"

namespace paser::models {

/// One layer of EfficientViT, whichever its kind.
template <class T>
struct EfficientViTLayer {
  std::variant<ConvLayer<T>, Residual<DSConv<T>>, Residual<MBConv<T>>, Residual<FusedMBConv<T>>, Residual<ResBlock<T>>,
               EfficientViTBlock<T>>
      kind;

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    std::visit([&](auto& layer) { std::remove_cvref_t<decltype(layer)>::visit(layer, f); }, self.kind);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return std::visit([&](const auto& layer) { return layer(ctx, x); }, kind);
  }
};

/// Layers one after the other.
template <class T>
struct EfficientViTStage {
  nn::ModuleList<EfficientViTLayer<T>> op_list;

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("op_list", self.op_list);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, Image<Context> x) const {
    for (const auto& layer : op_list) x = layer(ctx, x);
    return x;
  }
};

/// EfficientViT for segmentation (Cai et al. 2023): convolutional stages, then stages of linear attention, and a head
/// that adds the maps of the last three at stride 8. image: (N, H, W, in) -> logits: (N, ceil(H / 8), ceil(W / 8),
/// classes), where ceil(H / 8) and ceil(W / 8) must be multiples of 4, as they are when H and W are multiples of 32.
/// Its tensors have the names of mit-han-lab's checkpoints.
template <class T = float>
class EfficientViT {
 public:
  using Scalar = T;

  std::vector<EfficientViTStage<T>> stages;  // of the B family the first is called the input stem
  nn::ModuleList<ConvLayer<T>> head_inputs;  // of the last stage, the one before, and the one before that
  EfficientViTStage<T> middle, output;

  /// Random weights in the convention of PyTorch's defaults. Throws ValueError on numbers that make no network.
  EfficientViT(const EfficientViTSpec& spec, Key key);

  const EfficientViTSpec& spec() const { return spec_; }
  Index channels() const { return spec_.in; }
  Index classes() const { return spec_.classes; }
  static Index smallest_size() { return 25; }
  static Index size_multiple() { return 32; }
  static Index stride() { return 8; }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    const std::size_t stems = self.spec_.is_l() ? 0 : 1;
    for (std::size_t i = 0; i < self.stages.size(); ++i)
      f(i < stems ? "backbone.input_stem" : ("backbone.stages." + std::to_string(i - stems)).c_str(), self.stages[i]);
    // The inputs that are enlarged stand in a list with the enlarging.
    f("head.input_ops.0.op_list.0", self.head_inputs[0]);
    f("head.input_ops.1.op_list.0", self.head_inputs[1]);
    f("head.input_ops.2", self.head_inputs[2]);
    f("head.middle", self.middle);
    f("head.output_ops.0", self.output);
  }

  /// The part before the dropout, the same in every MC sample.
  template <class Context>
  std::vector<DeferredNorm<Image<Context>>> deterministic_part(Context& ctx, const Image<Context>& image) const;

  /// The rest: the last layer.
  template <class Context>
  Image<Context> stochastic_part(Context& ctx, const std::vector<DeferredNorm<Image<Context>>>& maps) const {
    const DeferredNorm<Image<Context>> x =
        spec_.dropout > 0 ? nn::Dropout2d(spec_.dropout)(ctx, maps.at(0)) : maps.at(0);
    return output.op_list.back()(ctx, materialize(x));
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return stochastic_part(ctx, deterministic_part(ctx, image));
  }

 private:
  using Stage = EfficientViTStage<T>;

  static EfficientViTSpec checked(const EfficientViTSpec& spec) {
    spec.check_numbers();
    return spec;
  }
  void make_b_stages(const ConvStyle& style, Key key);
  void make_l_stages(const ConvStyle& style, Key key);
  void make_head(const ConvStyle& style, Key key);

  void check_image(const Shape<4>& image) const {
    check(image.c() == spec_.in, "EfficientViT", "expected (N,H,W,", spec_.in, ") images, got ", image);
    const auto fits = [](Index side) { return side > 0 && (side + 7) / 8 % 4 == 0; };
    check(fits(image.h()) && fits(image.w()), "EfficientViT", "an image of ", image.h(), "x", image.w(),
          "; expected sides of which an eighth, rounded up, is a multiple of 4 (models::Padded makes them multiples of "
          "32)");
  }

  EfficientViTSpec spec_;
};

template <class T>
EfficientViT<T>::EfficientViT(const EfficientViTSpec& spec, Key key) : stages(5), spec_(checked(spec)) {
  const ConvStyle style{spec.is_l() ? ConvStyle::Function::gelu_tanh : ConvStyle::Function::hardswish,
                        {.eps = spec.norm_eps()}};
  if (spec.is_l())
    make_l_stages(style, key.fold(1));
  else
    make_b_stages(style, key.fold(1));
  make_head(style, key.fold(2));
}

template <class T>
void EfficientViT<T>::make_b_stages(const ConvStyle& style, Key key) {
  Index in = spec_.in;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    auto& layers = stages[i].op_list;
    const Index width = spec_.widths[i], depth = spec_.depths[i];
    const auto next = [&, stage = key.fold(i)] { return stage.fold(layers.size()); };
    const MobileBlockSpec down{.in = in, .out = width, .expand = spec_.expand, .stride = 2, .fewer_norms = i >= 3};
    const MobileBlockSpec same{.in = width, .out = width, .expand = spec_.expand};
    if (i == 0)
      layers.push_back({ConvLayer<T>({.in = in, .out = width, .kernel = 3, .stride = 2}, style, next())});
    else
      layers.push_back({Residual<MBConv<T>>{{down, style, next()}, false}});
    // The depth of a stage of convolutions includes the layer that halves the map.
    for (Index j = i == 1 || i == 2 ? 1 : 0; j < depth; ++j)
      if (i == 0)
        layers.push_back({Residual<DSConv<T>>{{same, style, next()}}});
      else if (i < 3)
        layers.push_back({Residual<MBConv<T>>{{same, style, next()}}});
      else
        layers.push_back({EfficientViTBlock<T>(width, spec_.head_features, spec_.expand, style, next())});
    in = width;
  }
}

template <class T>
void EfficientViT<T>::make_l_stages(const ConvStyle& style, Key key) {
  Index in = spec_.in;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    auto& layers = stages[i].op_list;
    const Index width = spec_.widths[i];
    const auto next = [&, stage = key.fold(i)] { return stage.fold(layers.size()); };
    const MobileBlockSpec down{.in = in, .out = width, .expand = i == 4 ? 24 : 16, .stride = 2, .fewer_norms = i >= 3};
    const MobileBlockSpec same{.in = width, .out = width, .expand = i == 0 ? 1 : 4, .fewer_norms = i == 3};
    if (i == 0)
      layers.push_back({ConvLayer<T>({.in = in, .out = width, .kernel = 3, .stride = 2}, style, next())});
    else if (i < 3)
      layers.push_back({Residual<FusedMBConv<T>>{{down, style, next()}, false}});
    else
      layers.push_back({Residual<MBConv<T>>{{down, style, next()}, false}});
    for (Index j = 0; j < spec_.depths[i]; ++j)
      if (i == 0)
        layers.push_back({Residual<ResBlock<T>>{{same, style, next()}}});
      else if (i < 3)
        layers.push_back({Residual<FusedMBConv<T>>{{same, style, next()}}});
      else if (i == 3)
        layers.push_back({Residual<MBConv<T>>{{same, style, next()}}});
      else
        layers.push_back({EfficientViTBlock<T>(width, spec_.head_features, 6, style, next())});
    in = width;
  }
}

template <class T>
void EfficientViT<T>::make_head(const ConvStyle& style, Key key) {
  const Index width = spec_.head_width, wide = width * std::max<Index>(1, spec_.final_expand);
  for (const std::size_t stage : {4u, 3u, 2u})
    head_inputs.emplace_back(ConvLayerSpec{.in = spec_.widths[stage], .out = width, .activated = false}, style,
                             key.fold(stage));
  const MobileBlockSpec same{.in = width, .out = width, .expand = spec_.head_expand};
  for (Index j = 0; j < spec_.head_depth; ++j) {
    const Key block = key.fold(5).fold(static_cast<std::uint64_t>(j));
    if (spec_.is_l())
      middle.op_list.push_back({Residual<FusedMBConv<T>>{{same, style, block}}});
    else
      middle.op_list.push_back({Residual<MBConv<T>>{{same, style, block}}});
  }
  if (spec_.final_expand > 0) output.op_list.push_back({ConvLayer<T>({.in = width, .out = wide}, style, key.fold(6))});
  output.op_list.push_back({ConvLayer<T>(
      {.in = wide, .out = spec_.classes, .bias = true, .norm = false, .activated = false}, style, key.fold(7))});
}

template <class T>
template <class Context>
std::vector<DeferredNorm<Image<Context>>> EfficientViT<T>::deterministic_part(Context& ctx,
                                                                              const Image<Context>& image) const {
  check_image(value_of(image).shape());
  const Image<Context> eighth = stages[2](ctx, stages[1](ctx, stages[0](ctx, image)));
  const Image<Context> sixteenth = stages[3](ctx, eighth);
  const Image<Context> last = stages[4](ctx, sixteenth);
  const Image<Context> far = upsample_bicubic(head_inputs[0](ctx, last), {.scale = 4});
  const Image<Context> middling = upsample_bicubic(head_inputs[1](ctx, sixteenth), {.scale = 2});
  Image<Context> x = middle(ctx, add(far, add(middling, head_inputs[2](ctx, eighth))));
  if (spec_.final_expand > 0) x = output.op_list.front()(ctx, x);
  return {x};
}

#ifdef PASER_COMPILED  // these are in the library, so that a program need not compile them again
extern template EfficientViT<float>::EfficientViT(const EfficientViTSpec&, Key);
#define PASER_EFFICIENTVIT(Context)                                                                  \
  extern template std::vector<DeferredNorm<Image<Context>>> EfficientViT<float>::deterministic_part( \
      Context&, const Image<Context>&) const;                                                        \
  extern template Image<Context> EfficientViT<float>::stochastic_part(                               \
      Context&, const std::vector<DeferredNorm<Image<Context>>>&) const
PASER_EFFICIENTVIT(EvalContext<float>);
PASER_EFFICIENTVIT(TapeContext<float>);
PASER_EFFICIENTVIT(CountContext<float>);
#undef PASER_EFFICIENTVIT
#endif

}  // namespace paser::models
#include "paser/core/macros_on.inc"
