#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/zoo/matphase_spec.hpp"
#include "paser/ops/entropy.hpp"
#include "paser/ops/extend_to.hpp"
#include "paser/ops/log_softmax.hpp"
#include "paser/ops/softmax.hpp"

namespace paser::models {

/// What a small network says of every pixel from the patch around it, mirrored beyond the border: two 3x3 convolutions
/// with ReLU, 2x2 max pooling, another one, the mean over what is left, a linear layer. maps: (N, H, W, in) -> logits:
/// (N, H, W, classes).
///
/// Neighbours share nearly all of their patches, so the convolutions run once over the whole image; where those of a
/// patch would go by steps of 2 behind the pooling, these are dilated by 2. The answers are those of the patches one by
/// one, at a thirtieth of the operations.
template <class T = float>
class PatchNetwork {
 public:
  std::array<nn::Conv2d<T>, 3> convs;
  nn::Conv2d<T> classifier;

  /// Random weights in the convention of PyTorch's defaults.
  PatchNetwork(const MatPhaseSpec& spec, Key key)
      : convs{conv(spec.in + spec.classes, spec.features[0], 1, key.fold(0)),
              conv(spec.features[0], spec.features[1], 1, key.fold(1)),
              conv(spec.features[1], spec.features[2], 2, key.fold(2))},
        classifier({.in = spec.features[2], .out = spec.classes, .kernel = 1}, key.fold(3)),
        patch_(spec.patch),
        mean_(Tensor<T, 4>::full({spec.last_side(), spec.last_side(), 1, spec.features[2]},
                                 T(1) / static_cast<T>(spec.last_side() * spec.last_side()))) {}

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    for (std::size_t i = 0; i < self.convs.size(); ++i) f(message("conv", i + 1).c_str(), self.convs[i]);
    f("classifier", self.classifier);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& maps) const {
    constexpr Pool2dOptions pool{.kernel = {2, 2}, .stride = {1, 1}};
    const Shape<4> shape = value_of(maps).shape();
    const Index border = patch_ / 2;
    using Map = DeferredNorm<Image<Context>>;
    // The pooling leaves a patch's last row and column out.
    Map x = extend_to(maps, shape.h() + patch_ - 2, shape.w() + patch_ - 2, Border::mirrored, border, border);
    x = relu(convs[0](ctx, x));
    x = max_pool2d(Map(relu(convs[1](ctx, x))), pool);
    x = relu(convs[2](ctx, x));
    const Conv2dOptions apart{.dilation = {2, 2}, .groups = mean_.shape().last()};
    return classifier(ctx, conv2d(materialize(x), ctx.constant(mean_), apart));
  }

 private:
  static nn::Conv2d<T> conv(Index in, Index out, Index dilation, Key key) {
    return {{.in = in, .out = out, .kernel = 3, .options = {.dilation = {dilation, dilation}}}, key};
  }

  Index patch_;
  Tensor<T, 4> mean_;
};

/// A network in the manner of MatPhase (Tabassum et al. 2022), of which no code and no full text is public. What is
/// known: an ensemble of UNets, a decision per pixel that these do not know (IDK), and a convolutional network for such
/// pixels. All else is this project's assumption, so results are to be called "MatPhase-like".
///
/// UNet 0 separates the first class (pore) from the others, UNet 1 the others (carbon, nickel) from each other; the
/// probability of one of these is the product along that hierarchy. Where the entropy of the probabilities exceeds the
/// threshold, a PatchNetwork that sees the image and the probabilities answers instead. image: (N, H, W, in) ->
/// logits: (N, H, W, classes), those of the UNets being logarithms of probabilities.
///
/// The cross entropy of the product is the sum of the UNets' own ones, the second one's without the pixels of the first
/// class, and the patch network sends no gradient to the UNets: so the parts learn in one run what they would learn one
/// after the other. In a training run a coin per unsure pixel decides who answers, UNets or patch network, so that both
/// learn from it; the patch network's pixels thereby are the hard ones.
template <class T = float>
class MatPhase {
 public:
  using Scalar = T;

  std::array<UNet<T>, 2> unets;
  PatchNetwork<T> patches;

  /// Random weights in the convention of PyTorch's defaults. Throws ValueError on numbers that make no network.
  MatPhase(const MatPhaseSpec& spec, Key key)
      : unets{UNet<T>(checked(spec).unet(0), key.fold(1)), UNet<T>(spec.unet(1), key.fold(2))},
        patches(spec, key.fold(3)),
        spec_(spec) {}

  const MatPhaseSpec& spec() const { return spec_; }
  Index channels() const { return spec_.in; }
  Index classes() const { return spec_.classes; }
  Index smallest_size() const { return unets[0].smallest_size(); }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("first_class", self.unets[0]);
    f("other_classes", self.unets[1]);
    f("patches", self.patches);
  }

  /// The part before the first dropout, the same in every MC sample: the maps of both UNets, and the image.
  template <class Context>
  std::vector<DeferredNorm<Image<Context>>> deterministic_part(Context& ctx, const Image<Context>& image) const {
    auto maps = unets[0].deterministic_part(ctx, image);
    for (auto& map : unets[1].deterministic_part(ctx, image)) maps.push_back(std::move(map));
    maps.push_back(image);
    return maps;
  }

  /// The rest: from the maps of deterministic_part() to the logits.
  template <class Context>
  Image<Context> stochastic_part(Context& ctx, std::vector<DeferredNorm<Image<Context>>> maps) const {
    const Image<Context> image = materialize(maps.back());
    const auto middle = maps.begin() + static_cast<std::ptrdiff_t>(maps.size() / 2);
    const Image<Context> known = product(log_softmax(unets[0].stochastic_part(ctx, {maps.begin(), middle})),
                                         log_softmax(unets[1].stochastic_part(ctx, {middle, std::prev(maps.end())})));
    const Image<Context> answer = patches(ctx, concat_channels(image, softmax(constant(ctx, known))));
    return add(known, multiply(unsure(ctx, known), subtract(answer, known)));
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return stochastic_part(ctx, deterministic_part(ctx, image));
  }

  /// 1 where the patch network answers, else 0, from logarithms of the UNets' probabilities. Same shape.
  template <class Context>
  Image<Context> unsure(Context& ctx, const Image<Context>& known) const {
    if constexpr (std::is_same_v<Image<Context>, Counted<4>>) {
      return known;
    } else {
      const Tensor<T, 4>& log_p = value_of(known);
      Tensor<T, 3> decided = entropy(softmax(log_p));
      const double limit = spec_.threshold * std::log(static_cast<double>(spec_.classes));
      for (T *h = decided.mutable_data(), *end = h + decided.numel(); h != end; ++h) *h = *h > limit ? T(1) : T(0);
      Tensor<T, 4> mask = decided.reshape(Shape<4>{log_p.shape().n(), log_p.shape().h(), log_p.shape().w(), 1});
      if constexpr (std::is_same_v<Context, TapeContext<T>>)
        if (ctx.mode.dropout) mask = scale(nn::Dropout(0.5)(ctx, ctx.constant(mask)).value(), 0.5);
      Tensor<T, 4> all = mask;
      for (Index k = 1; k < spec_.classes; ++k) all = concat_channels(all, mask);
      return ctx.constant(all);
    }
  }

 private:
  static const MatPhaseSpec& checked(const MatPhaseSpec& spec) {
    spec.check_numbers();
    return spec;
  }

  /// The logarithms of the probabilities of all classes: p(first), and p(another) p(it, of the others).
  template <class Value>
  static Value product(const Value& first_or_other, const Value& which_other) {
    const Value other = slice_channels(first_or_other, 1, 1);
    Value all = slice_channels(first_or_other, 0, 1);
    for (Index k = 0; k < which_other.shape().c(); ++k)
      all = concat_channels(all, add(other, slice_channels(which_other, k, 1)));
    return all;
  }

  /// The value without its gradient.
  template <class Context>
  static Image<Context> constant(Context& ctx, const Image<Context>& x) {
    if constexpr (std::is_same_v<Image<Context>, Counted<4>>)
      return x;
    else
      return ctx.constant(value_of(x));
  }

  MatPhaseSpec spec_;
};

#ifdef PASER_COMPILED  // these are in the library, so that a program need not compile them again
extern template MatPhase<float>::MatPhase(const MatPhaseSpec&, Key);
#define PASER_MATPHASE(Context)                                                                                        \
  extern template std::vector<DeferredNorm<Image<Context>>> MatPhase<float>::deterministic_part(                       \
      Context&, const Image<Context>&) const;                                                                          \
  extern template Image<Context> MatPhase<float>::stochastic_part(Context&, std::vector<DeferredNorm<Image<Context>>>) \
      const
PASER_MATPHASE(EvalContext<float>);
PASER_MATPHASE(TapeContext<float>);
PASER_MATPHASE(CountContext<float>);
#undef PASER_MATPHASE
#endif

}  // namespace paser::models
#include "paser/core/macros_on.inc"
