#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cmath>

#include "paser/data/batch.hpp"
#include "paser/pipeline/paser.hpp"

/// What task models are given. One that corrects the coarse model (see corrects) gets, beside the channels of the
/// image, the logarithms of the probabilities that the estimator has of the coarse model; any other gets the image
/// alone. A network that adds its logits to these logarithms, models::Corrected, answers as the coarse model does until
/// it has learned better. A model with a margin, models::Halo, gets its patches with that much of the image around
/// them.
namespace paser::pipeline {

/// The least probability of which the logarithm is taken.
inline constexpr double least_log_probability = 1e-6;

/// log(max(p, 1e-6)) of the probabilities as further channels: (N, H, W, C), (N, H, W, K) -> (N, H, W, C + K). Throws
/// ShapeError when they are not of the same pixels.
template <class T>
Tensor<T, 4> with_log_probabilities(const Tensor<T, 4>& images, const Tensor<T, 4>& probabilities) {
  const Shape<4>&s = images.shape(), &p = probabilities.shape();
  check(s.n() == p.n() && s.h() == p.h() && s.w() == p.w(), "with_log_probabilities", "images ", s,
        " and probabilities ", p, " are not of the same pixels");
  const Index channels = s.c(), classes = p.c();
  Tensor<T, 4> result({s.n(), s.h(), s.w(), channels + classes});
  parallel_for(s.n() * s.h() * s.w(), 4096, [&, to = result.mutable_data()](Index begin, Index end) {
    const T *image = images.data() + begin * channels, *probability = probabilities.data() + begin * classes;
    T* out = to + begin * (channels + classes);
    for (Index i = begin; i < end; ++i, image += channels, probability += classes) {
      out = std::copy_n(image, channels, out);
      out = std::transform(probability, probability + classes, out,
                           [](T x) { return std::log(std::max(x, static_cast<T>(least_log_probability))); });
    }
  });
  return result;
}

/// The patches of these numbers as model k takes them. images: (N, H, W, C); probabilities: of the coarse model's
/// prediction of them, (N, H, W, K), read for a model that corrects alone, else they may be empty. Throws ValueError
/// when they are missing.
template <class T>
Tensor<T, 4> expert_patches(const Paser<T>& paser, Index k, const Tensor<T, 4>& images,
                            const Tensor<T, 4>& probabilities, const data::PatchGrid& grid,
                            std::span<const Index> which) {
  const Index margin = paser.models[static_cast<std::size_t>(k)].margin();
  Tensor<T, 4> patches = data::gather_patches(images, grid, which, margin);
  if (!corrects(paser, k)) return patches;
  check<ValueError>(!probabilities.empty(), "expert_patches", "model ", k,
                    " corrects the coarse model: expected the probabilities that the coarse model predicts, got none");
  check(probabilities.shape() ==
            Shape<4>{images.shape().n(), images.shape().h(), images.shape().w(), paser.models[0].classes()},
        "expert_patches", "probabilities ", probabilities.shape(), " of ", paser.models[0].classes(),
        " classes for images ", images.shape());
  return with_log_probabilities(patches, data::gather_patches(probabilities, grid, which, margin));
}

/// All patches of the Paser's grid, image after image, as model k takes them.
template <class T>
Tensor<T, 4> expert_patches(const Paser<T>& paser, Index k, const Tensor<T, 4>& images,
                            const Tensor<T, 4>& probabilities) {
  const Index margin = paser.models[static_cast<std::size_t>(k)].margin();
  if (!corrects(paser, k)) return data::extract_patches(images, paser.grid, margin);
  const std::vector<Index> all = data::numbers_from(0, images.shape().n() * paser.grid.patches());
  return expert_patches<T>(paser, k, images, probabilities, paser.grid, all);
}

/// A data set whose images have the coarse model's log-probabilities beside them, predicted on the whole image: what a
/// task model that corrects is pretrained on, patch by patch of a grid. Paser and set must outlive this. Training
/// changes neither the coarse model nor the estimator, so that the predictions stay those that the Paser will make.
template <class T, data::Source S>
class WithPrediction {
 public:
  /// key: of the estimator's noise.
  WithPrediction(const Paser<T>& paser, const S& source, Key key) : paser_(&paser), source_(&source), key_(key) {}

  Index size() const { return source_->size(); }

  auto rows(std::span<const Index> numbers) const { return predicted(source_->rows(numbers), key_); }
  /// Varied images where the source has such; the estimator's noise changes with the epoch.
  auto rows(std::span<const Index> numbers, Index epoch) const {
    return predicted(data::epoch_rows(*source_, numbers, epoch), key_.fold(static_cast<std::uint64_t>(epoch)));
  }
  auto range(Index begin, Index end) const { return predicted(source_->range(begin, end), key_); }

 private:
  template <class Batch>
  Batch predicted(Batch batch, Key key) const {
    batch.images =
        with_log_probabilities(batch.images, paser_->predict_coarse(batch.images, batch.ids, key).probabilities);
    return batch;
  }

  const Paser<T>* paser_;
  const S* source_;
  Key key_;
};

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
