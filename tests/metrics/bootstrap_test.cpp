#include "paser/metrics/bootstrap.hpp"

#include <catch2/catch.hpp>

namespace bootstrap_test {

using namespace paser;
using namespace paser::metrics;

/// An image of `pixels` of class 0, so many of them called class 1.
Confusion<2> image(Index pixels, Index wrong) {
  return Confusion<2>::from({2, 2}, {pixels - wrong, wrong, 0, 0});
}

TEST_CASE("IoU of the set and over images, by hand") {
  // Class 0: 90 and 10 of 100 and 20 are right; what is wrong is called class 1, which is nowhere in the truth.
  const auto e = estimate_iou({image(100, 10), image(20, 10)});
  CHECK(e.set.value == Approx((100.0 / 120 + 0) / 2));
  CHECK(e.images.value == Approx((90.0 / 100 / 2 + 10.0 / 20 / 2) / 2));
  const auto all = estimate_iou({image(100, 10), image(20, 10)}, ClassMean::all);
  CHECK(all.set.value == Approx(100.0 / 120 / 2));
}

TEST_CASE("the interval is that of the resamples: two images can only be drawn in three ways") {
  const auto e = estimate_iou({image(100, 0), image(100, 50)}, ClassMean::present, 4000);
  // Both the first: 1; both the second: 1/4; one of each: 5/8 over images, (150/200 + 0) / 2 of the set.
  CHECK(e.images.interval[0] == Approx(0.25));
  CHECK(e.images.interval[1] == Approx(1));
  CHECK(e.set.interval[0] == Approx(0.25));
  CHECK(e.set.interval[1] == Approx(1));
  CHECK(e.images.value == Approx(0.625));
  CHECK(e.set.value == Approx(0.375));
}

TEST_CASE("of many images the interval is 1.96 standard errors wide on either side") {
  std::vector<Confusion<2>> images;
  double sum = 0, squares = 0;
  const int n = 400;
  for (int i = 0; i < n; ++i) {
    const Index wrong = Key{1}.uniform_int(static_cast<std::uint64_t>(i), 50);
    images.push_back(Confusion<2>::from({2, 2}, {100 - wrong, wrong, wrong, 100 - wrong}));
    const double iou = static_cast<double>(100 - wrong) / static_cast<double>(100 + wrong);
    sum += iou;
    squares += iou * iou;
  }
  const double mean = sum / n, error = std::sqrt((squares / n - mean * mean) / n);
  const auto e = estimate_iou(images, ClassMean::present, 2000);
  CHECK(e.images.value == Approx(mean));
  CHECK(e.images.interval[0] == Approx(mean - 1.96 * error).margin(0.15 * error));
  CHECK(e.images.interval[1] == Approx(mean + 1.96 * error).margin(0.15 * error));
}

TEST_CASE("images without a counted pixel are left out, and one image has no interval") {
  const auto nothing = Confusion<2>::zeros({2, 2});
  const auto one = estimate_iou({nothing, image(10, 5)}), none = estimate_iou({nothing}), empty = estimate_iou({});
  CHECK(one.images.value == Approx(0.25));
  CHECK((is_nan(one.set.interval[0]) && is_nan(one.images.interval[1])));
  CHECK((is_nan(none.set.value) && is_nan(empty.images.value)));
  CHECK_THROWS_AS(estimate_iou({image(10, 5)}, ClassMean::present, 0), ValueError);
}

TEST_CASE("counts of other classes than the first image's, or not square, are refused") {
  const auto two = image(10, 5);
  const auto three = Confusion<2>::from({3, 3}, {1, 0, 0, 0, 1, 0, 0, 0, 1});
  CHECK_THROWS_AS(estimate_iou({two, three}), ShapeError);
  CHECK_THROWS_AS(estimate_iou({three, two}), ShapeError);
  CHECK_THROWS_AS(estimate_iou({Confusion<2>::zeros({3, 2})}), ShapeError);
}

}  // namespace bootstrap_test
