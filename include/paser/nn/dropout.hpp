#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/context.hpp"
#include "paser/core/rows.hpp"
#include "paser/ops/dropout.hpp"
#include "paser/ops/feature_map.hpp"

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

  /// Of a map whose norm and ReLU may be pending. In a run without a tape the images are first repeated for every
  /// one of its passes: what comes before the first dropout of a network is computed once for all of them.
  template <class T>
  FeatureMap<Tensor<T, 4>> operator()(EvalContext<T>& ctx, const FeatureMap<Tensor<T, 4>>& x) const {
    if (!ctx.mode.dropout) return x;
    const Index n = x.shape().n(), passes = ctx.passes(n);
    if (ctx.masks) return (*this)(ctx, repeat_rows(materialize(x), passes));
    return dropout(materialize(x), p, ctx.dropout_keys(ctx.next_dropout(), n * passes));
  }
  template <class Context>
  FeatureMap<Image<Context>> operator()(Context& ctx, const FeatureMap<Image<Context>>& x) const {
    return ctx.mode.dropout ? FeatureMap<Image<Context>>((*this)(ctx, materialize(x))) : x;
  }
};

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
