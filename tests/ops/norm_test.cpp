#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"
#include "paser/ops/batch_norm.hpp"
#include "paser/ops/group_norm.hpp"
#include "paser/ops/layer_norm.hpp"
#include "support/op_fixture.hpp"
#include "support/recorded.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {
const std::vector<std::string> three_roles{"input", "weight", "bias"};

template <class T>
Tensor<T, 1> positive(Key key, Index n) {
  return uniform<T>(key, Shape{n}, 0.5, 2);
}
}  // namespace

TEST_CASE("batch, group and layer norm are PyTorch's") {
  const OpFixtures fixtures("ops_norm");
  const auto vector = [&](const std::string& key) { return fixtures.tensor<1>(key); };
  const auto run = [&](const std::string& name, const auto& f, const auto& x) {
    fixtures.check_op(name, f, three_roles, x, vector(name + "/weight"), vector(name + "/bias"));
  };
  for (const std::string name : {"batch_norm_train", "batch_norm_train_b1", "batch_norm_eval"}) {
    const auto x = fixtures.image(name + "/input");
    const auto mean = vector(name + "/running_mean"), variance = vector(name + "/running_var");
    if (name == "batch_norm_eval") {
      run(
          name, [&](const auto&... v) { return batch_norm(v..., mean, variance); }, x);
      continue;
    }
    run(
        name, [&](const auto&... v) { return batch_norm_training(v..., mean, variance).y; }, x);
    const auto r = batch_norm_training(x, vector(name + "/weight"), vector(name + "/bias"), mean, variance);
    fixtures.check(name + "/running_mean_after", r.running_mean);
    fixtures.check(name + "/running_var_after", r.running_var);
  }
  run(
      "layer_norm", [](const auto&... v) { return layer_norm(v...); }, fixtures.tensor<3>("layer_norm/input"));
  run(
      "layer_norm_eps1e6", [](const auto&... v) { return layer_norm(v..., {.eps = 1e-6}); },
      fixtures.tensor<3>("layer_norm_eps1e6/input"));
  run(
      "group_norm", [](const auto&... v) { return group_norm(v..., {.groups = 4}); },
      fixtures.image("group_norm/input"));
  run(
      "group_norm_1", [](const auto&... v) { return group_norm(v..., {.groups = 1}); },
      fixtures.image("group_norm_1/input"));
}

TEST_CASE("batch, group and layer norm pass the gradient check") {
  const auto passes = [](const auto& f, const auto&... in) {
    const auto result = gradient_check(f, in...);
    INFO(result.where);
    CHECK(result.passed);
  };
  for (const Index c : {1, 3, 6, 8}) {
    const auto x = normal<double>(Key{static_cast<std::uint64_t>(c)}, Shape{2, 3, 5, c}, 3, 2);
    const auto weight = positive<double>(Key{50}, c), variance = positive<double>(Key{52}, c);
    const auto bias = normal<double>(Key{51}, Shape{c}), mean = normal<double>(Key{53}, Shape{c});
    for (const bool relu : {false, true}) {
      const BatchNormOptions options{.relu = relu};
      passes([&](const auto&... v) { return batch_norm(v..., mean, variance, options); }, x, weight, bias);
      passes([&](const auto&... v) { return batch_norm_training(v..., mean, variance, options).y; }, x, weight, bias);
    }
    for (const Index groups : {Index{1}, c % 3 == 0 ? Index{3} : c})
      passes([&](const auto&... v) { return group_norm(v..., {.groups = groups}); }, x, weight, bias);
    passes([](const auto&... v) { return layer_norm(v...); }, x, weight, bias);
  }
  const auto rows = normal<double>(Key{5}, Shape{7, 19}, -4, 3);
  passes([](const auto&... v) { return layer_norm(v...); }, rows, positive<double>(Key{6}, 19),
         normal<double>(Key{7}, Shape{19}));
}

TEST_CASE("batch norm of two values, by hand") {
  const auto x = Tensor<double, 4>::from({2, 1, 1, 1}, {0, 2});
  const auto one = Tensor<double, 1>::full({1}, 1), zero = Tensor<double, 1>::zeros({1});
  const auto r = batch_norm_training(x, one, zero, zero, one);
  CHECK(r.y(0, 0, 0, 0) == Approx(-0.999995));
  CHECK(r.y(1, 0, 0, 0) == Approx(0.999995));
  CHECK(r.running_mean(0) == Approx(0.1));
  CHECK(r.running_var(0) == Approx(1.1));
}

TEST_CASE("batch norm of a single pixel falls back on the running statistics and leaves them alone") {
  const auto x = normal<double>(Key{1}, Shape{1, 1, 1, 3});
  const auto weight = positive<double>(Key{50}, 3), variance = positive<double>(Key{52}, 3);
  const auto bias = normal<double>(Key{51}, Shape{3}), mean = normal<double>(Key{53}, Shape{3});
  const auto r = batch_norm_training(x, weight, bias, mean, variance);
  CHECK(same_bits(r.y, batch_norm(x, weight, bias, mean, variance)));
  CHECK(same_bits(r.running_mean, mean));
  CHECK(same_bits(r.running_var, variance));
  CHECK(gradient_check([&](const auto&... v) { return batch_norm_training(v..., mean, variance).y; }, x, weight, bias)
            .passed);
}

TEST_CASE(
    "ghost batches are batch norms of consecutive images, and the running statistics move by the mean over them") {
  const auto weight = positive<double>(Key{50}, 3), variance = positive<double>(Key{52}, 3);
  const auto bias = normal<double>(Key{51}, Shape{3}), mean = normal<double>(Key{53}, Shape{3});
  for (const Index images : {6, 7})
    for (const Index size : {1, 2, 3, 4, 5})
      for (const bool relu : {false, true}) {
        INFO(images << " images in groups of " << size);
        const BatchNormOptions options{.momentum = 0.3, .relu = relu};
        const auto x = normal<double>(Key{1}, Shape{images, 3, 5, 3}, 3, 2);
        const auto all = batch_norm_training(x, weight, bias, mean, variance, options, size);
        auto next_mean = Tensor<double, 1>::zeros({3}), next_var = next_mean;
        for (Index begin = 0; begin < images; begin += size) {
          const Index end = std::min(images, begin + size);
          const auto one = batch_norm_training(slice_rows(x, begin, end), weight, bias, mean, variance, options);
          CHECK(max_abs_difference(slice_rows(all.y, begin, end), one.y) < 1e-12);
          for (Index k = 0; k < 3; ++k) {
            const double share = static_cast<double>(end - begin) / static_cast<double>(images);
            next_mean.mutable_data()[k] += share * one.running_mean(k);
            next_var.mutable_data()[k] += share * one.running_var(k);
          }
        }
        CHECK(max_abs_difference(all.running_mean, next_mean) < 1e-12);
        CHECK(max_abs_difference(all.running_var, next_var) < 1e-12);
        const auto result =
            gradient_check([&](const auto&... v) { return batch_norm_training(v..., mean, variance, options, size).y; },
                           x, weight, bias);
        INFO(result.where);
        CHECK(result.passed);
      }
}

TEST_CASE("a ghost batch of all images or more is the whole batch to the bit") {
  const auto x = normal<float>(Key{1}, Shape{5, 7, 6, 12});
  const auto weight = positive<float>(Key{50}, 12), bias = normal<float>(Key{51}, Shape{12});
  const auto whole = batch_norm_training(x, weight, bias, bias, weight);
  for (const Index size : {0, 5, 8}) {
    const auto other = batch_norm_training(x, weight, bias, bias, weight, {}, size);
    CHECK(same_bits(other.y, whole.y));
    CHECK(same_bits(other.running_mean, whole.running_mean));
    CHECK(same_bits(other.running_var, whole.running_var));
  }
  CHECK_FALSE(same_bits(batch_norm_training(x, weight, bias, bias, weight, {}, 4).y, whole.y));
  CHECK_THROWS_WITH(batch_norm_training(x, weight, bias, bias, weight, {}, -1),
                    Catch::Contains("the images of a group must not be negative, got -1"));
}

TEST_CASE("a ghost batch of a single pixel is normalised by the running statistics and leaves them alone") {
  const auto x = normal<double>(Key{1}, Shape{5, 1, 1, 3});
  const auto weight = positive<double>(Key{50}, 3), variance = positive<double>(Key{52}, 3);
  const auto bias = normal<double>(Key{51}, Shape{3}), mean = normal<double>(Key{53}, Shape{3});
  const auto frozen = batch_norm(x, weight, bias, mean, variance);
  const auto ones = batch_norm_training(x, weight, bias, mean, variance, {}, 1);
  CHECK(same_bits(ones.y, frozen));
  CHECK(same_bits(ones.running_mean, mean));
  CHECK(same_bits(ones.running_var, variance));

  const auto twos = batch_norm_training(x, weight, bias, mean, variance, {}, 2);  // the last is alone
  const auto four = batch_norm_training(slice_rows(x, 0, 4), weight, bias, mean, variance, {}, 2);
  CHECK(max_abs_difference(slice_rows(twos.y, 4, 5), slice_rows(frozen, 4, 5)) < 1e-15);
  for (Index k = 0; k < 3; ++k) {
    CHECK(twos.running_mean(k) == Approx(0.8 * four.running_mean(k) + 0.2 * mean(k)).epsilon(1e-13));
    CHECK(twos.running_var(k) == Approx(0.8 * four.running_var(k) + 0.2 * variance(k)).epsilon(1e-13));
  }
  const auto result = gradient_check(
      [&](const auto&... v) { return batch_norm_training(v..., mean, variance, {}, 2).y; }, x, weight, bias);
  INFO(result.where);
  CHECK(result.passed);
}

TEST_CASE("layer norm keeps its digits when the mean is large") {
  const auto x = normal<float>(Key{1}, Shape{20, 100}, 3000, 1);
  const auto one = Tensor<float, 1>::full({100}, 1), zero = Tensor<float, 1>::zeros({100});
  const auto exact = layer_norm(x.cast<double>(), one.cast<double>(), zero.cast<double>());
  CHECK(max_abs_difference(layer_norm(x, one, zero).cast<double>(), exact) < 1e-5);
}

TEST_CASE("batch, group and layer norm have the same bits for any number of threads") {
  const auto x = normal<float>(Key{1}, Shape{3, 57, 31, 12});
  const auto weight = positive<float>(Key{50}, 12), bias = normal<float>(Key{51}, Shape{12});
  const auto batch = [&](const auto& v, const auto&... wb) { return batch_norm_training(v, wb..., bias, weight).y; };
  const auto ghosts = [&](const auto& v, const auto&... wb) {
    return batch_norm_training(v, wb..., bias, weight, {}, 2).y;
  };
  const auto layer = [&](const auto&... v) { return layer_norm(v...); };
  const auto group = [&](const auto&... v) { return group_norm(v..., {.groups = 3}); };
  const auto check_all = [&](const auto& f) {
    CHECK(same_for_all_threads([&] { return f(x, weight, bias); }));
    CHECK(same_for_all_threads([&] {
      return gradient_of([&](const auto& v) { return f(v, Var<float, 1>(weight), Var<float, 1>(bias)); }, x);
    }));
    CHECK(same_for_all_threads([&] {
      return gradient_of([&](const auto& w) { return f(Var<float, 4>(x), w, Var<float, 1>(bias)); }, weight);
    }));
  };
  check_all(batch);
  check_all(ghosts);
  check_all(layer);
  check_all(group);
}

TEST_CASE("the norms say what is wrong with their input") {
  const auto x = Tensor<float, 4>::zeros({1, 3, 8, 2});
  const auto two = Tensor<float, 1>::zeros({2}), three = Tensor<float, 1>::zeros({3});
  CHECK_THROWS_WITH(batch_norm(x, two, two, two, three),
                    Catch::Contains("batch_norm: input (1,3,8,2) has 2 channels") && Catch::Contains("running_var 3"));
  CHECK_THROWS_AS(batch_norm_training(x, two, two, two, two, {.momentum = 2}), ValueError);
  CHECK_THROWS_WITH(group_norm(x, two, two, {.groups = 3}), Catch::Contains("do not split into 3 groups"));
  CHECK_THROWS_WITH(layer_norm(x, two, three), Catch::Contains("layer_norm: the last axis of input (1,3,8,2) has 2"));
}
