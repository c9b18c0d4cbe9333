#include "paser/nn/dropout.hpp"

#include <catch2/catch.hpp>

#include "paser/nn/conv2d.hpp"
#include "paser/nn/gradient_check.hpp"
#include "paser/nn/norm.hpp"
#include "support/same_bits.hpp"

using namespace paser;

namespace {
struct Net {
  nn::Conv2d<double> conv1{nn::Conv2dSpec::same(2, 4), Key{1}};
  nn::BatchNorm<double> norm{4};
  nn::Dropout drop1{0.3};
  nn::Conv2d<double> conv2{nn::Conv2dSpec::same(4, 3), Key{2}};
  nn::Dropout drop2{0.5};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv1", self.conv1);
    f("norm", self.norm);
    f("drop1", self.drop1);
    f("conv2", self.conv2);
    f("drop2", self.drop2);
  }
  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return drop2(ctx, conv2(ctx, drop1(ctx, norm(ctx, conv1(ctx, x)))));
  }
};

Tensor<double, 4> sample(const Net& net, Mode mode, Key key, const Tensor<double, 4>& x) {
  EvalContext<double> ctx(mode, key);
  return net(ctx, x);
}
}  // namespace

TEST_CASE("a network with dropout passes the gradient check in every mode") {
  const auto x = normal<double>(Key{3}, Shape{2, 5, 4, 2});
  for (const Mode mode : {run::inference, run::training, run::mc_dropout}) {
    const auto result = nn::gradient_check(Net{}, mode, Key{4}, x);
    INFO(result.where);
    CHECK(result.passed);
  }
}

TEST_CASE("MC dropout draws anew for every key and leaves batch norm alone") {
  Net net;
  const auto x = normal<double>(Key{3}, Shape{2, 6, 6, 2});
  CHECK(same_bits(sample(net, run::inference, Key{1}, x), sample(net, run::inference, Key{2}, x)));
  CHECK(same_bits(sample(net, run::mc_dropout, Key{1}, x), sample(net, run::mc_dropout, Key{1}, x)));
  CHECK_FALSE(same_bits(sample(net, run::mc_dropout, Key{1}, x), sample(net, run::mc_dropout, Key{2}, x)));

  // The mean over many samples is the inference pass, so the norm used its running statistics.
  auto mean = Tensor<double, 4>::zeros({2, 6, 6, 3});
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const auto y = sample(net, run::mc_dropout, Key{9}.fold(i), x);
    for (Index k = 0; k < y.numel(); ++k) mean.mutable_data()[k] += y.data()[k] / 4000;
  }
  CHECK(max_abs_difference(mean, sample(net, run::inference, Key{1}, x)) < 0.12);
  CHECK(net.norm.running_mean.value(0) == 0);

  net.drop1.p = net.drop2.p = 0;
  CHECK(same_bits(sample(net, run::mc_dropout, Key{1}, x), sample(net, run::inference, Key{1}, x)));
  net.drop2.p = 1;
  CHECK(same_bits(sample(net, run::mc_dropout, Key{1}, x), Tensor<double, 4>::zeros({2, 6, 6, 3})));
}

TEST_CASE("the noise on an image depends on its key alone, not on its place in the batch") {
  const Net net;
  const auto one = normal<double>(Key{3}, Shape{1, 6, 6, 2});
  auto two = Tensor<double, 4>::zeros({2, 6, 6, 2});
  std::copy_n(one.data(), one.numel(), two.mutable_data() + one.numel());
  EvalContext<double> alone(run::mc_dropout, Key{1}), second(run::mc_dropout, Key{2});
  alone.sample_keys = {Key{77}};
  second.sample_keys = {Key{5}, Key{77}};
  const auto a = net(alone, one), b = net(second, two);
  CHECK(std::equal(a.values().begin(), a.values().end(), b.values().begin() + a.numel()));
}

TEST_CASE("dropout takes its masks from the run when that supplies them, numbered in forward order") {
  const Net net;
  std::string calls;
  EvalContext<double> ctx(run::training, Key{1});
  ctx.masks = [&](int call, const Shape<4>& shape) {
    calls += message(call, shape, " ");
    return call == 1 ? Tensor<double, 4>::zeros(shape) : Tensor<double, 4>::full(shape, 1);
  };
  const auto y = net(ctx, normal<double>(Key{3}, Shape{1, 5, 4, 2}));
  CHECK(calls == "0(1,5,4,4) 1(1,5,4,3) ");
  CHECK(same_bits(y, Tensor<double, 4>::zeros({1, 5, 4, 3})));
}

TEST_CASE("a dropout probability outside of 0 .. 1 is refused") {
  CHECK_THROWS_AS(nn::Dropout(1.01), ValueError);
  CHECK_THROWS_WITH(nn::Dropout(-0.5), Catch::Contains("must lie in 0 .. 1, got -0.5"));
}
