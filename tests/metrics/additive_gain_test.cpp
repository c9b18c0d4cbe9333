#include "paser/metrics/additive_gain.hpp"

#include <catch2/catch.hpp>

#include "paser/core/random.hpp"
#include "paser/core/rows.hpp"

using namespace paser;
using namespace paser::metrics;

namespace additive_gain_test {

namespace {

/// Label maps of `images` images of 4 x 4 pixels, four patches each, with about `errors` of the labels wrong.
struct Maps {
  Labels truth, base, other;
  Maps(Key key, Index images, Index classes, double errors) {
    const Shape<3> shape{images, 8, 8};
    truth = base = other = Labels(shape);
    for (Index i = 0; i < truth.numel(); ++i) {
      const auto at = static_cast<std::uint64_t>(i);
      const auto t = static_cast<std::int32_t>(key.fold(0).uniform_int(at, classes));
      const auto wrong = static_cast<std::int32_t>((t + 1) % classes);
      truth.mutable_data()[i] = t;
      base.mutable_data()[i] = key.fold(1).uniform(at) < errors ? wrong : t;
      other.mutable_data()[i] = key.fold(2).uniform(at) < errors / 2 ? wrong : t;
    }
  }
};

struct Grid {
  Index rows = 2, columns = 2;
};

double sum(const Tensor<double, 2>& x) {
  double s = 0;
  for (const double v : x.values()) s += v;
  return s;
}

Confusion<4> counts(const Labels& prediction, const Labels& truth, Index classes) {
  return patch_confusion(prediction, truth, classes, Grid{});
}

/// One image of one patch of four pixels.
Labels four(std::int32_t a, std::int32_t b, std::int32_t c, std::int32_t d) {
  Labels x({1, 2, 2});
  std::int32_t* const p = x.mutable_data();
  p[0] = a, p[1] = b, p[2] = c, p[3] = d;
  return x;
}
struct One {
  Index rows = 1, columns = 1;
};
double gain_of(const Labels& truth, const Labels& base, const Labels& other, Index classes,
               ClassMean mean = ClassMean::present) {
  return additive_gain(patch_confusion(base, truth, classes, One{}), patch_confusion(other, truth, classes, One{}),
                       GainReference::image, mean)(0, 0);
}

}  // namespace

TEST_CASE("additive gains of a small change add up to the change of the IoU that is reported") {
  const Index classes = 3, images = 40;
  const Maps m(Key{3}, images, classes, 0.3);
  const auto base = counts(m.base, m.truth, classes), other = counts(m.other, m.truth, classes);
  const auto gains = additive_gain(base, other, GainReference::set);
  // Every tenth patch of the other answer: little enough for the first order.
  auto mixed = base;
  double expected = 0;
  const Index cells = classes * classes;
  for (Index i = 0; i < images * 4; i += 10) {
    std::copy_n(other.data() + i * cells, cells, mixed.mutable_data() + i * cells);
    expected += gains.data()[i];
  }
  const double change = mean_iou(merge(merge(mixed))) - mean_iou(merge(merge(base)));
  CHECK(expected > 0);
  CHECK(change == Approx(expected).epsilon(0.05));
  CHECK(sum(additive_gain(base, base)) == 0);
}

TEST_CASE("gains that refer to images add up to changes of the images' IoU") {
  const Maps m(Key{5}, 30, 3, 0.2);
  const auto base = counts(m.base, m.truth, 3), other = counts(m.other, m.truth, 3);
  const auto gains = additive_gain(base, other, GainReference::image);
  const auto before = mean_iou<double>(merge(base)), after = mean_iou<double>(merge(other));
  double all = 0, change = 0;
  for (Index n = 0; n < 30; ++n) {
    all += gains(n, 0) + gains(n, 1) + gains(n, 2) + gains(n, 3);
    change += after(n) - before(n);
  }
  CHECK(all == Approx(change).epsilon(0.15));
  // Alone in its image, a patch is the image: only the order of the expansion differs.
  CHECK(sum(additive_gain(base, other, GainReference::set)) * 30 == Approx(all).epsilon(0.2));
}

TEST_CASE("the gain to first order is worked out by hand") {
  // Class 0: I 1, U 3; class 1: I 1, U 3. The other answer mends one pixel: dI = 1 for class 0, dU = -1 for class 1.
  const auto truth = four(0, 0, 1, 1), base = four(0, 1, 1, 0), other = four(0, 0, 1, 0);
  const double first = (1.0 - 1.0 / 3 * 0) / 3, second = (0.0 - 1.0 / 3 * -1) / 3;
  CHECK(gain_of(truth, base, other, 2) == Approx((first + second) / 2));
  CHECK(gain_of(truth, base, other, 5) == Approx((first + second) / 2));  // absent classes are left out
  CHECK(gain_of(truth, base, other, 5, ClassMean::all) == Approx((first + second) / 5));
}

TEST_CASE("a class that only the other answer predicts counts with its whole effect, and one that vanishes too") {
  const auto truth = four(0, 0, 1, 1);
  // The coarse answer is right everywhere, IoU 1 and 1. The other calls one pixel of class 1 a class 2, of IoU 0: class
  // 1 loses a half to first order, over two classes, and the mean of 1 runs over three classes in place of two.
  CHECK(gain_of(truth, truth, four(0, 0, 1, 2), 3) == Approx(-0.5 / 2 + 2.0 / 3 - 1));
  CHECK(gain_of(truth, truth, four(0, 0, 1, 2), 3, ClassMean::all) == Approx(-0.5 / 3));
  // And the other way round: IoU 1, 1/2 and 0 over three classes.
  CHECK(gain_of(truth, four(0, 0, 1, 2), truth, 3) == Approx(0.5 / 3 + 1.5 / 2 - 1.5 / 3));
}

TEST_CASE("the effect of a class that appears in many patches is counted once") {
  // Ten images of one patch without class 2; the other answer has it in one pixel of each.
  Labels truth({10, 8, 8}), base, other;
  for (Index i = 0; i < truth.numel(); ++i) truth.mutable_data()[i] = static_cast<std::int32_t>(i % 2);
  base = other = truth;
  for (Index n = 0; n < 10; ++n) other.mutable_data()[n * 64] = 2;
  const auto before = patch_confusion(base, truth, 3, One{}), after = patch_confusion(other, truth, 3, One{});
  const double change = mean_iou(merge(merge(after))) - mean_iou(merge(merge(before)));
  CHECK(sum(additive_gain(before, after, GainReference::set)) == Approx(change).epsilon(0.02));
}

TEST_CASE("against a set that is given, the mean gain of its patches is the change of its IoU, part by part") {
  const Maps m(Key{7}, 20, 3, 0.3);
  const auto base = counts(m.base, m.truth, 3), other = counts(m.other, m.truth, 3);
  const GainBase set{merge(merge(base)), 80};
  const auto whole = additive_gain(base, other, GainReference::set);
  const auto half = additive_gain(set, slice_rows(base, 5, 15), slice_rows(other, 5, 15));
  REQUIRE(half.shape() == Shape{10, 4});
  for (Index i = 0; i < 40; ++i) CHECK(half.data()[i] == Approx(80 * whole.data()[20 + i]));
  // A class that the set does not have, in half of these patches: its effect is spread over those of the set like them.
  Labels truth = Labels::zeros({2, 8, 8}), answer = truth;
  for (Index i = 0; i < 64; ++i) answer.mutable_data()[i] = 1;
  const auto of = [&](const Labels& x) { return patch_confusion(x, truth, 2, Grid{}); };
  const auto appears = additive_gain(GainBase{merge(merge(of(truth))), 800}, of(truth), of(answer));
  // Class 0 loses 16 of 128 pixels with each of four patches; class 1 of IoU 0 halves the mean of 1 when all have it.
  CHECK(appears(0, 0) == Approx(800 * (-16.0 / 128 - 0.5 / 4 * 8 / 800)));
  CHECK(appears(1, 0) == 0);
  CHECK_THROWS_WITH(additive_gain(GainBase{set.counts, 0}, base, other), Catch::Contains("a set of 0 patches"));
  CHECK_THROWS_AS(additive_gain(GainBase{merge(merge(of(truth))), 1}, base, other), ShapeError);
}

TEST_CASE("gains of other answers than those of the same patches are refused") {
  const Maps m(Key{1}, 2, 3, 0.2);
  CHECK_THROWS_AS(additive_gain(counts(m.base, m.truth, 3), counts(m.base, m.truth, 4)), ShapeError);
}

TEST_CASE("gains of counts that are not square are refused") {
  for (const Index predicted : {1, 3}) {
    const auto wrong = Confusion<4>::zeros({2, 4, 2, predicted});
    CHECK_THROWS_AS(additive_gain(wrong, wrong, GainReference::image), ShapeError);
    CHECK_THROWS_AS(additive_gain(GainBase{Confusion<2>::zeros({2, 2}), 8}, wrong, wrong), ShapeError);
  }
}

}  // namespace additive_gain_test
