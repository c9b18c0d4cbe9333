#include <catch2/catch.hpp>
#include <cmath>

#include "paser/models/unet.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "pipeline/toy.hpp"

/// Numbers of the stages that are known by hand.
namespace schedules_test {

using namespace paser;
using namespace paser::pipeline;

/// Stage 2 or 3 on images of which every patch is one image, and what it logs.
template <class Train>
std::vector<nlohmann::json> logged(const Train& train) {
  std::vector<nlohmann::json> records;
  Stage stage{.name = "toy"};
  stage.callbacks.log = [&](const nlohmann::json& record) { records.push_back(record); };
  REQUIRE(train(stage));
  return records;
}

std::vector<double> numbers(const std::vector<nlohmann::json>& records, const char* name) {
  std::vector<double> values;
  for (const auto& record : records) values.push_back(record.at(name).get<double>());
  return values;
}

void check_close(const std::vector<double>& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == Approx(expected[i]).epsilon(1e-6).margin(1e-9));
}

/// A policy that sends everything to model 2.
Paser<float> all_to_large(toy::Skill skill) {
  auto paser = toy::paser(Key{1}, skill);
  nn::walk_parameters(paser.policy, [](const std::string& name, auto& p) {
    if (name == "head.bias") p.value.mutable_data()[2] = 30;
  });
  return paser;
}

const toy::Set set(12);

TEST_CASE("stage 3: lambda rises linearly with the steps, in the log and in the reward") {
  auto paser = all_to_large(toy::Skill::all_alike);
  FineTuneOptions<float> options;
  options.steps = 4;
  options.batch = 6;
  options.reward = {.lambda = 0.77, .costs = {0, 0.25, 0.5}, .classes = 2};
  options.lambda_from = 0.2;
  options.lambda_to = 0.8;
  options.exploit_from = options.exploit_to = 1;
  options.policy_learning_rate = 0;
  std::vector<Snapshot<float>> snapshots;
  const auto records =
      logged([&](const Stage& s) { return fine_tune(paser, set, set, options, s, Key{4}, snapshots); });
  check_close(numbers(records, "lambda"), {0.2, 0.4, 0.6, 0.8});
  // All models answer alike, so that nothing is gained: the reward is -lambda times the cost of model 2.
  check_close(numbers(records, "cost"), {0.5, 0.5, 0.5, 0.5});
  check_close(numbers(records, "reward"), {-0.1, -0.2, -0.3, -0.4});
  CHECK(snapshots.back().lambda == Approx(0.8));
}

TEST_CASE("Eq. 4 in stage 2: alpha rises linearly with the epochs, and is what explores") {
  auto paser = all_to_large(toy::Skill::all_alike);
  PolicyOptions<float> options;
  options.epochs = 5;
  options.batch = 6;  // two steps per epoch
  options.learning_rate = 0;
  options.reward = {.lambda = 0.5, .costs = {0, 0.25, 0.5}, .classes = 2};
  options.exploit_from = 0;
  options.exploit_to = 1;
  options.explore = rl::ExplorationScope::patch;
  const auto records = logged([&](const Stage& s) { return train_policy(paser, set, set, options, s, Key{4}); });
  check_close(numbers(records, "exploit"), {0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1, 1});
  const std::vector<double> followed{0, 0, 1};
  CHECK(records.front().at("share") != nlohmann::json(followed));
  CHECK(records[1].at("share") != nlohmann::json(followed));
  CHECK(records[8].at("share") == nlohmann::json(followed));
  CHECK(records[9].at("share") == nlohmann::json(followed));
  CHECK(PolicyOptions<float>{}.exploit_from == 0.7);
  CHECK(PolicyOptions<float>{}.exploit_to == 0.95);
}

TEST_CASE("Eq. 4 in stage 3: alpha rises linearly with the steps, and is what explores") {
  auto paser = all_to_large(toy::Skill::all_alike);
  FineTuneOptions<float> options;
  options.steps = 5;
  options.batch = 12;
  options.reward = {.lambda = 0.5, .costs = {0, 0.25, 0.5}, .classes = 2};
  options.exploit_from = 0;
  options.exploit_to = 1;
  options.explore = rl::ExplorationScope::patch;
  options.policy_learning_rate = 0;
  std::vector<Snapshot<float>> snapshots;
  const auto records =
      logged([&](const Stage& s) { return fine_tune(paser, set, set, options, s, Key{4}, snapshots); });
  check_close(numbers(records, "exploit"), {0, 0.25, 0.5, 0.75, 1});
  CHECK(records.front().at("share") != nlohmann::json(std::vector<double>{0, 0, 1}));
  CHECK(records.back().at("share") == nlohmann::json(std::vector<double>{0, 0, 1}));
  CHECK(FineTuneOptions<float>{}.exploit_from == 0.95);
  CHECK(FineTuneOptions<float>{}.exploit_to == 1);
}

TEST_CASE("the loss is the mean over the pixels that count, whatever parts the batch is cut into") {
  const models::AnySegmenter<float> model = models::StaticUNet<2, 2, 4, 1>(Key{1});
  auto batch = toy::Set(3).range(0, 3);
  std::int32_t* const label = batch.labels.mutable_data();
  for (Index i = 0; i < batch.labels.numel(); ++i)
    if (i % 7 < 3 || i > 150) label[i] = 255;
  SupervisedOptions<float> options;
  options.ignored = 255;
  options.class_weights = {0.5, 2};
  options.mode = run::inference;
  const auto logits = infer(model, batch.images);
  double sum = 0, pixels = 0;
  for (Index i = 0; i < batch.labels.numel(); ++i) {
    if (label[i] == 255) continue;
    const double a = static_cast<double>(logits.data()[2 * i]), b = static_cast<double>(logits.data()[2 * i + 1]);
    sum += options.class_weights[static_cast<std::size_t>(label[i])] *
           (std::log(std::exp(a) + std::exp(b)) - (label[i] == 0 ? a : b));
    ++pixels;
  }
  REQUIRE(pixels < 100);
  for (const Index micro_batch : {1, 2, 3}) {
    options.micro_batch = micro_batch;
    const auto result = supervised_gradients(model, batch.images, batch.labels, batch.ids, Key{5}, options);
    CHECK(result.loss == Approx(sum / pixels).epsilon(1e-5));
  }
}

}  // namespace schedules_test
