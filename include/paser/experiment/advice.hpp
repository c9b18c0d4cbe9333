#pragma once
#include "paser/core/macros_off.inc"

#include <deque>
#include <functional>
#include <optional>
#include <ranges>
#include <utility>

#include "paser/core/finite.hpp"
#include "paser/metrics/significance/t_test.hpp"
#include "paser/report/method_row.hpp"
#include "paser/report/table.hpp"

/// What the methods of a comparison advise to use, in plain words.
namespace paser::experiment {

/// A method of a comparison and what it did.
struct ComparedMethod {
  report::Row row;
  pipeline::MethodEvaluation evaluation;
};

/// How sure a difference of this p-value is, as words. measured_on: "images", "files".
inline std::string certainty(double p, const std::string& measured_on) {
  return p < 0.01 ? "sure as far as these " + measured_on + " go" : p < 0.05 ? "likely" : "not certain";
}

/// A p-value in so many digits, a tiny one as a bound.
inline std::string p_text(double p, int digits = 2) {
  return p < 1e-8 ? "p < 0.00000001" : message("p = ", report::significant(p, digits));
}

/// Student's test of pairs of two methods' IoU on the test images that have one.
struct PairedImages {
  std::size_t images = 0;     ///< that count
  bool equal = false;         ///< on all of them
  std::optional<double> p{};  ///< none: fewer than two images, or equal on all
};

/// IoUs of the same images, of which those that are not finite for both do not count.
inline PairedImages paired_images(const std::vector<double>& first, const std::vector<double>& second) {
  std::vector<double> a, b;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (!is_finite(first[i]) || !is_finite(second.at(i))) continue;
    a.push_back(first[i]);
    b.push_back(second[i]);
  }
  PairedImages pairs{.images = a.size(), .equal = a == b};
  if (pairs.images >= 2 && !pairs.equal) pairs.p = metrics::paired_t_test(a, b).p;
  return pairs;
}

/// How sure the difference of two methods' IoU is on the test images that have one, as words.
inline std::string certainty(const std::vector<double>& first, const std::vector<double>& second) {
  const auto [n, equal, p] = paired_images(first, second);
  if (n < 2) return message("measured on ", n, " image", n == 1 ? "" : "s", ", which says nothing of others");
  if (!p) return message("equal on all ", n, " test images");
  return message(certainty(*p, "images"), ": ", p_text(*p), " by a t-test on ", n, " test images");
}

/// IoUs that differ by no more count as the same.
inline constexpr double same_iou = 0.005;

/// Of the rows of a comparison the best PaSeR, and the cheapest network alone that is as good, of equally cheap ones
/// the best; null where there is none. row_of(element): the report::Row of an element.
template <class Elements, class RowOf = std::identity>
auto best_and_rival(const Elements& elements, const RowOf& row_of = {}) {
  using Element = std::ranges::range_value_t<Elements>;
  std::pair<const Element*, const Element*> found{};
  auto& [routed, single] = found;
  for (const Element& e : elements)
    if (row_of(e).kind == "paser" && (!routed || row_of(e).iou > row_of(*routed).iou)) routed = &e;
  for (const Element& e : elements)
    if (routed && row_of(e).kind == "single" && row_of(e).iou >= row_of(*routed).iou - same_iou &&
        (!single || std::pair(row_of(e).gmac, -row_of(e).iou) < std::pair(row_of(*single).gmac, -row_of(*single).iou)))
      single = &e;
  return found;
}

/// What to use: the best PaSeR, or a network alone that is as good (within 0.005 of IoU) and no dearer. Empty when
/// there is nothing to choose between.
inline std::string advice(const std::deque<ComparedMethod>& methods) {
  const ComparedMethod* best = nullptr;
  const auto found = best_and_rival(methods, [](const ComparedMethod& m) -> const report::Row& { return m.row; });
  const ComparedMethod *const routed = found.first, *const single = found.second;
  for (const auto& m : methods)
    if (m.row.kind == "single" && (!best || m.row.iou > best->row.iou)) best = &m;
  if (!routed || !best) return {};
  const report::Row& paser = routed->row;
  if (is_nan(paser.iou)) return "nothing is known of the methods: no test image has a pixel that counts.";
  const auto times = [](double ratio) { return ratio < 10 ? report::significant(ratio, 2) : report::fixed(ratio, 0); };
  const auto iou_of = [](const report::Row& row) {
    return message(row.model, " (IoU ", report::fixed(row.iou, 3), ")");
  };
  const auto sure = [&](const ComparedMethod& other) {
    return certainty(other.evaluation.image_iou, routed->evaluation.image_iou) + ".";
  };
  if (single && single->row.gmac <= paser.gmac) {
    const report::Row& lean = single->row;
    const bool better = lean.iou > paser.iou + same_iou;
    std::string text = message("use ", iou_of(lean), " alone: ", better ? "better than " : "as good as ", iou_of(paser),
                               " and ", times(paser.gmac / lean.gmac), " times cheaper. ",
                               better ? "That it is better is " : "The difference is ", sure(*single));
    if (best->row.iou > lean.iou + same_iou)
      text += message(" ", iou_of(best->row), " is better at ", times(best->row.gmac / lean.gmac), " times its cost.");
    return text;
  }
  const auto against = [&](const ComparedMethod& other) {
    const double ratio = other.row.gmac / paser.gmac;
    return message(" at ", ratio < 1 ? times(1 / ratio) + " times" : "1 / " + times(ratio) + " of",
                   " its cost. The difference is ", sure(other));
  };
  if (paser.iou < best->row.iou - same_iou)
    return message("use ", iou_of(best->row), " for the best answers; ", iou_of(paser), " has less", against(*best));
  const ComparedMethod& other = single ? *single : *best;
  return message(
      other.row.gmac > paser.gmac ? "PaSeR pays: " : "PaSeR has the best answers, and they cost: ", iou_of(paser),
      single ? " is as good as " : " is better than every network, ", iou_of(other.row), against(other));
}

}  // namespace paser::experiment
#include "paser/core/macros_on.inc"
