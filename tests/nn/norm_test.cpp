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
  for (const Mode mode : {run::inference, run::mc_dropout, run::training}) {
    TapeContext<double> ctx(mode);
    const auto y = norm(ctx, ctx.constant(x));
    const auto gradients = ctx.backward(y, y.value());
    CHECK(same_bits(norm.running_mean.value, before));
    const auto* next = gradients.next(norm.running_mean);
    REQUIRE((next != nullptr) == mode.batch_statistics);
    if (next != nullptr) CHECK((*next)(1) == Approx(0.9 * before(1) + 0.1 * 7).margin(0.05));
  }
}

TEST_CASE("a norm refuses channels that make no sense") {
  CHECK_THROWS_AS(nn::BatchNorm<float>(0), ShapeError);
  CHECK_THROWS_WITH(nn::GroupNorm<float>(6, {.groups = 4}), Catch::Contains("6 channels do not split into 4 groups"));
}
