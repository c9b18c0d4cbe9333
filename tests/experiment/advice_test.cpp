#include "paser/experiment/advice.hpp"

#include <catch2/catch.hpp>

namespace advice_test {

using Catch::Matchers::Contains;

/// An f1, an f3 and a PaSeR by their IoU on each image, at 1, 15 and `price` GMAC.
std::deque<paser::experiment::ComparedMethod> measured(const std::vector<double>& f1, const std::vector<double>& f3,
                                                       const std::vector<double>& routed, double price = 15) {
  std::deque<paser::experiment::ComparedMethod> methods;
  const auto add = [&](const char* name, const char* kind, const std::vector<double>& iou, double gmac) {
    paser::experiment::ComparedMethod& m = methods.emplace_back();
    m.row.model = name;
    m.row.kind = kind;
    m.row.iou = paser::metrics::KnownValues(iou).mean;
    m.row.gmac = gmac;
    m.evaluation.image_iou = iou;
  };
  add("f1", "single", f1, 1);
  add("f3", "single", f3, 15);
  add("PaSeR", "paser", routed, price);
  return methods;
}

TEST_CASE("advice: the cheaper network that is as good, PaSeR where it pays, and how sure that is") {
  using paser::experiment::advice;
  const std::string single = advice(measured({.97, .98, .96}, {.97, .97, .97}, {.76, .75, .77}));
  CHECK_THAT(single, Contains("use f1 (IoU 0.970) alone: better than PaSeR (IoU 0.760) and 15 times cheaper"));
  CHECK_THAT(single, Contains("sure as far as these images go") && Contains("on 3 test images") && !Contains("f3"));
  CHECK_THAT(advice(measured({.76, .75}, {.90, .91}, {.76, .75})),
             Contains("as good as PaSeR") && Contains("f3 (IoU 0.905) is better at 15 times its cost"));
  CHECK_THAT(advice(measured({.76, .75}, {.90, .91}, {.90, .91}, 5)),
             Contains("PaSeR pays: PaSeR (IoU 0.905) is as good as f3 (IoU 0.905) at 1 / 3.0 of its cost") &&
                 Contains("equal on all 2 test images"));
  CHECK_THAT(advice(measured({.76, .75, .7}, {.80, .91, .8}, {.95, .92, .81}, 5)),
             Contains("PaSeR pays") && Contains("better than every network") && Contains("not certain"));
  CHECK_THAT(advice(measured({.7, .7}, {.9, .92}, {.8, .81}, 5)),
             Contains("use f3 (IoU 0.910) for the best answers") && Contains("PaSeR (IoU 0.805) has less at 1 / 3.0"));
  // Better, but dearer than the network that is nearly as good.
  CHECK_THAT(advice(measured({.93, .91}, {.7, .7}, {.95, .92}, 120)),
             Contains("PaSeR has the best answers, and they cost: PaSeR (IoU 0.935) is better than every network, f1 "
                      "(IoU 0.920) at 120 times its cost") &&
                 !Contains("pays"));
}

TEST_CASE("advice: images without an IoU do not count, and one image says nothing") {
  using paser::experiment::advice;
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  CHECK_THAT(advice(measured({.97, none, .96}, {.9, none, .9}, {.76, none, .77})), Contains("on 2 test images"));
  const std::string one = advice(measured({.97}, {.9}, {.7}));
  CHECK_THAT(one, Contains("measured on 1 image, which says nothing of others") && !Contains("sure as"));
  CHECK(advice({}).empty());
}

TEST_CASE("advice: of equally cheap networks the best is used, and a tiny p is a bound") {
  std::vector<double> poor, good, routed;
  for (int i = 0; i < 40; ++i) {
    poor.push_back(0.5 + 1e-4 * i);
    good.push_back(0.8 + 1e-4 * (i % 7));
    routed.push_back(0.3 + 1e-4 * (i % 5));
  }
  const std::string said = paser::experiment::advice(measured(poor, good, routed, 15));
  CHECK_THAT(said, Contains("use f1") && Contains("p < 0.00000001"));
  auto alike = measured(poor, good, routed, 15);
  alike[0].row.gmac = 15;  // as dear as f3
  CHECK_THAT(paser::experiment::advice(alike), Contains("use f3 (IoU 0.800) alone") && !Contains("1.0 times its cost"));
}

}  // namespace advice_test
