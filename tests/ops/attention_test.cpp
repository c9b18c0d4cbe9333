#include "paser/ops/attention.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"

using namespace paser;

namespace {

/// The definition, term by term.
template <class T>
Tensor<T, 4> plain(const Tensor<T, 4>& q, const Tensor<T, 4>& k, const Tensor<T, 4>& v, double scale) {
  Tensor<T, 4> y({q.shape()[0], q.shape()[1], q.shape()[2], v.shape()[3]});
  T* out = y.mutable_data();
  for (Index b = 0; b < y.shape()[0]; ++b)
    for (Index h = 0; h < y.shape()[1]; ++h)
      for (Index i = 0; i < y.shape()[2]; ++i)
        for (Index c = 0; c < y.shape()[3]; ++c) {
          double above = 0, below = 0;
          for (Index j = 0; j < k.shape()[2]; ++j) {
            double score = 0;
            for (Index e = 0; e < q.shape()[3]; ++e) score += double(q(b, h, i, e)) * double(k(b, h, j, e));
            const double p = std::exp(score * scale);
            below += p;
            above += p * double(v(b, h, j, c));
          }
          *out++ = static_cast<T>(above / below);
        }
  return y;
}

}  // namespace

TEST_CASE("attention is the softmax-weighted mean of the values, also over several blocks of queries") {
  const Index queries = GENERATE(1, 9, 150);
  const auto q = normal<float>(Key{1}, Shape{2, 2, queries, 8}), k = normal<float>(Key{2}, Shape{2, 2, 37, 8});
  const auto v = normal<float>(Key{3}, Shape{2, 2, 37, 5});
  const auto y = attention(q, k, v, 0.35);
  CHECK(max_abs_difference(y, plain(q, k, v, 0.35)) < 2e-6);
  CHECK(max_abs_difference(y, attention(Var(q), Var(k), Var(v), 0.35).value()) == 0);
  set_threads(1);
  CHECK(max_abs_difference(y, attention(q, k, v, 0.35)) == 0);
  set_threads(0);
}

TEST_CASE("attention passes its gradient check in query, key and value") {
  const Index queries = GENERATE(3, 70);
  GradientCheckOptions options;
  options.samples = 40;
  const auto result = gradient_check(
      [](const auto&... in) { return attention(in..., 0.5); }, options, normal<double>(Key{1}, Shape{1, 2, queries, 4}),
      normal<double>(Key{2}, Shape{1, 2, 5, 4}), normal<double>(Key{3}, Shape{1, 2, 5, 3}));
  INFO(result.where);
  CHECK(result.passed);
}

TEST_CASE("attention over one key gives keys and queries no gradient") {
  const auto q = normal<float>(Key{1}, Shape{2, 2, 70, 8}, 0, 5), k = normal<float>(Key{2}, Shape{2, 2, 1, 8}, 0, 5);
  const auto v = normal<float>(Key{3}, Shape{2, 2, 1, 6}, 0, 5);
  Tape<float> tape;
  const auto query = tape.variable(q), key = tape.variable(k), value = tape.variable(v);
  const auto y = attention(query, key, value, 0.35);
  tape.backward(y, normal<float>(Key{4}, y.shape()));
  for (const auto& gradient : {tape.gradient(query), tape.gradient(key)})
    CHECK(max_abs_difference(gradient, Tensor<float, 4>::zeros(gradient.shape())) <= 1e-7);
  CHECK(max_abs_difference(tape.gradient(value), Tensor<float, 4>::zeros(v.shape())) > 1);
}

TEST_CASE("attention does not overflow on large scores and refuses what does not fit") {
  const auto q = Tensor<float, 4>::full({1, 1, 2, 4}, 300.F), v = normal<float>(Key{3}, Shape{1, 1, 2, 4});
  for (const float y : attention(q, q, v, 1).values()) CHECK(std::isfinite(y));
  CHECK_THROWS_WITH(attention(q, Tensor<float, 4>::zeros({1, 1, 2, 3}), v, 1),
                    Catch::Contains("attention: query (1,1,2,4), key (1,1,2,3)"));
}
