#include "paser/metrics/iou.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "paser/core/random.hpp"
#include "paser/data/patches.hpp"

using namespace paser;
using metrics::ClassMean;

namespace {

Labels random_labels(Key key, const Shape<3>& shape, Index classes) {
  Labels labels(shape);
  std::int32_t* const out = labels.mutable_data();
  for (Index i = 0; i < labels.numel(); ++i)
    out[i] = static_cast<std::int32_t>(key.uniform_int(static_cast<std::uint64_t>(i), classes));
  return labels;
}

const auto target = Labels::from({1, 2, 3}, {0, 0, 1, 1, 2, 2});
const auto guess = Labels::from({1, 2, 3}, {0, 1, 1, 1, 2, 0});

}  // namespace

TEST_CASE("the confusion matrix counts (target, prediction)") {
  const auto counts = metrics::confusion(guess, target, 3);
  const std::vector<Index> expected{1, 1, 0, 0, 2, 0, 1, 0, 1};
  CHECK(std::equal(expected.begin(), expected.end(), counts.data()));
  CHECK(metrics::pixel_accuracy(counts) == Approx(4.0 / 6));
  CHECK(metrics::confusion(guess, target, 3, 2)(2, 2) == 0);
}

TEST_CASE("class IoU is intersection over union, and the two means differ by the absent class") {
  const auto counts = metrics::confusion(guess, target, 4);
  const auto iou = metrics::class_iou(counts);
  CHECK(iou[0] == Approx(1.0 / 3));
  CHECK(iou[1] == Approx(2.0 / 3));
  CHECK(iou[2] == Approx(1.0 / 2));
  CHECK(std::isnan(iou[3]));
  CHECK(metrics::mean_iou(counts) == Approx(0.5));
  CHECK(metrics::mean_iou(counts, ClassMean::all) == Approx(1.5 / 4));

  const auto blank = Labels::zeros({1, 2, 2});
  const auto one_class = metrics::confusion(blank, blank, 3);
  CHECK(metrics::mean_iou(one_class) == 1);
  CHECK(metrics::mean_iou(one_class, ClassMean::all) == Approx(1.0 / 3));
  for (const auto mean : {ClassMean::present, ClassMean::all})
    CHECK(std::isnan(metrics::mean_iou(metrics::confusion(blank, blank, 3, 0), mean)));
}

TEST_CASE("patch by patch means the same as cutting the patches out and looking at each") {
  const auto t = random_labels(Key{1}, {2, 8, 12}, 3), p = random_labels(Key{2}, {2, 8, 12}, 3);
  const data::PatchGrid grid{4, 2};
  const auto iou = metrics::patch_iou<double>(p, t, 3, grid);
  CHECK(iou.shape() == Shape{2, 8});
  const auto cut_t = data::extract_patches(t, grid), cut_p = data::extract_patches(p, grid);
  const auto one_by_one = metrics::mean_iou<double>(metrics::image_confusion(cut_p, cut_t, 3));
  for (Index i = 0; i < 16; ++i) CHECK(iou.data()[i] == one_by_one.data()[i]);

  const auto by_patch = metrics::patch_confusion(p, t, 3, grid);
  CHECK(max_abs_difference(metrics::merge(by_patch), metrics::image_confusion(p, t, 3)) == 0);
  CHECK(max_abs_difference(metrics::merge(metrics::merge(by_patch)), metrics::confusion(p, t, 3)) == 0);
}

TEST_CASE("labels out of range and images that do not divide are refused") {
  auto wrong = guess;
  wrong.mutable_data()[4] = 7;
  CHECK_THROWS_WITH(metrics::confusion(wrong, target, 3), Catch::Contains("prediction 7 at (0,1,1), expected 0..2"));
  CHECK_THROWS_WITH(metrics::confusion(target, wrong, 3), Catch::Contains("target 7 at (0,1,1)"));
  CHECK_THROWS_AS(metrics::patch_confusion(guess, target, 3, data::PatchGrid{2, 2}), ShapeError);
  CHECK_THROWS_AS(metrics::confusion(guess, Labels::zeros({1, 3, 2}), 3), ShapeError);
}

TEST_CASE("counts of more target than predicted classes, or fewer, have no IoU") {
  for (const Index rows : {2, 4}) {
    const auto wrong = metrics::Confusion<2>::zeros({rows, 3});
    CHECK_THROWS_AS(metrics::class_iou(wrong), ShapeError);
    CHECK_THROWS_AS(metrics::mean_iou(wrong), ShapeError);
    CHECK_THROWS_AS(metrics::pixel_accuracy(wrong), ShapeError);
    CHECK_THROWS_AS(metrics::mean_iou(metrics::Confusion<3>::zeros({5, rows, 3})), ShapeError);
    CHECK_THROWS_WITH(metrics::mean_iou(metrics::Confusion<4>::zeros({2, 5, rows, 3})),
                      Catch::Contains("expected counts (..., K, K)"));
  }
}
