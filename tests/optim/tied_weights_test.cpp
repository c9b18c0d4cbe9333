#include <catch2/catch.hpp>

#include "paser/io/state.hpp"
#include "paser/nn/linear.hpp"
#include "paser/optim/adam.hpp"
#include "paser/optim/sgd.hpp"
#include "support/same_bits.hpp"

namespace tied_weights_test {

using namespace paser;

/// A layer that is called twice, and has a name for each of its uses where it is tied.
struct Net {
  bool tied = true;
  nn::Linear<double> layer{3, 3, Key{1}};
  Buffer<double, 1> mean{Tensor<double, 1>::zeros({2})};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("first", self.layer);
    f("mean", self.mean);
    if (!self.tied) return;
    f("second", self.layer);
    f("other_mean", self.mean);
  }

  template <class Context, class Value>
  Value operator()(Context& ctx, const Value& x) const {
    ctx.update(mean, Tensor<double, 1>::full({2}, 5), 1);
    return layer(ctx, layer(ctx, x));
  }
};

/// The network after three steps.
template <class Optimizer>
Net trained(bool tied, Optimizer optimizer) {
  Net net{.tied = tied};
  for (std::uint64_t i = 0; i < 3; ++i) {
    TapeContext<double> ctx(run::training, Key{2});
    const auto y = net(ctx, Var<double, 2>(uniform<double>(Key{i + 5}, Shape{2, 3}, -1, 1)));
    optimizer.step(net, ctx.backward(y, Tensor<double, 2>::full({2, 3}, 1)));
  }
  return net;
}

template <class Optimizer>
void expect_same_steps(const Optimizer& optimizer) {
  const Net tied = trained(true, optimizer), plain = trained(false, optimizer);
  CHECK(same_bits(tied.layer.weight.value, plain.layer.weight.value));
  CHECK(same_bits(tied.layer.bias.value, plain.layer.bias.value));
  CHECK(tied.mean.value(1) == 5);
}

TEST_CASE("tied weights count once, are stepped once, and are stored under both names") {
  Net net;
  CHECK(nn::count_parameters(net) == 12);
  expect_same_steps(optim::Sgd<double>({.learning_rate = 0.1, .momentum = 0.9}));
  expect_same_steps(optim::AdamW<double>({.learning_rate = 0.1, .weight_decay = 0.1}));

  const io::StateDict state = io::state_dict(net);
  CHECK(state.size() == 6);
  CHECK(state.contains("second.weight"));
  Net loaded{.layer = {3, 3, Key{9}}};
  io::load_state_dict(loaded, state);
  CHECK(same_bits(loaded.layer.weight.value, net.layer.weight.value));
}

}  // namespace tied_weights_test
