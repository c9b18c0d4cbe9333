#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/context.hpp"
#include "paser/ops/deferred_norm.hpp"
#include "paser/ops/dropout.hpp"

namespace paser::nn {

/// Dropout of single elements, active in runs whose mode has dropout. (N, H, W, C) -> (N, H, W, C).
/// The mask comes from the run: from its MaskSource if it has one, else from a key for each image and dropout layer, so
/// it depends on neither the image's place in the batch nor the number of threads.
struct Dropout {
  double p = 0.5;  ///< probability of dropping an element

  /// Throws ValueError unless 0 <= p <= 1.
  explicit Dropout(double probability = 0.5) : p(probability) {
    check<ValueError>(p >= 0 && p <= 1, "Dropout", "the probability must lie in 0 .. 1, got ", p);
  }

  template <class Self, class F>
  static void visit(Self&, F&&) {}

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    if (!ctx.mode.dropout) return x;
    const int call = ctx.next_dropout();
    if (ctx.masks) return dropout_with_mask(x, ctx.masks(call, x.shape()), p);
    return dropout(x, p, ctx.dropout_keys(call, x.shape().n()));
  }

  /// Of a map whose last steps are still to be done: repeated images, each of which has a key, are read once more for
  /// each repetition instead of being copied first.
  template <class Context>
  DeferredNorm<Image<Context>> operator()(Context& ctx, const DeferredNorm<Image<Context>>& x) const {
    return ctx.mode.dropout ? DeferredNorm<Image<Context>>((*this)(ctx, materialize(x))) : x;
  }
  template <class T>
  DeferredNorm<Tensor<T, 4>> operator()(EvalContext<T>& ctx, const DeferredNorm<Tensor<T, 4>>& x) const {
    if (!ctx.mode.dropout || ctx.masks || x.repeats() == 1) return this->template operator()<EvalContext<T>>(ctx, x);
    return dropout(x, p, ctx.dropout_keys(ctx.next_dropout(), x.shape().n()));
  }
};

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
