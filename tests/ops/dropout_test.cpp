#include "paser/ops/dropout.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "support/op_fixture.hpp"
#include "support/recorded.hpp"
#include "support/same_bits.hpp"

using namespace paser;

TEST_CASE("dropout with a given mask is PyTorch's") {
  const OpFixtures fixtures("ops_activation");
  const auto run = [&](const std::string& name, double p) {
    const auto mask = fixtures.image(name + "/mask");
    fixtures.check_op(
        name, [&](const auto& v) { return dropout_with_mask(v, mask, p); }, {"input"}, fixtures.image(name + "/input"));
  };
  run("dropout_p50", 0.5);
  run("dropout_p20", 0.2);
}

TEST_CASE("dropout keeps element i of image n when the key's draw i is at least p, for p = 1/2 when bit i is set") {
  const std::vector<Key> keys{Key{1}, Key{2}};
  for (const double p : {0.3, 0.5, 1e-9, 1 - 1e-9}) {
    const auto x = Tensor<double, 4>::full({2, 35, 31, 3}, 1);
    const auto y = dropout(x, p, keys);
    Index wrong = 0;
    for (Index i = 0; i < y.numel(); ++i) {
      const Index image = i / (35 * 31 * 3);
      const Key key = keys[static_cast<std::size_t>(image)];
      const auto at = static_cast<std::uint64_t>(i % (35 * 31 * 3));
      const bool keep = p == 0.5 ? (key.word(at / 32) >> at % 32 & 1) != 0 : key.uniform(at) >= p;
      wrong += y.data()[i] != (keep ? 1 / (1 - p) : 0);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("dropout of a million ones keeps the mean; p = 0 is the identity and p = 1 gives zeros") {
  const auto x = Tensor<float, 4>::full({1, 1000, 1000, 1}, 1.0f);
  const auto y = dropout(x, 0.5, {Key{9}});
  double sum = 0;
  for (const float v : y.values()) {
    if (v != 0.0f && v != 2.0f) FAIL("a value other than 0 and 2: " << v);
    sum += static_cast<double>(v);
  }
  CHECK(std::abs(sum / 1e6 - 1) < 0.005);
  CHECK(dropout(x, 0, {Key{9}}).shares_buffer_with(x));
  const auto bad = Tensor<float, 4>::full({1, 2, 2, 1}, INFINITY);
  CHECK(same_bits(dropout(bad, 1, {Key{9}}), Tensor<float, 4>::zeros({1, 2, 2, 1})));
  CHECK(same_bits(dropout_with_mask(bad, Tensor<float, 4>::full({1, 2, 2, 1}, 1), 1),
                  Tensor<float, 4>::zeros({1, 2, 2, 1})));
}

TEST_CASE("an image's mask does not depend on its place in the batch") {
  const auto two = Tensor<float, 4>::full({2, 9, 11, 5}, 1.0f), one = Tensor<float, 4>::full({1, 9, 11, 5}, 1.0f);
  const auto both = dropout(two, 0.3, {Key{4}, Key{8}}), second = dropout(one, 0.3, {Key{8}});
  CHECK(std::equal(second.values().begin(), second.values().end(), both.values().begin() + 9 * 11 * 5));
}

TEST_CASE("dropout passes the gradient check and has the same bits for any number of threads") {
  const auto x = normal<double>(Key{1}, Shape{2, 5, 3, 3});
  const std::vector<Key> keys{Key{1}, Key{2}};
  const auto mask = dropout(Tensor<double, 4>::full(x.shape(), 1), 0.4, {Key{5}, Key{6}});
  for (const double p : {0.0, 0.3, 1.0}) {
    CHECK(gradient_check([&](const auto& v) { return dropout(v, p, keys); }, x).passed);
    CHECK(gradient_check([&](const auto& v) { return dropout_with_mask(v, mask, p); }, x).passed);
  }
  const auto large = normal<float>(Key{1}, Shape{2, 50, 60, 7});
  const auto drop = [&](const auto& v) { return dropout(v, 0.3, keys); };
  CHECK(same_for_all_threads([&] { return drop(large); }));
  CHECK(same_for_all_threads([&] { return gradient_of(drop, large); }));
}

TEST_CASE("dropout says what is wrong with its input") {
  const auto x = Tensor<float, 4>::zeros({2, 3, 8, 2});
  CHECK_THROWS_WITH(dropout(x, 1.5, {Key{1}, Key{2}}), Catch::Contains("must lie in 0 .. 1, got 1.5"));
  CHECK_THROWS_WITH(dropout(x, 0.5, {Key{1}}), Catch::Contains("1 keys for input (2,3,8,2), expected one per image"));
  CHECK_THROWS_AS(dropout_with_mask(x, Tensor<float, 4>::zeros({2, 3, 8, 1}), 0.5), ShapeError);
  CHECK_THROWS_AS(dropout_with_mask(x, x, -0.1), ValueError);
}

TEST_CASE("several keys per image use the images again, each with a mask of its own") {
  const auto x = uniform<float>(Key{3}, Shape{2, 5, 7, 3}, 1, 2);
  const std::vector<Key> keys{Key{1}, Key{2}, Key{3}, Key{4}, Key{5}, Key{6}};
  for (const double p : {0.0, 0.3, 0.5, 1.0}) {
    const auto y = dropout(x, p, keys);
    CHECK(same_bits(y, dropout(repeat_rows(x, 3), p, keys)));
    CHECK(y.shape() == Shape{6, 5, 7, 3});
  }
  CHECK_THROWS_AS(dropout(x, 0.5, std::vector<Key>(3)), ShapeError);
  CHECK_THROWS_AS(dropout(Var<float, 4>(x), 0.5, keys), ShapeError);
}
