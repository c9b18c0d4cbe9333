#pragma once

#include "paser/data/salt_and_pepper.hpp"
#include "paser/experiment/folder_data.hpp"
#include "paser/metrics/class_scores.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/pipeline/evaluate.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/pipeline/tiled.hpp"
#include "trained_model.hpp"

/// What the program `evaluate` measures.
namespace evaluation {

using paser::Index;
using paser::Key;
using paser::Labels;
namespace pipeline = paser::pipeline;
using Folder = paser::data::SegmentationFolder;

/// An image and what its segmentation scored.
struct ImageScore {
  std::string name;
  pipeline::MethodEvaluation evaluation;  ///< of this image alone
};

/// How a data set is answered.
struct Method {
  pipeline::Policy<float> policy;
  double overlap = 0.25;  ///< of windows, on images that are larger than the model's
  double noise = 0;       ///< share of salt and pepper pixels
  paser::metrics::ClassMean class_mean = paser::metrics::ClassMean::present;
  Key key{};                              ///< of dropout and of the noise
  program::DomainWatch* watch = nullptr;  ///< sees what f1 says of the images
  pipeline::HowFar window_done{};         ///< called after some windows of an image that has several
};

/// Answers images by a trained PaSeR: those of its size as in its training, others window by window.
class Answerer {
 public:
  Answerer(const pipeline::PaserDescription& d, const pipeline::Paser<float>& paser, const Method& method)
      : d_(d), paser_(paser), method_(method) {}

  pipeline::Segmentation<float> operator()(const paser::Tensor<float, 4>& image, const paser::ImageIds& ids) const {
    const Key key = method_.key.fold(0);
    if (image.shape().h() == d_.height && image.shape().w() == d_.width)
      return seen(pipeline::segment(paser_, method_.policy, image, ids, key));
    pipeline::TiledOptions options;
    options.height = d_.height;
    options.width = d_.width;
    options.overlap = method_.overlap;
    options.progress = method_.window_done;
    auto tiled = pipeline::segment_tiled(paser_, method_.policy, image, key.fold(ids.at(0)), options);
    if (method_.watch) method_.watch->add(tiled.summary.statistics);
    const auto& patches = tiled.summary.patches;
    pipeline::Actions actions({1, std::accumulate(patches.begin(), patches.end(), Index{0})});
    std::int32_t* out = actions.mutable_data();
    for (std::size_t k = 0; k < patches.size(); ++k) out = std::fill_n(out, patches[k], static_cast<std::int32_t>(k));
    pipeline::Segmentation<float> answer;
    answer.labels = std::move(tiled.maps.labels);
    answer.probability = std::move(tiled.maps.probability);
    answer.answered_by = std::move(actions);
    answer.work = std::move(tiled.summary.work);
    return answer;
  }

 private:
  pipeline::Segmentation<float> seen(pipeline::Segmentation<float> answer) const {
    if (method_.watch && !answer.state.statistics.empty()) {
      const auto means = pipeline::image_statistics(answer.state.statistics);
      method_.watch->add({means.data(), means.data() + means.numel()});
    }
    return answer;
  }

  const pipeline::PaserDescription& d_;
  const pipeline::Paser<float>& paser_;
  const Method& method_;
};

/// One image of a set, as a set.
template <class Source>
struct OneImage {
  const Source& source;
  Index number;
  Index size() const { return 1; }
  auto range(Index, Index) const { return source.range(number, number + 1); }
};

/// Scores every image by itself. tell(done) is called after each, and answered(i, labels) with its answer (1, H, W).
template <class Tell, class Answered>
std::vector<ImageScore> score(const pipeline::PaserDescription& d, const pipeline::Paser<float>& paser,
                              const Folder& folder, const Method& method, const Tell& tell, const Answered& answered) {
  const Answerer answer(d, paser, method);
  const auto costs = pipeline::mac_costs(paser, method.policy, d.image());
  const paser::data::SaltAndPepper<Folder> noisy(folder, method.noise, method.key.fold(1));
  const pipeline::EvaluationOptions options{.classes = d.classes(),
                                            .models = paser.actions(),
                                            .class_mean = method.class_mean,
                                            .batch = 1,
                                            .ignored = paser::data::ignored_label};
  std::vector<ImageScore> scores;
  for (Index i = 0; i < folder.size(); ++i) {
    Labels labels;
    const pipeline::Method<float> tiled{[&](const paser::Tensor<float, 4>& image, const paser::ImageIds& ids) {
                                          auto segmentation = answer(image, ids);
                                          labels = segmentation.labels;
                                          return segmentation;
                                        },
                                        costs};
    scores.push_back({folder.info(i).name,
                      method.noise > 0 ? pipeline::evaluate_method(tiled, OneImage<decltype(noisy)>{noisy, i}, options)
                                       : pipeline::evaluate_method(tiled, OneImage<Folder>{folder, i}, options)});
    answered(i, labels);
    tell(i + 1);
  }
  return scores;
}

/// The scores of a whole set: means over images, sums over pixels and patches.
inline pipeline::MethodEvaluation total(const std::vector<ImageScore>& scores) {
  pipeline::MethodEvaluation sum = scores.at(0).evaluation;
  sum.gmac = sum.ms_per_image = 0;
  sum.image_iou.clear();
  sum.image_share.clear();
  sum.confusion = paser::metrics::Confusion<2>::zeros(sum.confusion.shape());
  std::fill(sum.assignment[0].begin(), sum.assignment[0].end(), 0.0);
  const double n = static_cast<double>(scores.size());
  sum.calibration = paser::metrics::Calibration();
  Index* const counts = sum.confusion.mutable_data();
  for (const auto& [name, e] : scores) {
    sum.image_iou.push_back(e.iou);
    sum.image_share.push_back(e.share);
    sum.gmac += e.gmac / n;
    sum.ms_per_image += e.ms_per_image / n;
    sum.calibration += e.calibration;
    for (Index i = 0; i < e.confusion.numel(); ++i) counts[i] += e.confusion.data()[i];
    for (std::size_t k = 0; k < e.share.size(); ++k) sum.assignment[0][k] += e.assignment[0][k];
  }
  const paser::metrics::KnownValues known(sum.image_iou);
  sum.iou = known.mean;
  sum.iou_std = known.deviation;
  const double patches = std::accumulate(sum.assignment[0].begin(), sum.assignment[0].end(), 0.0);
  for (std::size_t k = 0; k < sum.share.size(); ++k) sum.share[k] = sum.assignment[0][k] / patches;
  return sum;
}

}  // namespace evaluation
