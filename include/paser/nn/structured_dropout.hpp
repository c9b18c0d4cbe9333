#pragma once
#include "paser/core/macros_off.inc"

#include "paser/nn/dropout.hpp"
#include "paser/ops/gate_channels.hpp"

namespace paser::nn {

/// Dropout of whole channels (Tompson et al. 2015; torch.nn.Dropout2d), active in runs whose mode has dropout.
/// (N, H, W, C) -> (N, H, W, C). A mask of the run's MaskSource has the shape (N, 1, 1, C); keys as for Dropout.
struct Dropout2d {
  double p = 0.5;  ///< probability of dropping a channel

  /// Throws ValueError unless 0 <= p <= 1.
  explicit Dropout2d(double probability = 0.5) : p(Dropout(probability).p) {}

  template <class Self, class F>
  static void visit(Self&, F&&) {}

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    if (!ctx.mode.dropout) return x;
    const Shape<4>& shape = value_of(x).shape();
    const auto ones = Tensor<typename Context::Scalar, 4>::full({shape.n(), 1, 1, shape.c()}, 1);
    return gate_channels(x, Dropout(p)(ctx, ctx.constant(ones)));
  }

  template <class Context>
  DeferredNorm<Image<Context>> operator()(Context& ctx, const DeferredNorm<Image<Context>>& x) const {
    return ctx.mode.dropout ? DeferredNorm<Image<Context>>((*this)(ctx, materialize(x))) : x;
  }
};

/// Stochastic depth (Huang et al. 2016): drops the branch of a residual block for whole images. Active in recorded runs
/// whose mode has dropout, and the identity in all others: it regularises training, and no Monte Carlo pass leaves out
/// a block. (N, H, W, C) -> (N, H, W, C). A mask of the run's MaskSource has the shape (N, 1, 1, 1).
struct DropPath {
  double p = 0;  ///< probability of dropping the branch of an image

  /// Throws ValueError unless 0 <= p < 1.
  explicit DropPath(double probability = 0) : p(probability) {
    check<ValueError>(p >= 0 && p < 1, "DropPath", "the probability must lie in 0 .. 1 (excluded), got ", p);
  }

  template <class Self, class F>
  static void visit(Self&, F&&) {}

  template <class Context>
  Image<Context> operator()(Context&, const Image<Context>& x) const {
    return x;
  }
  template <class T>
  Var<T, 4> operator()(TapeContext<T>& ctx, const Var<T, 4>& x) const {
    if (!ctx.mode.dropout || p == 0) return x;
    const Shape<4>& shape = x.shape();
    const auto kept = Dropout(p)(ctx, Var<T, 4>(Tensor<T, 4>::full({shape.n(), 1, 1, 1}, 1))).value();
    Tensor<T, 4> gate({shape.n(), 1, 1, shape.c()});
    T* const out = gate.mutable_data();
    for (Index i = 0; i < gate.numel(); ++i) out[i] = kept.data()[i / shape.c()];
    return gate_channels(x, Var<T, 4>(std::move(gate)));
  }
};

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
