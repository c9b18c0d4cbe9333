#include "paser/pipeline/policy_groups.hpp"

#include <catch2/catch.hpp>

#include "distributed/thread_link.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "pipeline/toy.hpp"
#include "support/in_pieces.hpp"
#include "support/temporary_folder.hpp"

namespace policy_groups_test {

using namespace paser;
using namespace paser::pipeline;
using Catch::Contains;
using thread_link::with_ranks;

Mode groups_of(Index images) {
  Mode mode = run::training;
  mode.ghost_batch = images;
  return mode;
}

/// A batch of 7 images for a policy of 3 models and one patch.
template <class T>
struct Batch {
  Policy<T> policy = NetPolicy<T>{models::PolicyNet<T>(3, Key{1})};
  PolicyState<T> state;
  Actions actions = Actions::from({7, 1}, {0, 1, 2, 2, 1, 0, 1});
  Tensor<T, 2> advantages = uniform<T>(Key{3}, Shape<2>{7, 1}, -1, 1);
  Index judged = 0;

  Batch() {
    state.map = uniform<T>(Key{2}, Shape<4>{7, 8, 8, 2}, 0, 1);
    state.grid = {1, 1};
    state.models = 3;
  }

  PolicyResult<T> result(Index group, const distributed::Team& team = {}) {
    return policy_gradients_by_groups(policy, state, groups_of(group), Key{}, team, [&](const Tensor<T, 2>& logits) {
      ++judged;
      check<ValueError>(logits.shape() == Shape<2>{7, 3}, "judge", "logits ", logits.shape());
      return [&](const Var<T, 2>& own, Index begin, Index end) {
        return rl::policy_gradient_loss(own, slice_rows(actions, begin, end), slice_rows(advantages, begin, end),
                                        {.total = 7});
      };
    });
  }
  ValueAndGradients<T> at_once(Index group) const {
    return value_and_gradients<T>(groups_of(group), Key{}, [&](auto& ctx) {
      return rl::policy_gradient_loss(policy.record(ctx, state), actions, advantages);
    });
  }
  /// Of all gradients and next values.
  std::string bytes_of(const Gradients<T>& gradients) const {
    std::string bytes;
    each(gradients, gradients, [&](const auto& values, const auto&) {
      bytes.append(reinterpret_cast<const char*>(values.data()), static_cast<std::size_t>(values.numel()) * sizeof(T));
    });
    return bytes;
  }
  /// f(found, expected) for the gradient of every parameter and the next value of every buffer.
  template <class F>
  void each(const Gradients<T>& found, const Gradients<T>& expected, const F& f) const {
    nn::walk(policy, [&](const std::string& name, const auto& member) {
      INFO(name);
      REQUIRE(found.find(static_cast<const void*>(&member)) != nullptr);
      f(*found.find(static_cast<const void*>(&member)), *expected.find(static_cast<const void*>(&member)));
    });
  }
};

TEST_CASE("a policy's gradient by groups is that of one run with ghost batches") {
  Batch<double> batch;
  for (const Index group : {2, 3, 4, 7, 9}) {
    INFO("groups of " << group);
    const auto found = batch.result(group);
    const auto expected = batch.at_once(group);
    CHECK(found.loss == Approx(expected.value).epsilon(1e-12));
    batch.each(found.gradients, expected.gradients,
               [](const auto& a, const auto& b) { CHECK(max_abs_difference(a, b) < 1e-10); });
  }
  CHECK(batch.judged == 5);
}

/// A policy that sees half of its map.
struct Noisy : NetPolicy<float> {
  nn::Dropout drop;
  Var<float, 2> record(TapeContext<float>& ctx, const PolicyState<float>& state) const {
    return net(ctx, drop(ctx, ctx.constant(state.map)));
  }
};

TEST_CASE("the noise of a policy's layers is that of the step, and of the image in any group") {
  Batch<float> batch;
  batch.policy = Noisy{{models::PolicyNet<float>(3, Key{1})}, nn::Dropout(0.5)};
  const auto logits = [&](Key key, Index group) {
    Tensor<float, 2> seen;
    policy_gradients_by_groups(batch.policy, batch.state, groups_of(group), key, {}, [&](const Tensor<float, 2>& all) {
      seen = all;
      return [&](const Var<float, 2>& own, Index begin, Index end) {
        return rl::policy_gradient_loss(own, slice_rows(batch.actions, begin, end),
                                        slice_rows(batch.advantages, begin, end), {.total = 7});
      };
    });
    return seen;
  };
  CHECK(max_abs_difference(logits(Key{1}, 1), logits(Key{1}, 1)) == 0);
  CHECK(max_abs_difference(logits(Key{1}, 1), logits(Key{2}, 1)) > 1e-3);
}

TEST_CASE("without groups a policy's gradient has the bits of one run") {
  Batch<float> batch;
  const auto found = batch.result(0);
  const auto expected = batch.at_once(0);
  CHECK(found.loss == static_cast<double>(expected.value));
  batch.each(found.gradients, expected.gradients,
             [](const auto& a, const auto& b) { CHECK(max_abs_difference(a, b) == 0); });
}

TEST_CASE("a policy's gradient by groups has the same bits for 1 to 8 processes, and only groups are shared out") {
  for (const Index group : {0, 1, 2, 3}) {
    Batch<float> one;
    const auto expected = one.result(group);
    for (const Index size : {2, 3, 4, 8}) {
      INFO(size << " processes, groups of " << group);
      thread_link::Post post;
      std::vector<Batch<float>> batches(static_cast<std::size_t>(size));
      const auto found = with_ranks(
          size,
          [&](const distributed::Team& team) {
            return batches[static_cast<std::size_t>(team.rank())].result(group, team);
          },
          post);
      CHECK((post.bytes > 0) == (group > 0));
      for (std::size_t k = 0; k < found.size(); ++k) {
        CHECK(batches[k].judged == 1);
        CHECK(found[k]->loss == expected.loss);
        CHECK(batches[k].bytes_of(found[k]->gradients) == one.bytes_of(expected.gradients));
      }
    }
  }
}

/// Stages 2 and 3 by groups of two images of a batch of five: every log, and the weights at the end.
std::string trained(const distributed::Team& team) {
  using Net = models::StaticUNet<2, 2, 4, 1>;
  auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  for (std::size_t k = 0; k < 3; ++k) paser.models[k] = Net(Key{2 + k});
  std::string bytes;
  Stage stage{.name = "toy", .team = team};
  stage.callbacks.log = [&](const nlohmann::json& record) { bytes += record.dump(); };
  const toy::Set set(10);
  PolicyOptions<float> policy;
  policy.epochs = 2;
  policy.batch = 5;
  policy.learning_rate = 1e-2;
  policy.draws = 1;
  policy.mode = groups_of(2);
  policy.reward = {.lambda = 0.1, .costs = cost_shares({1, 2, 3}), .classes = 2};
  bool finished = train_policy(paser, set, set, policy, stage, Key{1});
  FineTuneOptions<float> tune;
  tune.steps = 2;
  tune.batch = 5;
  tune.reward = policy.reward;
  tune.policy_mode = policy.mode;
  tune.supervised.micro_batch = 2;
  tune.supervised.team = team;
  std::vector<Snapshot<float>> snapshots;
  finished = fine_tune(paser, set, set, tune, stage, Key{2}, snapshots) && finished;
  check<ValueError>(finished && snapshots.size() == 1, "toy", "was interrupted");  // Catch's own are not for threads
  nn::walk(snapshots[0].policy, [&](const std::string&, const auto& member) {
    bytes.append(reinterpret_cast<const char*>(member.value.data()),
                 static_cast<std::size_t>(member.value.numel()) * sizeof(float));
  });
  return bytes;
}

TEST_CASE("stages 2 and 3 by groups have the same bytes for 1 to 4 processes") {
  const std::string expected = trained({});
  CHECK(!expected.empty());
  for (const Index size : {2, 3, 4})
    for (const auto& bytes : with_ranks(size, trained)) CHECK(*bytes == expected);
}

TEST_CASE("the loss of stage 2 by groups is the mean over the batch") {
  auto paser = toy::paser(Key{1}, toy::Skill::all_alike);  // so that every action is worth the same
  PolicyOptions<float> options;
  options.epochs = 1;
  options.batch = 5;
  options.estimate = PolicyGradient::exact;
  options.mode = groups_of(2);
  options.reward = {.lambda = 0.5, .costs = {0.2, 0.2, 0.2}, .classes = 2};
  double loss = 0;
  Stage stage{.name = "toy"};
  stage.callbacks.log = [&](const nlohmann::json& record) { loss = record["loss"]; };
  const toy::Set set(5);
  REQUIRE(train_policy(paser, set, set, options, stage, Key{1}));
  CHECK(loss == Approx(0.5 * 0.2));
}

TEST_CASE("a stage that was interrupted does not go on with other groups, and one without a word of them has none") {
  const TemporaryFolder folder;
  const toy::Set set(8);
  Stage stage{.name = "toy", .file = folder.path() / "stage.safetensors"};
  stage.callbacks.interrupted = [] { return true; };
  PolicyOptions<float> options;
  options.epochs = 8;
  options.batch = 4;
  options.reward = {.lambda = 0.1, .costs = cost_shares({1, 2, 3}), .classes = 2};
  auto paser = toy::paser(Key{1}, toy::Skill::one_kind_each);
  const auto goes_on = [&](Index group) {
    options.mode = groups_of(group);
    return train_policy(paser, set, set, options, stage, Key{1});
  };
  CHECK_FALSE(goes_on(0));
  CHECK(!io::Checkpoint::load(stage.file).info.contains("policy_group"));
  CHECK_THROWS_WITH(goes_on(2), Contains("stage.safetensors") &&
                                    Contains("the statistics of 4 images at once, now of 2") &&
                                    Contains("set policy_group to 4"));
  CHECK_FALSE(goes_on(4));
  CHECK_FALSE(goes_on(9));
  std::filesystem::remove(stage.file);
  CHECK_FALSE(goes_on(2));
  CHECK_THROWS_AS(goes_on(0), FormatError);
  CHECK_FALSE(goes_on(2));
}

}  // namespace policy_groups_test
