#include "paser/ops/attention.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "support/recorded.hpp"
#include "support/same_bits.hpp"

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

/// Channels as heads: (N, H, W, heads d) -> (N, heads, H W, d).
template <class T>
Tensor<T, 4> heads_apart(const Tensor<T, 4>& x, Index heads) {
  const Index n = x.shape().n(), pixels = x.shape().h() * x.shape().w(), d = x.shape().c() / heads;
  Tensor<T, 4> y({n, heads, pixels, d});
  T* const out = y.mutable_data();
  for (Index i = 0; i < x.numel(); ++i) {
    const Index channel = i % (heads * d), pixel = i / (heads * d) % pixels, image = i / (heads * d) / pixels;
    out[((image * heads + channel / d) * pixels + pixel) * d + channel % d] = x.data()[i];
  }
  return y;
}

}  // namespace

TEST_CASE("attention between maps is that of their channels as heads, over several parts of the queries") {
  const auto [h, w] = GENERATE(table<Index, Index>({{1, 1}, {3, 5}, {21, 31}}));
  const auto q = normal<float>(Key{1}, Shape{2, h, w, 6}), k = normal<float>(Key{2}, Shape{2, 3, 4, 6});
  const auto v = normal<float>(Key{3}, Shape{2, 3, 4, 10});
  const auto y = attention_heads(q, k, v, 2, 0.4);
  CHECK(y.shape() == Shape<4>{2, h, w, 10});
  CHECK(max_abs_difference(heads_apart(y, 2), plain(heads_apart(q, 2), heads_apart(k, 2), heads_apart(v, 2), 0.4)) <
        2e-6);
  CHECK(same_bits(y, attention_heads(Var(q), Var(k), Var(v), 2, 0.4).value()));
  CHECK(same_for_all_threads([&] { return attention_heads(q, k, v, 2, 0.4); }));
  const auto of_keys = [&](const auto& keys) { return attention_heads(Var(q), keys, keys, 2, 0.4); };
  CHECK(same_for_all_threads([&] { return gradient_of(of_keys, k); }));
}

TEST_CASE("attention between maps passes its gradient check, is counted and refuses what does not fit") {
  const Index h = GENERATE(2, 40);
  GradientCheckOptions options;
  options.samples = 40;
  const auto result =
      gradient_check([](const auto&... in) { return attention_heads(in..., 2, 0.5); }, options,
                     normal<double>(Key{1}, Shape{1, h, 3, 4}), normal<double>(Key{2}, Shape{1, 2, 2, 4}),
                     normal<double>(Key{3}, Shape{1, 2, 2, 6}));
  INFO(result.where);
  CHECK(result.passed);
  Operations operations;
  const Counted<4> q({2, h, 3, 4}, operations), k({2, 2, 2, 4}, operations), v({2, 2, 2, 6}, operations);
  CHECK(attention_heads(q, k, v, 2, 0.5).shape() == Shape<4>{2, h, 3, 6});
  CHECK(operations.by_op.at("matmul") == 2 * h * 3 * 4 * (4 + 6));
  CHECK_THROWS_WITH(attention_heads(q, k, v, 4, 1), Catch::Contains("for 4 heads"));
  CHECK_THROWS_AS(attention_heads(q, v, v, 2, 1), ShapeError);
}

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

// The scores are whole numbers of hundreds, exact in both types: what differs is what the softmax and its gradient
// round.
TEST_CASE("attention has precise gradients where one key has nearly all the weight") {
  const auto gradients = [](auto zero) {
    using T = decltype(zero);
    const auto of = [](std::uint64_t seed, Index n, Index features, auto f) {
      const auto x = normal<float>(Key{seed}, Shape{1, 2, n, features});
      auto y = Tensor<T, 4>::zeros(x.shape());
      std::transform(x.data(), x.data() + x.numel(), y.mutable_data(), f);
      return y;
    };
    const auto whole = [](float x) { return static_cast<T>(std::round(10 * x)); };
    const auto same = [](float x) { return static_cast<T>(x); };
    Tape<T> tape;
    const std::array in{tape.variable(of(1, 150, 8, whole)), tape.variable(of(2, 37, 8, whole)),
                        tape.variable(of(3, 37, 6, same))};
    tape.backward(attention(in[0], in[1], in[2], 1), of(4, 150, 6, same));
    std::vector<double> all;
    for (const auto& x : in)
      for (const T d : tape.gradient(x).values()) all.push_back(static_cast<double>(d));
    return all;
  };
  const auto single = gradients(float{}), twice = gradients(double{});
  double largest = 0;
  for (std::size_t i = 0; i < twice.size(); ++i) largest = std::max(largest, std::abs(single[i] - twice[i]));
  CHECK(largest < 5e-5);
}

TEST_CASE("attention does not overflow on large scores and refuses what does not fit") {
  const auto q = Tensor<float, 4>::full({1, 1, 2, 4}, 300.F), v = normal<float>(Key{3}, Shape{1, 1, 2, 4});
  for (const float y : attention(q, q, v, 1).values()) CHECK(std::isfinite(y));
  // Wherever the largest score stands, behind the last whole packet too.
  const auto one = Tensor<float, 4>::full({1, 1, 1, 4}, 1.F), values = normal<float>(Key{3}, Shape{1, 1, 37, 4});
  for (const Index place : {0, 20, 36}) {
    auto keys = Tensor<float, 4>::zeros({1, 1, 37, 4});
    std::fill_n(keys.mutable_data() + place * 4, 4, 300.F);
    const auto y = attention(one, keys, values, 1);
    for (Index c = 0; c < 4; ++c) CHECK(y(0, 0, 0, c) == values(0, 0, place, c));
  }
  CHECK_THROWS_WITH(attention(q, Tensor<float, 4>::zeros({1, 1, 2, 3}), v, 1),
                    Catch::Contains("attention: query (1,1,2,4), key (1,1,2,3)"));
}
