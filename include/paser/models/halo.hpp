#pragma once
#include "paser/core/macros_off.inc"

#include "paser/models/wrappers.hpp"
#include "paser/ops/pad.hpp"

namespace paser::models {

/// A network that sees `margin` pixels of the image around what it answers: it takes (N, H + 2 margin, W + 2 margin, C)
/// and gives (N, H, W, K), the inner part of what the network inside answers. So a task model of a Paser knows what
/// surrounds its patch; the pipeline cuts its patches with that margin, and beyond the border of the image mirrors it.
/// What it costs grows by the margin too. It goes around all other wrappers. In the registry "halo":
/// {"margin": 8, "model": {...}}.
template <class T = float>
struct Halo : detail::Wrapper<T> {
  using typename detail::Wrapper<T>::Maps;

  /// Throws ValueError unless the margin is 1 .. 4096, and the network inside answers every pixel and takes patches so
  /// extended.
  Halo(AnySegmenter<T> network, Index margin) : detail::Wrapper<T>(std::move(network)), margin_(margin) {
    check<ValueError>(margin >= 1 && margin <= 4096, "Halo", "a margin of ", margin, " pixels, expected 1 .. 4096");
    check<ValueError>(this->model.stride() == 1, "Halo", "the network has a stride of ", this->model.stride(),
                      ", expected 1: one answer for each pixel; Resized makes it so");
    check<ValueError>(2 * margin % this->model.size_multiple() == 0, "Halo", "a margin of ", margin,
                      " pixels on both sides, and the network takes sides that are multiples of ",
                      this->model.size_multiple());
  }

  ModelSpec spec() const { return this->wrapped("halo", message("\"margin\":", margin_, ",")); }
  Index margin() const { return margin_; }  ///< Pixels of the image around all of its answer.
  /// Of the answer, as size_multiple().
  Index smallest_size() const { return std::max<Index>(1, this->model.smallest_size() - 2 * margin_); }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return inner(this->model(ctx, image));
  }

  Maps deterministic_part(EvalContext<T>& ctx, const Tensor<T, 4>& image) const {
    return this->model.deterministic_part(ctx, image);
  }
  Tensor<T, 4> stochastic_part(EvalContext<T>& ctx, Maps maps) const {
    return inner(this->model.stochastic_part(ctx, std::move(maps)));
  }

 private:
  template <class Value>
  Value inner(const Value& answer) const {
    check(answer.shape().h() > 2 * margin_ && answer.shape().w() > 2 * margin_, "Halo", "an answer ", answer.shape(),
          " has no inner part at a margin of ", margin_, " pixels");
    return pad(answer, {.left = -margin_, .right = -margin_, .top = -margin_, .bottom = -margin_});
  }

  Index margin_;
};

}  // namespace paser::models
#include "paser/core/macros_on.inc"
