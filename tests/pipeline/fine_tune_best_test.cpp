#include <catch2/catch.hpp>

#include "paser/nn/conv2d.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "pipeline/toy.hpp"
#include "support/in_pieces.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace {

/// One 1x1 convolution: enough to read the class off the toy images. `sign` 1 starts right everywhere, -1 wrong.
struct Reader {
  nn::Conv2d<float> conv;

  explicit Reader(float sign) : conv({.in = 2, .out = 2, .kernel = 1}, Key{1}) {
    float* weight = conv.weight.value.mutable_data();  // (1, 1, in, out)
    const float values[] = {-sign, sign, 0, 0};
    std::copy_n(values, 4, weight);
    float* bias = conv.bias.value.mutable_data();
    bias[0] = sign / 2;
    bias[1] = -sign / 2;
  }
  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv", self.conv);
  }
  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return conv(ctx, image);
  }
};

/// The toy set, or the one with the two classes swapped.
struct Source : toy::Set {
  bool swapped;
  explicit Source(Index n, bool swap = false) : toy::Set(n), swapped(swap) {}

  toy::Batch rows(std::span<const Index> which) const { return of(toy::Set::rows(which)); }
  toy::Batch range(Index begin, Index end) const { return of(toy::Set::range(begin, end)); }
  toy::Batch of(toy::Batch b) const {
    if (!swapped) return b;
    for (std::int32_t& label : std::span(b.labels.mutable_data(), static_cast<std::size_t>(b.labels.numel())))
      label = 1 - label;
    return b;
  }
};

/// f1 is half wrong; everything goes to f3, which starts right or wrong.
Paser<float> start(float sign) {
  auto paser = toy::paser(Key{1}, toy::Skill::large_is_best);
  paser.models[1] = Reader(sign);
  paser.models[2] = Reader(sign);
  nn::walk_parameters(paser.policy, [](const std::string& name, auto& p) {
    if (name == "head.bias") p.value.mutable_data()[2] = 20;
  });
  return paser;
}

FineTuneOptions<float> options(Index validate_every) {
  FineTuneOptions<float> o;
  o.steps = 12;
  o.batch = 4;
  o.expert_learning_rate = 0.3;
  o.policy_learning_rate = 1e-5;
  o.reward = {.costs = with_free_coarse(cost_shares({1, 2, 3})), .classes = 2};
  o.lambda_from = o.lambda_to = 0.1;
  o.validate_every = validate_every;
  return o;
}

const Source validation(6);

double reward_of(const Paser<float>& paser) {
  const auto batch = validation.range(0, 6);
  const auto prediction = paser.predict_coarse(batch.images, batch.ids, Key{});
  auto reward = options(0).reward;
  reward.lambda = 0.1;
  return greedy_reward(paser, validation, prediction.policy_state(), paser.coarse_labels(prediction), reward);
}

/// The kept state, and what was logged as validation.
std::pair<Snapshot<float>, std::vector<double>> tuned(float sign, const Source& train, Index validate_every) {
  auto paser = start(sign);
  std::vector<Snapshot<float>> snapshots;
  std::vector<double> logged;
  Stage stage{.name = "fine-tune"};
  stage.callbacks.log = [&](const nlohmann::json& r) {
    if (r.contains("validation_reward")) logged.push_back(r["validation_reward"].get<double>());
  };
  REQUIRE(fine_tune(paser, train, validation, options(validate_every), stage, Key{3}, snapshots));
  REQUIRE(snapshots.size() == 1);
  return {snapshots[0], logged};
}

Paser<float> with(const Snapshot<float>& s) {
  auto paser = start(1);
  paser.models = s.models;
  paser.policy = s.policy;
  return paser;
}

}  // namespace

TEST_CASE("fine-tuning that makes everything worse keeps the state of the start") {
  const double before = reward_of(start(1));
  const Source misleading(8, true);
  const auto [kept, logged] = tuned(1, misleading, 3);
  CHECK(kept.step == 0);
  CHECK(reward_of(with(kept)) == before);
  REQUIRE(logged.size() == 4);
  for (const double reward : logged) CHECK(reward <= before);
  CHECK(logged.back() < before);

  const auto [last, nothing] = tuned(1, misleading, 0);
  CHECK(last.step == 12);
  CHECK(reward_of(with(last)) == logged.back());
  CHECK(nothing.empty());
}

TEST_CASE("fine-tuning that helps keeps the best state that was measured") {
  const double before = reward_of(start(-1));
  const auto [kept, logged] = tuned(-1, Source(8), 5);
  REQUIRE(logged.size() == 3);  // after steps 5, 10 and 12, the last
  const double best = *std::max_element(logged.begin(), logged.end());
  CHECK(best > before);
  CHECK(reward_of(with(kept)) == best);
  CHECK((kept.step == 5 || kept.step == 10 || kept.step == 12));
}

TEST_CASE("fine-tuning that validates, was interrupted and resumed keeps the same bits") {
  const TemporaryFolder folder;
  for (const bool misleading : {true, false}) {
    const float sign = misleading ? 1 : -1;
    const auto tune = [&](Paser<float>& paser, const Stage& stage, std::vector<Snapshot<float>>& snapshots) {
      return fine_tune(paser, Source(8, misleading), validation, options(3), stage, Key{3}, snapshots);
    };
    auto whole = start(sign);
    std::vector<Snapshot<float>> expected, got;
    REQUIRE(tune(whole, Stage{.name = "toy"}, expected));
    auto pieces = start(sign);
    in_pieces(2, folder / (misleading ? "worse" : "better"), [&](const Stage& stage) {
      pieces = start(sign);
      return tune(pieces, stage, got);
    });
    REQUIRE(expected.size() == 1);
    REQUIRE(got.size() == 1);
    CHECK(got[0].step == expected[0].step);
    CHECK(same_state(got[0].policy, expected[0].policy));
    for (const std::size_t k : {1u, 2u}) {
      CHECK(same_state(got[0].models[k], expected[0].models[k]));
      CHECK(same_state(pieces.models[k], whole.models[k]));
    }
  }
}

TEST_CASE("f1 learns with the others where that is asked for, and an interruption changes no bit of it") {
  const auto from = [] {
    auto paser = start(-1);
    paser.models[0] = Reader(-1);
    return paser;
  };
  const auto tune = [](Paser<float>& paser, bool small, const Stage& stage, std::vector<Snapshot<float>>& snapshots) {
    auto o = options(3);
    o.lambda_from = o.lambda_to = 0;
    if (small) o.small = SupervisedOptions<float>{};
    return fine_tune(paser, Source(8), validation, o, stage, Key{3}, snapshots);
  };
  std::vector<Snapshot<float>> kept, got;
  auto frozen = from(), learned = from(), pieces = from();
  REQUIRE(tune(frozen, false, Stage{.name = "toy"}, kept));
  CHECK(same_state(frozen.models[0], from().models[0]));
  CHECK(same_state(kept[0].models[0], from().models[0]));

  REQUIRE(tune(learned, true, Stage{.name = "toy"}, kept));
  const auto batch = validation.range(0, 6);
  const Labels labels = predict(learned.models[0], batch.images);
  CHECK(std::ranges::equal(labels.values(), batch.labels.values()));

  const TemporaryFolder folder;
  in_pieces(2, folder / "f1", [&](const Stage& stage) {
    pieces = from();
    return tune(pieces, true, stage, got);
  });
  CHECK(same_state(pieces.models[0], learned.models[0]));
  REQUIRE(got.size() == 1);
  CHECK(same_state(got[0].models[0], kept[0].models[0]));
  CHECK(got[0].step == kept[0].step);
}

TEST_CASE("a last state follows the thresholds unless all of them were reached") {
  const auto kept = [](std::vector<double> thresholds) {
    auto o = options(0);
    o.tvd_thresholds = std::move(thresholds);
    auto paser = start(1);
    std::vector<Snapshot<float>> snapshots;
    REQUIRE(fine_tune(paser, Source(8), validation, o, Stage{.name = "toy"}, Key{3}, snapshots));
    std::vector<std::pair<double, Index>> found;
    for (const auto& s : snapshots) found.emplace_back(s.threshold, s.step);
    return found;
  };
  using Found = std::vector<std::pair<double, Index>>;
  CHECK(kept({}) == Found{{1, 12}});
  CHECK(kept({0}) == Found{{0, 1}});  // with which the stage ends
  CHECK(kept({0, 0.9}) == Found{{0, 1}, {1, 12}});
  CHECK(kept({0.9}) == Found{{1, 12}});
}

TEST_CASE("fine-tuning without a step, or whose distance is never measured, is refused") {
  using Catch::Matchers::Contains;
  const auto refused = [](Index steps, Index tvd_every, const char* text) {
    auto o = options(0);
    o.steps = steps;
    o.tvd_every = tvd_every;
    auto paser = start(1);
    std::vector<Snapshot<float>> snapshots;
    CHECK_THROWS_WITH(fine_tune(paser, Source(8), validation, o, Stage{.name = "toy"}, Key{3}, snapshots),
                      Contains(text));
  };
  refused(0, 1, "needs at least one step");
  refused(-3, 1, "needs at least one step");
  refused(12, 0, "measures the distance after every 0 steps, expected at least 1");
  refused(12, -2, "measures the distance after every -2 steps");
}
