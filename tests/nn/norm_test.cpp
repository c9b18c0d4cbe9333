#include "paser/nn/norm.hpp"

#include <catch2/catch.hpp>

#include "paser/nn/gradient_check.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {
/// Random values in place of the ones and zeros that a norm starts with.
template <class Module>
Module shaken(Module module) {
  std::uint64_t number = 0;
  nn::walk(module,
           [&](const std::string&, auto& p) { p.value = uniform<double>(Key{++number}, p.value.shape(), 0.5, 1.5); });
  return module;
}

Mode training_by(Index ghost_batch) {
  Mode mode = run::training;
  mode.ghost_batch = ghost_batch;
  return mode;
}
}  // namespace

TEST_CASE("the norm modules pass the gradient check in every mode") {
  const auto x = normal<double>(Key{1}, Shape{2, 3, 5, 6}, 1, 2);
  const auto passes = [&](const auto& module) {
    for (const Mode mode : {run::inference, run::training, run::mc_dropout}) {
      const auto result = nn::gradient_check(module, mode, Key{2}, x);
      INFO(result.where);
      CHECK(result.passed);
    }
  };
  passes(nn::InstanceNorm<double>());
  passes(shaken(nn::InstanceNorm<double>(6, {.relu = true})));
  passes(shaken(nn::BatchNorm<double>(6)));
  const auto ghosts = nn::gradient_check(shaken(nn::BatchNorm<double>(6)), training_by(1), Key{2}, x);
  INFO(ghosts.where);
  CHECK(ghosts.passed);
  passes(shaken(nn::GroupNorm<double>(6, {.groups = 3})));
  passes(shaken(nn::LayerNorm<double>(6)));
}

TEST_CASE("a norm's parameters have PyTorch's names and starting values") {
  std::string names;
  const nn::BatchNorm<float> norm(4);
  nn::walk(norm,
           [&](const std::string& path, const auto& p) { names += path + message(p.value.shape(), p.value(3)) + " "; });
  CHECK(names == "weight(4)1 bias(4)0 running_mean(4)0 running_var(4)1 ");
  CHECK(nn::count_parameters(norm) == 8);
  CHECK(nn::count_parameters(nn::InstanceNorm<float>()) == 0);
  CHECK(nn::count_parameters(nn::InstanceNorm<float>(4)) == 8);
}

TEST_CASE("running statistics move in training alone, and only through the context") {
  const auto norm = shaken(nn::BatchNorm<double>(3));
  const auto before = norm.running_mean.value.clone();
  const auto x = normal<double>(Key{1}, Shape{2, 4, 4, 3}, 7, 1);
  for (const Mode mode : {run::inference, run::mc_dropout, run::frozen_statistics, run::training, training_by(1)}) {
    TapeContext<double> ctx(mode);
    const auto y = norm(ctx, ctx.constant(x));
    const auto gradients = ctx.backward(y, y.value());
    CHECK(same_bits(norm.running_mean.value, before));
    const auto* next = gradients.next(norm.running_mean);
    REQUIRE((next != nullptr) == mode.batch_statistics);
    if (next != nullptr) CHECK((*next)(1) == Approx(0.9 * before(1) + 0.1 * 7).margin(0.05));
  }
}

TEST_CASE("parts of a batch that hold whole ghost batches give its values, gradients and running statistics") {
  const auto norm = shaken(nn::BatchNorm<double>(3));
  const auto x = normal<double>(Key{1}, Shape{7, 4, 4, 3}, 7, 1), dy = normal<double>(Key{2}, x.shape());
  for (const Index size : {2, 4}) {
    const auto gradients = [&](Index begin, Index end, Tensor<double, 4>* y) {
      TapeContext<double> ctx(training_by(size));
      ctx.part = {begin, end, 7};
      const auto v = norm(ctx, ctx.constant(slice_rows(x, begin, end)));
      if (y != nullptr) *y = v.value();
      return ctx.backward(v, slice_rows(dy, begin, end));
    };
    Tensor<double, 4> whole_y, first_y;
    const auto whole = gradients(0, 7, &whole_y);
    auto parts = gradients(0, 4, &first_y);
    parts += gradients(4, 7, nullptr);
    CHECK(max_abs_difference(slice_rows(whole_y, 0, 4), first_y) < 1e-12);
    CHECK(max_abs_difference(whole.of(norm.weight), parts.of(norm.weight)) < 1e-12);
    CHECK(max_abs_difference(whole.of(norm.bias), parts.of(norm.bias)) < 1e-12);
    CHECK(max_abs_difference(*whole.next(norm.running_mean), *parts.next(norm.running_mean)) < 1e-12);
    CHECK(max_abs_difference(*whole.next(norm.running_var), *parts.next(norm.running_var)) < 1e-12);
  }
}

TEST_CASE("batch norm refuses a part of a batch whose statistics are not those of the batch") {
  const nn::BatchNorm<float> norm(3);
  const auto run_part = [&](Mode mode, Index begin, Index end) {
    TapeContext<float> ctx(mode);
    ctx.part = {begin, end, 8};
    norm(ctx, ctx.constant(normal<float>(Key{1}, Shape{end - begin, 4, 4, 3})));
  };
  CHECK_THROWS_WITH(run_part(run::training, 0, 4),
                    Catch::Contains("a batch of 8 images runs in parts") && Catch::Contains("Mode::ghost_batch") &&
                        Catch::Contains("run::frozen_statistics") && Catch::Contains("micro_batch"));
  CHECK_THROWS_AS(run_part(run::training, 4, 8), ValueError);
  CHECK_THROWS_WITH(run_part(training_by(4), 0, 6),
                    Catch::Contains("a part of 6 images does not hold whole groups of 4"));
  CHECK_THROWS_AS(run_part(training_by(4), 6, 8), ValueError);
  CHECK_NOTHROW(run_part(training_by(4), 4, 8));
  CHECK_NOTHROW(run_part(training_by(3), 6, 8));  // the last group of the batch is smaller
  CHECK_NOTHROW(run_part(run::training, 0, 8));
  CHECK_NOTHROW(run_part(run::frozen_statistics, 4, 8));
}

TEST_CASE("a norm refuses channels that make no sense") {
  CHECK_THROWS_AS(nn::BatchNorm<float>(0), ShapeError);
  CHECK_THROWS_WITH(nn::GroupNorm<float>(6, {.groups = 4}), Catch::Contains("6 channels do not split into 4 groups"));
}
