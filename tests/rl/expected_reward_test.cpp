#include "paser/rl/expected_reward.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"

using namespace paser;
using rl::Actions;

namespace {

constexpr Index images = 2, patches = 4, networks = 3;
const auto logits = normal<double>(Key{1}, Shape{images, patches* networks});
const auto rewards = normal<double>(Key{2}, Shape{images, patches, networks});

template <class Loss>
Tensor<double, 2> gradient(const Loss& loss) {
  Tape<double> tape;
  const auto v = tape.variable(logits);
  tape.backward(loss(v), Tensor<double, 1>::full({1}, 1.0));
  return tape.gradient(v);
}

}  // namespace

TEST_CASE("the expected reward is the probabilities' mean of the rewards and passes its gradient check") {
  const auto p = rl::Categorical<double>(logits, patches).probabilities();
  double sum = 0;
  for (Index i = 0; i < p.numel(); ++i) sum -= p.data()[i] * rewards.data()[i];
  CHECK(rl::expected_reward_loss(logits, rewards)(0) == Approx(sum / 8));
  CHECK(rl::expected_reward_loss(logits, rewards, {.total = 16.0})(0) == Approx(sum / 16));
  for (const double bonus : {0.0, 0.3}) {
    const auto f = [&](const auto& x) { return rl::expected_reward_loss(x, rewards, {.entropy_bonus = bonus}); };
    CHECK(gradient_check(f, logits).passed);
    CHECK(gradient_check(f, logits.reshape(Shape{images, patches, networks})).passed);
    CHECK(f(logits)(0) == f(Var(logits)).value()(0));
  }
}

TEST_CASE("its gradient is the mean of the policy gradient over all actions") {
  const auto p = rl::Categorical<double>(logits, patches).probabilities();
  const rl::PolicyGradientOptions options{.clamp = 0, .entropy_bonus = 0.1};
  Tensor<double, 2> mean = Tensor<double, 2>::zeros(logits.shape());
  double* const out = mean.mutable_data();
  for (Index m = 0; m < networks; ++m) {
    const auto actions = Actions::full({images, patches}, static_cast<std::int32_t>(m));
    Tensor<double, 2> advantage({images, patches});
    for (Index i = 0; i < images * patches; ++i) advantage.mutable_data()[i] = rewards.data()[i * networks + m];
    const auto g = gradient([&](const auto& x) { return rl::policy_gradient_loss(x, actions, advantage, options); });
    for (Index i = 0; i < g.numel(); ++i) out[i] += p.data()[i / networks * networks + m] * g.data()[i];
  }
  const auto exact = gradient([&](const auto& x) { return rl::expected_reward_loss(x, rewards, options); });
  CHECK(max_abs_difference(exact, mean) < 1e-15);
}

TEST_CASE("a constant added to the rewards of a patch changes no gradient") {
  Tensor<double, 3> shifted = rewards;
  for (Index i = 0; i < shifted.numel(); ++i) shifted.mutable_data()[i] += static_cast<double>(i / networks);
  const auto of = [&](const auto& r) {
    return gradient([&](const auto& x) { return rl::expected_reward_loss(x, r); });
  };
  CHECK(max_abs_difference(of(shifted), of(rewards)) < 1e-14);
}

TEST_CASE("rewards that do not fit the logits are refused") {
  CHECK_THROWS_WITH(rl::expected_reward_loss(logits, Tensor<double, 3>::zeros({2, 5, 3})),
                    Catch::Contains("logits (2,12) do not fit rewards (2,5,3)"));
  CHECK_THROWS_AS(rl::expected_reward_loss(logits, Tensor<double, 3>::zeros({4, 2, 3})), ShapeError);
}
