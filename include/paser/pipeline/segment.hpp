#pragma once
#include "paser/core/macros_off.inc"

#include <numeric>

#include "paser/distributed/rows.hpp"
#include "paser/ops/entropy.hpp"
#include "paser/ops/softmax.hpp"
#include "paser/pipeline/expert_images.hpp"
#include "paser/uncertainty/patch_statistics.hpp"

/// The routing of patches: the one function that everything else which segments calls.
namespace paser::pipeline {

/// Segmented images and how that came about.
template <class T>
struct Segmentation {
  Labels labels;             ///< class, (N, H, W)
  Tensor<T, 3> probability;  ///< of the class, as the model that answered has it, (N, H, W)
  /// In nats, (N, H, W): what the estimator left open, on which the policy decided; under a policy that reads no
  /// prediction, what the answer leaves open.
  Tensor<T, 3> entropy;
  /// Of every class, as the model that answered has it, (N, H, W, K); empty unless asked for.
  Tensor<T, 4> class_probabilities;
  Actions answered_by;     ///< the model that answered each patch, (N, P)
  PolicyState<T> state{};  ///< by which the policy was asked first
  Work work{};
};

/// What a segmentation is to hold.
struct SegmentOptions {
  bool maps = true;                  ///< probability and entropy; without them these are empty
  bool class_probabilities = false;  ///< of every class
};

/// Mean of a map over each patch: (N, H, W) -> N * P numbers, image after image.
template <class T>
std::vector<double> mean_per_patch(const Tensor<T, 3>& map, const data::PatchGrid& grid) {
  const Tensor<T, 3> patches = data::extract_patches(map, grid);
  const Index size = patches.shape()[1] * patches.shape()[2];
  std::vector<double> means;
  for (Index p = 0; p < patches.shape()[0]; ++p)
    means.push_back(std::accumulate(patches.data() + p * size, patches.data() + (p + 1) * size, 0.0) /
                    static_cast<double>(size));
  return means;
}

namespace detail {

/// The probability (N, H, W) of each pixel's label. probabilities: (N, H, W, K).
template <class T>
Tensor<T, 3> probability_of(const Labels& labels, const Tensor<T, 4>& probabilities) {
  Tensor<T, 3> result(labels.shape());
  const Index classes = probabilities.shape().c();
  parallel_for(labels.numel(), kernels::grain, [&, out = result.mutable_data()](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) out[i] = probabilities.data()[i * classes + labels.data()[i]];
  });
  return result;
}

/// Arg-max of the answer of model k. Throws NotFiniteError that names the model.
template <class T>
Labels labels_of(const Tensor<T, 4>& logits, Index k) {
  return answer_of(k, [&] { return argmax_channels(logits); });
}

/// Where the answer of a model is written; null: not wanted.
template <class T>
struct AnswerMaps {
  Labels* labels = nullptr;
  Tensor<T, 3>*probability = nullptr, *entropy = nullptr;
  Tensor<T, 4>* class_probabilities = nullptr;  ///< made when it is empty
  std::vector<double>* doubt = nullptr;         ///< by patch, its mean entropy
};

/// Model k answers the patches of these numbers, without noise. predicted: the coarse model's probabilities, see
/// expert_patches.
template <class T>
void answer_patches(const Paser<T>& paser, Index k, const Tensor<T, 4>& images, const Tensor<T, 4>& predicted,
                    const data::PatchGrid& grid, const std::vector<Index>& patches, const AnswerMaps<T>& out) {
  for_each_chunk(static_cast<Index>(patches.size()), paser.micro_batch, [&](Index begin, Index end) {
    const std::vector<Index> part(patches.begin() + begin, patches.begin() + end);
    const Tensor<T, 4> logits = infer(paser.models[static_cast<std::size_t>(k)],
                                      expert_patches<T>(paser, k, images, predicted, grid, part), paser.filters);
    const Labels labels = labels_of(logits, k);
    data::scatter_patches(*out.labels, grid, part, labels);
    if (!out.probability && !out.entropy && !out.class_probabilities && !out.doubt) return;
    const Tensor<T, 4> probabilities = softmax(logits);
    if (out.class_probabilities) {
      const auto& map = out.labels->shape();
      if (out.class_probabilities->empty())
        *out.class_probabilities = Tensor<T, 4>({map[0], map[1], map[2], probabilities.shape().c()});
      data::scatter_patches(*out.class_probabilities, grid, part, probabilities);
    }
    if (out.probability) data::scatter_patches(*out.probability, grid, part, probability_of(labels, probabilities));
    if (!out.entropy && !out.doubt) return;
    const Tensor<T, 3> entropy = paser::entropy(probabilities);
    if (out.entropy) data::scatter_patches(*out.entropy, grid, part, entropy);
    if (!out.doubt) return;
    const std::vector<double> means = mean_per_patch(entropy, {1, 1});
    for (std::size_t i = 0; i < part.size(); ++i) (*out.doubt)[static_cast<std::size_t>(part[i])] = means[i];
  });
}

/// Numbers of the images that keep the coarse model's answer somewhere.
inline std::vector<Index> images_with_coarse(const Actions& actions) {
  std::vector<Index> images;
  const Index patches = actions.shape()[1];
  for (Index n = 0; n < actions.shape()[0]; ++n) {
    const std::int32_t* const row = actions.data() + n * patches;
    if (std::find(row, row + patches, 0) != row + patches) images.push_back(n);
  }
  return images;
}

/// The coarse model's part of a segmentation by its prediction, for a policy that reads it or task models that correct
/// it. Returns its probabilities where such models want them.
template <class T>
Tensor<T, 4> answer_by_prediction(const Paser<T>& paser, const Policy<T>& policy, const Tensor<T, 4>& images, Key key,
                                  const SegmentOptions& options, Segmentation<T>& result) {
  PolicyState<T>& state = result.state;
  auto prediction = paser.predict_coarse(images, state.ids, key);
  result.labels = paser.coarse_labels(prediction);
  result.work.estimated = images.shape().n();
  if (policy.reads_statistics())
    state.statistics = uncertainty::patch_statistics(prediction, paser.grid);
  else if (policy.reads_prediction())
    state.map = prediction.policy_state();
  if (policy.asks_again()) state.doubt = mean_per_patch(prediction.entropy, paser.grid);
  const bool mean = paser.coarse_answer == CoarseAnswer::mean;
  const Tensor<T, 4>& answer = mean ? prediction.probabilities : prediction.first_sample;
  if (options.class_probabilities) result.class_probabilities = answer;
  if (options.maps) {
    result.probability = probability_of(result.labels, answer);
    result.entropy = std::move(prediction.entropy);
  }
  return any_corrects(paser) ? std::move(prediction.probabilities) : Tensor<T, 4>();
}

/// The same for a policy that reads none, where no task model does either: one pass on those images that keep its
/// answer somewhere.
template <class T>
void answer_in_one_pass(const Paser<T>& paser, const Tensor<T, 4>& images, const Actions& actions,
                        const SegmentOptions& options, Segmentation<T>& result) {
  const Shape<3> map{images.shape().n(), images.shape().h(), images.shape().w()};
  result.labels = Labels(map);
  if (options.maps) result.probability = result.entropy = Tensor<T, 3>(map);
  const std::vector<Index> kept = images_with_coarse(actions);
  result.work.coarse = static_cast<Index>(kept.size());
  answer_patches(paser, 0, images, {}, {1, 1}, kept,
                 {.labels = &result.labels,
                  .probability = options.maps ? &result.probability : nullptr,
                  .entropy = options.maps ? &result.entropy : nullptr,
                  .class_probabilities = options.class_probabilities ? &result.class_probabilities : nullptr});
}

}  // namespace detail

/// Replaces the patches that were given to a model k > 0 by that model's answer; the others keep `coarse`.
/// images: (N, H, W, C); coarse: (N, H, W); actions: (N, P); probabilities: of the coarse model's prediction,
/// (N, H, W, K). The processes of a team share the patches. Throws ValueError when these are left out and a model that
/// corrects is asked.
template <class T>
Labels apply_experts(const Paser<T>& paser, const Tensor<T, 4>& images, const Labels& coarse, const Actions& actions,
                     const Tensor<T, 4>& probabilities = {}, const distributed::Team& team = {}) {
  Labels composed = coarse;
  for (Index k = 1; k < paser.actions(); ++k) {
    const std::vector<Index> chosen = patches_of(actions, k);
    const auto n = static_cast<Index>(chosen.size());
    const PartRange own = distributed::own_images(team, n, 1, paser.micro_batch, n);
    const std::vector<Index> mine(chosen.begin() + own.begin, chosen.begin() + own.end);
    detail::answer_patches<T>(paser, k, images, probabilities, paser.grid, mine, {.labels = &composed});
    if (team.alone() || chosen.empty()) continue;
    const Labels answers = mine.empty() ? Labels() : data::gather_patches(composed, paser.grid, mine);
    data::scatter_patches(composed, paser.grid, chosen, distributed::join_rows(team, answers, "labels"));
  }
  return composed;
}

/// What the policy sees of some images, and the coarse model's own labels.
template <class T>
struct CoarseView {
  Tensor<T, 4> map;            ///< (N, H, W, 2), see PolicyState::map
  Labels labels;               ///< (N, H, W)
  Tensor<T, 4> probabilities;  ///< (N, H, W, K), where a model corrects the coarse one
};

/// Runs the estimator; the processes of a team share the images.
template <class T>
CoarseView<T> view_coarse(const Paser<T>& paser, const Tensor<T, 4>& images, const ImageIds& ids, Key key,
                          const distributed::Team& team = {}) {
  const Index n = images.shape().n();
  const PartRange own = distributed::own_images(team, n, 1, paser.micro_batch, n);
  CoarseView<T> view;
  if (own.begin < own.end) {
    const auto prediction = paser.predict_coarse(slice_rows(images, own.begin, own.end),
                                                 ImageIds(ids.begin() + own.begin, ids.begin() + own.end), key);
    view = {prediction.policy_state(), paser.coarse_labels(prediction), {}};
    if (any_corrects(paser)) view.probabilities = prediction.probabilities;
  }
  if (team.alone()) return view;
  return {distributed::join_rows(team, view.map, "predictions"),
          distributed::join_rows(team, view.labels, "predictions"),
          distributed::join_rows(team, view.probabilities, "predictions")};
}

/// Segments images, (N, H, W, C), each patch by the model that `policy` sends it to. ids: N numbers of the images, on
/// which with `key` all noise depends. The coarse model's prediction is made for a policy that reads it, and for every
/// policy where a task model corrects it. Throws ShapeError when images, grid and ids do not fit, NotFiniteError when a
/// pixel or the answer of a network is not finite, and what the policy throws.
template <class T>
Segmentation<T> segment(const Paser<T>& paser, const std::type_identity_t<Policy<T>>& policy,
                        const Tensor<T, 4>& images, const ImageIds& ids, Key key, const SegmentOptions& options = {}) {
  check(static_cast<Index>(ids.size()) == images.shape().n(), "segment", ids.size(), " ids for images ",
        images.shape());
  check_finite("segment", images.numel(), images.data(), "the images ", images.shape());
  Segmentation<T> result;
  result.state = paser.state({}, ids);
  result.work.patches.assign(paser.models.size(), 0);
  const bool predicts = policy.reads_prediction() || any_corrects(paser);
  Tensor<T, 4> probabilities;
  if (predicts) probabilities = detail::answer_by_prediction(paser, policy, images, key, options, result);
  PolicyState<T> state = result.state;
  state.answered_by = Actions::zeros(state.shape());
  for (Index round = 0; round < paser.actions(); ++round) {
    const Actions actions = policy.choose(state, key);
    if (!predicts) detail::answer_in_one_pass(paser, images, actions, options, result);
    bool changed = false;
    for (Index k = 1; k < paser.actions(); ++k) {
      std::vector<Index> patches = patches_of(actions, k);
      std::erase_if(patches, [&](Index patch) { return state.answered_by.data()[patch] == k; });
      if (patches.empty()) continue;
      changed = true;
      result.work.patches[static_cast<std::size_t>(k)] += static_cast<Index>(patches.size());
      detail::answer_patches(
          paser, k, images, probabilities, paser.grid, patches,
          {.labels = &result.labels,
           .probability = options.maps ? &result.probability : nullptr,
           .entropy = options.maps && !policy.reads_prediction() ? &result.entropy : nullptr,
           .class_probabilities = options.class_probabilities ? &result.class_probabilities : nullptr,
           .doubt = policy.asks_again() ? &state.doubt : nullptr});
    }
    for (Index i = 0; i < actions.numel(); ++i)
      check<ValueError>(actions.data()[i] > 0 || state.answered_by.data()[i] == 0, "segment", "patch ", i,
                        " was answered by model ", state.answered_by.data()[i],
                        ", and the policy sends it back to the coarse model");
    state.answered_by = actions;
    if (!changed || !policy.asks_again()) break;
  }
  result.answered_by = std::move(state.answered_by);
  return result;
}

/// The same by the Paser's own policy.
template <class T>
Segmentation<T> segment(const Paser<T>& paser, const Tensor<T, 4>& images, const ImageIds& ids, Key key,
                        const SegmentOptions& options = {}) {
  return segment(paser, paser.policy, images, ids, key, options);
}

/// A way of segmenting images, of those that are compared.
template <class T>
struct Method {
  std::function<Segmentation<T>(const Tensor<T, 4>& images, const ImageIds& ids)> segment;
  WorkCosts costs;  ///< in multiply-accumulates
};

/// A Paser's models under a policy, its costs those on images of this shape, (1, height, width, channels). The Paser
/// must outlive the method.
template <class T>
Method<T> method(const Paser<T>& paser, std::type_identity_t<Policy<T>> policy, Key key, const Shape<4>& image) {
  WorkCosts costs = mac_costs(paser, policy, image);
  return {[&paser, policy = std::move(policy), key](const Tensor<T, 4>& images, const ImageIds& ids) {
            return segment(paser, policy, images, ids, key, {.maps = false});
          },
          std::move(costs)};
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
