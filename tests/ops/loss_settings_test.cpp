#include <catch2/catch.hpp>
#include <limits>

#include "paser/ops/distillation.hpp"
#include "paser/rl/expected_reward.hpp"

namespace loss_settings_test {

using namespace paser;
using Catch::Contains;

const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("a loss is not divided by a negative number or by none: it would be 0, as at success") {
  const auto logits = normal<float>(Key{1}, Shape{2, 3, 4, 3}), target = normal<float>(Key{2}, logits.shape());
  const auto labels = Tensor<std::int32_t, 3>::full({2, 3, 4}, 1);
  for (const double bad : {nan, infinity, -infinity, -1.0}) {
    const auto told = Contains("that the loss is divided by must be finite and not negative, got " + value_text(bad));
    CHECK_THROWS_WITH(cross_entropy(logits, labels, {.total = bad}), Contains("cross_entropy") && told);
    CHECK_THROWS_WITH(cross_entropy(Var(logits), labels, {.total = bad}), told);
    CHECK_THROWS_WITH(cross_entropy(logits, target, {.total = bad}), told);
    CHECK_THROWS_WITH(mean_squared_error(logits, target, bad), Contains("mean_squared_error") && told);
    CHECK_THROWS_WITH(mean_squared_error(Var(logits), Var(target), bad), told);
    CHECK_THROWS_WITH(kl_divergence(logits, target, 1, bad), Contains("kl_divergence") && told);
    const auto scores = normal<float>(Key{3}, Shape{2, 12}), rewards = normal<float>(Key{4}, Shape{2, 4});
    CHECK_THROWS_WITH(
        rl::policy_gradient_loss(scores, Tensor<std::int32_t, 2>::full({2, 4}, 1), rewards, {.total = bad}),
        Contains("policy_gradient_loss") && told);
    CHECK_THROWS_WITH(rl::expected_reward_loss(scores, normal<float>(Key{4}, Shape{2, 4, 3}), {.total = bad}),
                      Contains("expected_reward_loss") && told);
  }
  CHECK(cross_entropy(logits, labels, {.total = 0.0})(0) == 0);  // a batch of ignored pixels
  CHECK(mean_squared_error(logits, target, 0.0)(0) == 0);
  // Weights that are finite, and their sum not.
  const double most = std::numeric_limits<double>::max();
  CHECK_THROWS_AS(cross_entropy(logits, labels, {.class_weight = {most, most, most}}), ValueError);
}

TEST_CASE("class weights and the temperature are numbers") {
  const auto logits = normal<float>(Key{1}, Shape{2, 3, 4, 3}), target = normal<float>(Key{2}, logits.shape());
  const auto labels = Tensor<std::int32_t, 3>::full({2, 3, 4}, 1);
  for (const double bad : {nan, infinity, -1.0}) {
    CHECK_THROWS_WITH(cross_entropy(logits, labels, {.class_weight = {1, 1, bad}}),
                      Contains("a class weight must be a number of at least 0, got " + value_text(bad)));
    CHECK_THROWS_WITH(kl_divergence(logits, target, bad),
                      Contains("the temperature must be positive and finite, got " + value_text(bad)));
  }
  CHECK_THROWS_AS(kl_divergence(logits, target, 0), ValueError);
}

}  // namespace loss_settings_test
