#pragma once

#include <algorithm>
#include <array>

#include "segmentation/comparison.hpp"

/// The paper's statements, put to the test of a run.
namespace segmentation {

/// What the questions found out that the claims are about.
struct Findings {
  /// Of Welch's t-test of the IoU with the least and the most samples; none: not asked, NaN: too few images to tell.
  std::optional<double> sample_p;
  int least_samples = 0, most_samples = 0;
  double sample_tvd = 0;            ///< mean distance of the routes' distributions with these samples
  double noise_random = 0;          ///< share of the clean IoU that the random policy loses by noise
  std::vector<double> noise_paser;  ///< the same of every PaSeR; empty: not asked
};

inline std::string percent(double share, int digits = 1) {
  return report::fixed(100 * share, digits) + " %";
}

/// A statement and what answers it; where that is NaN, nothing is said of whether it holds.
inline report::Claim stated(const std::string& text, std::optional<double> paper, double measured, bool holds,
                            const std::string& explanation) {
  report::Claim claim{.text = text, .paper = paper, .explanation = explanation};
  if (paser::is_nan(measured)) return claim;
  claim.measured = measured;
  claim.reproduced = holds;
  return claim;
}

/// What the paper says of PaSeR beside one of its compared networks, on the battery: at least 174 % more IoU per
/// operation than each, and that MatPhase has 9.7 % more IoU than PaSeR at 13.97 times the operations. Nothing of
/// networks that the paper does not have.
inline void add_claims_beside(const report::Row& mine, const report::Row& rival, std::vector<report::Claim>& list) {
  constexpr std::array of_the_paper{"deeplabv3plus", "segformer", "efficientvit", "MatPhase"};
  if (std::ranges::none_of(of_the_paper, [&](const char* name) { return rival.model.starts_with(name); })) return;
  const std::string both =
      paser::message("IoU of PaSeR ", report::fixed(mine.iou, 4), " at ", report::significant(mine.gmac), " GMAC, of ",
                     rival.model, " ", report::fixed(rival.iou, 4), " at ", report::significant(rival.gmac));
  const double ratio = mine.iou_per_gmac() / rival.iou_per_gmac();
  list.push_back(
      stated("PaSeR has at least 2.74 times the IoU/GMAC of " + rival.model, 2.74, ratio, ratio >= 2.74, both));
  if (!rival.model.starts_with("MatPhase")) return;
  const double more = rival.iou / mine.iou - 1, times = rival.gmac / mine.gmac;
  list.push_back(stated(rival.model + " has at most 9.7 % more IoU than PaSeR", 0.097, more, more <= 0.097, both));
  list.push_back(stated(rival.model + " needs 13.97 times PaSeR's operations", 13.97, times, times >= 13.97,
                        both + "; a reconstruction of MatPhase, of which neither code nor sizes are public"));
}

/// The paper's statements, each with the number of this run.
inline std::vector<report::Claim> claims(const Experiment& experiment, const Comparison& comparison,
                                         const Findings& found) {
  std::vector<report::Claim> list;
  const Variant& main = experiment.tuned().front();
  const report::Row& mine = comparison.method(main.name).row;
  const report::Row* lean = nullptr;
  for (const auto& m : comparison.methods())
    if ((m.row.kind == "single" || m.row.kind == "baseline") &&
        (lean == nullptr || m.row.iou_per_gmac() > lean->iou_per_gmac()))
      lean = &m.row;
  double ratio = mine.iou_per_gmac() / lean->iou_per_gmac();
  list.push_back(stated("PaSeR has at least 2.74 times the IoU/GMAC of the best baseline", 2.74, ratio, ratio >= 2.74,
                        paser::message("against ", lean->model, ", which makes one pass; ", experiment.config().samples,
                                       " passes of f1 and the policy are a floor of ",
                                       report::significant(experiment.expense({1}).first), " GMAC for every PaSeR")));
  const report::Row& idk = comparison.method("IDK cascade").row;
  ratio = mine.iou_per_gmac() / idk.iou_per_gmac();
  list.push_back(stated("PaSeR has at least 2.74 times the IoU/GMAC of the IDK cascade", 2.74, ratio, ratio >= 2.74,
                        "the cascade with the best IoU/GMAC on validation"));
  for (const std::string& rival : experiment.rivals().names())
    add_claims_beside(mine, comparison.method(rival).row, list);
  for (const Variant& v : experiment.tuned()) {
    const report::Row &p = comparison.method(v.name).row, &m = comparison.method("IDK cascade, IoU of " + v.name).row;
    ratio = m.gmac / p.gmac;
    list.push_back(stated("The IDK cascade with the IoU of " + v.name + " needs ten times its MACs", 10.0, ratio,
                          ratio >= 10,
                          paser::message("GMAC ", report::significant(m.gmac), " and ", report::significant(p.gmac),
                                         ", test IoU ", report::fixed(m.iou, 4), " and ", report::fixed(p.iou, 4))));
  }
  for (std::size_t i = 0; i < found.noise_paser.size(); ++i)
    list.push_back(
        stated(experiment.tuned()[i].name + " loses less by noise than the random policy", 0.0140, found.noise_paser[i],
               found.noise_paser[i] < found.noise_random,
               paser::message("share of the clean IoU, with noise-aware networks but f1; the random policy loses ",
                              percent(found.noise_random, 2), " here and 18.94 % in the paper")));
  if (found.sample_p)
    list.push_back(stated(
        paser::message(found.least_samples, found.least_samples == 1 ? " sample of f1 serves" : " samples of f1 serve",
                       " as well as ", found.most_samples),
        {}, *found.sample_p, *found.sample_p > 0.05,
        paser::message(paser::is_nan(*found.sample_p)
                           ? "p of Welch's t-test on the images' IoU is not known: the test images are too few or equal"
                           : "p of Welch's t-test on the images' IoU; it holds above 0.05",
                       "; mean TVD of the routes ", percent(found.sample_tvd, 2))));
  return list;
}

}  // namespace segmentation
