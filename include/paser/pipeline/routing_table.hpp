#pragma once
#include "paser/core/macros_off.inc"

#include <functional>

#include "paser/metrics/additive_gain.hpp"
#include "paser/ops/entropy.hpp"
#include "paser/ops/softmax.hpp"
#include "paser/pipeline/evaluate.hpp"

namespace paser::pipeline {

/// What every model says about every patch of a data set: enough to find the thresholds of a cascade, or the best
/// choice there is, without running a model again.
struct RoutingTable {
  Index images = 0, patches = 1, classes = 2;
  std::vector<std::vector<double>> entropy;      ///< by model: mean entropy of every patch in nats, image after image
  std::vector<metrics::Confusion<4>> confusion;  ///< by model: (image, patch, truth, prediction)
  Tensor<float, 3> statistics{};                 ///< (image, patch, F), see PolicyState; empty where not asked for

  Index models() const { return static_cast<Index>(entropy.size()); }  ///< The networks in the table.

  /// Throws ValueError unless `choices` has a model of the table for each patch of each image.
  void check_choices(std::span<const Index> choices) const {
    check<ValueError>(static_cast<Index>(choices.size()) == images * patches && !choices.empty(), "RoutingTable",
                      choices.size(), " choices for ", images, " images of ", patches, " patches");
    for (std::size_t i = 0; i < choices.size(); ++i) check_model(i, choices[i]);
  }

  /// Counts of the whole image when patch p of it is answered by choice[p]. Throws ValueError where there is no such
  /// image or model.
  metrics::Confusion<2> composed(Index image, std::span<const Index> choice) const {
    check<ValueError>(image >= 0 && image < images && static_cast<Index>(choice.size()) == patches, "RoutingTable",
                      choice.size(), " choices for image ", image, ", there are ", images, " images of ", patches,
                      " patches");
    for (std::size_t p = 0; p < choice.size(); ++p) check_model(p, choice[p]);
    auto sum = metrics::Confusion<2>::zeros({classes, classes});
    Index* out = sum.mutable_data();
    const Index cells = classes * classes;
    for (Index p = 0; p < patches; ++p) {
      const Index* counts = confusion[static_cast<std::size_t>(choice[static_cast<std::size_t>(p)])].data() +
                            (image * patches + p) * cells;
      std::transform(out, out + cells, counts, out, std::plus<>{});
    }
    return sum;
  }

 private:
  void check_model(std::size_t patch, Index k) const {
    check<ValueError>(k >= 0 && k < models(), "RoutingTable", "patch ", patch, " goes to model ", k, ", there are ",
                      models());
  }
};

/// Label maps of a batch without noise, and the mean entropy of each in nats.
struct Answer {
  Labels labels;
  std::vector<double> entropy;
};
/// What a network answers to images or patches without dropout.
template <class T>
Answer deterministic_answer(const models::AnySegmenter<T>& model, const Tensor<T, 4>& images, Index micro_batch) {
  const Tensor<T, 4> logits = predict_logits(model, images, micro_batch);
  return {argmax_channels(logits), mean_per_patch(paser::entropy(softmax(logits)), {1, 1})};
}

namespace detail {

/// What every model answers to all patches of some images, model 0 by its prediction. Calls write(k, answer) with the
/// labels put together, (N, H, W), and the mean entropy of every patch, and look(prediction) before.
template <class T, class Batch, class Look, class Write>
void answer_by_all(const Paser<T>& paser, const Batch& batch, Key key, const Look& look, const Write& write) {
  const auto prediction = paser.predict_coarse(batch.images, batch.ids, key);
  look(prediction);
  write(std::size_t{0}, Answer{paser.coarse_labels(prediction), mean_per_patch(prediction.entropy, paser.grid)});
  for (std::size_t k = 1; k < paser.models.size(); ++k) {
    const Tensor<T, 4> patches = expert_patches(paser, static_cast<Index>(k), batch.images, prediction.probabilities);
    Answer answer = deterministic_answer(paser.models[k], patches, paser.micro_batch);
    answer.labels = data::assemble_patches(answer.labels, paser.grid);
    write(k, answer);
  }
}

/// Writes the statistics of the patches of images `begin` and following into those of the table.
template <class T>
void keep_statistics(RoutingTable& table, Index begin, const Tensor<T, 3>& part) {
  if (table.statistics.empty()) table.statistics = Tensor<float, 3>({table.images, table.patches, part.shape()[2]});
  std::transform(part.data(), part.data() + part.numel(),
                 table.statistics.mutable_data() + begin * table.patches * part.shape()[2],
                 [](T x) { return static_cast<float>(x); });
}

}  // namespace detail

/// Runs every model on every patch of a data set; models that correct the coarse one see its prediction, the same that
/// answers for it. Pixels whose truth is `ignored` are not counted. statistics: whether the table keeps what the
/// prediction says of every patch.
template <class T, class S>
RoutingTable tabulate_routing(const Paser<T>& paser, const S& source, Index classes, Key key,
                              std::optional<std::int32_t> ignored = {}, const HowFar& how_far = {},
                              bool statistics = false) {
  data::require_range_source<S>();
  const std::size_t models = paser.models.size();
  RoutingTable table{source.size(), paser.grid.patches(), classes, std::vector<std::vector<double>>(models), {}};
  for (std::size_t k = 0; k < models; ++k)
    table.confusion.emplace_back(Shape<4>{table.images, table.patches, classes, classes});
  if (how_far) how_far(0, source.size());
  for_each_chunk(source.size(), distributed::images_at_once(paser.micro_batch, 1, 64), [&](Index begin, Index end) {
    const auto batch = source.range(begin, end);
    detail::answer_by_all(
        paser, batch, key,
        [&](const uncertainty::Prediction<T>& prediction) {
          if (statistics) detail::keep_statistics(table, begin, uncertainty::patch_statistics(prediction, paser.grid));
        },
        [&](std::size_t k, const Answer& answer) {
          table.entropy[k].insert(table.entropy[k].end(), answer.entropy.begin(), answer.entropy.end());
          const auto counts = metrics::patch_confusion(answer.labels, batch.labels, classes, paser.grid, ignored);
          std::copy_n(counts.data(), counts.numel(),
                      table.confusion[k].mutable_data() + begin * table.patches * classes * classes);
        });
    if (how_far) how_far(end, source.size());
  });
  return table;
}

/// IoU of one model's answer on every patch, image after image; 0 for a patch without a pixel that counts.
inline std::vector<double> patch_ious(const RoutingTable& table, Index model, metrics::ClassMean class_mean) {
  const auto iou = metrics::mean_iou<double>(table.confusion[static_cast<std::size_t>(model)], class_mean, 0.0);
  return {iou.data(), iou.data() + iou.numel()};
}

/// The model with the largest additive gain on every patch by the truth, the cheapest of equals; image after image.
/// Greedy: gains of first order add up only as long as few patches change.
inline std::vector<Index> greedy_choices(const RoutingTable& table, metrics::ClassMean class_mean,
                                         metrics::GainReference reference = metrics::GainReference::image) {
  std::vector<double> best(static_cast<std::size_t>(table.images * table.patches), 0.0);
  std::vector<Index> choices(best.size(), 0);
  for (Index k = 1; k < table.models(); ++k) {
    const auto gain =
        metrics::additive_gain(table.confusion[0], table.confusion[static_cast<std::size_t>(k)], reference, class_mean);
    for (std::size_t i = 0; i < best.size(); ++i)
      if (gain.data()[i] > best[i]) {
        best[i] = gain.data()[i];
        choices[i] = k;
      }
  }
  return choices;
}

/// PaSeR with given choices (a model for every patch, image after image), read off the table. costs: in
/// multiply-accumulates. kinds: of every image;
/// empty: all of kind 0.
inline MethodEvaluation evaluate_choices(const RoutingTable& table, const std::vector<Index>& choices,
                                         const WorkCosts& costs, const std::vector<Index>& kinds,
                                         const EvaluationOptions& options) {
  check<ValueError>(static_cast<Index>(choices.size()) == table.images * table.patches, "evaluate_choices",
                    choices.size(), " choices for ", table.images, " images of ", table.patches, " patches");
  MethodEvaluation result;
  result.ms_per_image = std::numeric_limits<double>::quiet_NaN();
  result.share.assign(static_cast<std::size_t>(options.models), 0.0);
  result.assignment.assign(static_cast<std::size_t>(options.kinds), result.share);
  result.confusion = metrics::Confusion<2>::zeros({table.classes, table.classes});
  const double n = static_cast<double>(table.images), patches = static_cast<double>(table.patches);
  for (Index image = 0; image < table.images; ++image) {
    const auto choice = std::span<const Index>(choices).subspan(static_cast<std::size_t>(image * table.patches),
                                                                static_cast<std::size_t>(table.patches));
    const auto kind =
        kinds.empty() ? std::size_t{0} : static_cast<std::size_t>(kinds.at(static_cast<std::size_t>(image)));
    Work work{.estimated = 1, .coarse = 0, .patches = std::vector<Index>(result.share.size(), 0)};
    result.image_share.emplace_back(result.share.size(), 0.0);
    for (const Index chosen : choice) {
      const auto model = static_cast<std::size_t>(chosen);
      if (model > 0) ++work.patches.at(model);
      result.share.at(model) += 1 / (n * patches);
      result.image_share.back()[model] += 1 / patches;
      result.assignment.at(kind).at(model) += 1;
    }
    const auto sum = table.composed(image, choice);
    Index* const all = result.confusion.mutable_data();
    for (Index i = 0; i < sum.numel(); ++i) all[i] += sum.data()[i];
    result.image_iou.push_back(metrics::mean_iou(sum, options.class_mean));
    result.gmac += costs.of(work) * 1e-9 / n;
  }
  const metrics::KnownValues known(result.image_iou);
  result.iou = known.mean;
  result.iou_std = known.deviation;
  return result;
}

/// Every patch to the model that adds most to its image's mean IoU, by the truth: see greedy_choices. What routing
/// could reach, though no strict bound.
inline MethodEvaluation evaluate_oracle(const RoutingTable& table, const WorkCosts& costs,
                                        const std::vector<Index>& kinds, const EvaluationOptions& options) {
  return evaluate_choices(table, greedy_choices(table, options.class_mean), costs, kinds, options);
}

}  // namespace paser::pipeline
#include "paser/core/macros_on.inc"
