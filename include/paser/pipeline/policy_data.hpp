#pragma once
#include "paser/core/macros_off.inc"

#include "paser/data/batch.hpp"
#include "paser/metrics/iou.hpp"
#include "paser/pipeline/cost.hpp"
#include "paser/pipeline/segment.hpp"
#include "paser/pipeline/stage.hpp"

namespace paser::pipeline {

/// What the policy is rewarded for.
struct RewardOptions {
  double lambda = 0.5;
  Costs costs{};  ///< one per model; cost_shares of the parameters is Eq. 3
  metrics::ClassMean class_mean = metrics::ClassMean::present;
  Index classes = 2;
  std::optional<std::int32_t> ignored{};  ///< label of the pixels that do not count: data::ignored_label
};

/// What the policy sees of some images, and how good the coarse model is there.
template <class T>
struct PolicyBatch {
  Tensor<T, 4> map;         ///< (N, H, W, 2), see PolicyState::map
  Tensor<T, 2> iou_coarse;  ///< (N, P)
};

/// Runs the estimator with the noise of this key. Batch: images, labels and ids.
template <class T, class Batch>
PolicyBatch<T> observe(const Paser<T>& paser, const Batch& batch, const RewardOptions& options, Key key) {
  const auto prediction = paser.predict_coarse(batch.images, batch.ids, key);
  const Labels coarse = paser.coarse_labels(prediction);
  return {prediction.policy_state(), metrics::patch_iou<T>(coarse, batch.labels, options.classes, paser.grid,
                                                           options.class_mean, options.ignored)};
}

/// IoU of every model on every patch: entry (image, patch, model - 1) for the models behind the coarse one. While they
/// are frozen the reward of any action can be read off instead of running a network again. key: of the estimator's
/// noise, which reaches the models that correct the coarse one.
template <class T, data::RangeSource S>
Tensor<T, 3> tabulate_expert_iou(const Paser<T>& paser, const S& source, const RewardOptions& options,
                                 const HowFar& how_far = {}, Key key = {}) {
  const Index patches = paser.grid.patches(), experts = paser.actions() - 1;
  Tensor<T, 3> table({source.size(), patches, experts});
  T* out = table.mutable_data();
  if (how_far) how_far(0, source.size());
  for_each_chunk(source.size(), 64, [&](Index begin, Index end) {
    const auto batch = source.range(begin, end);
    Tensor<T, 4> probabilities;
    if (any_corrects(paser)) probabilities = paser.predict_coarse(batch.images, batch.ids, key).probabilities;
    const Labels truth = data::extract_patches(batch.labels, paser.grid);
    for (Index k = 0; k < experts; ++k) {
      const Labels labels = predict(paser.models[static_cast<std::size_t>(k + 1)],
                                    expert_patches(paser, k + 1, batch.images, probabilities), paser.micro_batch);
      const auto iou = metrics::mean_iou<T>(metrics::image_confusion(labels, truth, options.classes, options.ignored),
                                            options.class_mean);
      for (Index i = 0; i < iou.numel(); ++i) out[(begin * patches + i) * experts + k] = iou.data()[i];
    }
    if (how_far) how_far(end, source.size());
  });
  return table;
}

/// A data set as policies meet it while the segmentation networks are frozen. What was computed once is kept, so that
/// several policies can be trained on it: the IoU of the models, and the predictions of the coarse one, drawn `draws`
/// times.
template <class T>
class PolicyData {
 public:
  /// Noise of draw d is that of key.fold(d). draws 0: predictions are not kept, every call draws
  /// anew.
  PolicyData(int draws, Key key) : key_(key), draws_(static_cast<std::size_t>(draws)) {}

  /// See tabulate_expert_iou.
  template <data::Source S>
  const Tensor<T, 3>& experts(const Paser<T>& paser, const S& source, const RewardOptions& options,
                              const HowFar& how_far = {}) {
    if (experts_.empty()) experts_ = tabulate_expert_iou(paser, source, options, how_far, key_.fold(0));
    return experts_;
  }

  /// What the policy sees of these images in pass number `pass`: of draw pass % draws, image by image, or when no draws
  /// are kept of the noise of `fresh`, all images as one batch.
  template <data::Source S>
  PolicyBatch<T> rows(const Paser<T>& paser, const S& source, std::span<const Index> numbers,
                      const RewardOptions& options, Index pass, Key fresh) {
    if (draws_.empty()) return observe(paser, source.rows(numbers), options, fresh);
    const auto d = static_cast<std::size_t>(pass) % draws_.size();
    auto& kept = draws_[d];
    kept.resize(static_cast<std::size_t>(source.size()));
    PolicyBatch<T> all;
    T *map = nullptr, *iou = nullptr;
    for (const Index i : numbers) {
      PolicyBatch<T>& one = kept[static_cast<std::size_t>(i)];
      if (one.map.empty()) one = observe(paser, source.rows(std::span<const Index>(&i, 1)), options, key_.fold(d));
      if (map == nullptr) {
        Shape<4> shape = one.map.shape();
        shape[0] = static_cast<Index>(numbers.size());
        all.map = Tensor<T, 4>(shape);
        all.iou_coarse = Tensor<T, 2>({shape[0], one.iou_coarse.shape()[1]});
        map = all.map.mutable_data();
        iou = all.iou_coarse.mutable_data();
      }
      check(one.map.numel() * static_cast<Index>(numbers.size()) == all.map.numel(), "PolicyData", "image ", i,
            " gives a map of ", one.map.shape(), ", others of this batch give ", all.map.shape());
      map = std::copy_n(one.map.data(), one.map.numel(), map);
      iou = std::copy_n(one.iou_coarse.data(), one.iou_coarse.numel(), iou);
    }
    return all;
  }

 private:
  Key key_;
  Tensor<T, 3> experts_;
  std::vector<std::vector<PolicyBatch<T>>> draws_;
};

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
