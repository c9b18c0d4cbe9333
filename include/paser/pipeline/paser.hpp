#pragma once

#include <vector>

#include "paser/core/rows.hpp"
#include "paser/data/patches.hpp"
#include "paser/models/policy_net.hpp"
#include "paser/models/segmenter.hpp"
#include "paser/ops/argmax_channels.hpp"
#include "paser/rl/categorical.hpp"
#include "paser/uncertainty/mc_dropout.hpp"

namespace paser::pipeline {

/// The model chosen for each patch: (N, P), 0 for f1.
using Actions = rl::Actions;

/// Numbers that name images for good (their place in the data set): noise on an image hangs on its number alone.
using Ids = std::vector<std::uint64_t>;

/// Which prediction stands for f1 in the reward and where a patch keeps f1's answer. The policy sees the mean's labels
/// under either.
enum class Baseline {
  mean,         ///< arg-max of the mean of all samples
  first_sample  ///< arg-max of the first sample, as the authors' released code does
};

/// How a trained policy's distribution becomes a choice.
enum class RouteChoice {
  most_probable,  ///< the paper: the action of the largest expected return
  sampled         ///< drawn from it, as the authors' released code does
};

/// Logits of a batch without noise, computed in runs of `micro_batch` images to bound the memory. `filters` may keep
/// transformed weights for further runs.
template <class T>
Tensor<T, 4> predict_logits(const models::Segmenter<T>& model, const Tensor<T, 4>& images, Index micro_batch = 32,
                            std::type_identity_t<FilterCache<T>*> filters = nullptr) {
  Tensor<T, 4> logits;
  T* out = nullptr;
  for_each_run(images.shape().n(), micro_batch, [&](Index begin, Index end) {
    const Tensor<T, 4> part = evaluate(model, slice_rows(images, begin, end), filters);
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

/// Label map of a batch without noise: (N, H, W, C) -> (N, H, W).
template <class T>
Labels predict(const models::Segmenter<T>& model, const Tensor<T, 4>& images, Index micro_batch = 32,
               std::type_identity_t<FilterCache<T>*> filters = nullptr) {
  Labels labels({images.shape().n(), images.shape().h(), images.shape().w()});
  std::int32_t* out = labels.mutable_data();
  for_each_run(images.shape().n(), micro_batch, [&](Index begin, Index end) {
    const Labels part = argmax_channels(evaluate(model, slice_rows(images, begin, end), filters));
    out = std::copy_n(part.data(), part.numel(), out);
  });
  return labels;
}

/// The state that the policy sees, (N, H, W, 2): channel 0 the class index of the mean prediction, channel 1 its
/// entropy in nats.
template <class T>
Tensor<T, 4> policy_input(const uncertainty::Belief<T>& belief) {
  return belief.observation();
}

/// PaSeR: f1 segments the whole image and says where it is unsure; the policy sends every patch straight to one model.
template <class T = float>
struct Paser {
  std::vector<models::Segmenter<T>> models;  ///< f1 (whole images), then the models that get patches, cheapest first
  models::PolicyNet<T> policy;               ///< grid.patches() * models.size() logits
  data::PatchGrid grid;
  int samples = 5;  ///< T, the passes of MC dropout
  Baseline baseline = Baseline::mean;
  RouteChoice choice = RouteChoice::most_probable;
  Index micro_batch =
      32;  ///< images or patches that run at once; bounds the memory; results differ by rounding at most
  /// Where the models keep transformed weights from call to call, for a Paser that is not being trained; may be null.
  FilterCache<T>* filters = nullptr;

  Index actions() const { return static_cast<Index>(models.size()); }

  /// What f1 believes about every pixel: mean probabilities, labels and entropy of `samples` noisy passes.
  uncertainty::Belief<T> belief(const Tensor<T, 4>& images, const Ids& ids, Key key) const {
    return uncertainty::mc_dropout(models[0], images, key,
                                   {.samples = samples, .image_ids = ids, .micro_batch = micro_batch});
  }

  /// f1's label map as `baseline` says.
  Labels baseline_labels(const uncertainty::Belief<T>& state) const {
    return baseline == Baseline::mean ? state.labels : argmax_channels(state.first_pass);
  }

  /// One distribution over the models for each patch, batch norm by its running statistics.
  rl::Categorical<T> routes(const Tensor<T, 4>& input) const {
    return rl::Categorical<T>(evaluate(policy, input), grid.patches());
  }

  /// The models chosen under `choice`. Draws hang on the key and the image's number alone.
  Actions choose(const rl::Categorical<T>& distribution, const Ids& ids, Key key) const {
    return choice == RouteChoice::most_probable ? distribution.argmax() : distribution.sample(key.fold(0x20C7E), ids);
  }

  /// Replaces the patches that went to a model k > 0 by that model's answer; the others keep `coarse`.
  Labels refine(const Tensor<T, 4>& images, const Labels& coarse, const Actions& chosen_models) const {
    Labels composed = coarse;
    for (Index k = 1; k < actions(); ++k) {
      const std::vector<Index> chosen = patches_of(chosen_models, k);
      if (chosen.empty()) continue;
      for_each_run(static_cast<Index>(chosen.size()), micro_batch, [&](Index begin, Index end) {
        const std::vector<Index> run(chosen.begin() + begin, chosen.begin() + end);
        const Tensor<T, 4> patches = data::gather_patches(images, grid, run);
        data::scatter_patches(composed, grid, run,
                              predict(models[static_cast<std::size_t>(k)], patches, micro_batch, filters));
      });
    }
    return composed;
  }

  /// Numbers (image-major, row by row) of the patches that were given to model k.
  static std::vector<Index> patches_of(const Actions& actions, Index k) {
    std::vector<Index> chosen;
    for (Index i = 0; i < actions.numel(); ++i)
      if (actions.data()[i] == k) chosen.push_back(i);
    return chosen;
  }

  /// A segmentation and how it came about.
  struct Result {
    Labels labels;
    Actions actions;
    Tensor<T, 4> input;  ///< what the policy saw
  };

  /// Segments a batch; each patch goes to one model, as `choice` says. Draws noise for MC dropout from `key`.
  Result segment(const Tensor<T, 4>& images, const Ids& ids, Key key) const {
    const auto state = belief(images, ids, key);
    const Labels coarse = baseline_labels(state);
    const Tensor<T, 4> input = policy_input(state);
    const Actions chosen = choose(routes(input), ids, key);
    return {refine(images, coarse, chosen), chosen, input};
  }
};

}  // namespace paser::pipeline
