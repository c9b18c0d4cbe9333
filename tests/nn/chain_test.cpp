#include "paser/nn/chain.hpp"

#include <catch2/catch.hpp>

#include "paser/nn/activation.hpp"
#include "paser/nn/conv2d.hpp"
#include "paser/nn/gradient_check.hpp"
#include "paser/nn/norm.hpp"
#include "support/same_bits.hpp"

using namespace paser;

TEST_CASE("a chain is the composition of its modules") {
  const nn::Chain net(nn::Conv2d<double>(nn::Conv2dSpec::same(2, 5), Key{1}), nn::InstanceNorm<double>(5), nn::Gelu{},
                      nn::Conv2d<double>({.in = 5, .out = 3, .kernel = 1}, Key{2}), nn::Softmax{});
  const auto x = normal<double>(Key{3}, Shape{2, 4, 5, 2});
  EvalContext<double> ctx;
  const auto by_hand = softmax(net.get<4>()(ctx, gelu(net.get<2>()(ctx, net.get<1>()(ctx, x)))));
  CHECK(same_bits(net(ctx, x), by_hand));

  std::string names;
  nn::walk(net, [&](const std::string& path, const auto&) { names += path + " "; });
  CHECK(names == "1.weight 1.bias 2.weight 2.bias 4.weight 4.bias ");

  const auto result = nn::gradient_check(net, run::training, Key{4}, x);
  INFO(result.where);
  CHECK(result.passed);
}

TEST_CASE("every activation module passes the gradient check") {
  const auto x = normal<double>(Key{3}, Shape{2, 3, 3, 5});
  const auto passes = [&](const auto& module) { CHECK(nn::gradient_check(module, run::training, Key{1}, x).passed); };
  passes(nn::Relu{});
  passes(nn::Gelu{});
  passes(nn::Silu{});
  passes(nn::Sigmoid{});
  passes(nn::Hardswish{});
  passes(nn::Softmax{});
  passes(nn::LogSoftmax{});
}
