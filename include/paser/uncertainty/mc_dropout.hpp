#pragma once
#include "paser/core/macros_off.inc"

#include <vector>

#include "paser/autograd/context.hpp"
#include "paser/core/rows.hpp"
#include "paser/ops/deferred_norm.hpp"
#include "paser/uncertainty/estimator.hpp"

namespace paser::uncertainty {

/// How many passes, and what is kept of them.
template <class T>
struct McDropoutOptions {
  int samples = 5;  ///< the paper's
  PredictionOptions prediction{};
  /// The image's number in its data set, one for each image of the batch: the noise on it then does not depend on the
  /// batch it is in. Empty: its place in the batch.
  ImageIds image_ids{};
  /// Masks in place of random ones, one source per pass, each called for the whole batch.
  std::vector<MaskSource<T>> masks{};
  /// Images that run at once, every pass of an image counted; bounds the memory. Fewer than the batch: the batch is
  /// cut.
  Index micro_batch = 32;
};

namespace detail {

/// Passes first .. first + count - 1 of the model as one batch, pass by pass.
template <class T>
EvalContext<T> pass_context(const McDropoutOptions<T>& options, Key key, Index images, Index first, Index count) {
  EvalContext<T> ctx(run::mc_dropout, key);
  for (Index pass = first; pass < first + count; ++pass)
    for (Index n = 0; n < images; ++n)
      ctx.sample_keys.push_back(key.fold(static_cast<std::uint64_t>(pass))
                                    .fold(options.image_ids.empty() ? static_cast<std::uint64_t>(n)
                                                                    : options.image_ids[static_cast<std::size_t>(n)]));
  if (options.masks.empty()) return ctx;
  ctx.masks = [&options, images, first, count](int call, const Shape<4>& shape) {
    Tensor<T, 4> mask(shape);
    T* const out = mask.mutable_data();
    Shape<4> part = shape;
    part[0] = images;
    for (Index i = 0; i < count; ++i) {
      const Tensor<T, 4> one = options.masks[static_cast<std::size_t>(first + i)](call, part);
      check(one.shape() == part, "mc_dropout", "a mask of shape ", one.shape(), ", expected ", part);
      std::copy_n(one.data(), one.numel(), out + i * one.numel());
    }
    return mask;
  };
  return ctx;
}

/// One micro-batch: all passes of all its images, as many passes at once as fit.
template <class T, class Model>
Prediction<T> mc_dropout_run(const Model& model, const Tensor<T, 4>& images, Key key,
                             const McDropoutOptions<T>& options) {
  const Index n = images.shape().n(), samples = options.samples, together = std::max<Index>(options.micro_batch / n, 1);
  constexpr bool splits = requires(EvalContext<T> & ctx) {
    model.stochastic_part(ctx, std::vector<DeferredNorm<Tensor<T, 4>>>(model.deterministic_part(ctx, images)));
  };
  EvalContext<T> first_run(run::mc_dropout, key);
  std::vector<DeferredNorm<Tensor<T, 4>>> maps{images};
  if constexpr (splits) maps = model.deterministic_part(first_run, images);
  SampleSum<T> passes(options.prediction);
  for_each_chunk(samples, together, [&](Index first, Index end) {
    EvalContext<T> ctx = pass_context(options, key, n, first, end - first);
    auto repeated = maps;
    for (auto& map : repeated) map = map.repeated(end - first);
    if constexpr (splits) {
      passes.add(model.stochastic_part(ctx, std::move(repeated)), n);
    } else {
      passes.add(model(ctx, materialize(repeated[0])), n);
    }
  });
  return passes.finish();
}

}  // namespace detail

/// Runs a segmentation network `samples` times with dropout on and normalisation statistics frozen, without a tape, and
/// returns what the passes say together. images: (N, H, W, C). The mask of a pass depends on the key, the pass and the
/// image alone. A network with deterministic_part(ctx, images)
/// and stochastic_part(ctx, maps), the parts before and from its first dropout on, computes the first part once for all
/// passes: its maps, a std::vector<DeferredNorm>, are repeated for these before the second part reads them. Throws
/// ValueError unless samples >= 1, ShapeError when ids or masks do not fit.
template <class T, class Model>
Prediction<T> mc_dropout(const Model& model, const Tensor<T, 4>& images, Key key,
                         const McDropoutOptions<T>& options = {}) {
  const Shape<4>& shape = images.shape();
  const Index n = shape.n(), samples = options.samples;
  check<ValueError>(samples >= 1, "mc_dropout", "expected at least 1 sample, got ", samples);
  check(shape.numel() > 0, "mc_dropout", "no pixels in images ", shape);
  check(options.image_ids.empty() || static_cast<Index>(options.image_ids.size()) == n, "mc_dropout",
        options.image_ids.size(), " image ids for ", n, " images");
  check(options.masks.empty() || static_cast<Index>(options.masks.size()) == samples, "mc_dropout",
        options.masks.size(), " mask sources for ", samples, " samples");
  if (!options.masks.empty()) return detail::mc_dropout_run(model, images, key, options);
  return predict_in_parts<T>(n, options.micro_batch, [&](Index begin, Index end) {
    McDropoutOptions<T> part = options;
    part.image_ids.clear();
    for (Index i = begin; i < end; ++i)
      part.image_ids.push_back(options.image_ids.empty() ? static_cast<std::uint64_t>(i)
                                                         : options.image_ids[static_cast<std::size_t>(i)]);
    return detail::mc_dropout_run(model, slice_rows(images, begin, end), key, part);
  });
}

/// MC dropout as an estimator (Gal & Ghahramani 2016), the paper's: the mean over `samples` passes with dropout.
struct McDropout {
  int samples = 5;

  template <class T>
  Prediction<T> predict(const models::AnySegmenter<T>& coarse, const Tensor<T, 4>& images,
                        const EstimatorRun& run) const {
    return mc_dropout(coarse, images, run.key,
                      {.samples = samples, .image_ids = run.ids, .micro_batch = run.micro_batch});
  }
  /// Every sample counts as a whole pass, the paper's convention, though what no dropout has reached is computed once.
  template <class T>
  Operations operations(const models::AnySegmenter<T>& coarse, const Shape<4>& images) const {
    Operations operations = coarse.count(images);
    for (auto& entry : operations.by_op) entry.second *= samples;
    return operations;
  }
  TypedSpec spec() const { return {"mc_dropout", message("{\"samples\": ", samples, "}")}; }
};

}  // namespace paser::uncertainty
#include "paser/core/macros_on.inc"
