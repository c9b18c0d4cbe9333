#include <catch2/catch.hpp>
#include <cmath>

#include "paser/models/unet.hpp"
#include "paser/pipeline/cascade.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/train_policy.hpp"
#include "pipeline/toy.hpp"

namespace pipeline_nothing_counted_test {

using namespace paser;
using namespace paser::pipeline;
using Catch::Contains;

/// The toy set, of which images whose number is in `blank` have labels 255 alone.
struct Blanked : toy::Set {
  std::vector<Index> blank;
  Blanked(Index n, std::vector<Index> numbers) : toy::Set(n), blank(std::move(numbers)) {}

  toy::Batch rows(std::span<const Index> which) const {
    toy::Batch b = toy::Set::rows(which);
    for (std::size_t i = 0; i < which.size(); ++i)
      if (std::find(blank.begin(), blank.end(), which[i]) != blank.end())
        std::fill_n(b.labels.mutable_data() + static_cast<Index>(i) * 64, 64, 255);
    return b;
  }
  toy::Batch range(Index begin, Index end) const {
    std::vector<Index> which;
    for (Index i = begin; i < end; ++i) which.push_back(i);
    return rows(which);
  }
};

EvaluationOptions evaluation() {
  return {.classes = 2, .models = 3, .kinds = 3, .batch = 2, .ignored = 255};
}

TEST_CASE("an image without a counted pixel is left out of the mean IoU of a method, and counted") {
  const auto paser = toy::paser(Key{1}, toy::Skill::large_is_best);
  const Method<float> large{[&](const Tensor<float, 4>& images, const ImageIds& ids) {
                              return segment(paser, Constant{2}, images, ids, Key{3});
                            },
                            {.estimate = 0, .decide = 0, .coarse = 1, .patch = {0, 1, 1}}};
  const auto some = evaluate_method(large, Blanked(5, {1, 3}), evaluation());
  CHECK(some.iou == 1);
  CHECK(some.iou_std == 0);
  CHECK(some.without_iou() == 2);
  CHECK((std::isnan(some.image_iou[1]) && some.image_iou[2] == 1));
  const auto none = evaluate_method(large, Blanked(2, {0, 1}), evaluation());
  CHECK((std::isnan(none.iou) && std::isnan(none.iou_std)));
  CHECK(none.without_iou() == 2);
}

TEST_CASE("so it is in a table of answers and in the search for a cascade") {
  const auto paser = toy::paser(Key{1}, toy::Skill::large_is_best);
  const auto table = tabulate_routing(paser, Blanked(4, {2}), 2, Key{3}, 255);
  const WorkCosts costs{.estimate = 0, .decide = 0, .coarse = 1, .patch = {0, 1, 1}};
  const auto e = evaluate_choices(table, {2, 2, 2, 2}, costs, {}, evaluation());
  CHECK(e.iou == 1);
  CHECK(e.iou_std == 0);
  CHECK(e.without_iou() == 1);
  CHECK(evaluate_thresholds(table, {-1, -1}, costs, metrics::ClassMean::present).iou == 1);
  CHECK(patch_ious(table, 2, metrics::ClassMean::present) == std::vector<double>{1, 1, 0, 1});
}

TEST_CASE("a policy is not trained without validation images, or without a pixel in them that counts") {
  PolicyOptions<float> options;
  options.epochs = 1;
  options.batch = 4;
  options.reward = {.costs = cost_shares({1, 2, 3}), .classes = 2, .ignored = 255};
  const auto train = [&](const Blanked& validation) {
    auto paser = toy::paser(Key{1}, toy::Skill::large_is_best);
    return train_policy(paser, Blanked(8, {}), validation, options, Stage{.name = "policy"}, Key{1});
  };
  CHECK_THROWS_WITH(train(Blanked(0, {})), Contains("there are no validation images"));
  CHECK_THROWS_WITH(train(Blanked(2, {0, 1})), Contains("no pixel of the validation images counts"));
  CHECK(train(Blanked(2, {1})));
}

TEST_CASE("a batch without a counted pixel has no loss in the log, and no weight in the epoch's mean") {
  models::AnySegmenter<float> model = models::StaticUNet<2, 2, 4, 1>(Key{1});
  PretrainOptions<float> options;
  options.epochs = 1;
  options.batch = 1;
  options.learning_rate = 0;
  options.supervised.ignored = 255;
  options.supervised.mode = run::inference;
  std::vector<nlohmann::json> records;
  Stage stage{.name = "f1"};
  stage.callbacks.log = [&](const nlohmann::json& record) { records.push_back(record); };
  const Blanked set(4, {1, 2});
  REQUIRE(pretrain(model, set, Blanked(2, {}), options, stage, Key{5}));
  double sum = 0;
  int without = 0;
  for (const auto& record : records)
    if (record.at("loss").is_null())
      ++without;
    else
      sum += record.at("loss").get<double>();
  CHECK(without == 2);
  CHECK(records.back().at("epoch_loss").get<double>() == Approx(sum / 2));
}

TEST_CASE("validation images without a counted pixel do not choose a network: they are refused") {
  models::AnySegmenter<float> model = models::StaticUNet<2, 2, 4, 1>(Key{1});
  PretrainOptions<float> options;
  options.epochs = 1;
  options.supervised.ignored = 255;
  CHECK_THROWS_WITH(pretrain(model, Blanked(2, {}), Blanked(2, {0, 1}), options, Stage{.name = "f1"}, Key{5}),
                    Contains("f1: no pixel of the validation images counts"));
  CHECK(std::isnan(validation_iou(model, Blanked(1, {0}), {1, 1}, metrics::ClassMean::present, 4, 255)));
}

TEST_CASE("nothing is gained on a patch without a counted pixel, and rewards stay numbers") {
  const auto counts = metrics::Confusion<4>::zeros({1, 2, 2, 2});
  RewardOptions options{.classes = 2};
  for (const auto gain : {PatchGain::patch_iou, PatchGain::additive}) {
    options.gain = gain;
    const auto gains = patch_gain<float>(counts, counts, options);
    for (const float g : gains.values()) CHECK(g == 0);
  }
}

}  // namespace pipeline_nothing_counted_test
