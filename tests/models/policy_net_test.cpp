#include "paser/models/policy_net.hpp"

#include <catch2/catch.hpp>

#include "paser/nn/gradient_check.hpp"

using namespace paser;

namespace {

/// Logits of one image without training.
template <class T>
Tensor<T, 2> logits_of(const models::PolicyNet<T>& policy, const Tensor<T, 4>& belief) {
  return infer(policy, belief);
}

}  // namespace

TEST_CASE("a policy by patch has one head for all patches") {
  const models::PolicyNet<> policy(48, Key{1}, {4, 4});
  CHECK(nn::count_parameters(policy) == models::policy_parameters(48, 16));
  CHECK(models::policy_parameters(48) - models::policy_parameters(48, 16) == 17 * 45);
  CHECK(logits_of(policy, Tensor<float, 4>::zeros({2, 32, 32, 2})).shape() == Shape{2, 48});
}

TEST_CASE("a policy by patch decides for a patch by its own pixels, one by image by all") {
  const models::PolicyNet<double> by_patch(12, Key{1}, {2, 2}), by_image(12, Key{1});
  const auto belief = uniform<double>(Key{2}, Shape{1, 64, 64, 2});
  auto other = belief;
  other.mutable_data()[(16 * 64 + 16) * 2] += 1;  // the centre of the first patch
  const auto changed = [&](const auto& policy, Index patch) {
    const auto a = logits_of(policy, belief), b = logits_of(policy, other);
    double most = 0;
    for (Index m = 0; m < 3; ++m) most = std::max(most, std::abs(a(0, 3 * patch + m) - b(0, 3 * patch + m)));
    return most;
  };
  CHECK(changed(by_patch, 0) > 1e-6);
  for (const Index patch : {1, 2, 3}) {
    CHECK(changed(by_patch, patch) == 0);
    CHECK(changed(by_image, patch) > 1e-6);
  }
}

TEST_CASE("windows that do not divide the actions are refused") {
  CHECK_THROWS_WITH(models::PolicyNet<>(48, Key{}, {5, 2}), Catch::Contains("48 actions do not divide into 5 x 2"));
  CHECK_THROWS_AS(models::PolicyNet<>(48, Key{}, {0, 4}), ShapeError);
}

TEST_CASE("a policy by patch passes its gradient check") {
  const models::PolicyNet<double> policy(12, Key{1}, {2, 2});
  const auto check = nn::gradient_check(policy, run::training, Key{}, {}, uniform<double>(Key{2}, Shape{2, 8, 8, 2}));
  INFO(check.where);
  CHECK(check.passed);
}
