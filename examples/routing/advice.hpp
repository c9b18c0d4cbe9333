#pragma once

#include <algorithm>
#include <cmath>

#include "paser/experiment/advice.hpp"
#include "paser/pipeline/routing/curve_report.hpp"
#include "paser/report/table.hpp"

/// What a finished training of routers advises to use, in plain words.
namespace routing {

inline std::string signed_number(double value, int digits = 4) {
  return (value >= 0 ? "+" : "") + paser::report::fixed(value, digits);
}

namespace detail {

/// The point of a curve whose share of patches that leave f1 is nearest.
inline const paser::pipeline::MeasuredPoint& nearest(const std::vector<paser::pipeline::MeasuredPoint>& curve,
                                                     double share) {
  return *std::min_element(curve.begin(), curve.end(), [&](const auto& a, const auto& b) {
    return std::abs(a.share - share) < std::abs(b.share - share);
  });
}

/// How sure it is that an area differs from nothing, as words: by its z, two-sided.
inline std::string certainty(double z) {
  const double p = std::erfc(std::abs(z) / std::sqrt(2.0));
  return paser::message(paser::experiment::certainty(p, "files"), ": z = ", paser::report::fixed(z, 1), ", ",
                        paser::experiment::p_text(p));
}

/// The same of a difference, by its 95 % interval.
inline std::string certainty(const std::array<double, 2>& interval) {
  const bool apart = interval[0] > 0 || interval[1] < 0;
  return paser::message(apart ? "likely" : "not certain", ": 95 % interval ", signed_number(interval[0]), " .. ",
                        signed_number(interval[1]));
}

}  // namespace detail

/// What to use: the PaSeR with this router, or a network alone. test: what each is worth on the test images. unseen: on
/// training images that the networks had not seen, of which the verdict and its certainty are.
inline std::string advice(const std::string& router, const paser::pipeline::CurveReport& test,
                          const paser::pipeline::CurveReport& unseen) {
  using paser::message;
  using paser::report::fixed;
  const auto& coarse = test.singles.front();
  const auto& best = *std::max_element(test.singles.begin() + 1, test.singles.end(),
                                       [](const auto& a, const auto& b) { return a.iou < b.iou; });
  const auto iou_of = [](const auto& network) { return message(network.name, " (IoU ", fixed(network.iou, 3), ")"); };
  const std::string times = paser::report::significant(best.ms / coarse.ms, 2);
  const std::string files =
      message(unseen.groups, " training file", unseen.groups == 1 ? "" : "s", " that the networks had not seen");
  if (unseen.groups < 2)
    return message("use ", iou_of(coarse), " alone: whether ", iou_of(best), " is worth ", times,
                   " times its time was measured on ", files, ", which says nothing of others.");
  if (unseen.verdict == "nothing to route")
    return message("use ", iou_of(coarse), " alone: ", iou_of(best), " takes ", times, " times its time, and on ",
                   files, " the best of the others is worth ", signed_number(unseen.gap),
                   " over it. That there is a difference is ", detail::certainty(unseen.gap_interval), ".");
  const std::string over = message(signed_number(unseen.area_over_hull), " IoU over random mixes of the networks on ",
                                   files, "; that is ", detail::certainty(unseen.z_over_hull), ".");
  if (unseen.verdict != "routing pays")
    return message("use ", iou_of(best), " for the best answers, or ", iou_of(coarse), " at 1 / ", times,
                   " of its time; a router between them has no more than chance: ", over);
  const auto& point = detail::nearest(test.curve, 0.3);
  return message("use the PaSeR with ", router, ": with ", fixed(100 * point.share, 0),
                 " % of the patches sent on it has IoU ", fixed(point.iou, 3), " in ",
                 paser::report::significant(point.ms), " ms; ", iou_of(coarse), " takes ",
                 paser::report::significant(coarse.ms), " ms, ", iou_of(best), " ", paser::report::significant(best.ms),
                 " ms. --budget, --quality and --share choose other points. Routing gains ", over);
}

}  // namespace routing
