#include "paser/pipeline/policy.hpp"

#include <catch2/catch.hpp>

#include "paser/pipeline/segment.hpp"
#include "paser/pipeline/simple_policies.hpp"
#include "pipeline/toy.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::pipeline;
using Catch::Contains;

namespace {

/// Answers whatever it was given.
struct Given {
  Actions actions;
  template <class T>
  Actions choose(const PolicyState<T>&, Key) const {
    return actions;
  }
  TypedSpec spec() const { return {"given"}; }
};

/// Sends everything up and then back.
struct Undecided {
  static constexpr bool asks_again = true;
  template <class T>
  Actions choose(const PolicyState<T>& state, Key) const {
    return Actions::full(state.shape(), state.answered_by.data()[0] == 0 ? 1 : 0);
  }
  TypedSpec spec() const { return {"undecided"}; }
};

const toy::Set six_images(6);

}  // namespace

TEST_CASE("a policy that needs no prediction runs none: f1 once, where its answer is kept") {
  const auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  const auto batch = six_images.range(0, 6);
  const auto random = segment(paser, Random{}, batch.images, batch.ids, Key{3});
  CHECK(random.work.estimated == 0);
  CHECK(random.work.coarse == std::ranges::count(random.answered_by.values(), 0));
  CHECK(random.work.coarse > 0);
  CHECK(random.work.coarse < 6);
  CHECK(random.state.map.empty());
  for (Index k = 0; k < 3; ++k) {
    const auto one = segment(paser, Constant{static_cast<std::int32_t>(k)}, batch.images, batch.ids, Key{3});
    CHECK(same_bits(one.labels, predict(paser.models[static_cast<std::size_t>(k)], batch.images)));
    CHECK(one.work.coarse == (k == 0 ? 6 : 0));
    CHECK(one.work.patches == std::vector<Index>{0, k == 1 ? 6 : 0, k == 2 ? 6 : 0});
  }
}

TEST_CASE("labels are the same with and without maps, and maps are of the model that answered") {
  auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  paser.grid = {2, 2};
  paser.policy = NetPolicy<float>{models::PolicyNet<float>(12, Key{5})};
  const auto batch = six_images.range(0, 6);
  for (const Policy<float>& policy :
       {paser.policy, Policy<float>(Random{}), Policy<float>(EntropyThreshold{{0.1, 0.2}})}) {
    const auto with = segment(paser, policy, batch.images, batch.ids, Key{3});
    const auto without = segment(paser, policy, batch.images, batch.ids, Key{3}, {.maps = false});
    CHECK(same_bits(with.labels, without.labels));
    CHECK(same_bits(with.answered_by, without.answered_by));
    CHECK(without.probability.empty());
    CHECK(without.entropy.empty());
    CHECK(with.work.patches == without.work.patches);
  }
  const auto one = segment(paser, Constant{2}, batch.images, batch.ids, Key{3});
  const auto probabilities = softmax(infer(paser.models[2], batch.images));  // the toy models see pixels alone
  for (Index i = 0; i < one.labels.numel(); ++i)
    REQUIRE(one.probability.data()[i] == probabilities.data()[2 * i + one.labels.data()[i]]);
  CHECK(same_bits(one.entropy, entropy(probabilities)));
}

TEST_CASE("an oracle chooses what it was told, by the image's number") {
  const auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  const auto batch = six_images.range(0, 6);
  Oracle oracle;
  for (std::size_t i = 0; i < 6; ++i) oracle.choices[batch.ids[i]] = {static_cast<std::int32_t>(i % 3)};
  const auto told = segment(paser, oracle, batch.images, batch.ids, Key{3});
  CHECK(std::ranges::equal(told.labels.values(), batch.labels.values()));
  CHECK(told.work.estimated == 6);
  oracle.choices.erase(batch.ids[4]);
  CHECK_THROWS_WITH(segment(paser, oracle, batch.images, batch.ids, Key{3}), Contains("no choices for image"));
  oracle.choices[batch.ids[4]] = {0, 1};
  CHECK_THROWS_WITH(segment(paser, oracle, batch.images, batch.ids, Key{3}), Contains("2 choices for image"));
}

TEST_CASE("what a policy cannot mean is refused with a sentence") {
  const auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  const auto batch = six_images.range(0, 6);
  const auto run = [&](const Policy<float>& policy) { return segment(paser, policy, batch.images, batch.ids, Key{3}); };
  CHECK_THROWS_WITH(run(Given{Actions::full({6, 1}, 3)}), Contains("chose model 3, there are 3"));
  CHECK_THROWS_WITH(run(Given{Actions::full({6, 1}, -1)}), Contains("chose model -1"));
  CHECK_THROWS_WITH(run(Given{Actions::full({5, 1}, 1)}), Contains("expected (6,1)"));
  CHECK_THROWS_WITH(run(Undecided{}), Contains("patch 0 was answered by model 1") && Contains("sends it back"));
  CHECK_THROWS_WITH(segment(paser, batch.images, {1, 2}, Key{}), Contains("2 ids for images"));
  const Policy<float> random = Random{};
  CHECK_THROWS_WITH(random.probabilities(paser.state({}, {1})), Contains("'random' has no distribution"));
  TapeContext<float> ctx(run::training, Key{});
  CHECK_THROWS_WITH(random.record(ctx, paser.state({}, {1})), Contains("'random' cannot be trained by gradient"));
}

TEST_CASE("a policy forgets its type and keeps the rest") {
  Policy<float> policy = NetPolicy<float>{models::PolicyNet<float>(3, Key{1})};
  const Policy<float> before = policy;
  CHECK(policy.as<NetPolicy<float>>() != nullptr);
  CHECK(policy.as<Constant>() == nullptr);
  CHECK(nn::count_parameters(policy) == models::policy_parameters(3));
  policy.as<NetPolicy<float>>()->net.head.bias.value.mutable_data()[0] += 1;
  CHECK(before.as<NetPolicy<float>>()->net.head.bias.value.data()[0] !=
        policy.as<NetPolicy<float>>()->net.head.bias.value.data()[0]);
  CHECK(policy.reads_prediction());
  CHECK_FALSE(policy.asks_again());
  CHECK(Policy<float>(EntropyThreshold{}).asks_again());
  CHECK_FALSE(Policy<float>(Constant{}).reads_prediction());
}
