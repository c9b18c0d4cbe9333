#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <array>
#include <optional>

#include "paser/core/rows.hpp"
#include "paser/core/tree_sum.hpp"
#include "paser/distributed/sum_gradients.hpp"
#include "paser/models/any_segmenter.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/ops/distillation.hpp"
#include "paser/optim/adam.hpp"
#include "paser/pipeline/paser.hpp"

namespace paser::pipeline {

/// How one batch of labelled images becomes a gradient.
template <class T>
struct SupervisedOptions {
  /// Weight of each class in the cross entropy; empty: all one. The loss is divided by the number of pixels
  /// that take part.
  std::vector<double> class_weights;
  /// Label of the pixels that take no part in the cross entropy and in the IoU of validation: data::ignored_label.
  std::optional<std::int32_t> ignored;
  /// The most images that run at once, also in validation and for a teacher: it bounds the memory.
  Index micro_batch = 32;
  /// The batch is cut into parts of so many images, the last of which may be smaller. Each part runs by itself, and
  /// loss, gradients and buffers are added along a fixed tree over the parts (TreeSum): they have the same bits for
  /// every micro_batch, which must hold whole parts, and for every number of processes, which own whole parts. Smaller
  /// parts take longer, and log2(parts) gradients are held. 0: a micro-batch is a part.
  ///
  /// Loss and gradient are those of the whole batch whatever the parts are, up to rounding. For batch norm that needs
  /// mode.ghost_batch, or run::frozen_statistics, or one part; anything else is refused.
  Index part_images = 0;
  Mode mode = run::training;
  MaskSource<T> masks;  ///< see RunContext::masks; only with one part
  /// Eq. 1: learning from a larger network's logits besides the labels.
  std::optional<DistillationOptions> distillation;
  /// Shares the parts of every batch out; all of it has the same data and options.
  distributed::Team team{};
};

/// Images of a part of a batch. Throws ValueError when a micro-batch does not hold whole parts.
template <class T>
Index images_per_part(const SupervisedOptions<T>& options) {
  check<ValueError>(options.micro_batch >= 1 && options.part_images >= 0, "images_per_part",
                    "expected a micro_batch of at least 1 and part_images of at least 0, got ", options.micro_batch,
                    " and ", options.part_images);
  check<ValueError>(options.part_images == 0 || options.micro_batch % options.part_images == 0, "images_per_part",
                    "a micro-batch holds whole parts: expected a micro_batch that is a multiple of part_images, got ",
                    options.micro_batch, " and ", options.part_images);
  return options.part_images > 0 ? options.part_images : options.micro_batch;
}

/// Mean loss of a batch, its two terms, and the gradient; or the share of some of its images in these.
template <class T>
struct SupervisedResult {
  double loss = 0, cross_entropy = 0, distillation = 0;
  Gradients<T> gradients;

  /// The sums beside the gradients.
  std::array<double*, 3> numbers() { return {&loss, &cross_entropy, &distillation}; }
  std::array<const double*, 3> numbers() const { return {&loss, &cross_entropy, &distillation}; }

  SupervisedResult& operator+=(const SupervisedResult& other) {
    loss += other.loss;
    cross_entropy += other.cross_entropy;
    distillation += other.distillation;
    gradients += other.gradients;
    return *this;
  }
};

/// The share of some parts of a batch in its loss and gradient: what one of several processes adds. Arguments as for
/// supervised_gradients, all of the whole batch. Throws ValueError when the parts are not there, NotFiniteError when a
/// loss is not finite.
template <class T>
TreeSum<SupervisedResult<T>> supervised_parts(const models::AnySegmenter<T>& model, const Tensor<T, 4>& images,
                                              const Labels& labels, const ImageIds& ids, Key key,
                                              const SupervisedOptions<T>& options, const Tensor<T, 4>& teacher,
                                              PartRange parts) {
  const Index n = images.shape().n(), size = images_per_part(options);
  check(static_cast<Index>(ids.size()) == n && labels.shape()[0] == n, "supervised_gradients", n, " images, ",
        labels.shape()[0], " label maps, ", ids.size(), " ids");
  check<ValueError>(0 <= parts.begin && parts.begin <= parts.end && parts.end <= (n + size - 1) / size,
                    "supervised_gradients", "parts ", parts.begin, " .. ", parts.end, " of ", (n + size - 1) / size);
  check<ValueError>(!options.masks || size >= n, "supervised_gradients", "given masks are for a whole batch of ", n,
                    ", a part of it has ", size, " images");
  CrossEntropyOptions ce{.class_weight = options.class_weights, .ignore_index = options.ignored};
  ce.total = static_cast<double>(labels.numel());
  if (options.ignored) *ce.total -= static_cast<double>(std::ranges::count(labels.values(), *options.ignored));

  const auto run_part = [&](Index begin, Index end) {
    const Labels truth = slice_rows(labels, begin, end);
    TapeContext<T> ctx(options.mode, key);
    ctx.masks = options.masks;
    ctx.part = {begin, end, n};
    for (Index i = begin; i < end; ++i) ctx.sample_keys.push_back(key.fold(ids[static_cast<std::size_t>(i)]));
    const Var<T, 4> logits = model(ctx, ctx.constant(slice_rows(images, begin, end)));
    const auto number = [](const Var<T, 1>& v) {
      check_finite_value("supervised_gradients", v.value().data()[0], "the loss");
      return static_cast<double>(v.value().data()[0]);
    };
    SupervisedResult<T> result;
    const auto differentiate = [&](const Var<T, 1>& loss) {
      result.loss = number(loss);
      result.gradients = ctx.backward(loss, Tensor<T, 1>::full({1}, T(1)));
    };
    if (options.distillation) {
      DistillationOptions kd = *options.distillation;
      kd.total = static_cast<double>(kd.kind == DistillationOptions::Kind::mse ? teacher.numel() : n);
      const auto loss = distillation_loss(logits, slice_rows(teacher, begin, end), truth, ce, kd);
      result.cross_entropy = number(loss.cross_entropy);
      result.distillation = number(loss.distillation);
      differentiate(loss.total);
    } else {
      const Var<T, 1> loss = cross_entropy(logits, truth, ce);
      result.cross_entropy = number(loss);
      differentiate(loss);
    }
    return result;
  };
  TreeSum<SupervisedResult<T>> sum(parts.begin);
  for (Index p = parts.begin; p < parts.end; ++p) sum.add(run_part(p * size, std::min(n, (p + 1) * size)));
  return sum;
}

/// Loss and gradient of one batch, part by part: see SupervisedOptions::part_images. Each process of the team runs the
/// parts that it owns, and all get the sum.
/// images: (N, H, W, C); labels: (N, H, W); ids: N; teacher: logits (N, H, W, K), only with distillation.
template <class T>
SupervisedResult<T> supervised_gradients(const models::AnySegmenter<T>& model, const Tensor<T, 4>& images,
                                         const Labels& labels, const ImageIds& ids, Key key,
                                         const SupervisedOptions<T>& options, const Tensor<T, 4>& teacher = {}) {
  const Index size = images_per_part(options), parts = (images.shape().n() + size - 1) / size;
  return distributed::sum_gradients<T>(
      options.team, supervised_parts(model, images, labels, ids, key, options, teacher, options.team.share(parts)),
      model);
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
