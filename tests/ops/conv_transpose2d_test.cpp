#include "paser/ops/conv_transpose2d.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "paser/nn/conv_transpose2d.hpp"
#include "paser/ops/conv2d.hpp"

using namespace paser;

namespace {

double inner_product(const Tensor<double, 4>& a, const Tensor<double, 4>& b) {
  double sum = 0;
  for (Index i = 0; i < a.numel(); ++i) sum += a.data()[i] * b.data()[i];
  return sum;
}

}  // namespace

TEST_CASE("conv_transpose2d passes its gradient check") {
  const auto options =
      GENERATE(ConvTranspose2dOptions{.stride = {2, 2}}, ConvTranspose2dOptions{.padding = {1, 1}},
               ConvTranspose2dOptions{.stride = {2, 3}, .padding = {1, 0}, .output_padding = {1, 2}},
               ConvTranspose2dOptions{.dilation = {2, 1}, .groups = 2},
               ConvTranspose2dOptions{.padding = {2, 0}, .output_padding = {2, 1}, .dilation = {3, 2}});
  const auto x = normal<double>(Key{1}, Shape<4>{2, 3, 4, 4});
  const auto weight = normal<double>(Key{2}, Shape<4>{3, 2, 4, 3});
  const auto bias = normal<double>(Key{3}, Shape<1>{3 * options.groups});
  const auto f = [options](const auto&... in) { return conv_transpose2d(in..., options); };
  CHECK(gradient_check(f, x, weight, bias).passed);
  CHECK(gradient_check(f, x, weight).passed);
}

TEST_CASE("conv_transpose2d is the adjoint of conv2d") {
  const auto small = normal<double>(Key{1}, Shape<4>{1, 3, 4, 2});
  const auto large = normal<double>(Key{2}, Shape<4>{1, 7, 9, 5});
  const auto weight = normal<double>(Key{3}, Shape<4>{3, 3, 5, 2});
  Tensor<double, 4> swapped({3, 3, 2, 5});
  double* out = swapped.mutable_data();
  for (Index i = 0; i < 9; ++i)
    for (Index from = 0; from < 2; ++from)
      for (Index to = 0; to < 5; ++to) *out++ = weight(i / 3, i % 3, to, from);
  const auto down = conv2d(large, weight, {.stride = {2, 2}});
  const auto up = conv_transpose2d(small, swapped, {.stride = {2, 2}});
  REQUIRE(down.shape() == small.shape());
  REQUIRE(up.shape() == large.shape());
  CHECK(inner_product(down, small) == Approx(inner_product(large, up)));
}

TEST_CASE(
    "conv_transpose2d adds every pixel's weights where they belong, also where output padding reaches the stride") {
  const Index stride = GENERATE(1, 2, 3), dilation = GENERATE(1, 2, 3), padding = GENERATE(0, 1, 3),
              groups = GENERATE(1, 2);
  for (Index more = 0; more < std::max(stride, dilation); ++more) {
    CAPTURE(stride, dilation, padding, groups, more);
    const auto x = uniform<float>(Key{1}, Shape<4>{2, 6, 5, 4}, -1, 1);
    const auto weight = uniform<float>(Key{2}, Shape<4>{3, 3, 4, 6 / groups}, -1, 1);
    const auto y = conv_transpose2d(x, weight,
                                    {.stride = {stride, stride},
                                     .padding = {padding, padding},
                                     .output_padding = {more, more},
                                     .dilation = {dilation, dilation},
                                     .groups = groups});
    auto expected = Tensor<float, 4>::zeros(y.shape());
    float* const out = expected.mutable_data();
    const auto [images, rows, columns, channels] = y.shape().extent;
    const auto place = [&](Index from, Index tap) { return from * stride - padding + tap * dilation; };
    for (Index i = 0; i < x.numel() * 9 * channels / groups; ++i) {
      const Index k = i % (channels / groups), tap = i / (channels / groups) % 9, c = i / (channels / groups) / 9 % 4;
      const Index pixel = i / (channels / groups) / 36, n = pixel / 30, h = pixel / 5 % 6, w = pixel % 5;
      const Index row = place(h, tap / 3), column = place(w, tap % 3);
      if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
      const Index channel = c / (4 / groups) * (channels / groups) + k;
      out[((n * rows + row) * columns + column) * channels + channel] += x(n, h, w, c) * weight(tap / 3, tap % 3, c, k);
    }
    CHECK(images == 2);
    CHECK(max_abs_difference(y, expected) < 1e-5);
  }
}

TEST_CASE("a 2x2 transposed convolution of stride 2 writes each pixel's own square") {
  const auto x = Tensor<float, 4>::from({1, 1, 2, 1}, {3, 5});
  const auto weight = Tensor<float, 4>::from({2, 2, 1, 1}, {1, 2, 10, 20});
  const auto y = conv_transpose2d(x, weight, Tensor<float, 1>::full({1}, 0.5f), {.stride = {2, 2}});
  const auto expected = Tensor<float, 4>::from({1, 2, 4, 1}, {3.5, 6.5, 5.5, 10.5, 30.5, 60.5, 50.5, 100.5});
  CHECK(max_abs_difference(y, expected) == 0);
}

TEST_CASE("conv_transpose2d says what does not fit") {
  const auto x = Tensor<float, 4>::zeros({1, 2, 2, 3}), weight = Tensor<float, 4>::zeros({2, 2, 4, 5});
  CHECK_THROWS_WITH(conv_transpose2d(x, weight), Catch::Contains("conv_transpose2d") && Catch::Contains("expects 4"));
  const auto fitting = Tensor<float, 4>::zeros({2, 2, 3, 5});
  CHECK_THROWS_AS(conv_transpose2d(x, fitting, Tensor<float, 1>::zeros({4})), ShapeError);
  CHECK_THROWS_AS(conv_transpose2d(x, fitting, {.output_padding = {1, 0}}), ShapeError);
  CHECK_THROWS_AS(conv_transpose2d(x, fitting, {.padding = {2, 0}}), ShapeError);
}

TEST_CASE("conv_transpose2d refuses a weight without channels or taps") {
  const auto x = Tensor<float, 4>::zeros({1, 3, 3, 2});
  for (const Shape<4>& shape : {Shape{2, 2, 2, 0}, Shape{0, 0, 2, 2}, Shape{0, 2, 2, 2}}) {
    const Tensor<float, 4> weight(shape);
    CHECK_THROWS_WITH(conv_transpose2d(x, weight), Catch::Contains("without channels or taps"));
    Tape<float> tape;
    CHECK_THROWS_AS(
        conv_transpose2d(tape.variable(x), tape.variable(weight), tape.variable(Tensor<float, 1>({shape.c()}))),
        ShapeError);
  }
}

TEST_CASE("nn::ConvTranspose2d has the parameters it says") {
  const nn::ConvTranspose2d<float> layer({.in = 6, .out = 4, .kernel = 2, .options = {.stride = {2, 2}}}, Key{1});
  CHECK(nn::count_parameters(layer) == 2 * 2 * 6 * 4 + 4);
  CHECK(infer(layer, Tensor<float, 4>::zeros({1, 3, 5, 6})).shape() == Shape<4>{1, 6, 10, 4});
  CHECK_THROWS_AS((nn::ConvTranspose2d<float>({.in = 0, .out = 4}, Key{1})), ShapeError);
}
