#include "paser/uncertainty/patch_statistics.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "paser/core/random.hpp"
#include "paser/data/patches.hpp"
#include "paser/ops/arithmetic.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::uncertainty;
using Catch::Contains;

namespace patch_statistics_test {

namespace {

Prediction<float> prediction(const Shape<4>& shape) {
  return summarize_samples(scale(normal<float, 4>(Key{9}, shape), 2), 1);
}

/// The same numbers by loops over the pixels of one patch, in double.
std::vector<double> plain(const Prediction<float>& p, Index image, Index top, Index left, Index h, Index w) {
  const Index classes = p.probabilities.shape().c();
  const double most = std::log(static_cast<double>(classes)), n = static_cast<double>(h * w);
  std::vector<double> s(static_cast<std::size_t>(patch_statistics_size(classes)), 0.0);
  double squares = 0, differ = 0, pairs = 0;
  for (Index y = top; y < top + h; ++y) {
    double row = 0;
    for (Index x = left; x < left + w; ++x) {
      const double e = p.entropy(image, y, x);
      const auto label = p.labels(image, y, x);
      s[0] += e / n;
      squares += e * e / n;
      row += e / static_cast<double>(w);
      for (int level = 0; level < 3; ++level)
        s[static_cast<std::size_t>(2 + level)] += (e > most * (2 * level + 1) / 8) / n;
      if (x + 1 < left + w) differ += label != p.labels(image, y, x + 1), ++pairs;
      if (y + 1 < top + h) differ += label != p.labels(image, y + 1, x), ++pairs;
      s[static_cast<std::size_t>(7 + label)] += 1 / n;
      for (Index k = 0; k < classes; ++k)
        s[static_cast<std::size_t>(7 + classes + k)] += p.probabilities(image, y, x, k) / n;
      s[static_cast<std::size_t>(7 + 2 * classes + label)] += e / n;
    }
    s[6] = std::max(s[6], row);
  }
  s[1] = std::sqrt(std::max(0.0, squares - s[0] * s[0]));
  s[5] = pairs > 0 ? differ / pairs : 0;
  const double all = static_cast<double>(p.labels.shape()[1] * p.labels.shape()[2]);
  for (Index y = 0; y < p.labels.shape()[1]; ++y)
    for (Index x = 0; x < p.labels.shape()[2]; ++x)
      s[static_cast<std::size_t>(7 + 3 * classes + p.labels(image, y, x))] += 1 / all;
  return s;
}

}  // namespace

TEST_CASE("statistics of patches are those of loops over their pixels") {
  const auto [h, w, classes, grid] =
      GENERATE(table<Index, Index, Index, data::PatchGrid>({{12, 40, 3, {3, 2}},  // rows longer than a run of lanes
                                                            {8, 8, 2, {1, 1}},
                                                            {6, 9, 11, {2, 3}},
                                                            {4, 4, 2, {4, 4}}}));  // patches of one pixel
  const auto p = prediction({3, h, w, classes});
  const Tensor<float, 3> s = patch_statistics(p, grid);
  REQUIRE(s.shape() == Shape<3>{3, grid.patches(), 7 + 4 * classes});
  for (Index n = 0; n < 3; ++n)
    for (Index patch = 0; patch < grid.patches(); ++patch) {
      const Index ph = h / grid.rows, pw = w / grid.columns;
      const auto expected = plain(p, n, patch / grid.columns * ph, patch % grid.columns * pw, ph, pw);
      for (std::size_t f = 0; f < expected.size(); ++f) {
        CAPTURE(n, patch, f);
        REQUIRE(s(n, patch, static_cast<Index>(f)) == Approx(expected[f]).epsilon(1e-4).margin(2e-4));
      }
    }
}

TEST_CASE("a patch of one entropy has no spread") {
  auto p = prediction({1, 16, 24, 3});
  std::fill_n(p.entropy.mutable_data(), p.entropy.numel(), 0.7f);
  const auto s = patch_statistics(p, data::PatchGrid{2, 2});
  for (Index patch = 0; patch < 4; ++patch) {
    CHECK(s(0, patch, 0) == 0.7f);
    CHECK(s(0, patch, 1) == 0);
    CHECK(s(0, patch, 6) == 0.7f);
  }
}

TEST_CASE("statistics of an image do not depend on the others of its batch") {
  const auto p = prediction({4, 16, 32, 3});
  const auto all = patch_statistics(p, data::PatchGrid{2, 2});
  Prediction<float> one;
  one.probabilities = slice_rows(p.probabilities, 2, 3);
  one.labels = slice_rows(p.labels, 2, 3);
  one.entropy = slice_rows(p.entropy, 2, 3);
  CHECK(same_bits(patch_statistics(one, data::PatchGrid{2, 2}), slice_rows(all, 2, 3)));
}

TEST_CASE("maps that do not divide or do not fit are refused") {
  auto p = prediction({1, 8, 8, 2});
  CHECK_THROWS_WITH(patch_statistics(p, data::PatchGrid{3, 2}), Contains("8 x 8 pixels do not divide into 3 x 2"));
  p.entropy = Tensor<float, 3>({1, 4, 8});
  CHECK_THROWS_AS(patch_statistics(p, data::PatchGrid{2, 2}), ShapeError);
}

TEST_CASE("patch statistics of maps without a class are refused") {
  CHECK_THROWS_WITH(paser::patch_statistics(Tensor<float, 4>({1, 4, 4, 0}), Labels::zeros({1, 4, 4}),
                                            Tensor<float, 3>::zeros({1, 4, 4}), 2, 2),
                    Contains("no classes in probabilities (1,4,4,0)"));
}

}  // namespace patch_statistics_test
