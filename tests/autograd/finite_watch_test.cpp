#include "paser/autograd/finite_watch.hpp"

#include <catch2/catch.hpp>

#include "paser/nn/linear.hpp"
#include "paser/ops/arithmetic.hpp"
#include "paser/ops/relu.hpp"

namespace finite_watch_test {

using namespace paser;
using Catch::Contains;

/// Two layers; the result of the second overflows where the first is large.
struct Net {
  nn::Linear<float> first{2, 2, Key{1}}, second{2, 1, Key{2}};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("first", self.first);
    f("second", self.second);
  }

  template <class Context>
  auto operator()(Context& ctx, const typename Context::template Value<2>& x) const {
    return second(ctx, relu(first(ctx, x)));
  }
};

Net with_weights(float first, float second) {
  Net net;
  const auto fill = [](auto& p, float value) { std::fill_n(p.value.mutable_data(), p.value.numel(), value); };
  fill(net.first.weight, first);
  fill(net.second.weight, second);
  return net;
}

void name(FiniteWatch& watch, const Net& net) {
  nn::walk_parameters(net, [&](const std::string& path, const auto& p) { watch.name(&p, path); });
}

/// A recorded run, its gradient that of the result times `seed`.
void run(const Net& net, float seed = 1) {
  TapeContext<float> ctx;
  const auto y = net(ctx, ctx.constant(Tensor<float, 2>::full({1, 2}, 1.F)));
  ctx.backward(y, Tensor<float, 2>::full({1, 1}, seed));
}

TEST_CASE("the first result that is not finite is named by the parameter that was read before it") {
  const Net fine = with_weights(1, 1), overflows = with_weights(1e30F, 1e30F), bad = with_weights(NAN, 1);
  CHECK_NOTHROW(run(overflows));  // nobody watches
  FiniteWatch watch;
  name(watch, overflows);
  CHECK_NOTHROW(run(fine));
  CHECK_THROWS_WITH(run(overflows), Contains("forward pass: operation 1 after second.") &&
                                        Contains("of result (1,1)") && Contains("inf"));
  name(watch, bad);
  CHECK_THROWS_WITH(run(bad), Contains("first.weight has nan at position 0 of 4"));
}

TEST_CASE("the first gradient that is not finite is named by the operation that it reaches") {
  const Net net = with_weights(1, 1e30F);
  FiniteWatch watch;
  name(watch, net);
  CHECK_NOTHROW(run(net, 1));
  CHECK_THROWS_WITH(run(net, 1e30F), Contains("backward pass: the gradient of operation 2 after first."));
}

TEST_CASE("a watch ends with its life, and an outer one goes on") {
  const Net overflows = with_weights(1e30F, 1e30F);
  {
    FiniteWatch outer;
    { FiniteWatch inner; }
    CHECK(FiniteWatch::current() == &outer);
    CHECK_THROWS_AS(run(overflows), NotFiniteError);
  }
  CHECK(FiniteWatch::current() == nullptr);
  CHECK_NOTHROW(run(overflows));
}

}  // namespace finite_watch_test
