#include "routing/advice.hpp"

#include <catch2/catch.hpp>

namespace routing_advice {

using namespace paser;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

/// f1 at 2 ms and f2 at 8 ms.
pipeline::CurveReport report(double coarse, double fine, const std::string& verdict = "") {
  pipeline::CurveReport r;
  r.groups = 12;
  r.singles = {{"f1", coarse, coarse, 2, 1}, {"f2", fine, fine, 8, 4}};
  for (const double share : {0.0, 0.25, 0.5, 1.0})
    r.curve.push_back({.share = share, .iou = std::lerp(coarse, fine, std::sqrt(share)), .ms = 2 + 6 * share});
  r.gap = fine - coarse;
  r.gap_interval = {r.gap - 0.01, r.gap + 0.01};
  r.area_over_hull = 0.02;
  r.z_over_hull = 4;
  r.verdict = verdict;
  return r;
}

TEST_CASE("a router's advice: where routing pays, what it gives and costs beside the networks, and how sure that is") {
  const auto text = routing::advice("GainRouter", report(0.6, 0.8), report(0.5, 0.7, "routing pays"));
  CHECK_THAT(text,
             StartsWith("use the PaSeR with GainRouter: with 25 % of the patches sent on it has IoU 0.700 in 3.50 ms; "
                        "f1 (IoU 0.600) takes 2.00 ms, f2 (IoU 0.800) 8.00 ms."));
  CHECK_THAT(text, Contains("--budget") && Contains("+0.0200 IoU over random mixes") &&
                       EndsWith("on 12 training files that the networks had not seen; that is sure as far as these "
                                "files go: z = 4.0, p = 0.000063."));
  auto unseen = report(0.5, 0.7, "routing pays");
  unseen.z_over_hull = 2.2;
  CHECK_THAT(routing::advice("PaSeR", report(0.6, 0.8), unseen), EndsWith("that is likely: z = 2.2, p = 0.028."));
  unseen.z_over_hull = 19.5;
  CHECK_THAT(routing::advice("PaSeR", report(0.6, 0.8), unseen), EndsWith("files go: z = 19.5, p < 0.00000001."));
}

TEST_CASE("a router's advice: a network alone where nothing is to be routed, or chance routes as well") {
  auto unseen = report(0.5, 0.505, "nothing to route");
  CHECK(routing::advice("GainRouter", report(0.6, 0.61), unseen) ==
        "use f1 (IoU 0.600) alone: f2 (IoU 0.610) takes 4.0 times its time, and on 12 training files that the networks "
        "had "
        "not seen the best of the others is worth +0.0050 over it. That there is a difference is not certain: 95 % "
        "interval -0.0050 .. "
        "+0.0150.");
  unseen.gap = -0.05;
  unseen.gap_interval = {-0.06, -0.04};
  CHECK_THAT(routing::advice("GainRouter", report(0.6, 0.61), unseen),
             Contains("worth -0.0500") && EndsWith("is likely: 95 % interval -0.0600 .. -0.0400."));
  unseen = report(0.5, 0.7, "no gain over a mix of the networks");
  unseen.z_over_hull = 0.5;
  CHECK_THAT(routing::advice("GainRouter", report(0.6, 0.8), unseen),
             StartsWith("use f2 (IoU 0.800) for the best answers, or f1 (IoU 0.600) at 1 / 4.0 of its time;") &&
                 EndsWith("that is not certain: z = 0.5, p = 0.62."));
  unseen.groups = 1;
  CHECK_THAT(routing::advice("GainRouter", report(0.6, 0.8), unseen),
             EndsWith("was measured on 1 training file that the networks had not seen, which says nothing of others."));
}

}  // namespace routing_advice
