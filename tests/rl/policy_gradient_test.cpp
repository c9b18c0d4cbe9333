#include "paser/rl/policy_gradient.hpp"

#include <catch2/catch.hpp>

#include "paser/autograd/gradient_check.hpp"

using namespace paser;
using rl::Actions;

namespace {

const auto policy_logits = normal<double>(Key{1}, Shape{2, 12});
const auto action_rewards = normal<double>(Key{2}, Shape{2, 4});
const auto actions = Actions::from({2, 4}, {0, 2, 1, 1, 2, 0, 0, 1});

template <int Rank>
Tensor<double, Rank> gradient(const Tensor<double, Rank>& x, const Actions& a, const Tensor<double, 2>& advantages) {
  Tape<double> tape;
  const auto v = tape.variable(x);
  tape.backward(rl::policy_gradient_loss(v, a, advantages), Tensor<double, 1>::full({1}, 1.0));
  return tape.gradient(v);
}

}  // namespace

TEST_CASE("the policy gradient loss is the mean of -log pi times the advantage and passes its gradient check") {
  const auto log_prob = rl::Categorical<double>(policy_logits, 4).log_prob(actions);
  double sum = 0;
  for (Index i = 0; i < 8; ++i) sum -= log_prob.data()[i] * action_rewards.data()[i];
  CHECK(rl::policy_gradient_loss(policy_logits, actions, action_rewards)(0) == Approx(sum / 8));
  CHECK(rl::policy_gradient_loss(policy_logits, actions, action_rewards, {.total = 16.0})(0) == Approx(sum / 16));
  for (const double bonus : {0.0, 0.3}) {
    const auto f = [&](const auto& x) {
      return rl::policy_gradient_loss(x, actions, action_rewards, {.entropy_bonus = bonus});
    };
    CHECK(gradient_check(f, policy_logits).passed);
    CHECK(gradient_check(f, policy_logits.reshape(Shape{2, 4, 3})).passed);
    CHECK(f(policy_logits)(0) == f(Var(policy_logits)).value()(0));
  }
}

TEST_CASE("the entropy bonus subtracts the mean entropy") {
  const auto h = rl::Categorical<double>(policy_logits, 4).entropy();
  double mean = 0;
  for (const double value : h.values()) mean += value / 8;
  const double plain = rl::policy_gradient_loss(policy_logits, actions, action_rewards)(0);
  CHECK(rl::policy_gradient_loss(policy_logits, actions, action_rewards, {.entropy_bonus = 2})(0) ==
        Approx(plain - 2 * mean));
}

TEST_CASE("a probability outside the clamp costs its bound and has gradient exactly zero") {
  const auto x = Tensor<double, 2>::from({1, 4}, {40, 0, 1, 0});
  const auto ones = Tensor<double, 2>::full({1, 2}, 1.0);
  const auto certain = Actions::from({1, 2}, {0, 0}), hopeless = Actions::from({1, 2}, {1, 0});
  const double ordinary = std::log1p(std::exp(-1.0));
  CHECK(rl::policy_gradient_loss(x, hopeless, ones)(0) == Approx((23 * std::log(2.0) + ordinary) / 2));
  CHECK(rl::policy_gradient_loss(x, hopeless, ones, {.clamp = 0})(0) == Approx((40 + ordinary) / 2));
  for (const auto& a : {certain, hopeless}) {
    const auto g = gradient(x, a, ones);
    CHECK((g(0, 0) == 0 && g(0, 1) == 0 && g(0, 2) != 0));
  }
}

TEST_CASE("a positive advantage makes the chosen model more likely") {
  const auto g =
      gradient(Tensor<double, 2>::zeros({1, 3}), Actions::from({1, 1}, {1}), Tensor<double, 2>::full({1, 1}, 2.0));
  CHECK(g(0, 1) == Approx(2 * (1.0 / 3 - 1)));
  CHECK(g(0, 0) == Approx(2.0 / 3));
}

TEST_CASE(
    "advantages: a batch mean is subtracted, a given baseline is used, normalised ones have mean 0 and deviation 1") {
  const auto moments = [](const Tensor<double, 2>& a) {
    double mean = 0, squares = 0;
    for (const double v : a.values()) mean += v / 8;
    for (const double v : a.values()) squares += (v - mean) * (v - mean) / 8;
    return std::pair{mean, std::sqrt(squares)};
  };
  CHECK(max_abs_difference(rl::advantage(action_rewards), action_rewards) == 0);
  const auto centred = rl::advantage(action_rewards, {.baseline = rl::Baseline::batch_mean});
  CHECK(moments(centred).first == Approx(0).margin(1e-15));
  CHECK(moments(centred).second == Approx(moments(action_rewards).second));
  const auto normal_ones = rl::advantage(action_rewards, {.normalize = true});
  CHECK(moments(normal_ones).first == Approx(0).margin(1e-15));
  CHECK(moments(normal_ones).second == Approx(1));
  CHECK(rl::advantage(action_rewards, {.baseline = rl::Baseline::given}, action_rewards)(1, 2) == 0);
  CHECK_THROWS_AS(rl::advantage(action_rewards, {.baseline = rl::Baseline::given}), ShapeError);
  for (const double a : rl::advantage(Tensor<double, 2>::full({2, 2}, 0.5), {.normalize = true}).values())
    CHECK(a == 0);
}

TEST_CASE("the batch of one patch keeps its reward: a mean of itself would make every gradient zero") {
  const auto reward = Tensor<double, 2>::full({1, 1}, 0.75);
  for (const rl::AdvantageOptions& options :
       {rl::AdvantageOptions{.baseline = rl::Baseline::batch_mean}, rl::AdvantageOptions{.normalize = true}}) {
    CHECK(rl::advantage(reward, options)(0, 0) == 0.75);
    const auto g =
        gradient(Tensor<double, 2>::zeros({1, 3}), Actions::from({1, 1}, {1}), rl::advantage(reward, options));
    CHECK(g(0, 1) == Approx(-0.5));  // 0.75 (1/3 - 1)
  }
  const auto two = rl::advantage(Tensor<double, 2>::from({1, 2}, {1, 0}), {.baseline = rl::Baseline::batch_mean});
  CHECK((two(0, 0) == 0.5 && two(0, 1) == -0.5));
}

TEST_CASE("what does not fit is refused") {
  CHECK_THROWS_WITH(rl::policy_gradient_loss(policy_logits, Actions::full({2, 5}, 0), Tensor<double, 2>::zeros({2, 5})),
                    Catch::Contains("logits (2,12) do not fit actions (2,5)"));
  CHECK_THROWS_AS(rl::policy_gradient_loss(policy_logits, Actions::full({2, 4}, 3), action_rewards), ValueError);
}
