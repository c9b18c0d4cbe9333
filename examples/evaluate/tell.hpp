#pragma once

#include <nlohmann/json.hpp>

#include "evaluate/score.hpp"
#include "paser/metrics/bootstrap.hpp"
#include "paser/report/csv.hpp"
#include "paser/report/table.hpp"

/// How the program `evaluate` says what it measured.
namespace evaluation {

namespace report = paser::report;

/// IoU of the set and over images, with 95 % intervals.
inline paser::metrics::IouEstimates estimates(const std::vector<ImageScore>& scores,
                                              paser::metrics::ClassMean class_mean) {
  std::vector<paser::metrics::Confusion<2>> counts;
  for (const ImageScore& s : scores) counts.push_back(s.evaluation.confusion);
  return paser::metrics::estimate_iou(counts, class_mean);
}

/// Everything, as one document. Scores that there are not are null.
inline nlohmann::json document(const std::vector<ImageScore>& scores, const std::vector<std::string>& class_names,
                               paser::metrics::ClassMean class_mean) {
  const auto iou = estimates(scores, class_mean);
  const auto all = total(scores);
  const auto classes = paser::metrics::class_scores(all.confusion);
  const auto size = static_cast<Index>(class_names.size());
  nlohmann::json j{{"images", scores.size()},
                   {"images_without_iou", all.without_iou()},
                   {"iou", all.iou},
                   {"iou_std", scores.size() < 2 ? nlohmann::json() : nlohmann::json(all.iou_std)},
                   {"iou_interval", iou.images.interval},
                   {"set_iou", iou.set.value},
                   {"set_iou_interval", iou.set.interval},
                   {"pixel_accuracy", paser::metrics::pixel_accuracy(all.confusion)},
                   {"calibration_error", all.calibration.error()},
                   {"gmac", all.gmac},
                   {"ms_per_image", all.ms_per_image},
                   {"model_shares", all.share}};
  for (std::size_t k = 0; k < class_names.size(); ++k)
    j["classes"].push_back({{"name", class_names[k]},
                            {"iou", classes.iou[k]},
                            {"dice", classes.dice[k]},
                            {"precision", classes.precision[k]},
                            {"recall", classes.recall[k]},
                            {"truth_share", classes.truth_share[k]},
                            {"predicted_share", classes.predicted_share[k]}});
  for (Index k = 0; k < size; ++k)
    j["confusion"].push_back(
        std::vector<Index>(all.confusion.data() + k * size, all.confusion.data() + (k + 1) * size));
  for (const auto& [name, e] : scores)
    j["per_image"].push_back({{"name", name},
                              {"iou", e.iou},
                              {"gmac", e.gmac},
                              {"ms", e.ms_per_image},
                              {"model_shares", e.share},
                              {"class_iou", paser::metrics::class_scores(e.confusion).iou}});
  return j;
}

/// One record an image: name, IoU (empty without a pixel that counts), 1e9 multiply-accumulates, share of each network,
/// IoU of each class (empty for one that is neither in the truth nor in the answer).
inline std::string csv(const std::vector<ImageScore>& scores, const std::vector<std::string>& class_names) {
  report::CsvRecord header;
  for (const char* name : {"image", "iou", "gmac"}) header.add(name);
  for (std::size_t k = 0; k < scores.at(0).evaluation.share.size(); ++k) header.add(paser::message("share f", k + 1));
  for (const std::string& name : class_names) header.add("iou " + name);
  std::string text = header.line();
  for (const auto& [name, e] : scores) {
    report::CsvRecord record;
    record.add(name);
    record.add(e.iou);
    record.add(e.gmac);
    for (const double share : e.share) record.add(share);
    for (const double iou : paser::metrics::class_scores(e.confusion).iou) record.add(iou);
    text += record.line();
  }
  return text;
}

/// The summary for people.
inline void print(std::ostream& out, const std::vector<ImageScore>& scores, const std::vector<std::string>& class_names,
                  paser::metrics::ClassMean class_mean) {
  const auto all = total(scores);
  const auto classes = paser::metrics::class_scores(all.confusion);
  const auto percent = [](double share) { return report::fixed(100 * share, 2); };
  if (all.without_iou() > 0)
    out << all.without_iou() << " of " << scores.size()
        << " images have no pixel that counts, and no IoU: they are left out of its mean\n";
  const auto iou = estimates(scores, class_mean);
  const auto text = [](const paser::metrics::Estimate& e) {
    std::string value = report::fixed(e.value, 4);
    if (!paser::is_nan(e.interval[0]))
      value += " (95 %: " + report::fixed(e.interval[0], 4) + " .. " + report::fixed(e.interval[1], 4) + ")";
    return value;
  };
  out << scores.size() << (scores.size() == 1 ? " image: IoU " : " images: mean IoU ") << text(iou.images);
  if (scores.size() > 1) out << " over images, " << text(iou.set) << " of the set";
  out << ", pixel accuracy " << report::fixed(paser::metrics::pixel_accuracy(all.confusion), 4)
      << "\nexpected calibration error " << report::fixed(all.calibration.error(), 4)
      << ": how far the stated probabilities are from the share of pixels that is right, on average\npatches";
  for (std::size_t k = 0; k < all.share.size(); ++k)
    out << (k > 0 ? ", f" : " f") << k + 1 << " " << percent(all.share[k]) << " %";
  out << "; " << report::significant(all.gmac, 4) << " GMAC and " << report::fixed(all.ms_per_image, 1)
      << " ms per image (mean of one run)\n\n";
  report::TextTable table(
      {"class, all pixels", "IoU", "Dice", "precision", "recall", "share true, %", "share found, %"});
  for (std::size_t k = 0; k < class_names.size(); ++k)
    table.add({class_names[k], report::fixed(classes.iou[k], 4), report::fixed(classes.dice[k], 4),
               report::fixed(classes.precision[k], 4), report::fixed(classes.recall[k], 4),
               percent(classes.truth_share[k]), percent(classes.predicted_share[k])});
  out << table << "\n";
  std::vector<std::string> header{"pixels: true, found as"};
  header.insert(header.end(), class_names.begin(), class_names.end());
  report::TextTable confusion(header);
  for (std::size_t k = 0; k < class_names.size(); ++k) {
    std::vector<std::string> row{class_names[k]};
    for (std::size_t j = 0; j < class_names.size(); ++j)
      row.push_back(std::to_string(all.confusion(static_cast<Index>(k), static_cast<Index>(j))));
    confusion.add(row);
  }
  out << confusion;
}

}  // namespace evaluation
