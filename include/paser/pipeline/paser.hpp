#pragma once
#include "paser/core/macros_off.inc"

#include <vector>

#include "paser/core/rows.hpp"
#include "paser/data/patches.hpp"
#include "paser/ops/argmax_channels.hpp"
#include "paser/pipeline/policy.hpp"
#include "paser/pipeline/work.hpp"
#include "paser/uncertainty/mc_dropout.hpp"

namespace paser::pipeline {

/// Which prediction stands for the coarse model in the reward and where a patch keeps its answer. The policy sees the
/// mean's labels under either.
enum class CoarseAnswer {
  mean,         ///< arg-max of the mean of all samples
  first_sample  ///< arg-max of the first sample, as the authors' released code does
};

/// Logits of a batch without noise, at most `micro_batch` images at once to bound the memory. `filters` may keep
/// transformed weights for further calls.
template <class T>
Tensor<T, 4> predict_logits(const models::AnySegmenter<T>& model, const Tensor<T, 4>& images, Index micro_batch = 32,
                            std::type_identity_t<FilterCache<T>*> filters = nullptr) {
  Tensor<T, 4> logits;
  T* out = nullptr;
  for_each_chunk(images.shape().n(), micro_batch, [&](Index begin, Index end) {
    const Tensor<T, 4> part = infer(model, slice_rows(images, begin, end), filters);
    if (out == nullptr) {
      Shape<4> shape = part.shape();
      shape[0] = images.shape().n();
      logits = Tensor<T, 4>(shape);
      out = logits.mutable_data();
    }
    out = std::copy_n(part.data(), part.numel(), out);
  });
  return logits;
}

/// What `answer` returns; a NotFiniteError in it names the network whose answer it is, f1 for k = 0.
template <class F>
auto answer_of(Index k, const F& answer) {
  try {
    return answer();
  } catch (const NotFiniteError& error) {
    throw NotFiniteError(message("the answer of network f", k + 1, ": ", error.what()));
  }
}

/// Label map of a batch without noise: (N, H, W, C) -> (N, H, W).
template <class T>
Labels predict(const models::AnySegmenter<T>& model, const Tensor<T, 4>& images, Index micro_batch = 32,
               std::type_identity_t<FilterCache<T>*> filters = nullptr) {
  Labels labels({images.shape().n(), images.shape().h(), images.shape().w()});
  std::int32_t* out = labels.mutable_data();
  for_each_chunk(images.shape().n(), micro_batch, [&](Index begin, Index end) {
    const Labels part = argmax_channels(infer(model, slice_rows(images, begin, end), filters));
    out = std::copy_n(part.data(), part.numel(), out);
  });
  return labels;
}

/// PaSeR as a value: the coarse model segments the whole image, the estimator says where that is unsure, and the policy
/// sends every patch straight to one model. What is done with it are functions: segment(), segment_tiled(), the stages
/// of training, evaluate_method().
template <class T = float>
struct Paser {
  std::vector<models::AnySegmenter<T>> models;  ///< the coarse model (whole images), then those that get patches
  Policy<T> policy;
  data::PatchGrid grid;
  uncertainty::Estimator<T> estimator = uncertainty::McDropout{};
  CoarseAnswer coarse_answer = CoarseAnswer::mean;
  /// Images or patches that run at once; bounds the memory; results differ by rounding at most.
  Index micro_batch = 32;
  /// Where the models keep transformed weights from call to call, for a Paser that is not being trained; may be null.
  FilterCache<T>* filters = nullptr;

  Index actions() const { return static_cast<Index>(models.size()); }  ///< The networks that a patch can go to.

  /// What the coarse model says about every pixel, by the estimator. Throws NotFiniteError that names the model.
  uncertainty::Prediction<T> predict_coarse(const Tensor<T, 4>& images, const ImageIds& ids, Key key) const {
    return answer_of(
        0, [&] { return estimator.predict(models[0], images, {.ids = ids, .key = key, .micro_batch = micro_batch}); });
  }

  /// Its label map, as `coarse_answer` says.
  Labels coarse_labels(const uncertainty::Prediction<T>& prediction) const {
    return coarse_answer == CoarseAnswer::mean ? prediction.labels
                                               : answer_of(0, [&] { return argmax_channels(prediction.first_sample); });
  }

  /// What the policy is asked by. map: see PolicyState; ids: of the images, for policies that draw.
  PolicyState<T> state(Tensor<T, 4> map, ImageIds ids = {}) const {
    return {.map = std::move(map), .ids = std::move(ids), .grid = grid, .models = actions()};
  }
};

/// Whether a task model corrects the coarse model's answer (models::Corrected does): it takes, beside the channels of
/// the images, one for each class. False when either network does not say what the rule asks for.
template <class T>
bool corrects(const models::AnySegmenter<T>& coarse, const models::AnySegmenter<T>& expert) {
  return coarse.channels() > 0 && coarse.classes() > 0 && expert.channels() == coarse.channels() + coarse.classes();
}

/// The same of model k of a Paser; the coarse model, 0, does not correct itself.
template <class T>
bool corrects(const Paser<T>& paser, Index k) {
  return k > 0 && corrects(paser.models[0], paser.models[static_cast<std::size_t>(k)]);
}

/// Whether any model of a Paser does, so that its patches cannot be answered without the coarse model's prediction.
template <class T>
bool any_corrects(const Paser<T>& paser) {
  for (Index k = 1; k < paser.actions(); ++k)
    if (corrects(paser, k)) return true;
  return false;
}

/// Numbers (image-major, row by row) of the patches that were given to model k. actions: (N, P).
inline std::vector<Index> patches_of(const Actions& actions, Index k) {
  std::vector<Index> chosen;
  for (Index i = 0; i < actions.numel(); ++i)
    if (actions.data()[i] == k) chosen.push_back(i);
  return chosen;
}

/// The shape of a patch as model k > 0 takes it, of an image of this shape, (1, height, width, channels): with further
/// channels for a model that corrects and pixels around it for one with a margin.
template <class T>
Shape<4> expert_shape(const Paser<T>& paser, Index k, const Shape<4>& image) {
  const Index margin = 2 * paser.models[static_cast<std::size_t>(k)].margin();
  return {1, paser.grid.height_of(image.h()) + margin, paser.grid.width_of(image.w()) + margin,
          image.c() + (corrects(paser, k) ? paser.models[0].classes() : 0)};
}

/// What each kind of work costs in multiply-accumulates, by the paper's convention (one counts as one), on an image of
/// this shape, (1, height, width, channels), and its patches.
/// Models, estimator and policy count themselves. Throws what a run would throw about shapes.
template <class T>
WorkCosts mac_costs(const Paser<T>& paser, const std::type_identity_t<Policy<T>>& policy, const Shape<4>& image) {
  const auto macs = [](const Operations& operations) { return static_cast<double>(operations.total()); };
  WorkCosts costs{.estimate = macs(paser.estimator.operations(paser.models[0], image)),
                  .decide = macs(policy.operations({1, image.h(), image.w()})),
                  .coarse = macs(paser.models[0].count(image)),
                  .patch = {0}};
  for (Index k = 1; k < paser.actions(); ++k)
    costs.patch.push_back(macs(paser.models[static_cast<std::size_t>(k)].count(expert_shape(paser, k, image))));
  return costs;
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
