#pragma once

#include <functional>

#include "paser/metrics/iou.hpp"
#include "paser/pipeline/paser.hpp"

namespace paser::pipeline {

/// Multiply-accumulates of the parts of a run, for the paper's Flops (one multiply-accumulate counts as one).
struct OperationCounts {
  double small = 0;           ///< one pass of f1 on a whole image
  std::vector<double> patch;  ///< one pass of model k on one patch; entry 0 is not used
  double policy = 0;          ///< the policy on one image
};

/// A batch segmented by one of the compared methods.
struct Routed {
  Labels labels;
  Actions actions;
  double macs = 0;  ///< of the whole batch
};

/// A way of choosing a model for each patch.
template <class T>
using Router = std::function<Routed(const Tensor<T, 4>& images, const Ids& ids)>;

namespace detail {

/// What the patches behind f1 cost.
inline double patch_macs(const Actions& actions, const OperationCounts& counts) {
  double macs = 0;
  for (const std::int32_t a : actions.values())
    if (a > 0) macs += counts.patch[static_cast<std::size_t>(a)];
  return macs;
}

/// One pass of f1, without noise, on the images that keep its answer somewhere.
template <class T>
Routed refine_without_state(const Paser<T>& paser, const Tensor<T, 4>& images, Actions actions,
                            const OperationCounts& counts) {
  const Index patches = actions.shape()[1];
  std::vector<Index> kept;
  for (Index n = 0; n < actions.shape()[0]; ++n)
    for (Index p = 0; p < patches; ++p)
      if (actions(n, p) == 0) {
        kept.push_back(n);
        break;
      }
  Labels coarse = Labels::zeros({images.shape().n(), images.shape().h(), images.shape().w()});
  if (!kept.empty())
    scatter_rows(coarse, kept,
                 predict(paser.models[0], gather_rows(images, std::span<const Index>(kept)), paser.micro_batch));
  const double macs = static_cast<double>(kept.size()) * counts.small + patch_macs(actions, counts);
  return {paser.refine(images, coarse, actions), std::move(actions), macs};
}

}  // namespace detail

/// Every patch to model k.
template <class T>
Router<T> single_model(const Paser<T>& paser, std::int32_t k, const OperationCounts& counts) {
  return [&paser, k, counts](const Tensor<T, 4>& images, const Ids&) {
    return detail::refine_without_state(paser, images, Actions::full({images.shape().n(), paser.grid.patches()}, k),
                                        counts);
  };
}

/// Every patch to a model drawn uniformly.
template <class T>
Router<T> random_router(const Paser<T>& paser, const OperationCounts& counts, Key key) {
  return [&paser, counts, key](const Tensor<T, 4>& images, const Ids& ids) {
    Actions actions({images.shape().n(), paser.grid.patches()});
    std::int32_t* out = actions.mutable_data();
    for (const std::uint64_t id : ids)
      for (Index p = 0; p < paser.grid.patches(); ++p)
        *out++ = static_cast<std::int32_t>(key.fold(id).below(static_cast<std::uint64_t>(p), paser.actions()));
    return detail::refine_without_state(paser, images, actions, counts);
  };
}

/// Multiply-accumulates of PaSeR on a batch: on every image all samples of f1 and the policy, then one pass for each
/// patch that went to another model. actions: (N, P).
inline double paser_macs(const Actions& actions, const OperationCounts& counts, int samples) {
  return static_cast<double>(actions.shape()[0]) * (samples * counts.small + counts.policy) +
         detail::patch_macs(actions, counts);
}

/// PaSeR itself: all samples of f1, the policy, then the chosen models.
template <class T>
Router<T> paser_router(const Paser<T>& paser, const OperationCounts& counts, Key key) {
  return [&paser, counts, key](const Tensor<T, 4>& images, const Ids& ids) {
    auto result = paser.segment(images, ids, key);
    const double macs = paser_macs(result.actions, counts, paser.samples);
    return Routed{std::move(result.labels), std::move(result.actions), macs};
  };
}

}  // namespace paser::pipeline
