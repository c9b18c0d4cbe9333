#include "paser/pipeline/policy_data.hpp"

#include <catch2/catch.hpp>

#include "distributed/thread_link.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/train_policy.hpp"
#include "pipeline/toy.hpp"
#include "support/in_pieces.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace {

const RewardOptions settings{.lambda = 0.1, .costs = {0.1, 0.3, 0.6}, .classes = 2};

/// A Paser whose f1 has dropout noise.
Paser<float> noisy_paser() {
  auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  paser.models[0] = models::StaticUNet<2, 2, 4, 1>(Key{4});
  paser.grid = {1, 2};
  paser.policy = NetPolicy<float>{models::PolicyNet<float>(6, Key{2})};
  return paser;
}

/// A set that counts the images which were asked for.
struct CountingSet : toy::Set {
  mutable Index served = 0;
  using toy::Set::Set;

  toy::Batch rows(std::span<const Index> which) const {
    served += static_cast<Index>(which.size());
    return toy::Set::rows(which);
  }
  toy::Batch range(Index begin, Index end) const {
    served += end - begin;
    return toy::Set::range(begin, end);
  }
};

using Numbers = std::vector<Index>;

/// Row i of an observation is row j of another one, bit by bit.
bool same_row(const PolicyBatch<float>& a, Index i, const PolicyBatch<float>& b, Index j) {
  return same_bits(slice_rows(a.map, i, i + 1), slice_rows(b.map, j, j + 1)) &&
         same_bits(slice_rows(a.coarse, i, i + 1), slice_rows(b.coarse, j, j + 1));
}

constexpr std::int32_t ignored = 255;

/// The upper half of every image; or the whole one, its lower half without labels.
struct HalfSet {
  bool cut;
  toy::Set set{6};

  Index size() const { return set.size(); }
  toy::Batch range(Index begin, Index end) const { return half(set.range(begin, end)); }
  toy::Batch half(toy::Batch b) const {
    const Index n = b.images.shape().n();
    toy::Batch result = b;
    if (cut) {
      result.images = Tensor<float, 4>({n, 4, 8, 2});
      result.labels = Labels({n, 4, 8});
    }
    float* image = result.images.mutable_data();
    std::int32_t* label = result.labels.mutable_data();
    for (Index i = 0; i < n; ++i) {
      if (!cut) std::fill_n(label + i * 64 + 32, 32, ignored);
      if (!cut) continue;
      std::copy_n(b.images.data() + i * 128, 64, image + i * 64);
      std::copy_n(b.labels.data() + i * 64, 32, label + i * 32);
    }
    return result;
  }
};

}  // namespace

TEST_CASE("PolicyData: a kept draw of an image has the same bits in any batch and order") {
  const auto paser = noisy_paser();
  const toy::Set set(6);
  PolicyData<float> one(2, Key{5}), two(2, Key{5});
  const auto all = one.rows(paser, set, Numbers{0, 1, 2, 3, 4, 5}, settings, 0, Key{});
  REQUIRE(all.map.shape() == Shape<4>{6, 8, 8, 2});
  REQUIRE(all.coarse.shape() == Shape<4>{6, 2, 2, 2});
  const auto some = two.rows(paser, set, Numbers{4, 1}, settings, 0, Key{});
  CHECK(same_row(some, 0, all, 4));
  CHECK(same_row(some, 1, all, 1));
  const auto more = two.rows(paser, set, Numbers{5, 4, 0}, settings, 0, Key{99});
  CHECK(same_row(more, 0, all, 5));
  CHECK(same_row(more, 1, all, 4));
  CHECK(same_row(more, 2, all, 0));
  CHECK_FALSE(same_row(all, 0, all, 3));
}

TEST_CASE("PolicyData: draws differ, take turns, and are those of observe") {
  const auto paser = noisy_paser();
  const toy::Set set(3);
  PolicyData<float> frozen(2, Key{5});
  const Numbers numbers{0, 1, 2};
  const auto first = frozen.rows(paser, set, numbers, settings, 0, Key{});
  const auto second = frozen.rows(paser, set, numbers, settings, 1, Key{});
  const auto third = frozen.rows(paser, set, numbers, settings, 2, Key{});
  for (Index i = 0; i < 3; ++i) {
    CHECK(same_row(first, i, third, i));
    CHECK_FALSE(same_row(first, i, second, i));
    CHECK(same_row(second, i, observe(paser, set.range(i, i + 1), settings, Key{5}.fold(1)), 0));
  }
}

TEST_CASE("PolicyData: without kept draws every call is observe with the noise of its key") {
  const auto paser = noisy_paser();
  const toy::Set set(4);
  PolicyData<float> frozen(0, Key{5});
  const Numbers numbers{3, 1};
  for (const std::uint64_t seed : {7u, 8u}) {
    const auto got = frozen.rows(paser, set, numbers, settings, 0, Key{seed});
    const auto expected = observe(paser, set.rows(numbers), settings, Key{seed});
    CHECK(same_bits(got.map, expected.map));
    CHECK(same_bits(got.coarse, expected.coarse));
  }
  CHECK_FALSE(same_bits(frozen.rows(paser, set, numbers, settings, 0, Key{7}).map,
                        frozen.rows(paser, set, numbers, settings, 0, Key{8}).map));
}

TEST_CASE("PolicyData: what was computed once is not computed again") {
  const auto paser = noisy_paser();
  const CountingSet set(5);
  PolicyData<float> frozen(1, Key{5});
  for (int i = 0; i < 3; ++i) {
    frozen.experts(paser, set, settings);
    CHECK(set.served == 5);
  }
  for (const Index pass : {0, 1, 2}) frozen.rows(paser, set, Numbers{0, 1}, settings, pass, Key{});
  CHECK(set.served == 7);
  const auto batch = set.range(0, 5);
  const auto& table = frozen.experts(paser, set, settings);
  REQUIRE(table.size() == 2);
  for (const std::int32_t k : {1, 2}) {
    const Labels labels = apply_experts(paser, batch.images, Labels::zeros({5, 8, 8}), Actions::full({5, 2}, k));
    CHECK(same_bits(table[static_cast<std::size_t>(k - 1)],
                    metrics::patch_confusion(labels, batch.labels, 2, paser.grid)));
  }
}

TEST_CASE("PolicyData: processes that share the images keep what one alone keeps") {
  const auto paser = noisy_paser();
  const toy::Set set(7);
  struct Kept {
    PolicyBatch<float> first, second;
    ExpertCounts experts;
  };
  const auto kept = [&](const distributed::Team& team) {
    PolicyData<float> data(2, Key{5}, team);
    for (const Index pass : {0, 1}) data.draw(paser, set, settings, pass);
    const Numbers numbers{6, 0, 1, 2, 3, 5, 4};
    return Kept{data.rows(paser, set, numbers, settings, 0, Key{}), data.rows(paser, set, numbers, settings, 1, Key{}),
                data.experts(paser, set, settings)};
  };
  const Kept alone = kept({});
  for (const auto& rank : thread_link::with_ranks(3, kept)) {
    CHECK(same_bits(rank->first.map, alone.first.map));
    CHECK(same_bits(rank->first.coarse, alone.first.coarse));
    CHECK(same_bits(rank->second.map, alone.second.map));
    REQUIRE(rank->experts.size() == alone.experts.size());
    for (std::size_t k = 0; k < alone.experts.size(); ++k) CHECK(same_bits(rank->experts[k], alone.experts[k]));
  }
}

TEST_CASE("policies that share what was computed once are trained to the same bits as on their own") {
  const toy::Set train(12), validation(6);
  PolicyOptions<float> options;
  options.epochs = 3;
  options.batch = 4;
  options.learning_rate = 1e-2;
  options.reward = settings;
  options.draws = 2;
  const auto trained = [&](double lambda, PolicyCache<float>* ground) {
    auto paser = noisy_paser();
    options.reward.lambda = lambda;
    REQUIRE(train_policy(paser, train, validation, options, Stage{.name = "policy"}, Key{6}, ground));
    return paser.policy;
  };
  PolicyCache<float> ground(2, Key{6});
  const auto first = trained(0, &ground), second = trained(0.7, &ground);
  CHECK(same_state(first, trained(0, nullptr)));
  CHECK(same_state(second, trained(0.7, nullptr)));
  CHECK_FALSE(same_state(first, second));
  CHECK_FALSE(same_state(first, noisy_paser().policy));
}

TEST_CASE("pixels without a label count as if they had been cut out of the image") {
  auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  paser.grid = {1, 2};
  const HalfSet whole{false}, cut{true};
  RewardOptions options = settings;
  const auto without = cut.range(0, 6);
  const auto with = whole.range(0, 6);
  const auto expected = observe(paser, without, options, Key{3}).coarse;
  const auto experts = tabulate_experts(paser, cut, options);

  Actions actions = Actions::zeros({6, 2});
  for (Index i = 0; i < 12; ++i) actions.mutable_data()[i] = static_cast<std::int32_t>(i % 3);
  const auto rewards = [&](const toy::Batch& b, const RewardOptions& o) {
    const Labels coarse = predict(paser.models[0], b.images);
    return routing_reward<float>(apply_experts(paser, b.images, coarse, actions), coarse, b.labels, actions, paser.grid,
                                 o);
  };
  const auto paid = rewards(without, options);

  // All labels given: the lower half, where the truth is another, changes the numbers.
  CHECK_FALSE(same_bits(rewards(whole.set.range(0, 6), options).reward, paid.reward));
  options.ignored = ignored;
  CHECK(same_bits(observe(paser, with, options, Key{3}).coarse, expected));
  const auto table = tabulate_experts(paser, whole, options);
  REQUIRE(table.size() == experts.size());
  for (std::size_t k = 0; k < table.size(); ++k) CHECK(same_bits(table[k], experts[k]));
  const auto got = rewards(with, options);
  CHECK(same_bits(got.reward, paid.reward));
  CHECK(same_bits(got.gain, paid.gain));
  options.ignored.reset();
  CHECK_THROWS_AS(rewards(with, options), ValueError);  // 255 is no class then
}
