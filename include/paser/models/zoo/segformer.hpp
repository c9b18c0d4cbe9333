#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/zoo/mix_transformer_block.hpp"
#include "paser/models/zoo/mlp_decoder.hpp"
#include "paser/models/zoo/segformer_spec.hpp"

namespace paser::models {

/// SegFormer (Xie et al. 2021): a pyramid of Mix Transformer stages and an all-MLP decoder. image: (N, H, W, in) ->
/// logits: (N, ceil(H / 4), ceil(W / 4), classes) for any H, W >= smallest_size(). Its tensors have the names of
/// Hugging Face's checkpoints.
template <class T = float>
class SegFormer {
 public:
  using Scalar = T;

  nn::ModuleList<OverlapPatchEmbedding<T>> patch_embeddings;
  nn::ModuleList<nn::ModuleList<MixTransformerBlock<T>>> blocks;
  nn::ModuleList<nn::LayerNorm<T>> layer_norms;  // behind the stages
  MlpDecoder<T> decoder;
  nn::Conv2d<T> classifier;

  /// Random weights, drawn as the authors draw them. Throws ValueError on numbers that make no network.
  SegFormer(const SegFormerSpec& spec, Key key);

  const SegFormerSpec& spec() const { return spec_; }
  Index channels() const { return spec_.in; }
  Index classes() const { return spec_.classes; }
  Index smallest_size() const { return spec_.smallest_size(); }
  static Index stride() { return SegFormerSpec::stride(0); }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("segformer.encoder.patch_embeddings", self.patch_embeddings);
    f("segformer.encoder.block", self.blocks);
    f("segformer.encoder.layer_norm", self.layer_norms);
    f("decode_head", self.decoder);
    f("decode_head.classifier", self.classifier);
  }

  /// The map of every stage, the finest first.
  template <class Context>
  std::vector<Image<Context>> pyramid(Context& ctx, const Image<Context>& image) const;

  /// The part before the dropout, the same in every MC sample.
  template <class Context>
  std::vector<DeferredNorm<Image<Context>>> deterministic_part(Context& ctx, const Image<Context>& image) const {
    return {decoder(ctx, pyramid(ctx, image))};
  }

  /// The rest: from the map of deterministic_part() to the logits.
  template <class Context>
  Image<Context> stochastic_part(Context& ctx, const std::vector<DeferredNorm<Image<Context>>>& maps) const {
    const bool whole_channels = spec_.convention == SegFormerConvention::nvlabs;
    return materialize(classifier(ctx, whole_channels ? nn::Dropout2d(spec_.dropout)(ctx, maps.at(0))
                                                      : nn::Dropout(spec_.dropout)(ctx, maps.at(0))));
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return stochastic_part(ctx, deterministic_part(ctx, image));
  }

 private:
  static const SegFormerSpec& checked(const SegFormerSpec& spec) {
    spec.check_numbers();
    return spec;
  }

  SegFormerSpec spec_;
};

template <class T>
SegFormer<T>::SegFormer(const SegFormerSpec& spec, Key key)
    : decoder(checked(spec).widths, spec.decoder_width, key.fold(1)),
      classifier(token_conv<T>({.in = spec.decoder_width, .out = spec.classes, .kernel = 1}, key.fold(2))),
      spec_(spec) {
  Index last = -1, number = 0;
  for (const Index depth : spec.depths) last += depth;
  for (std::size_t i = 0; i < spec.widths.size(); ++i) {
    const Index c = spec.widths[i];
    const Key stage = key.fold(3).fold(i);
    patch_embeddings.emplace_back(i == 0 ? spec.in : spec.widths[i - 1], c, i == 0 ? 7 : 3, i == 0 ? 4 : 2,
                                  stage.fold(0));
    blocks.emplace_back();
    for (Index j = 0; j < spec.depths[i]; ++j, ++number)
      blocks.back().emplace_back(
          MixTransformerBlockSpec{
              .channels = c,
              .heads = spec.heads[i],
              .reduction = spec.reductions[i],
              .mlp_ratio = spec.mlp_ratios[i],
              .drop_path = last > 0 ? spec.drop_path * static_cast<double>(number) / static_cast<double>(last) : 0,
              .norm = {.eps = spec.block_eps()}},
          stage.fold(1).fold(static_cast<std::uint64_t>(j)));
    layer_norms.emplace_back(c, LayerNormOptions{.eps = spec.block_eps()});
  }
}

template <class T>
template <class Context>
std::vector<Image<Context>> SegFormer<T>::pyramid(Context& ctx, const Image<Context>& image) const {
  const Shape<4>& shape = value_of(image).shape();
  check(shape.c() == spec_.in, "SegFormer", "expected (N,H,W,", spec_.in, ") images, got ", shape);
  check(shape.h() >= smallest_size() && shape.w() >= smallest_size(), "SegFormer", "an image of ", shape.h(), "x",
        shape.w(), " is smaller than a reduction of its keys; the smallest legal size is ", smallest_size(), "x",
        smallest_size());
  std::vector<Image<Context>> maps;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    Image<Context> x = patch_embeddings[i](ctx, i == 0 ? image : maps.back());
    for (const auto& block : blocks[i]) x = block(ctx, x);
    maps.push_back(layer_norms[i](ctx, x));
  }
  return maps;
}

#ifdef PASER_COMPILED  // these are in the library, so that a program need not compile them again
extern template SegFormer<float>::SegFormer(const SegFormerSpec&, Key);
#define PASER_SEGFORMER(Context)                                                                  \
  extern template std::vector<DeferredNorm<Image<Context>>> SegFormer<float>::deterministic_part( \
      Context&, const Image<Context>&) const;                                                     \
  extern template Image<Context> SegFormer<float>::stochastic_part(                               \
      Context&, const std::vector<DeferredNorm<Image<Context>>>&) const
PASER_SEGFORMER(EvalContext<float>);
PASER_SEGFORMER(TapeContext<float>);
PASER_SEGFORMER(CountContext<float>);
#undef PASER_SEGFORMER
#endif

}  // namespace paser::models
#include "paser/core/macros_on.inc"
