#include "paser/ops/conv2d.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"

using namespace paser;

namespace {

Tensor<double, 4> image(Index n, Index h, Index w, Index c) {
  return normal<double>(Key{1}, Shape{n, h, w, c});
}

void check_gradients(const Tensor<double, 4>& x, const Shape<4>& kernel, const Conv2dOptions& options) {
  const auto weight = normal<double>(Key{2}, kernel);
  const auto bias = normal<double>(Key{3}, Shape{kernel.c()});
  const auto f = [&](const auto&... in) { return conv2d(in..., options); };
  for (const GradientCheck& result : {gradient_check(f, x, weight, bias), gradient_check(f, x, weight)}) {
    INFO(result.where);
    CHECK(result.passed);
  }
}

}  // namespace

TEST_CASE("conv2d passes its gradient check") {
  check_gradients(image(2, 5, 6, 3), {3, 3, 3, 4}, {.padding = {1, 1}});
  check_gradients(image(1, 6, 12, 2), {3, 3, 2, 5}, {.padding = {0, 2}});
  check_gradients(image(2, 7, 8, 4), {3, 2, 2, 6}, {.stride = {2, 3}, .padding = {1, 0}, .groups = 2});
  check_gradients(image(1, 9, 8, 3), {2, 3, 3, 2}, {.padding = {2, 3}, .dilation = {3, 2}});
  check_gradients(image(2, 4, 5, 6), {3, 3, 1, 6}, {.padding = {1, 1}, .groups = 6});
  check_gradients(image(2, 3, 5, 7), {1, 1, 7, 9}, {});
}

TEST_CASE("conv2d is a cross-correlation: the kernel is not turned") {
  const auto x = Tensor<float, 4>::from({1, 1, 4, 1}, {1, 2, 3, 4});
  const auto weight = Tensor<float, 4>::from({1, 2, 1, 1}, {10, 1});
  const auto y = conv2d(x, weight, Tensor<float, 1>::from({1}, {0.5f}));
  CHECK(y.shape() == Shape{1, 1, 3, 1});
  CHECK(max_abs_difference(y, Tensor<float, 4>::from({1, 1, 3, 1}, {12.5f, 23.5f, 34.5f})) == 0);
}

TEST_CASE("conv2d takes an empty batch") {
  Tape<float> tape;
  const auto weight = tape.variable(Tensor<float, 4>::full({3, 3, 16, 16}, 1));
  const auto y = conv2d(Var<float, 4>(Tensor<float, 4>({0, 8, 8, 16})), weight, {.padding = {1, 1}});
  CHECK(y.shape() == Shape{0, 8, 8, 16});
}

TEST_CASE("the weight's gradient over an empty batch is zero") {
  std::vector<float> gradient(9 * 16 * 16, 7);
  kernels::conv2d_backward_weight<float>({0, 8, 8, 16, 16, 3, 3, {.padding = {1, 1}}}, nullptr, nullptr,
                                         gradient.data());
  CHECK(std::count(gradient.begin(), gradient.end(), 0.f) == static_cast<std::ptrdiff_t>(gradient.size()));
}

TEST_CASE("the gradient by the input takes its time from the image, not from the stride") {
  for (const Index stride : {Index{3}, Index{1} << 20}) {
    Tape<float> tape;
    const auto x = tape.variable(Tensor<float, 4>::full({1, 4, 5, 1}, 1));
    const auto y = conv2d(x, Var(Tensor<float, 4>::full({2, 1, 1, 1}, 3)), {.stride = {stride, stride}});
    tape.backward(y, Tensor<float, 4>::full(y.shape(), 1));
    const auto dx = tape.gradient(x);
    for (Index i = 0; i < 4; ++i)
      for (Index j = 0; j < 5; ++j) CHECK(dx(0, i, j, 0) == (i < 2 && (j == 0 || j == stride) ? 3 : 0));
  }
}

TEST_CASE("conv2d says which extents do not fit") {
  using Catch::Contains;
  const auto zeros = [](Index a, Index b, Index c, Index d) { return Tensor<float, 4>::zeros({a, b, c, d}); };
  const auto bias = Tensor<float, 1>::zeros({5});
  CHECK_THROWS_WITH(conv2d(zeros(1, 8, 8, 3), zeros(3, 3, 4, 5), bias),
                    Contains("conv2d: input (1,8,8,3) and weight (3,3,4,5)") && Contains("expected 3") &&
                        Contains("the weight has 4"));
  CHECK_THROWS_WITH(conv2d(zeros(1, 8, 8, 3), zeros(3, 3, 3, 5), Tensor<float, 1>::zeros({4})),
                    Contains("bias (4) for 5 output channels"));
  CHECK_THROWS_WITH(conv2d(zeros(1, 8, 8, 3), zeros(3, 3, 1, 5), bias, {.groups = 2}),
                    Contains("do not split into 2 groups"));
  CHECK_THROWS_WITH(conv2d(zeros(1, 2, 8, 3), zeros(3, 3, 3, 5), bias), Contains("smaller than the kernel (3,3,3,5)"));
  CHECK_THROWS_WITH(conv2d(zeros(1, 8, 2, 3), zeros(3, 3, 3, 5), bias), Contains("smaller than the kernel (3,3,3,5)"));
  CHECK_THROWS_WITH(conv2d(zeros(1, 8, 4, 3), zeros(3, 3, 3, 5), bias, {.dilation = {1, 2}}),
                    Contains("smaller than the kernel (3,3,3,5)"));
  CHECK(conv2d(zeros(1, 5, 3, 3), zeros(3, 3, 3, 5), bias, {.dilation = {2, 1}}).shape() == Shape{1, 1, 1, 5});
  CHECK_THROWS_WITH(conv2d(zeros(1, 8, 8, 3), zeros(3, 3, 3, 5), bias, {.stride = {0, 1}}),
                    Contains("stride and dilation must be at least 1"));
  CHECK_THROWS_WITH(conv2d(zeros(1, 8, 8, 3), zeros(0, 3, 3, 5), bias), Contains("without channels or taps"));
  CHECK_THROWS_AS(conv2d(zeros(1, 8, 8, 3), zeros(3, 3, 3, 5), bias, {.groups = 0}), ShapeError);
}
