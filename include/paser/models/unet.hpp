#pragma once
#include "paser/core/macros_off.inc"

#include <vector>

#include "paser/autograd/count_context.hpp"
#include "paser/models/double_conv.hpp"
#include "paser/models/model_spec.hpp"
#include "paser/nn/conv_transpose2d.hpp"
#include "paser/nn/dropout.hpp"
#include "paser/ops/pad.hpp"
#include "paser/ops/upsample_bilinear.hpp"

namespace paser::models {

/// How a UNet's decoder doubles the size of a map.
enum class Upsampling {
  bilinear,   ///< interpolation with aligned corners; the form that PaSeR uses
  transposed  ///< 2x2 transposed convolution of stride 2
};

/// What an upsampling is called in files.
inline const char* upsampling_name(Upsampling upsampling) {
  return upsampling == Upsampling::bilinear ? "bilinear" : "transposed";
}

/// Parameters of a UNet with these settings, in closed form.
constexpr Index unet_parameters(Index in, Index classes, Index width, Index depth,
                                Upsampling upsampling = Upsampling::bilinear, UNetNorm norm = UNetNorm::instance) {
  const auto conv = [](Index from, Index to, Index kernel) { return from * to * kernel * kernel + to; };
  const auto twice = [&](Index from, Index middle, Index to) {
    return conv(from, middle, 3) + conv(middle, to, 3) + (norm == UNetNorm::batch ? 2 * (middle + to) : 0);
  };
  const bool bilinear = upsampling == Upsampling::bilinear;
  Index count = conv(in, width / 2, 1) + twice(width / 2, width, width) + conv(width, classes, 1);
  for (Index i = 0; i < depth; ++i) {
    const Index here = width << i, below = bilinear && i + 1 == depth ? here : 2 * here;
    count += twice(here, below, below) + twice(2 * here, here, bilinear && i > 0 ? here / 2 : here);
    if (!bilinear) count += conv(2 * here, here, 2);
  }
  return count;
}

/// What a UNet is made of, as numbers from a file or a command line.
struct UNetSpec {
  Index in = 1;                                  ///< channels of the image
  Index classes = 2;                             ///< channels of the logits
  Index width = 8;                               ///< channels of the uppermost level; even
  Index depth = 2;                               ///< poolings, 1 .. 10
  Upsampling upsampling = Upsampling::bilinear;  ///< of the decoder
  double dropout = 0.5;                          ///< probability that a channel's value is dropped, in [0,1)
  UNetNorm norm = UNetNorm::instance;            ///< behind each of the 3x3 convolutions

  /// The same for the registry, where a UNet is called "unet".
  operator ModelSpec() const {
    return {"unet", message("{\"in\":", in, ",\"classes\":", classes, ",\"width\":", width, ",\"depth\":", depth,
                            ",\"dropout\":", exact_number(dropout), ",\"upsampling\":\"", upsampling_name(upsampling),
                            "\"", norm == UNetNorm::batch ? ",\"norm\":\"batch\"}" : "}")};
  }
};

/// U-Net (Ronneberger et al. 2015) as PaSeR uses it: a 1x1 convolution to width / 2 channels, double convolutions with
/// instance norm (or batch norm), `depth` times 2x2 max pooling, dropout between the levels and after the first decoder
/// block. image: (N, H, W, in) -> logits: (N, H, W, classes) for any H, W >= smallest_size(). Skips carry the values
/// before dropout. StaticUNet<...> is the same network with its sizes checked by the compiler.
template <class T = float>
class UNet {
 public:
  using Scalar = T;

  nn::Conv2d<T> stem;
  DoubleConv<T> entry;
  std::vector<DoubleConv<T>> down;
  std::vector<nn::ConvTranspose2d<T>> enlarge;  // in the order of use; empty in the bilinear form
  std::vector<DoubleConv<T>> up;                // in the order of use: up1 joins the deepest skip
  nn::Conv2d<T> head;
  nn::Dropout drop;

  /// Random weights in the convention of PyTorch's defaults, drawn from `key`. Throws ValueError on numbers that make
  /// no network.
  UNet(const UNetSpec& spec, Key key);

  const UNetSpec& spec() const { return spec_; }

  /// Height and width must both be at least this, so that the deepest level still has a pixel.
  Index smallest_size() const { return Index{1} << spec_.depth; }

  Index channels() const { return spec_.in; }
  Index classes() const { return spec_.classes; }
  Upsampling upsampling() const { return spec_.upsampling; }  ///< How the decoder enlarges maps.

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("stem", self.stem);
    f("entry", self.entry);
    f("down", self.down);
    f("enlarge", self.enlarge);
    f("up", self.up);
    f("head", self.head);
  }

  /// The part before the first dropout, the same in every MC sample: the maps of the two uppermost levels.
  template <class Context>
  std::vector<DeferredNorm<Image<Context>>> deterministic_part(Context& ctx, const Image<Context>& image) const;

  /// The rest: from the maps of deterministic_part() to the logits.
  template <class Context>
  Image<Context> stochastic_part(Context& ctx, std::vector<DeferredNorm<Image<Context>>> levels) const;

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return stochastic_part(ctx, deterministic_part(ctx, image));
  }

 private:
  static constexpr Pool2dOptions halves{.kernel = {2, 2}, .stride = {2, 2}};

  static const UNetSpec& checked(const UNetSpec& spec) {
    check<ValueError>(spec.in >= 1 && spec.classes >= 2 && spec.width >= 2 && spec.width % 2 == 0 && spec.depth >= 1 &&
                          spec.depth <= 10,
                      "UNet", "no network has ", spec.in, " image channels, ", spec.classes, " classes, width ",
                      spec.width, " and depth ", spec.depth,
                      "; expected at least 1 channel, 2 classes, an even width of 2 or more, and a depth of 1 .. 10");
    check<ValueError>(spec.dropout >= 0 && spec.dropout < 1, "UNet", "its dropout is ", spec.dropout,
                      ", expected 0 .. 1 (excluded)");
    return spec;
  }

  UNetSpec spec_;
};

template <class T>
UNet<T>::UNet(const UNetSpec& spec, Key key)
    : stem({.in = checked(spec).in, .out = spec.width / 2, .kernel = 1}, key.fold(1)),
      entry(spec.width / 2, spec.width, spec.width, key.fold(2), spec.norm),
      head({.in = spec.width, .out = spec.classes, .kernel = 1}, key.fold(3)),
      drop{spec.dropout},
      spec_(spec) {
  const bool bilinear = spec.upsampling == Upsampling::bilinear;
  for (Index i = 0; i < spec.depth; ++i) {
    const Index here = spec.width << i, below = bilinear && i + 1 == spec.depth ? here : 2 * here;
    down.emplace_back(here, below, below, key.fold(4).fold(static_cast<std::uint64_t>(i)), spec.norm);
  }
  for (Index i = spec.depth; i-- > 0;) {
    const Index here = spec.width << i;
    if (!bilinear)
      enlarge.emplace_back(
          nn::ConvTranspose2dSpec{.in = 2 * here, .out = here, .kernel = 2, .options = {.stride = {2, 2}}},
          key.fold(5).fold(static_cast<std::uint64_t>(i)));
    up.emplace_back(2 * here, bilinear && i > 0 ? here / 2 : here, here,
                    key.fold(6).fold(static_cast<std::uint64_t>(i)), spec.norm);
  }
}

template <class T>
template <class Context>
std::vector<DeferredNorm<Image<Context>>> UNet<T>::deterministic_part(Context& ctx, const Image<Context>& image) const {
  const Shape<4>& shape = value_of(image).shape();
  check(shape.c() == spec_.in, "UNet", "expected (N,H,W,", spec_.in, ") images, got ", shape);
  check(shape.h() >= smallest_size() && shape.w() >= smallest_size(), "UNet", "an image of ", shape.h(), "x", shape.w(),
        " vanishes in ", spec_.depth, " poolings; the smallest legal size is ", smallest_size(), "x", smallest_size());
  std::vector<DeferredNorm<Image<Context>>> levels{entry(ctx, stem(ctx, image))};
  levels.push_back(down[0](ctx, max_pool2d(levels[0], halves)));
  return levels;
}

template <class T>
template <class Context>
Image<Context> UNet<T>::stochastic_part(Context& ctx, std::vector<DeferredNorm<Image<Context>>> levels) const {
  for (std::size_t i = 1; i < down.size(); ++i)
    levels.push_back(down[i](ctx, max_pool2d(drop(ctx, levels.back()), halves)));
  DeferredNorm<Image<Context>> x = drop(ctx, levels.back());
  levels.pop_back();
  for (std::size_t i = 0; i < up.size(); ++i) {
    const DeferredNorm<Image<Context>> skip = std::move(levels.back());
    levels.pop_back();
    Image<Context> wide = materialize(x);
    wide = enlarge.empty() ? upsample_bilinear(wide, {.scale = 2, .align_corners = true}) : enlarge[i](ctx, wide);
    const DeferredNorm<Image<Context>> below = pad_to(wide, skip.shape().h(), skip.shape().w());
    x = up[i](ctx, concat_channels(skip, below));
    if (i == 0) x = drop(ctx, x);
  }
  return materialize(head(ctx, x));
}

#ifdef PASER_COMPILED  // these are in the library, so that a program need not compile them again
extern template UNet<float>::UNet(const UNetSpec&, Key);
#define PASER_UNET(Context)                                                                  \
  extern template std::vector<DeferredNorm<Image<Context>>> UNet<float>::deterministic_part( \
      Context&, const Image<Context>&) const;                                                \
  extern template Image<Context> UNet<float>::stochastic_part(Context&, std::vector<DeferredNorm<Image<Context>>>) const
PASER_UNET(EvalContext<float>);
PASER_UNET(TapeContext<float>);
PASER_UNET(CountContext<float>);
#undef PASER_UNET
#endif

/// A UNet whose sizes the compiler checks: StaticUNet<1, 3, 8, 2>, StaticUNet<1, 3, 16, 4> and StaticUNet<1, 3, 64, 4>
/// are the paper's small, medium and large network.
template <Index In, Index Classes, Index Width, Index Depth, class T = float>
class StaticUNet : public UNet<T> {
  static_assert(In >= 1, "UNet: In counts image channels and must be at least 1");
  static_assert(Classes >= 2, "UNet: Classes must be at least 2");
  static_assert(Width >= 2 && Width % 2 == 0,
                "UNet: the stem has Width / 2 channels, so Width must be even and positive");
  static_assert(Depth >= 1 && Depth <= 10, "UNet: Depth counts poolings and must lie in 1 .. 10");

 public:
  /// See UNet. Throws ValueError unless 0 <= dropout < 1.
  explicit StaticUNet(Key key, double dropout = 0.5, Upsampling upsampling = Upsampling::bilinear)
      : UNet<T>({In, Classes, Width, Depth, upsampling, dropout}, key) {}

  static constexpr Index smallest_size() { return Index{1} << Depth; }

  static constexpr Index parameters(Upsampling upsampling = Upsampling::bilinear) {
    return unet_parameters(In, Classes, Width, Depth, upsampling);
  }
};

static_assert(unet_parameters(1, 3, 8, 2) == 16'571 && unet_parameters(1, 3, 16, 4) == 1'080'595 &&
                  unet_parameters(1, 3, 64, 4) == 17'275'459,
              "UNet: the paper's three networks have 16571, 1080595 and 17275459 parameters");

}  // namespace paser::models
#include "paser/core/macros_on.inc"
