#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/wrappers.hpp"
#include "paser/ops/arithmetic.hpp"
#include "paser/ops/slice_channels.hpp"

namespace paser::models {

/// A network that corrects another one's answer: it takes images (N, H, W, C + K) whose last K channels are the
/// logarithms of the other network's probabilities, and adds its own logits, for which it sees the first C channels, to
/// them. With a network inside that answers 0 everywhere the probabilities are those of the other one. In a Paser such
/// a task model corrects the coarse model, see pipeline/expert_images.hpp. In the registry "corrected": {"model":
/// {...}}.
template <class T = float>
struct Corrected : detail::Wrapper<T> {
  using typename detail::Wrapper<T>::Maps;

  /// Throws ValueError unless the network inside says its channels C and its classes K, and answers every pixel.
  explicit Corrected(AnySegmenter<T> network) : detail::Wrapper<T>(std::move(network)) {
    check<ValueError>(this->model.channels() >= 1 && this->model.classes() >= 1, "Corrected",
                      "the network says that it takes ", this->model.channels(), " channels and knows ",
                      this->model.classes(), " classes, expected one of each at least");
    check<ValueError>(this->model.stride() == 1, "Corrected", "the network has a stride of ", this->model.stride(),
                      ", expected 1: one answer for each pixel; Resized makes it so");
  }

  ModelSpec spec() const { return this->wrapped("corrected", ""); }
  Index channels() const { return this->model.channels() + this->model.classes(); }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    const auto logits = this->model(ctx, seen(image));
    return add(logits, answered(image));
  }

  Maps deterministic_part(EvalContext<T>& ctx, const Tensor<T, 4>& image) const {
    Maps maps = this->model.deterministic_part(ctx, seen(image));
    maps.push_back(answered(image));
    return maps;
  }
  Tensor<T, 4> stochastic_part(EvalContext<T>& ctx, Maps maps) const {
    const Tensor<T, 4> answer = materialize(maps.back());
    maps.pop_back();
    const Tensor<T, 4> logits = this->model.stochastic_part(ctx, std::move(maps));
    return add(logits, answer);
  }

 private:
  /// What the network inside sees.
  template <class Value>
  Value seen(const Value& image) const {
    check(image.shape().c() == channels(), "Corrected", "expected (N,H,W,", channels(), ") images, ",
          this->model.channels(), " channels and the logarithms of ", this->model.classes(), " probabilities, got ",
          image.shape());
    return slice_channels(image, 0, this->model.channels());
  }
  /// The logarithms of the other network's probabilities.
  template <class Value>
  Value answered(const Value& image) const {
    return slice_channels(image, this->model.channels(), this->model.classes());
  }
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
