#pragma once

#include "paser/metrics/significance/t_test.hpp"
#include "paser/report/results.hpp"
#include "paser/report/table.hpp"

/// What a finished run advises to use, in plain words.
namespace segmentation {

/// IoU of the images that have one under both methods.
struct PairedIou {
  std::vector<double> a, b;

  PairedIou(const paser::report::Results& r, const std::string& first, const std::string& second) {
    for (const auto& image : r.images) {
      const double x = image.methods.at(first).iou, y = image.methods.at(second).iou;
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      a.push_back(x);
      b.push_back(y);
    }
  }
};

/// How sure a difference of two methods is on the test images, as words: by Student's test of pairs.
inline std::string certainty(const PairedIou& pairs) {
  const std::size_t n = pairs.a.size();
  if (n < 2) return paser::message("measured on ", n, " image", n == 1 ? "" : "s", ", which says nothing of others");
  if (pairs.a == pairs.b) return paser::message("equal on all ", n, " test images");
  const double p = paser::metrics::paired_t_test(pairs.a, pairs.b).p;
  const char* word = p < 0.01 ? "sure as far as these images go" : p < 0.05 ? "likely" : "not certain";
  return paser::message(word, ": p = ", paser::report::significant(p, 2), " by a t-test on ", n, " test images");
}

/// What to use of the measured methods: the PaSeR, or a network alone that is as good (within 0.005 of IoU) and no
/// dearer. Empty when there is nothing to choose between.
inline std::string advice(const paser::report::Results& r) {
  using paser::report::fixed;
  const paser::report::Row *paser = nullptr, *single = nullptr, *best = nullptr;
  constexpr double alike = 0.005;
  for (const auto& row : r.rows)
    if (row.kind == "paser" && (!paser || row.iou > paser->iou)) paser = &row;
  for (const auto& row : r.rows)
    if (row.kind == "single") {
      if (!best || row.iou > best->iou) best = &row;
      if (paser && row.iou >= paser->iou - alike && (!single || row.gmac < single->gmac)) single = &row;
    }
  if (!paser || !best) return {};
  const auto times = [](double ratio) { return ratio < 10 ? paser::report::significant(ratio, 2) : fixed(ratio, 0); };
  const auto iou_of = [](const paser::report::Row& row) {
    return paser::message(row.model, " (IoU ", fixed(row.iou, 3), ")");
  };
  const auto sure = [&](const paser::report::Row& other) { return certainty({r, other.model, paser->model}) + "."; };
  if (single && single->gmac <= paser->gmac) {
    const bool better = single->iou > paser->iou + alike;
    std::string text = paser::message("use ", iou_of(*single), " alone: ", better ? "better than " : "as good as ",
                                      iou_of(*paser), " and ", times(paser->gmac / single->gmac), " times cheaper. ",
                                      better ? "That it is better is " : "The difference is ", sure(*single));
    if (best->iou > single->iou + alike)
      text +=
          paser::message(" ", iou_of(*best), " is better at ", times(best->gmac / single->gmac), " times its cost.");
    return text;
  }
  const paser::report::Row& other = single ? *single : *best;
  const std::string price = paser::message(" at 1 / ", times(other.gmac / paser->gmac), " of its cost. ");
  if (paser->iou >= best->iou - alike)
    return paser::message("PaSeR pays: ", iou_of(*paser),
                          single ? " is as good as " : " is better than every network, ", iou_of(other), price,
                          "The difference is ", sure(other));
  return paser::message("use ", iou_of(*best), " for the best answers; ", iou_of(*paser), " has less at 1 / ",
                        times(best->gmac / paser->gmac), " of its cost. The difference is ", sure(*best));
}

}  // namespace segmentation
