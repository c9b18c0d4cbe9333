#include "paser/ops/instance_norm.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "support/op_fixture.hpp"
#include "support/recorded.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {
constexpr InstanceNormOptions with_relu{.relu = true};
}

TEST_CASE("instance_norm is PyTorch's, also for constant channels and large means") {
  const OpFixtures fixtures("ops_norm");
  for (const std::string name :
       {"instance_norm", "instance_norm_constant_channel", "instance_norm_offset", "instance_norm_bottleneck"})
    fixtures.check_op(
        name, [](const auto& v) { return instance_norm(v); }, {"input"}, fixtures.image(name + "/input"));
  fixtures.check_op(
      "instance_norm_affine", [](const auto&... v) { return instance_norm(v...); }, {"input", "weight", "bias"},
      fixtures.image("instance_norm_affine/input"), fixtures.tensor<1>("instance_norm_affine/weight"),
      fixtures.tensor<1>("instance_norm_affine/bias"));
}

TEST_CASE("instance_norm passes the gradient check with and without ReLU and weights") {
  for (const Index c : {1, 3, 4, 10}) {
    const auto x = normal<double>(Key{static_cast<std::uint64_t>(c)}, Shape{2, 3, 7, c}, 2, 3);
    const auto weight = normal<double>(Key{50}, Shape{c}, 1, 0.5), bias = normal<double>(Key{51}, Shape{c});
    for (const auto& options : {InstanceNormOptions{}, with_relu, InstanceNormOptions{.eps = 0.5}}) {
      const auto plain = gradient_check([&](const auto& v) { return instance_norm(v, options); }, x);
      INFO(plain.where);
      CHECK(plain.passed);
      const auto affine =
          gradient_check([&](const auto&... v) { return instance_norm(v..., options); }, x, weight, bias);
      INFO(affine.where);
      CHECK(affine.passed);
    }
  }
}

TEST_CASE("instance_norm over a single pixel gives the bias and no gradient, whatever the batch size") {
  for (const Index n : {1, 2}) {
    const auto x = normal<float>(Key{4}, Shape{n, 1, 1, 3}, 5, 100);
    const auto bias = Tensor<float, 1>::from({3}, {1.5f, -2.0f, 0.0f});
    CHECK(same_bits(instance_norm(x), Tensor<float, 4>::zeros({n, 1, 1, 3})));
    const auto affine = [&](const Var<float, 4>& v) {
      return instance_norm(v, Var<float, 1>(bias), Var<float, 1>(bias));
    };
    CHECK(instance_norm(x, bias, bias)(n - 1, 0, 0, 1) == -2.0f);
    CHECK(same_bits(gradient_of(affine, x), Tensor<float, 4>::zeros({n, 1, 1, 3})));
    CHECK(max_abs_difference(gradient_of([](const auto& v) { return instance_norm(v); }, x),
                             Tensor<float, 4>::zeros({n, 1, 1, 3})) == 0);
  }
}

TEST_CASE("the statistics of instance_norm keep their digits on large maps with large means") {
  const Index h = 224, w = 256, c = 8;
  auto x = normal<float>(Key{1}, Shape{1, h, w, c}, 3000, 1);
  const auto error = [&] {
    return max_abs_difference(instance_norm(x).cast<double>(), instance_norm(x.cast<double>()));
  };
  CHECK(error() < 2e-6);
  const auto y = instance_norm(x);
  double sum = 0, squares = 0;
  for (Index i = 1; i < h * w * c; i += c) {
    const double v = static_cast<double>(y.data()[i]);
    sum += v;
    squares += v * v;
  }
  CHECK(std::abs(sum / (h * w)) < 1e-5);
  CHECK(std::abs(squares / (h * w) - 1) < 1e-4);
  x.mutable_data()[0] = -4e4f;  // 239 standard deviations off, where a single reference pixel would be taken
  CHECK(error() < 239 * 2e-5);
}

TEST_CASE("the fused ReLU of instance_norm is the ReLU of its output, and NaN passes") {
  auto x = normal<float>(Key{1}, Shape{1, 9, 7, 6});
  const auto y = instance_norm(x), r = instance_norm(x, with_relu);
  for (Index i = 0; i < y.numel(); ++i) CHECK(r.data()[i] == std::max(y.data()[i], 0.0f));
  x.mutable_data()[4] = NAN;
  CHECK(std::isnan(instance_norm(x, with_relu)(0, 8, 6, 4)));
  CHECK(instance_norm(x, with_relu)(0, 8, 6, 3) == r(0, 8, 6, 3));
}

TEST_CASE("instance_norm has the same bits for any number of threads") {
  for (const auto& shape : {Shape{3, 57, 61, 8}, Shape{40, 3, 4, 16}, Shape{1, 64, 64, 3}}) {
    const auto x = normal<float>(Key{1}, shape);
    CHECK(same_for_all_threads([&] { return instance_norm(x, with_relu); }));
    CHECK(same_for_all_threads(
        [&] { return gradient_of([](const auto& v) { return instance_norm(v, with_relu); }, x); }));
  }
}

TEST_CASE("instance_norm says what is wrong with its input") {
  const auto x = Tensor<float, 4>::zeros({1, 3, 8, 2});
  const auto two = Tensor<float, 1>::zeros({2}), three = Tensor<float, 1>::zeros({3});
  CHECK_THROWS_WITH(instance_norm(x, two, three),
                    Catch::Contains("instance_norm: input (1,3,8,2) has 2 channels, weight has 2 and bias 3"));
  CHECK_THROWS_AS(instance_norm(x, InstanceNormOptions{.eps = -1}), ValueError);
  CHECK_THROWS_WITH(instance_norm(Tensor<float, 4>::zeros({1, 0, 8, 2})), Catch::Contains("is empty"));
}

TEST_CASE("the gradient of instance norm is that of the numbers, not of their rounded mean") {
  // Three neighbours in float, whose mean lies between two of them: a third of the spacing is 0.7 standard deviations.
  const float spacing = 0x1p-11f;
  const std::vector<float> x{4096, 4096, 4096 + spacing}, dy{1, -2, 4};
  const double mean = 4096 + static_cast<double>(spacing) / 3;
  double variance = 0, g_mean = 0, g_xhat = 0;
  for (const float v : x) variance += (static_cast<double>(v) - mean) * (static_cast<double>(v) - mean) / 3;
  const auto xhat = [&](std::size_t i) { return (static_cast<double>(x[i]) - mean) / std::sqrt(variance); };
  for (std::size_t i = 0; i < 3; ++i) {
    g_mean += static_cast<double>(dy[i]) / 3;
    g_xhat += static_cast<double>(dy[i]) * xhat(i) / 3;
  }
  Tape<float> tape;
  const auto v = tape.variable(Tensor<float, 4>::from({1, 1, 3, 1}, x));
  const auto weight = tape.variable(Tensor<float, 1>::full({1}, 1.f)),
             bias = tape.variable(Tensor<float, 1>::zeros({1}));
  tape.backward(instance_norm(v, weight, bias, {.eps = 0}), Tensor<float, 4>::from({1, 1, 3, 1}, dy));
  CHECK(tape.gradient(weight)(0) == Approx(3 * g_xhat).epsilon(1e-5));
  CHECK(tape.gradient(bias)(0) == Approx(3).epsilon(1e-6));
  for (std::size_t i = 0; i < 3; ++i) {
    const double expected = (static_cast<double>(dy[i]) - g_mean - xhat(i) * g_xhat) / std::sqrt(variance);
    CHECK(tape.gradient(v).data()[i] == Approx(expected).epsilon(1e-4).margin(1));  // of about 4000
  }
}
