#pragma once

#include <algorithm>
#include <optional>

#include "paser/core/rows.hpp"
#include "paser/models/segmenter.hpp"
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
  /// Images that are run at once. The gradient is that of the whole batch whatever this is, since every network of
  /// paser normalises an image by itself.
  Index micro_batch = 32;
  Mode mode = run::training;
  MaskSource<T> masks;  ///< see RunContext::masks; only with one micro-batch
  /// Eq. 1: learning from a larger network's logits besides the labels.
  std::optional<DistillationSpec> distillation;
};

/// Mean loss of a batch, its parts, and the gradient.
template <class T>
struct SupervisedResult {
  double loss = 0, cross_entropy = 0, distillation = 0;
  Gradients<T> gradients;
};

/// Loss and gradient of one batch, micro-batch by micro-batch in a fixed order.
/// images: (N, H, W, C); labels: (N, H, W); ids: N; teacher: logits (N, H, W, K), only with distillation.
template <class T>
SupervisedResult<T> supervised_gradients(const models::Segmenter<T>& model, const Tensor<T, 4>& images,
                                         const Labels& labels, const Ids& ids, Key key,
                                         const SupervisedOptions<T>& options, const Tensor<T, 4>& teacher = {}) {
  const Index n = images.shape().n();
  check(static_cast<Index>(ids.size()) == n && labels.shape()[0] == n, "supervised_gradients", n, " images, ",
        labels.shape()[0], " label maps, ", ids.size(), " ids");
  check<ValueError>(!options.masks || options.micro_batch >= n, "supervised_gradients",
                    "given masks are for a whole batch of ", n, ", the micro-batch is ", options.micro_batch);
  CrossEntropySpec ce{.class_weight = options.class_weights, .ignore_index = options.ignored};
  ce.total = static_cast<double>(labels.numel());
  if (options.ignored) *ce.total -= static_cast<double>(std::ranges::count(labels.values(), *options.ignored));
  SupervisedResult<T> sum;
  for_each_run(n, options.micro_batch, [&](Index begin, Index end) {
    const Labels truth = slice_rows(labels, begin, end);
    TapeContext<T> ctx(options.mode, key);
    ctx.masks = options.masks;
    for (Index i = begin; i < end; ++i) ctx.sample_keys.push_back(key.fold(ids[static_cast<std::size_t>(i)]));
    const Var<T, 4> logits = model(ctx, ctx.constant(slice_rows(images, begin, end)));
    const auto number = [](const Var<T, 1>& v) { return static_cast<double>(v.value().data()[0]); };
    const auto differentiate = [&](const Var<T, 1>& loss) {
      sum.loss += number(loss);
      sum.gradients += ctx.backward(loss, Tensor<T, 1>::full({1}, T(1)));
    };
    if (options.distillation) {
      DistillationSpec kd = *options.distillation;
      kd.total = static_cast<double>(kd.kind == DistillationSpec::Kind::mse ? teacher.numel() : n);
      const auto loss = distillation_loss(logits, slice_rows(teacher, begin, end), truth, ce, kd);
      sum.cross_entropy += number(loss.cross_entropy);
      sum.distillation += number(loss.distillation);
      differentiate(loss.total);
    } else {
      const Var<T, 1> loss = cross_entropy(logits, truth, ce);
      sum.cross_entropy += number(loss);
      differentiate(loss);
    }
  });
  return sum;
}

}  // namespace paser::pipeline
