#include "paser/pipeline/train_policy.hpp"

#include <catch2/catch.hpp>

#include "pipeline/toy.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace {

PolicyOptions<float> options_with(double lambda) {
  PolicyOptions<float> options;
  options.epochs = 15;
  options.batch = 32;
  options.learning_rate = 1e-2;
  options.reward = {.lambda = lambda, .costs = cost_shares({1, 10, 100}), .classes = 2};
  options.explore = rl::ExplorationScope::patch;
  options.advantage.baseline = rl::Baseline::batch_mean;
  return options;
}

std::vector<double> trained_share(Paser<float>& paser, const toy::Set& set, const PolicyOptions<float>& options,
                                  std::uint64_t seed) {
  REQUIRE(train_policy(paser, set, set, options, Stage{.name = "policy"}, Key{seed}));
  PolicyData<float> frozen(1, Key{seed}.fold(9));
  return evaluate_policy(paser, set, frozen, options.reward).share;
}

}  // namespace

TEST_CASE("with cost alone every patch stays with the free model") {
  auto paser = toy::paser(Key{1}, toy::Skill::all_alike);
  CHECK(trained_share(paser, toy::Set(96), options_with(1), 1)[0] >= 0.95);
}

TEST_CASE("without cost every patch goes to a model that is strictly better") {
  auto paser = toy::paser(Key{1}, toy::Skill::large_is_best);
  CHECK(trained_share(paser, toy::Set(96), options_with(0), 1)[2] >= 0.95);
}

TEST_CASE("three kinds of images and one good model for each: the policy finds them on every seed") {
  const toy::Set set(96);
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u, 5u}) {
    auto paser = toy::paser(Key{seed}, toy::Skill::one_kind_each);
    auto options = options_with(0);
    options.epochs = 25;
    REQUIRE(train_policy(paser, set, set, options, Stage{.name = "policy"}, Key{seed}));
    const auto batch = set.range(0, set.size());
    const auto actions = segment(paser, batch.images, batch.ids, Key{seed}).answered_by;
    double right = 0;
    for (std::size_t i = 0; i < batch.kinds.size(); ++i) right += actions.data()[i] == batch.kinds[i] ? 1 : 0;
    CHECK(right / static_cast<double>(set.size()) >= 0.9);
  }
}

TEST_CASE("the exact gradient finds the good model of each kind, whatever is drawn") {
  const toy::Set set(96);
  const auto batch = set.range(0, set.size());
  const auto trained = [&](rl::ExplorationScope explore) {
    auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
    auto options = options_with(0);
    options.estimate = PolicyGradient::exact;
    options.explore = explore;
    REQUIRE(train_policy(paser, set, set, options, Stage{.name = "policy"}, Key{1}));
    return paser.policy.probabilities(
        paser.state(paser.predict_coarse(batch.images, batch.ids, Key{1}).policy_state()));
  };
  const auto routes = trained(rl::ExplorationScope::patch);
  const Actions actions = routes.argmax();
  double right = 0;
  for (std::size_t i = 0; i < batch.kinds.size(); ++i) right += actions.data()[i] == batch.kinds[i] ? 1 : 0;
  CHECK(right / static_cast<double>(set.size()) >= 0.9);
  CHECK(max_abs_difference(routes.probabilities(), trained(rl::ExplorationScope::batch).probabilities()) == 0);
}

TEST_CASE("rewards of every action are those of each") {
  const auto gains = uniform<float>(Key{1}, Shape{2, 2, 3}, -1.0, 1.0);
  const RewardOptions options{.lambda = 0.25, .costs = {0.1, 0.3, 0.6}, .classes = 2};
  const auto all = all_rewards(gains, options);
  CHECK(all.shape() == Shape{2, 2, 3});
  CHECK(all(1, 0, 0) == Approx(0.75 * gains(1, 0, 0) - 0.25 * 0.1));
  CHECK(all(0, 1, 2) == Approx(0.75 * gains(0, 1, 2) - 0.25 * 0.6));
  CHECK(all(1, 1, 1) == Approx(0.75 * gains(1, 1, 1) - 0.25 * 0.3));
  CHECK_THROWS_WITH(rewards_of(gains, Actions::zeros({2, 2}), {.costs = {0, 1}}),
                    Catch::Contains("gains of 3 models and 2 costs"));
}

TEST_CASE("an additive gain pays what the patch adds to the IoU of its image, or of a set that is given") {
  // One image of two patches of 4 pixels. f1: classes right but for one pixel of patch 0.
  const auto coarse = metrics::Confusion<4>::from({1, 2, 2, 2}, {1, 1, 0, 2, 2, 0, 0, 2});
  const auto chosen = metrics::Confusion<4>::from({1, 2, 2, 2}, {2, 0, 0, 2, 1, 1, 0, 2});
  RewardOptions options{.lambda = 0.5, .costs = {0, 0.1}, .classes = 2};
  CHECK(patch_gain<double>(coarse, chosen, options)(0, 0) == Approx(1 - (1.0 / 2 + 2.0 / 3) / 2));
  options.gain = PatchGain::additive;
  // Of the image: I = 3 and 4, U = 4 and 5. The pixel is class 0: dI = 1; class 1 loses a false one: dU = -1.
  const double first = (1.0 / 4 + 0.8 / 5) / 2;
  const auto image = patch_gain<double>(coarse, chosen, options);
  CHECK(image(0, 0) == Approx(2 * first));
  CHECK(image(0, 1) == Approx(-2 * first));
  // Of a set twice as large, the same everywhere: half as much for a patch, times twice the patches.
  options.set = metrics::GainBase{metrics::Confusion<2>::from({2, 2}, {6, 2, 0, 8}), 4};
  CHECK(patch_gain<double>(coarse, chosen, options)(0, 0) == Approx(2 * first));
  const auto gains = tabulated_gains<double>({chosen}, std::vector<Index>{0}, coarse, options);
  REQUIRE(gains.shape() == Shape{1, 2, 2});
  CHECK((gains(0, 0, 0) == 0 && gains(0, 1, 0) == 0));
  CHECK(gains(0, 0, 1) == Approx(2 * first));
  // The images are rows of the table, in any order.
  auto table = metrics::Confusion<4>::zeros({3, 2, 2, 2});
  std::copy_n(chosen.data(), 8, table.mutable_data() + 16);
  std::copy_n(coarse.data(), 8, table.mutable_data());
  auto twice = metrics::Confusion<4>::zeros({2, 2, 2, 2});
  for (Index n = 0; n < 2; ++n) std::copy_n(coarse.data(), 8, twice.mutable_data() + 8 * n);
  const auto ordered = tabulated_gains<double>({table}, std::vector<Index>{2, 0}, twice, options);
  CHECK(ordered(0, 0, 1) == gains(0, 0, 1));
  CHECK(ordered(0, 1, 1) == gains(0, 1, 1));
  CHECK((ordered(1, 0, 1) == 0 && ordered(1, 1, 1) == 0));
  const auto paid = rewards_of(gains, Actions::from({1, 2}, {1, 0}), options);
  CHECK(paid.reward(0, 0) == Approx(0.5 * 2 * first - 0.05));
  CHECK(paid.reward(0, 1) == 0);
}

TEST_CASE("a policy that is paid by additive gains finds the good model of each kind") {
  const toy::Set set(96);
  for (const PatchGain gain : {PatchGain::patch_iou, PatchGain::additive}) {
    auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
    auto options = options_with(0);
    options.epochs = 25;
    options.reward.gain = gain;
    REQUIRE(train_policy(paser, set, set, options, Stage{.name = "policy"}, Key{1}));
    const auto batch = set.range(0, set.size());
    const auto actions = segment(paser, batch.images, batch.ids, Key{1}).answered_by;
    double right = 0;
    for (std::size_t i = 0; i < batch.kinds.size(); ++i) right += actions.data()[i] == batch.kinds[i] ? 1 : 0;
    CHECK(right / static_cast<double>(set.size()) >= 0.9);
  }
}

TEST_CASE("a constant reward against the batch mean leaves the policy as it is") {
  auto paser = toy::paser(Key{1}, toy::Skill::all_alike);
  const auto before = paser.policy;
  auto options = options_with(0);
  options.epochs = 3;
  REQUIRE(train_policy(paser, toy::Set(48), toy::Set(48), options, Stage{.name = "policy"}, Key{1}));
  double worst = 0;
  nn::walk_parameters(paser.policy, [&](const std::string& name, const auto& now) {
    nn::walk_parameters(before, [&](const std::string& other, const auto& then) {
      if constexpr (std::is_same_v<decltype(now), decltype(then)>)
        if (name == other) worst = std::max(worst, max_abs_difference(now.value, then.value));
    });
  });
  CHECK(worst <= 1e-7);
}

TEST_CASE("a collapsed policy is told, and the log has what one needs to see it") {
  auto paser = toy::paser(Key{1}, toy::Skill::large_is_best);
  std::vector<nlohmann::json> records;
  Stage stage{.name = "policy"};
  stage.callbacks.log = [&](const nlohmann::json& r) { records.push_back(r); };
  auto options = options_with(0);
  options.epochs = 40;
  options.learning_rate = 5e-2;
  REQUIRE(train_policy(paser, toy::Set(64), toy::Set(64), options, stage, Key{1}));
  int warnings = 0, epochs = 0;
  for (const auto& r : records) {
    for (const char* field : {"reward", "cost", "entropy", "share", "loss"}) CHECK(r.contains(field));
    if (r.contains("epoch")) CHECK(r["epoch"] == ++epochs);
    if (!r.contains("warning")) continue;
    ++warnings;
    CHECK_THAT(r["warning"].get<std::string>(),
               Catch::Contains("collapsed") && Catch::Contains("below 0.0549"));  // 5 % of log 3
  }
  CHECK(warnings >= 1);
  CHECK(epochs == 40);
}
