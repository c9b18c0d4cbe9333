#include "paser/ops/relu_linear_attention.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "support/recorded.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace relu_linear_attention_test {

/// The definition, term by term.
template <class T>
Tensor<T, 4> plain(const Tensor<T, 4>& x, Index d, double eps) {
  const Index pixels = x.shape().h() * x.shape().w(), c = x.shape().c(), groups = c / (3 * d);
  auto y = Tensor<T, 4>::zeros({x.shape().n(), x.shape().h(), x.shape().w(), groups * d});
  T* const out = y.mutable_data();
  const auto at = [&](Index n, Index pixel, Index channel) {
    return static_cast<double>(x.data()[(n * pixels + pixel) * c + channel]);
  };
  for (Index n = 0; n < x.shape().n(); ++n)
    for (Index g = 0; g < groups; ++g)
      for (Index i = 0; i < pixels; ++i)
        for (Index e = 0; e < d; ++e) {
          double above = 0, below = 0;
          for (Index j = 0; j < pixels; ++j) {
            double score = 0;
            for (Index f = 0; f < d; ++f)
              score += std::max(0.0, at(n, i, 3 * g * d + f)) * std::max(0.0, at(n, j, 3 * g * d + d + f));
            above += score * at(n, j, 3 * g * d + 2 * d + e);
            below += score;
          }
          out[((n * pixels + i) * groups + g) * d + e] = static_cast<T>(above / (below + eps));
        }
  return y;
}

}  // namespace relu_linear_attention_test

TEST_CASE("ReLU linear attention is its definition, for maps below and above the features and several blocks") {
  const auto [h, w, d] = GENERATE(table<Index, Index, Index>({{1, 1, 4}, {2, 3, 8}, {5, 7, 3}, {17, 21, 16}}));
  const auto x = normal<float>(Key{1}, Shape{2, h, w, 2 * 3 * d});
  const auto y = relu_linear_attention(x, d);
  CHECK(max_abs_difference(y, relu_linear_attention_test::plain(x, d, 1e-15)) < 5e-6);
  CHECK(max_abs_difference(relu_linear_attention(x, d, 0.5), relu_linear_attention_test::plain(x, d, 0.5)) < 5e-6);
  CHECK(same_bits(relu_linear_attention(Var(x), d).value(), y));
}

TEST_CASE("ReLU linear attention passes its gradient check, also over several blocks of pixels") {
  const auto [h, w] = GENERATE(table<Index, Index>({{1, 2}, {3, 4}, {18, 16}}));
  GradientCheckOptions options;
  options.samples = 60;
  // Away from the kink of the ReLU.
  auto x = normal<double>(Key{5}, Shape{1, h, w, 2 * 3 * 3});
  double* const values = x.mutable_data();
  for (Index i = 0; i < x.numel(); ++i)
    if (std::abs(values[i]) < 0.05) values[i] = 0.3;
  const auto result = gradient_check([](const auto& v) { return relu_linear_attention(v, 3); }, options, x);
  INFO(result.where);
  CHECK(result.passed);
}

TEST_CASE("ReLU linear attention of pixels that no key answers is zero, and finite backwards") {
  auto x = normal<float>(Key{2}, Shape{1, 3, 3, 12});
  float* const values = x.mutable_data();
  for (Index pixel = 0; pixel < 9; ++pixel)
    for (Index j = 4; j < 8; ++j) values[pixel * 12 + j] = -1;  // all keys
  const auto f = [](const auto& v) { return relu_linear_attention(v, 4); };
  for (const float y : f(x).values()) CHECK(y == 0);
  for (const float g : gradient_of(f, x).values()) CHECK(std::isfinite(g));
}

TEST_CASE("ReLU linear attention has the same bits for any number of threads") {
  const auto x = normal<float>(Key{3}, Shape{2, 20, 24, 4 * 3 * 8});
  const auto f = [](const auto& v) { return relu_linear_attention(v, 8); };
  CHECK(same_for_all_threads([&] { return f(x); }));
  CHECK(same_for_all_threads([&] { return gradient_of(f, x); }));
}

TEST_CASE("ReLU linear attention is counted by the cheaper order and refuses channels that do not split") {
  Operations operations;
  relu_linear_attention(Counted<4>({2, 4, 5, 24}, operations), 4);
  CHECK(operations.total() == 2 * 2 * 2 * 5 * 4 * 20);
  relu_linear_attention(Counted<4>({1, 1, 3, 24}, operations), 4);
  CHECK(operations.by_op.at("matmul") == 2 * 2 * 2 * 5 * 4 * 20 + 2 * 2 * 4 * 9);
  const auto x = Tensor<float, 4>::zeros({1, 2, 2, 25});
  CHECK_THROWS_WITH(relu_linear_attention(x, 4), Catch::Contains("25 channels of input (1,2,2,25)"));
  CHECK_THROWS_AS(relu_linear_attention(Tensor<float, 4>::zeros({1, 2, 2, 24}), 4, -1), ValueError);
}
