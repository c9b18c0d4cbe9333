#pragma once
#include "paser/core/macros_off.inc"

#include "paser/autograd/context.hpp"
#include "paser/ops/deferred_batch_norm.hpp"
#include "paser/ops/fold_batch_norm.hpp"
#include "paser/ops/group_norm.hpp"
#include "paser/ops/instance_norm.hpp"
#include "paser/ops/layer_norm.hpp"

namespace paser::nn {

/// Instance norm, without parameters unless it is given channels. (N, H, W, C) -> (N, H, W, C).
template <class T>
struct InstanceNorm {
  InstanceNormOptions options;
  Parameter<T, 1> weight, bias;  // channels; empty without affine part

  explicit InstanceNorm(const InstanceNormOptions& s = {}) : options(s) {}

  /// With a weight and a bias per channel, which start as 1 and 0.
  explicit InstanceNorm(Index channels, const InstanceNormOptions& s = {}) : options(s) {
    check(channels >= 1, "InstanceNorm", "channels must be positive, got ", channels);
    weight.value = Tensor<T, 1>::full({channels}, T(1));
    bias.value = Tensor<T, 1>::zeros({channels});
  }

  bool affine() const { return !weight.value.empty(); }  ///< Whether it has a weight and a bias.

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    if (!self.affine()) return;
    f("weight", self.weight);
    f("bias", self.bias);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return affine() ? instance_norm(x, ctx(weight), ctx(bias), options) : instance_norm(x, options);
  }

  /// Of a convolution that has not run: it takes the statistics as it writes.
  template <class Context>
  DeferredConv<Image<Context>> operator()(Context& ctx, const DeferredConv<Image<Context>>& x) const {
    if (affine()) return (*this)(ctx, materialize(x));
    return instance_norm(x, options);
  }
};

namespace detail {

/// Throws ValueError when the statistics of these images would depend on how a batch is cut into runs.
inline void check_statistics(const Mode& mode, const BatchPart& part) {
  if (part.whole()) return;
  const Index images = part.end - part.begin, group = mode.ghost_batch;
  check<ValueError>(
      group > 0, "BatchNorm", "a batch of ", part.batch, " images runs in parts, and the statistics of ", images,
      " of them are not those of the batch: set Mode::ghost_batch to a divisor of the part, or "
      "train by frozen statistics (run::frozen_statistics), or let the whole batch be one part (micro_batch)");
  check<ValueError>(part.begin % group == 0 && (part.end % group == 0 || part.end == part.batch), "BatchNorm",
                    "a part of ", images, " images does not hold whole groups of ", group,
                    " (Mode::ghost_batch); only the last group of a batch may be smaller");
}

}  // namespace detail

/// Batch norm. (N, H, W, C) -> (N, H, W, C). In runs whose mode has batch_statistics it normalises by the batch, or by
/// each of its ghost batches, and hands the next running statistics to the context; otherwise it uses the running
/// statistics and changes nothing. Throws ValueError where a run is a part of a batch and the statistics would depend
/// on what runs together: see Mode::ghost_batch.
template <class T>
struct BatchNorm {
  Parameter<T, 1> weight, bias;            // channels
  Buffer<T, 1> running_mean, running_var;  // channels
  BatchNormOptions options;

  /// Starts with weight 1, bias 0, mean 0 and variance 1.
  explicit BatchNorm(Index channels, const BatchNormOptions& s = {}) : options(s) {
    check(channels >= 1, "BatchNorm", "channels must be positive, got ", channels);
    weight.value = running_var.value = Tensor<T, 1>::full({channels}, T(1));
    bias.value = running_mean.value = Tensor<T, 1>::zeros({channels});
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("weight", self.weight);
    f("bias", self.bias);
    f("running_mean", self.running_mean);
    f("running_var", self.running_var);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return normalised(
        ctx, x, [](const auto&... in) { return batch_norm(in...); },
        [](const auto&... in) { return batch_norm_training(in...); });
  }

  /// Of a convolution that has not run. On a tape the norm waits for a ReLU, ReLU6 or hardswish directly after it, and
  /// is recorded when the result becomes a map: make that once where it has two readers.
  template <class Context>
  DeferredConv<Image<Context>> operator()(Context& ctx, const DeferredConv<Image<Context>>& x) const {
    if constexpr (std::same_as<Image<Context>, Var<T, 4>>)
      return normalised(
          ctx, materialize(x), [](const auto&... in) { return deferred_batch_norm(in...); },
          [](const auto&... in) { return deferred_batch_norm_training(in...); });
    else
      return (*this)(ctx, materialize(x));
  }
  /// Without a tape and with running statistics the convolution takes the norm up into its weights.
  DeferredConv<Tensor<T, 4>> operator()(EvalContext<T>& ctx, const DeferredConv<Tensor<T, 4>>& x) const {
    if (ctx.mode.batch_statistics || !x.bare()) return (*this)(ctx, materialize(x));
    return fold_batch_norm(x, weight.value, bias.value, running_mean.value, running_var.value, options);
  }

 private:
  /// By the running statistics, or by those of the batch.
  template <class Context, class Frozen, class Training>
  auto normalised(Context& ctx, const Image<Context>& x, const Frozen& frozen, const Training& training) const {
    if (!ctx.mode.batch_statistics)
      return frozen(x, ctx(weight), ctx(bias), running_mean.value, running_var.value, options);
    detail::check_statistics(ctx.mode, ctx.part);
    auto r = training(x, ctx(weight), ctx(bias), ctx.current(running_mean), ctx.current(running_var), options,
                      ctx.mode.ghost_batch);
    const auto images = static_cast<double>(x.shape().n());
    ctx.update(running_mean, r.running_mean, images);
    ctx.update(running_var, r.running_var, images);
    return std::move(r.y);
  }
};

/// Group norm. (N, H, W, C) -> (N, H, W, C).
template <class T>
struct GroupNorm {
  Parameter<T, 1> weight, bias;  // channels
  GroupNormOptions options;

  /// Starts with weight 1 and bias 0. Throws ShapeError when the channels do not split into the groups.
  GroupNorm(Index channels, const GroupNormOptions& s) : options(s) {
    check(channels >= 1 && s.groups >= 1 && channels % s.groups == 0, "GroupNorm", channels,
          " channels do not split into ", s.groups, " groups");
    weight.value = Tensor<T, 1>::full({channels}, T(1));
    bias.value = Tensor<T, 1>::zeros({channels});
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("weight", self.weight);
    f("bias", self.bias);
  }

  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return group_norm(x, ctx(weight), ctx(bias), options);
  }
};

/// Layer norm over the last axis. (..., D) -> (..., D), any rank.
template <class T>
struct LayerNorm {
  Parameter<T, 1> weight, bias;  // features
  LayerNormOptions options;

  /// Starts with weight 1 and bias 0.
  explicit LayerNorm(Index features, const LayerNormOptions& s = {}) : options(s) {
    check(features >= 1, "LayerNorm", "features must be positive, got ", features);
    weight.value = Tensor<T, 1>::full({features}, T(1));
    bias.value = Tensor<T, 1>::zeros({features});
  }

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("weight", self.weight);
    f("bias", self.bias);
  }

  /// Value: a Tensor or Var of any rank, as the context carries.
  template <class Context, class Value>
  Value operator()(Context& ctx, const Value& x) const {
    return layer_norm(x, ctx(weight), ctx(bias), options);
  }
};

}  // namespace paser::nn
#include "paser/core/macros_on.inc"
