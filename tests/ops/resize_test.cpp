#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "paser/autograd/gradient_check.hpp"
#include "paser/ops/adaptive_avg_pool2d.hpp"
#include "paser/ops/add_resized.hpp"
#include "paser/ops/avg_pool2d.hpp"
#include "paser/ops/extend_to.hpp"
#include "paser/ops/upsample_bicubic.hpp"
#include "paser/ops/upsample_bilinear.hpp"
#include "paser/ops/upsample_nearest.hpp"
#include "support/op_fixture.hpp"
#include "support/recorded.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {
ResizeOptions scale(double factor, bool align_corners = false) {
  return {.scale = factor, .align_corners = align_corners};
}
ResizeOptions size(Index h, Index w, bool align_corners = false) {
  return {.size = {h, w}, .align_corners = align_corners};
}

/// Sample i of the cubic convolution with a = -0.75 of a row that repeats its ends, at the centre of cell o.
double cubic_sample(const std::vector<double>& row, Index o, double scale) {
  const double at = (static_cast<double>(o) + 0.5) * scale - 0.5;
  double sum = 0;
  for (Index i = static_cast<Index>(std::floor(at)) - 1; i <= static_cast<Index>(std::floor(at)) + 2; ++i) {
    const double x = std::abs(at - static_cast<double>(i)), a = -0.75;
    const double weight =
        x <= 1 ? (a + 2) * x * x * x - (a + 3) * x * x + 1 : a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a;
    sum += weight * row[static_cast<std::size_t>(std::clamp<Index>(i, 0, static_cast<Index>(row.size()) - 1))];
  }
  return sum;
}
}  // namespace

TEST_CASE("bicubic resizing is the cubic convolution of rows and columns, before the first centre too") {
  const std::vector<double> row{1, -2, 0.5, 3, -1, 2, 7};
  const auto x = Tensor<double, 4>::from({1, 1, 7, 1}, row);
  const auto wide = upsample_bicubic(x, size(1, 28)), narrow = upsample_bicubic(x, size(1, 3));
  const auto tall = upsample_bicubic(x.reshape(Shape{1, 7, 1, 1}), scale(2));
  for (Index o = 0; o < 28; ++o) CHECK(wide(0, 0, o, 0) == Approx(cubic_sample(row, o, 0.25)).margin(1e-12));
  for (Index o = 0; o < 3; ++o) CHECK(narrow(0, 0, o, 0) == Approx(cubic_sample(row, o, 7.0 / 3)).margin(1e-12));
  for (Index o = 0; o < 14; ++o) CHECK(tall(0, o, 0, 0) == Approx(cubic_sample(row, o, 0.5)).margin(1e-12));
  // The first centre lies an eighth of a cell outside of the first one, whose neighbour then pulls the other way.
  CHECK(upsample_bicubic(Tensor<double, 4>::from({1, 1, 2, 1}, {0, 1}), scale(4))(0, 0, 0, 0) < 0);
  CHECK_THROWS_WITH(upsample_bicubic(x, scale(2, true)), Catch::Contains("no bicubic resizing with aligned corners"));
  CHECK_THROWS_AS(upsample_bicubic(x, scale(0.5)), ShapeError);
}

TEST_CASE("resizing and average pooling are PyTorch's") {
  const OpFixtures fixtures("ops_pool_resize");
  const auto run = [&](const std::string& name, const auto& f) {
    fixtures.check_op(name, f, {"input"}, fixtures.image(name + "/input"));
  };
  const auto bilinear = [&](const std::string& name, const ResizeOptions& options) {
    run(name, [&](const auto& v) { return upsample_bilinear(v, options); });
  };
  bilinear("bilinear_x2_ac1", scale(2, true));
  bilinear("bilinear_x2_ac0", scale(2));
  bilinear("bilinear_size_ac1", size(17, 23, true));
  bilinear("bilinear_size_ac0", size(17, 23));
  bilinear("bilinear_down_ac0", size(6, 10));
  bilinear("bilinear_from1x1_ac0", size(5, 7));
  bilinear("bilinear_from1x1_ac1", size(5, 7, true));
  run("nearest_x2", [](const auto& v) { return upsample_nearest(v, scale(2)); });
  run("nearest_size", [](const auto& v) { return upsample_nearest(v, size(17, 20)); });
  run("avgpool2x2", [](const auto& v) { return avg_pool2d(v); });
  run("avgpool3x3_s2_p1", [](const auto& v) { return avg_pool2d(v, {{3, 3}, {2, 2}, {1, 1}}); });
  run("adaptive_avg_3x5", [](const auto& v) { return adaptive_avg_pool2d(v, {3, 5}); });
}

TEST_CASE("resizing and average pooling pass the gradient check for any channel count") {
  const auto passes = [](const auto& f, const auto& x) {
    const auto result = gradient_check(f, x);
    INFO(result.where);
    CHECK(result.passed);
  };
  for (const Index c : {1, 3, 4, 5, 18}) {
    const auto x = normal<double>(Key{static_cast<std::uint64_t>(c)}, Shape{2, 5, 7, c});
    passes([](const auto& v) { return upsample_bilinear(v, scale(2, true)); }, x);
    passes([](const auto& v) { return upsample_bilinear(v, scale(1.5)); }, x);
    passes([](const auto& v) { return upsample_bilinear(v, size(3, 16)); }, x);
    passes([](const auto& v) { return upsample_nearest(v, size(3, 16)); }, x);
    passes([](const auto& v) { return upsample_bicubic(v, size(3, 16)); }, x);
    passes([](const auto& v) { return avg_pool2d(v, {{3, 2}, {2, 1}, {1, 1}}, false); }, x);
    passes([](const auto& v) { return adaptive_avg_pool2d(v, {2, 3}); }, x);
    passes([](const auto& v) { return adaptive_avg_pool2d(v, {1, 1}); }, x);
  }
}

TEST_CASE("an average leaves out the padding when told to") {
  const auto x = Tensor<float, 4>::full({1, 4, 4, 3}, 2.0f);
  const Pool2dOptions options{{3, 3}, {2, 2}, {1, 1}};
  CHECK(avg_pool2d(x, options, false)(0, 0, 0, 1) == Approx(2));
  CHECK(avg_pool2d(x, options, true)(0, 0, 0, 1) == Approx(2 * 4.0 / 9));
}

TEST_CASE("the mean of a large map keeps its digits in float") {
  const Index h = 224, w = 256;
  const auto x = uniform<float>(Key{5}, Shape{1, h, w, 3}, 1000, 1001);
  const auto mean = adaptive_avg_pool2d(x, {1, 1});
  for (Index c = 0; c < 3; ++c) {
    double sum = 0;
    for (Index i = 0; i < h * w; ++i) sum += static_cast<double>(x.data()[i * 3 + c]);
    CHECK(std::abs(static_cast<double>(mean(0, 0, 0, c)) - sum / static_cast<double>(h * w)) < 3e-4);
  }
}

TEST_CASE("nearest doubling repeats, and halving undoes it") {
  const auto x = normal<float>(Key{3}, Shape{2, 5, 7, 4});
  const auto twice = upsample_nearest(x, scale(2));
  CHECK(twice(1, 9, 13, 2) == x(1, 4, 6, 2));
  CHECK(same_bits(upsample_nearest(twice, scale(0.5)), x));
  // 1 / 3 is no binary number: position 3 / 3 must still be pixel 1.
  CHECK(upsample_nearest(x, scale(3))(0, 3, 3, 0) == x(0, 1, 1, 0));
}

TEST_CASE("maps that are added as they are resized are the sum of their resizings") {
  for (const Index c : {1, 3, 20}) {
    const auto x = normal<float>(Key{1}, Shape{2, 9, 14, c});
    const std::vector<Tensor<float, 4>> maps{normal<float>(Key{2}, Shape{2, 3, 5, c}),
                                             normal<float>(Key{3}, Shape{2, 1, 1, c}),
                                             normal<float>(Key{4}, Shape{2, 9, 14, c})};
    const std::vector<Var<float, 4>> vars(maps.begin(), maps.end());
    for (const bool with_relu : {false, true}) {
      const auto y = add_resized(x, maps, with_relu);
      CHECK(max_abs_difference(y, add_resized(Var(x), vars, with_relu).value()) < 2e-6);
      CHECK(same_for_all_threads([&] { return add_resized(x, maps, with_relu); }));
      const auto none = add_resized(x, {}, with_relu);
      CHECK(max_abs_difference(none, with_relu ? relu(x) : x) == 0);
    }
    CHECK(same_bits(add_resized(x, maps), add_resized(x, maps, false)));
    CHECK(same_bits(add_resized(Var(x), vars).value(), add_resized(Var(x), vars, false).value()));
    CHECK_THROWS_AS(add_resized(x, {Tensor<float, 4>::zeros({1, 3, 5, c})}), ShapeError);
  }
}

TEST_CASE("resizing has the same bits for any number of threads") {
  const auto x = normal<float>(Key{1}, Shape{2, 40, 30, 12});
  const auto up = [](const auto& v) { return upsample_bilinear(v, scale(2, true)); };
  CHECK(same_for_all_threads([&] { return up(x); }));
  CHECK(same_for_all_threads([&] { return gradient_of(up, x); }));
  CHECK(same_for_all_threads([&] { return adaptive_avg_pool2d(x, {1, 1}); }));
}

TEST_CASE("resizing says what is wrong with its input") {
  const auto x = Tensor<float, 4>::zeros({1, 3, 8, 2});
  CHECK_THROWS_AS(upsample_bilinear(x, {}), ValueError);
  for (const std::array<Index, 2> half : {std::array<Index, 2>{4, 0}, {0, 4}}) {
    CHECK_THROWS_AS(upsample_bilinear(x, {.scale = 2, .size = half}), ValueError);
    CHECK_THROWS_AS(upsample_bilinear(x, {.size = half}), ShapeError);
  }
  CHECK_THROWS_WITH(upsample_bilinear(x, {.scale = 2, .size = {4, 4}}),
                    Catch::Contains("either a positive scale or a size"));
  CHECK_THROWS_WITH(upsample_nearest(x, scale(0.25)),
                    Catch::Contains("upsample_nearest: cannot resize input (1,3,8,2) to 0 x 2"));
  CHECK_THROWS_WITH(adaptive_avg_pool2d(x, {0, 1}), Catch::Contains("cannot pool input (1,3,8,2) to 0 x 1"));
  CHECK_THROWS_WITH(avg_pool2d(x, {{4, 4}, {1, 1}, {0, 0}}), Catch::Contains("avg_pool2d: input (1,3,8,2)"));
}

TEST_CASE("resizes that are counted have the shape of those that are computed, and the usual corners by default") {
  const auto x = normal<float>(Key{1}, Shape{2, 3, 7, 5});
  Operations operations;
  const Counted<4> counted(x.shape(), operations);
  for (const ResizeOptions& options : {scale(2), size(4, 9), size(9, 4)}) {
    CHECK(upsample_bilinear(counted, options).shape() == upsample_bilinear(x, options).shape());
    CHECK(upsample_nearest(counted, options).shape() == upsample_nearest(x, options).shape());
    CHECK(upsample_bicubic(counted, options).shape() == upsample_bicubic(x, options).shape());
  }
  CHECK(same_bits(upsample_bilinear(x, {.scale = 2}), upsample_bilinear(x, scale(2, false))));
}

TEST_CASE("a result that no memory holds is refused before the tables of its sides are made, an empty one needs none") {
  const auto x = Tensor<float, 4>::full({1, 1, 1, 1}, 1);
  const Index huge = Index{1} << 58;
  CHECK_THROWS_AS(upsample_nearest(x, size(1, huge)), OutOfMemory);
  CHECK_THROWS_AS(upsample_bilinear(Var(x), size(huge, 1)), OutOfMemory);
  CHECK_THROWS_AS(upsample_bicubic(x, size(1, huge)), OutOfMemory);
  CHECK_THROWS_AS(adaptive_avg_pool2d(x, {huge, 1}), OutOfMemory);
  CHECK_THROWS_AS(extend_to(x, 1, huge, Border::edge), OutOfMemory);
  Tape<float> tape;
  const auto none = tape.variable(Tensor<float, 4>({0, 3, 5, 2}));
  const auto y = upsample_nearest(none, size(1, Index{1} << 30));
  CHECK(y.shape() == Shape<4>{0, 1, Index{1} << 30, 2});
  tape.backward(y, Tensor<float, 4>(y.shape()));
  CHECK(tape.gradient(none).shape() == none.shape());
}
