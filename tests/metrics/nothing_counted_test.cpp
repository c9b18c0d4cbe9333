#include <catch2/catch.hpp>
#include <cmath>

#include "paser/data/patches.hpp"
#include "paser/metrics/class_scores.hpp"
#include "paser/metrics/iou.hpp"
#include "paser/metrics/statistics.hpp"
#include "paser/metrics/total_variation.hpp"

namespace nothing_counted_test {

using namespace paser;
using metrics::ClassMean;

/// Two images of 2 x 2 pixels, the second without a counted one: label 255 is ignored.
const auto truth = Labels::from({2, 2, 2}, {0, 1, 1, 255, 255, 255, 255, 255});
const auto guess = Labels::from({2, 2, 2}, {0, 1, 0, 1, 0, 0, 1, 1});

TEST_CASE("an image without a counted pixel has no IoU, under both means over classes") {
  const auto counts = metrics::image_confusion(guess, truth, 2, 255);
  for (const auto mean : {ClassMean::present, ClassMean::all}) {
    const auto iou = metrics::mean_iou<double>(counts, mean);
    CHECK(iou(0) == Approx(0.5));  // class 0: 1 of 2, class 1: 1 of 2
    CHECK(std::isnan(iou(1)));
  }
  CHECK(metrics::mean_iou<double>(counts, ClassMean::present, 7.0)(1) == 7);
}

TEST_CASE("a patch without a counted pixel has IoU 0 as a quality, so that no answer gains there") {
  const auto iou = metrics::patch_iou<double>(guess, truth, 2, data::PatchGrid{1, 1}, ClassMean::present, 255);
  CHECK(iou(0, 0) == Approx(0.5));
  CHECK(iou(1, 0) == 0);
}

TEST_CASE("shares of nothing are not numbers") {
  const auto none = metrics::Confusion<2>::zeros({3, 3});
  CHECK(std::isnan(metrics::pixel_accuracy(none)));
  CHECK(std::isnan(metrics::mean_iou(none)));
  for (const double iou : metrics::class_iou(none)) CHECK(std::isnan(iou));
  for (const double share : metrics::class_scores(none).truth_share) CHECK(std::isnan(share));
  const Tensor<double, 3> empty({0, 4, 3});
  CHECK(std::isnan(metrics::mean_total_variation(empty, empty)));
  CHECK(std::isnan(metrics::total_variation_of_means(empty, empty)));
}

TEST_CASE("unknown values are left out of mean and deviation") {
  const double nan = std::nan("");
  const metrics::KnownValues known(std::vector<double>{1, nan, 4, nan, 7});
  CHECK(known.count == 3);
  CHECK(known.mean == 4);
  CHECK(known.deviation == Approx(std::sqrt(6.0)));  // (9 + 0 + 9) / 3
  for (const std::vector<double>& nothing : {std::vector<double>{}, {nan, nan}}) {
    const metrics::KnownValues none(nothing);
    CHECK(none.count == 0);
    CHECK((std::isnan(none.mean) && std::isnan(none.deviation)));
  }
}

}  // namespace nothing_counted_test
