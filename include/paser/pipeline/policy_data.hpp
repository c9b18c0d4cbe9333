#pragma once
#include "paser/core/macros_off.inc"

#include "paser/data/batch.hpp"
#include "paser/metrics/additive_gain.hpp"
#include "paser/pipeline/cost.hpp"
#include "paser/pipeline/segment.hpp"
#include "paser/pipeline/stage.hpp"

namespace paser::pipeline {

/// What it is worth that another model answers a patch in place of the coarse one.
enum class PatchGain {
  patch_iou,  ///< the difference of the patch's own mean IoUs: the paper's Eq. 2
  additive    ///< what the patch adds to the mean IoU of the images that count: see metrics::additive_gain
};

/// What the policy is rewarded for.
struct RewardOptions {
  double lambda = 0.5;
  Costs costs{};  ///< one per model; cost_shares of the parameters is Eq. 3
  metrics::ClassMean class_mean = metrics::ClassMean::present;
  Index classes = 2;
  std::optional<std::int32_t> ignored{};  ///< label of the pixels that do not count: data::ignored_label
  PatchGain gain = PatchGain::patch_iou;
  /// What the coarse model answers on the set whose IoU counts, for PatchGain::additive: gains then have the mean over
  /// patches that is the change of that IoU. None: the IoU of each image counts by itself.
  std::optional<metrics::GainBase> set{};
};

/// Gains of patches, (N, P), whose counts are `chosen` in place of the coarse model's, both (N, P, K, K).
template <class T>
Tensor<T, 2> patch_gain(const metrics::Confusion<4>& coarse, const metrics::Confusion<4>& chosen,
                        const RewardOptions& options) {
  if (options.gain == PatchGain::patch_iou) {
    auto gain = metrics::mean_iou<T>(chosen, options.class_mean, 0.0);
    const auto before = metrics::mean_iou<T>(coarse, options.class_mean, 0.0);
    T* const out = gain.mutable_data();
    for (Index i = 0; i < gain.numel(); ++i)
      out[i] = static_cast<T>(static_cast<double>(out[i]) - static_cast<double>(before.data()[i]));
    return gain;
  }
  const auto gain = options.set
                        ? metrics::additive_gain(*options.set, coarse, chosen, options.class_mean)
                        : metrics::additive_gain(coarse, chosen, metrics::GainReference::image, options.class_mean);
  const double patches = options.set ? 1 : static_cast<double>(coarse.shape()[1]);
  Tensor<T, 2> result(gain.shape());
  std::transform(gain.data(), gain.data() + gain.numel(), result.mutable_data(),
                 [&](double g) { return static_cast<T>(patches * g); });
  return result;
}

/// What the policy sees of some images, and what the coarse model answers there.
template <class T>
struct PolicyBatch {
  Tensor<T, 4> map;              ///< (N, H, W, 2), see PolicyState::map
  metrics::Confusion<4> coarse;  ///< (N, P, K, K): (image, patch, truth, prediction)
};

/// Runs the estimator with the noise of this key; the processes of a team share the images. Batch: images, labels and
/// ids.
template <class T, class Batch>
PolicyBatch<T> observe(const Paser<T>& paser, const Batch& batch, const RewardOptions& options, Key key,
                       const distributed::Team& team = {}) {
  CoarseView<T> view = view_coarse(paser, batch.images, batch.ids, key, team);
  return {std::move(view.map),
          metrics::patch_confusion(view.labels, batch.labels, options.classes, paser.grid, options.ignored)};
}

/// Counts of every model behind the coarse one on every patch: (N, P, K, K) of model k + 1 in place k.
using ExpertCounts = std::vector<metrics::Confusion<4>>;

/// While the models are frozen the reward of any action can be read off instead of running a network again. key: of the
/// estimator's noise, which reaches the models that correct the coarse one. The processes of a team share the images.
template <class T, class S>
ExpertCounts tabulate_experts(const Paser<T>& paser, const S& source, const RewardOptions& options,
                              const HowFar& how_far = {}, Key key = {}, const distributed::Team& team = {}) {
  data::require_range_source<S>();
  const Index patches = paser.grid.patches(), cells = options.classes * options.classes;
  ExpertCounts table(paser.models.size() - 1,
                     metrics::Confusion<4>({source.size(), patches, options.classes, options.classes}));
  if (how_far) how_far(0, source.size());
  const Index parts = any_corrects(paser) ? 1 : patches,
              chunk = distributed::images_at_once(paser.micro_batch, parts, 64);
  const PartRange own = distributed::own_images(team, source.size(), parts, paser.micro_batch, chunk);
  for_each_chunk(own.end - own.begin, chunk, [&](Index first, Index last) {
    const Index begin = own.begin + first, end = own.begin + last;
    const auto batch = source.range(begin, end);
    Tensor<T, 4> probabilities;
    if (any_corrects(paser)) probabilities = paser.predict_coarse(batch.images, batch.ids, key).probabilities;
    const Labels truth = data::extract_patches(batch.labels, paser.grid);
    for (std::size_t k = 0; k < table.size(); ++k) {
      const Labels labels =
          predict(paser.models[k + 1], expert_patches(paser, static_cast<Index>(k + 1), batch.images, probabilities),
                  paser.micro_batch);
      const auto counts = metrics::image_confusion(labels, truth, options.classes, options.ignored);
      std::copy_n(counts.data(), counts.numel(), table[k].mutable_data() + begin * patches * cells);
    }
    if (how_far) how_far(end, source.size());
  });
  if (team.alone()) return table;
  for (auto& counts : table)
    counts = distributed::join_rows(team, slice_rows(counts, own.begin, own.end), "what every network answers");
  if (how_far && own.end < source.size()) how_far(source.size(), source.size());
  return table;
}

/// What sending each patch to each model gains, (N, P, M), 0 for the coarse model; the images are `rows` of the table.
/// coarse: counts of the coarse model, (N, P, K, K).
template <class T>
Tensor<T, 3> tabulated_gains(const ExpertCounts& table, std::span<const Index> rows,
                             const metrics::Confusion<4>& coarse, const RewardOptions& options) {
  const Index images = coarse.shape()[0], patches = coarse.shape()[1], models = static_cast<Index>(table.size()) + 1;
  auto all = Tensor<T, 3>::zeros({images, patches, models});
  T* const out = all.mutable_data();
  for (std::size_t k = 0; k < table.size(); ++k) {
    metrics::Confusion<4> chosen(coarse.shape());
    const Index image = coarse.numel() / std::max<Index>(images, 1);
    for (std::size_t i = 0; i < rows.size(); ++i)
      std::copy_n(table[k].data() + rows[i] * image, image, chosen.mutable_data() + static_cast<Index>(i) * image);
    const auto gain = patch_gain<T>(coarse, chosen, options);
    for (Index i = 0; i < gain.numel(); ++i) out[i * models + static_cast<Index>(k) + 1] = gain.data()[i];
  }
  return all;
}

/// A data set as policies meet it while the segmentation networks are frozen. What was computed once is kept, so that
/// several policies can be trained on it: the answers of the models, and those of the coarse one, drawn `draws` times.
template <class T>
class PolicyData {
 public:
  /// Noise of draw d is that of key.fold(d). draws 0: predictions are not kept, every call draws
  /// anew.
  /// The processes of a team share the images, and all keep all. Throws ValueError when draws < 0.
  PolicyData(int draws, Key key, distributed::Team team = {})
      : key_(key), draws_(number_of(draws)), team_(std::move(team)) {}

  /// See tabulate_experts.
  template <data::Source S>
  const ExpertCounts& experts(const Paser<T>& paser, const S& source, const RewardOptions& options,
                              const HowFar& how_far = {}) {
    if (experts_.empty()) experts_ = tabulate_experts(paser, source, options, how_far, key_.fold(0), team_);
    return experts_;
  }

  /// Lets the processes of a team draw together what rows() will keep of all images in pass number `pass`, where that
  /// is asked for image by image later.
  template <data::Source S>
  void draw(const Paser<T>& paser, const S& source, const RewardOptions& options, Index pass) {
    if (team_.alone() || draws_.empty()) return;
    const auto d = static_cast<std::size_t>(pass) % draws_.size();
    draws_[d].resize(static_cast<std::size_t>(source.size()));
    draw_missing(paser, source, data::numbers_from(0, source.size()), options, draws_[d], key_.fold(d));
  }

  /// What the policy sees of these images in pass number `pass`: of draw pass % draws, image by image, or when no draws
  /// are kept of the noise of `fresh`, all images as one batch.
  template <data::Source S>
  PolicyBatch<T> rows(const Paser<T>& paser, const S& source, std::span<const Index> numbers,
                      const RewardOptions& options, Index pass, Key fresh) {
    if (draws_.empty()) return observe(paser, source.rows(numbers), options, fresh, team_);
    const auto d = static_cast<std::size_t>(pass) % draws_.size();
    auto& kept = draws_[d];
    kept.resize(static_cast<std::size_t>(source.size()));
    draw_missing(paser, source, numbers, options, kept, key_.fold(d));
    PolicyBatch<T> all;
    T* map = nullptr;
    Index* counts = nullptr;
    for (const Index i : numbers) {
      const PolicyBatch<T>& one = kept[static_cast<std::size_t>(i)];
      if (map == nullptr) {
        Shape<4> shape = one.map.shape();
        shape[0] = static_cast<Index>(numbers.size());
        all.map = Tensor<T, 4>(shape);
        Shape<4> matrices = one.coarse.shape();
        matrices[0] = shape[0];
        all.coarse = metrics::Confusion<4>(matrices);
        map = all.map.mutable_data();
        counts = all.coarse.mutable_data();
      }
      check(one.map.numel() * static_cast<Index>(numbers.size()) == all.map.numel(), "PolicyData", "image ", i,
            " gives a map of ", one.map.shape(), ", others of this batch give ", all.map.shape());
      map = std::copy_n(one.map.data(), one.map.numel(), map);
      counts = std::copy_n(one.coarse.data(), one.coarse.numel(), counts);
    }
    return all;
  }

 private:
  /// Draws predictions for those images that have none, one by one; each process for some of them.
  template <data::Source S>
  void draw_missing(const Paser<T>& paser, const S& source, std::span<const Index> numbers,
                    const RewardOptions& options, std::vector<PolicyBatch<T>>& kept, Key key) {
    std::vector<Index> missing;
    for (const Index i : numbers)
      if (kept[static_cast<std::size_t>(i)].map.empty()) missing.push_back(i);
    const PartRange own = team_.share(static_cast<Index>(missing.size()));
    std::vector<Index> shapes, counts;
    std::vector<T> maps;
    const auto append = [&shapes](auto& values, const auto& tensor) {
      for (int d = 0; d < 4; ++d) shapes.push_back(tensor.shape()[d]);
      values.insert(values.end(), tensor.data(), tensor.data() + tensor.numel());
    };
    for (Index m = own.begin; m < own.end; ++m) {
      const Index i = missing[static_cast<std::size_t>(m)];
      PolicyBatch<T> one = observe(paser, source.rows(std::span<const Index>(&i, 1)), options, key);
      if (!team_.alone()) append(maps, one.map), append(counts, one.coarse);
      kept[static_cast<std::size_t>(i)] = std::move(one);
    }
    if (team_.alone()) return;
    shapes = team_.join(std::span<const Index>(shapes), "predictions");
    maps = team_.join(std::span<const T>(maps), "predictions");
    counts = team_.join(std::span<const Index>(counts), "predictions");
    const Index* shape = shapes.data();
    const T* map = maps.data();
    const Index* count = counts.data();
    const auto take = [&shape](auto& tensor, const auto*& values) {
      tensor = std::remove_cvref_t<decltype(tensor)>({shape[0], shape[1], shape[2], shape[3]});
      std::copy_n(values, tensor.numel(), tensor.mutable_data());
      values += tensor.numel();
      shape += 4;
    };
    for (const Index i : missing) {
      take(kept[static_cast<std::size_t>(i)].map, map);
      take(kept[static_cast<std::size_t>(i)].coarse, count);
    }
  }

  static std::size_t number_of(int draws) {
    check<ValueError>(draws >= 0, "PolicyData", draws, " draws, expected 0 or more");
    return static_cast<std::size_t>(draws);
  }

  Key key_;
  ExpertCounts experts_;
  std::vector<std::vector<PolicyBatch<T>>> draws_;
  distributed::Team team_;
};

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
