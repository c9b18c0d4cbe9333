#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/models/any_segmenter.hpp"
#include "paser/ops/batch_norm.hpp"
#include "paser/ops/concat_channels.hpp"
#include "paser/ops/extend_to.hpp"
#include "paser/ops/pad.hpp"
#include "paser/ops/upsample_bicubic.hpp"
#include "paser/ops/upsample_bilinear.hpp"

/// What a network of foreign origin is put into, so that it takes images of any size, in this program's values and
/// channels, and answers every pixel. A wrapper is a network itself: trained through, counted, saved under "model." and
/// made again from its specification, which holds that of the network inside. What MC samples share in the network
/// inside they share through the wrapper. Wrappers go into each other.
namespace paser::models {

/// How logits are resized to the size of an image.
enum class Answer {
  bilinear,  ///< upsample_bilinear
  bicubic,   ///< upsample_bicubic
  corners    ///< upsample_bilinear with aligned corners
};

/// What they are called in files.
inline const char* answer_name(Answer answer) {
  return answer == Answer::bilinear ? "bilinear" : answer == Answer::bicubic ? "bicubic" : "corners";
}

/// How a network of the registry, by its name there, is resized in the code that it was published with: EfficientViT's
/// demo and evaluation are bicubic, those of SegFormer's authors and of Hugging Face bilinear.
inline Answer published_answer(const std::string& type) {
  return type == "efficientvit" ? Answer::bicubic : Answer::bilinear;
}

namespace detail {

/// What wrappers have in common: the network inside, and what it says of itself.
template <class T>
struct Wrapper {
  using Scalar = T;
  using Maps = typename AnySegmenter<T>::Maps;

  AnySegmenter<T> model;

  /// Throws ValueError on a network with a margin, which the pipeline has to know of.
  explicit Wrapper(AnySegmenter<T> network) : model(std::move(network)) {
    check<ValueError>(model.margin() == 0, "a wrapper", "the network inside has a margin of ", model.margin(),
                      " pixels; models::Halo goes around all other wrappers");
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("model", self.model);
  }

  Index channels() const { return model.channels(); }
  Index classes() const { return model.classes(); }
  Index smallest_size() const { return model.smallest_size(); }
  Index size_multiple() const { return model.size_multiple(); }
  Index stride() const { return model.stride(); }

 protected:
  /// {settings, "model": {...}}; without a name when the network inside has none.
  ModelSpec wrapped(const char* type, const std::string& settings) const {
    const ModelSpec inside = model.spec();
    if (inside.type.empty()) return {};
    return {type, "{" + settings + "\"model\":" + inside.text() + "}"};
  }

  /// An image without channels that takes the size of the images to where their answers are cut or resized.
  static DeferredNorm<Tensor<T, 4>> size_of(const Tensor<T, 4>& images) {
    return Tensor<T, 4>({1, images.shape().h(), images.shape().w(), 0});
  }
};

/// Of what a wrapper makes of an image, whatever its size: a bound for numbers in files, beyond which a small image
/// takes gigabytes.
inline constexpr Index longest_side = 8192;

inline Index rounded_up(Index side, Index multiple) {
  return (side + multiple - 1) / multiple * multiple;
}

}  // namespace detail

/// Images are extended at the right and the bottom until their sides are multiples of `multiple`, and large enough for
/// the network inside; of its answer the part that belongs to the image is kept: at a stride of s, ceil(side / s) of
/// each side. In the registry "padded": {"multiple": 32, "border": "mirrored" or "edge", "model": {...}}.
template <class T = float>
struct Padded : detail::Wrapper<T> {
  using typename detail::Wrapper<T>::Maps;
  Index multiple;
  Border border;

  /// Throws ValueError unless multiples of `multiple`, at most 8192, are sizes that the network inside takes.
  Padded(AnySegmenter<T> network, Index side_multiple, Border beyond = Border::mirrored)
      : detail::Wrapper<T>(std::move(network)), multiple(side_multiple), border(beyond) {
    check<ValueError>(multiple <= detail::longest_side, "Padded", "padding to multiples of ", multiple,
                      " pixels, expected at most ", detail::longest_side);
    check<ValueError>(
        multiple >= 1 && multiple % this->model.size_multiple() == 0 && multiple % this->model.stride() == 0, "Padded",
        "padding to multiples of ", multiple, " pixels, and the network takes multiples of ",
        this->model.size_multiple(), " and has a stride of ", this->model.stride());
  }

  ModelSpec spec() const {
    return this->wrapped("padded", message("\"multiple\":", multiple, ",\"border\":\"",
                                           border == Border::mirrored ? "mirrored" : "edge", "\","));
  }
  static Index smallest_size() { return 1; }
  static Index size_multiple() { return 1; }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return cropped(this->model(ctx, padded(image)), image.shape().h(), image.shape().w());
  }

  Maps deterministic_part(EvalContext<T>& ctx, const Tensor<T, 4>& image) const {
    Maps maps = this->model.deterministic_part(ctx, padded(image));
    maps.push_back(this->size_of(image));
    return maps;
  }
  Tensor<T, 4> stochastic_part(EvalContext<T>& ctx, Maps maps) const {
    const Shape<4> image = maps.back().shape();
    maps.pop_back();
    return cropped(this->model.stochastic_part(ctx, std::move(maps)), image.h(), image.w());
  }

 private:
  Index side(Index pixels) const { return detail::rounded_up(std::max(pixels, this->model.smallest_size()), multiple); }

  template <class Value>
  Value padded(const Value& image) const {
    const Index h = side(image.shape().h()), w = side(image.shape().w());
    return h == image.shape().h() && w == image.shape().w() ? image : extend_to(image, h, w, border);
  }
  template <class Value>
  Value cropped(const Value& answer, Index height, Index width) const {
    const Index s = this->model.stride();
    const Index h = (height + s - 1) / s - answer.shape().h(), w = (width + s - 1) / s - answer.shape().w();
    check(h <= 0 && w <= 0, "Padded", "an answer of ", answer.shape(), " to an image of ", height, " x ", width,
          " pixels at a stride of ", s);
    return h == 0 && w == 0 ? answer : pad(answer, {.right = w, .bottom = h});
  }
};

/// Images are resized, bilinearly, to one size or by a factor, and logits back to the size of the image, as `answer`
/// says; so the stride is 1 whatever that of the network inside. By a factor, sides become the nearest multiples that
/// the network inside takes. In the registry "resized": {"size": [height, width], "answer": "bicubic", "model": {...}}
/// or {"factor": 0.5, "model": {...}}; "answer" is "bilinear", also where it is left out, "bicubic" or "corners".
template <class T = float>
struct Resized : detail::Wrapper<T> {
  using typename detail::Wrapper<T>::Maps;
  std::array<Index, 2> size{0, 0};  ///< height and width; {0, 0}: by the factor
  double factor = 0;
  Answer answer = Answer::bilinear;

  /// To a size, with sides of at most 8192. Throws ValueError unless the network inside takes it.
  Resized(AnySegmenter<T> network, const std::array<Index, 2>& to, Answer back = Answer::bilinear)
      : detail::Wrapper<T>(std::move(network)), size(to), answer(back) {
    const Index smallest = std::max<Index>(this->model.smallest_size(), 1), multiple = this->model.size_multiple();
    check<ValueError>(size[0] >= smallest && size[1] >= smallest && size[0] % multiple == 0 && size[1] % multiple == 0,
                      "Resized", "resizing to ", size[0], " x ", size[1],
                      " pixels, and the network takes sides of at least ", smallest, " pixels and multiples of ",
                      multiple);
    check<ValueError>(size[0] <= detail::longest_side && size[1] <= detail::longest_side, "Resized", "resizing to ",
                      size[0], " x ", size[1], " pixels, expected sides of at most ", detail::longest_side);
  }

  /// By a factor, 0.001 .. 1000. Throws ValueError outside of that, and at images that it would enlarge to sides of
  /// more than 8192.
  Resized(AnySegmenter<T> network, double by, Answer back = Answer::bilinear)
      : detail::Wrapper<T>(std::move(network)), factor(by), answer(back) {
    check<ValueError>(factor >= 1e-3 && factor <= 1e3, "Resized", "expected a factor of 0.001 .. 1000, got ", factor);
  }

  ModelSpec spec() const {
    const std::string to =
        size[0] > 0 ? message("\"size\":", json_array(size), ",") : message("\"factor\":", exact_number(factor), ",");
    return this->wrapped("resized",
                         answer == Answer::bilinear ? to : message(to, "\"answer\":\"", answer_name(answer), "\","));
  }
  static Index smallest_size() { return 1; }
  static Index size_multiple() { return 1; }
  static Index stride() { return 1; }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    const Index h = image.shape().h(), w = image.shape().w();
    return answered(this->model(ctx, resized(image, side(h, 0), side(w, 1))), h, w);
  }

  Maps deterministic_part(EvalContext<T>& ctx, const Tensor<T, 4>& image) const {
    const Index h = image.shape().h(), w = image.shape().w();
    Maps maps = this->model.deterministic_part(ctx, resized(image, side(h, 0), side(w, 1)));
    maps.push_back(this->size_of(image));
    return maps;
  }
  Tensor<T, 4> stochastic_part(EvalContext<T>& ctx, Maps maps) const {
    const Shape<4> image = maps.back().shape();
    maps.pop_back();
    return answered(this->model.stochastic_part(ctx, std::move(maps)), image.h(), image.w());
  }

 private:
  /// What a side of an image becomes for the network inside.
  Index side(Index pixels, std::size_t axis) const {
    if (size[axis] > 0) return size[axis];
    const Index multiple = this->model.size_multiple();
    const auto nearest =
        static_cast<Index>(std::llround(factor * static_cast<double>(pixels) / static_cast<double>(multiple)));
    const Index to =
        std::max({nearest * multiple, multiple, detail::rounded_up(this->model.smallest_size(), multiple)});
    check<ValueError>(to <= std::max(detail::rounded_up(pixels, multiple), detail::longest_side), "Resized",
                      "a side of ", pixels, " pixels becomes one of ", to, " by the factor ", factor,
                      ", expected at most ", detail::longest_side);
    return to;
  }

  template <class Value>
  static Value resized(const Value& x, Index height, Index width) {
    if (x.shape().h() == height && x.shape().w() == width) return x;
    return upsample_bilinear(x, {.size = {height, width}});
  }
  template <class Value>
  Value answered(const Value& logits, Index height, Index width) const {
    if (answer == Answer::bilinear || (logits.shape().h() == height && logits.shape().w() == width))
      return resized(logits, height, width);
    if (answer == Answer::bicubic) return upsample_bicubic(logits, {.size = {height, width}});
    return upsample_bilinear(logits, {.size = {height, width}, .align_corners = true});
  }
};

/// The network inside sees (x - mean) / deviation, channel by channel. In the registry "normalised":
/// {"mean": [0.485, 0.456, 0.406], "deviation": [0.229, 0.224, 0.225], "model": {...}}.
template <class T = float>
struct Normalised : detail::Wrapper<T> {
  using typename detail::Wrapper<T>::Maps;
  std::vector<double> mean, deviation;

  /// One number for each channel of the images. Throws ValueError when their counts differ, or in T a mean or the
  /// square of a deviation is not finite, or that square is 0.
  Normalised(AnySegmenter<T> network, std::vector<double> means, std::vector<double> deviations)
      : detail::Wrapper<T>(std::move(network)), mean(std::move(means)), deviation(std::move(deviations)) {
    check<ValueError>(!mean.empty() && mean.size() == deviation.size() &&
                          (this->model.channels() == 0 || this->model.channels() == channels()),
                      "Normalised", mean.size(), " means and ", deviation.size(), " deviations for a network of ",
                      this->model.channels(), " channels");
    const Shape<1> shape{channels()};
    one_ = Tensor<T, 1>::full(shape, T(1));
    zero_ = Tensor<T, 1>::zeros(shape);
    mean_ = Tensor<T, 1>(shape);
    variance_ = Tensor<T, 1>(shape);
    T *const m = mean_.mutable_data(), *const v = variance_.mutable_data();
    for (std::size_t i = 0; i < mean.size(); ++i) {
      m[i] = static_cast<T>(mean[i]);
      v[i] = static_cast<T>(deviation[i] * deviation[i]);
      check<ValueError>(
          is_finite(m[i]) && deviation[i] > 0 && v[i] > 0 && is_finite(v[i]), "Normalised", "channel ", i, " has mean ",
          mean[i], " and deviation ", deviation[i],
          ", expected a positive deviation, and numbers whose squares a float can tell from 0 and infinity");
    }
  }

  ModelSpec spec() const {
    return this->wrapped("normalised",
                         "\"mean\":" + json_array(mean) + ",\"deviation\":" + json_array(deviation) + ",");
  }
  Index channels() const { return static_cast<Index>(mean.size()); }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return this->model(ctx, normalised(ctx, image));
  }

  Maps deterministic_part(EvalContext<T>& ctx, const Tensor<T, 4>& image) const {
    return this->model.deterministic_part(ctx, normalised(ctx, image));
  }
  Tensor<T, 4> stochastic_part(EvalContext<T>& ctx, Maps maps) const {
    return this->model.stochastic_part(ctx, std::move(maps));
  }

 private:
  /// A batch norm of fixed statistics.
  template <class Context>
  Image<Context> normalised(Context& ctx, const Image<Context>& image) const {
    check(image.shape().c() == channels(), "Normalised", "expected (N,H,W,", channels(), ") images, got ",
          image.shape());
    return batch_norm(image, ctx.constant(one_), ctx.constant(zero_), mean_, variance_, BatchNormOptions{.eps = 0});
  }

  Tensor<T, 1> one_, zero_, mean_, variance_;
};

/// Gray images for a network of three channels: it sees the gray value in each. In the registry "gray_to_colour":
/// {"model": {...}}.
template <class T = float>
struct GrayToColour : detail::Wrapper<T> {
  using typename detail::Wrapper<T>::Maps;

  /// Throws ValueError unless the network inside takes three channels, or does not say.
  explicit GrayToColour(AnySegmenter<T> network) : detail::Wrapper<T>(std::move(network)) {
    check<ValueError>(this->model.channels() == 0 || this->model.channels() == 3, "GrayToColour",
                      "the network takes images of ", this->model.channels(), " channels, expected 3");
  }

  ModelSpec spec() const { return this->wrapped("gray_to_colour", ""); }
  static Index channels() { return 1; }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return this->model(ctx, coloured(image));
  }

  Maps deterministic_part(EvalContext<T>& ctx, const Tensor<T, 4>& image) const {
    return this->model.deterministic_part(ctx, coloured(image));
  }
  Tensor<T, 4> stochastic_part(EvalContext<T>& ctx, Maps maps) const {
    return this->model.stochastic_part(ctx, std::move(maps));
  }

 private:
  template <class Value>
  static Value coloured(const Value& image) {
    check(image.shape().c() == 1, "GrayToColour", "expected (N,H,W,1) images, got ", image.shape());
    return concat_channels(image, image, image);
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
