#pragma once

#include "paser/data/batch.hpp"
#include "paser/metrics/iou.hpp"
#include "paser/pipeline/cost.hpp"
#include "paser/pipeline/paser.hpp"
#include "paser/pipeline/stage.hpp"

namespace paser::pipeline {

/// What the policy is paid for.
struct RewardOptions {
  double lambda = 0.5;
  Costs costs{};  ///< one a model; cost_shares of the parameters is Eq. 3
  metrics::ClassMean class_mean = metrics::ClassMean::present;
  Index classes = 2;
  std::optional<std::int32_t> ignored{};  ///< label of the pixels that do not count: data::ignored_label
};

/// What the policy sees of some images, and how good f1 is there.
template <class T>
struct Observation {
  Tensor<T, 4> input;      ///< (N, H, W, 2), see policy_input
  Tensor<T, 2> iou_small;  ///< (N, P)
};

/// Runs f1 with the dropout noise of this key. Batch: images, labels and ids.
template <class T, class Batch>
Observation<T> observe(const Paser<T>& paser, const Batch& batch, const RewardOptions& options, Key key) {
  const auto belief = paser.belief(batch.images, batch.ids, key);
  const Labels coarse = paser.baseline_labels(belief);
  return {policy_input(belief), metrics::patch_iou<T>(coarse, batch.labels, options.classes, paser.grid,
                                                      options.class_mean, options.ignored)};
}

/// IoU of every model on every patch: entry (image, patch, model - 1) for the models behind f1. While they are frozen
/// the reward of any action can be read off instead of running a network again.
template <class T, class Source>
Tensor<T, 3> tabulate_expert_iou(const Paser<T>& paser, const Source& source, const RewardOptions& options,
                                 const HowFar& how_far = {}) {
  const Index patches = paser.grid.patches(), experts = paser.actions() - 1;
  Tensor<T, 3> table({source.size(), patches, experts});
  T* out = table.mutable_data();
  if (how_far) how_far(0, source.size());
  for_each_run(source.size(), 64, [&](Index begin, Index end) {
    const auto batch = source.range(begin, end);
    const Tensor<T, 4> parts = data::extract_patches(batch.images, paser.grid);
    const Labels truth = data::extract_patches(batch.labels, paser.grid);
    for (Index k = 0; k < experts; ++k) {
      const Labels labels = predict(paser.models[static_cast<std::size_t>(k + 1)], parts, paser.micro_batch);
      const auto iou = metrics::mean_iou<T>(metrics::image_confusion(labels, truth, options.classes, options.ignored),
                                            options.class_mean);
      for (Index i = 0; i < iou.numel(); ++i) out[(begin * patches + i) * experts + k] = iou.data()[i];
    }
    if (how_far) how_far(end, source.size());
  });
  return table;
}

/// A data set as the policy meets it while the segmentation networks are frozen. What was computed once is kept, so
/// that several policies can be trained on it: the IoU of the models behind f1, and f1's beliefs, drawn `draws` times.
/// Source: see pretrain.
template <class T>
class FrozenSet {
 public:
  /// Noise of draw d is that of key.fold(d). draws 0: beliefs are not kept, every call draws anew.
  FrozenSet(int draws, Key key) : key_(key), draws_(static_cast<std::size_t>(draws)) {}

  /// See tabulate_expert_iou.
  template <class Source>
  const Tensor<T, 3>& experts(const Paser<T>& paser, const Source& source, const RewardOptions& options,
                              const HowFar& how_far = {}) {
    if (experts_.empty()) experts_ = tabulate_expert_iou(paser, source, options, how_far);
    return experts_;
  }

  /// Observation of these images in pass number `pass`: of draw pass % draws, image by image, or when no draws are kept
  /// of the noise of `fresh`, all images as one batch.
  template <class Source>
  Observation<T> rows(const Paser<T>& paser, const Source& source, std::span<const Index> numbers,
                      const RewardOptions& options, Index pass, Key fresh) {
    if (draws_.empty()) return observe(paser, source.rows(numbers), options, fresh);
    const auto d = static_cast<std::size_t>(pass) % draws_.size();
    auto& kept = draws_[d];
    kept.resize(static_cast<std::size_t>(source.size()));
    Observation<T> all;
    T *input = nullptr, *iou = nullptr;
    for (const Index i : numbers) {
      Observation<T>& one = kept[static_cast<std::size_t>(i)];
      if (one.input.empty()) one = observe(paser, source.rows(std::span<const Index>(&i, 1)), options, key_.fold(d));
      if (input == nullptr) {
        Shape<4> shape = one.input.shape();
        shape[0] = static_cast<Index>(numbers.size());
        all.input = Tensor<T, 4>(shape);
        all.iou_small = Tensor<T, 2>({shape[0], one.iou_small.shape()[1]});
        input = all.input.mutable_data();
        iou = all.iou_small.mutable_data();
      }
      check(one.input.numel() * static_cast<Index>(numbers.size()) == all.input.numel(), "FrozenSet", "image ", i,
            " gives a map of ", one.input.shape(), ", others of this batch give ", all.input.shape());
      input = std::copy_n(one.input.data(), one.input.numel(), input);
      iou = std::copy_n(one.iou_small.data(), one.iou_small.numel(), iou);
    }
    return all;
  }

 private:
  Key key_;
  Tensor<T, 3> experts_;
  std::vector<std::vector<Observation<T>>> draws_;
};

}  // namespace paser::pipeline
