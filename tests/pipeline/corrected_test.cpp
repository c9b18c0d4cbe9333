#include <catch2/catch.hpp>

#include "paser/models/corrected.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/models/unet.hpp"
#include "paser/pipeline/expert_images.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/routing_table.hpp"
#include "paser/pipeline/tiled.hpp"
#include "pipeline/toy.hpp"
#include "support/same_bits.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::pipeline;
using Catch::Matchers::Contains;

namespace corrected_test {

namespace {

using Model = models::AnySegmenter<float>;

Model unet(std::uint64_t seed) {
  return models::UNet<float>({.in = 2, .classes = 2, .width = 4, .depth = 1, .dropout = 0.5}, Key{seed});
}

/// A network that answers 0 everywhere.
Model zero_unet() {
  Model zero = unet(1);
  nn::walk_parameters(zero,
                      [](const std::string&, auto& p) { std::fill_n(p.value.mutable_data(), p.value.numel(), 0.0f); });
  return zero;
}

/// f1 with dropout noise, f2 that keeps its answer, f3 that changes it, on four patches.
Paser<float> corrected_paser() {
  return {.models = {unet(4), models::Corrected<float>(zero_unet()), models::Corrected<float>(unet(6))},
          .policy = Constant{1},
          .grid = {2, 2},
          .estimator = uncertainty::McDropout{.samples = 3}};
}

/// The toy model that is half wrong, and says what it takes.
struct Coarse : toy::Model {
  static Index channels() { return 2; }
  static Index classes() { return 2; }
};

/// One 1x1 convolution: enough to read the class off the toy images. No norm, for a patch has one class, and a norm
/// would erase it.
struct Reader {
  nn::Conv2d<float> conv{{.in = 2, .out = 2, .kernel = 1}, Key{1}};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv", self.conv);
  }
  static Index channels() { return 2; }
  static Index classes() { return 2; }
  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& image) const {
    return conv(ctx, image);
  }
};

/// A coarse model that is half wrong, and a task model that corrects it and has everything to learn.
Paser<float> learning_paser() {
  auto paser = corrected_paser();
  paser.models = {Coarse{{0, toy::Skill::large_is_best}}, models::Corrected<float>(Reader{})};
  return paser;
}

/// The toy set; its images are darker in later epochs.
struct VariedSet : toy::Set {
  using toy::Set::rows;
  using toy::Set::Set;
  toy::Batch rows(std::span<const Index> which, Index epoch) const {
    toy::Batch b = toy::Set::rows(which);
    b.images = scale(b.images, 1 / (1 + static_cast<double>(epoch)));
    return b;
  }
};

/// Keeps every patch at f1, and notes by what it was asked.
struct ByStatistics {
  PolicyState<float>* shown;

  static constexpr bool reads_statistics = true;
  Actions choose(const PolicyState<float>& state, Key) const {
    *shown = state;
    return Actions::zeros(state.shape());
  }
  TypedSpec spec() const { return {}; }
};

const toy::Set set(5);
const toy::Batch batch = set.range(0, 5);
const Key key{9};

}  // namespace

TEST_CASE("a task model corrects when it takes the image's channels and one for each class of f1") {
  auto paser = corrected_paser();
  CHECK((!corrects(paser, 0) && corrects(paser, 1) && corrects(paser, 2) && any_corrects(paser)));
  paser.models[1] = unet(5);
  CHECK_FALSE(corrects(paser, 1));
  paser.models[0] = toy::Model{0, toy::Skill::all_alike};  // says nothing of itself
  CHECK_FALSE(corrects(paser, 2));
  CHECK_FALSE(any_corrects(paser));
}

TEST_CASE("log-probabilities stand beside the channels of the image, and are never minus infinity") {
  const auto image = normal<float>(Key{1}, Shape{1, 2, 3, 2});
  auto probabilities = Tensor<float, 4>::full({1, 2, 3, 3}, 0.25f);
  probabilities.mutable_data()[4] = 0;
  const auto both = with_log_probabilities(image, probabilities);
  REQUIRE(both.shape() == Shape{1, 2, 3, 5});
  CHECK(same_bits(slice_channels(both, 0, 2), image));
  CHECK(both(0, 1, 2, 4) == std::log(0.25f));
  CHECK(both(0, 0, 1, 3) == std::log(1e-6f));
  CHECK_THROWS_WITH(with_log_probabilities(image, Tensor<float, 4>({1, 3, 2, 3})), Contains("not of the same pixels"));
}

TEST_CASE("log-probabilities of more pixels than one thread takes at once stand beside their own") {
  const auto image = normal<float>(Key{1}, Shape{2, 70, 90, 1});
  const auto probabilities = uniform<float>(Key{2}, Shape{2, 70, 90, 2}, 0.1f, 0.9f);
  const auto both = with_log_probabilities(image, probabilities);
  CHECK(same_bits(slice_channels(both, 0, 1), image));
  Index wrong = 0;
  for (Index i = 0; i < probabilities.numel(); ++i)
    wrong += both.data()[i / 2 * 3 + 1 + i % 2] != std::log(probabilities.data()[i]);
  CHECK(wrong == 0);
}

TEST_CASE("a model that corrects by nothing answers every patch as f1 does") {
  const auto paser = corrected_paser();
  const auto prediction = paser.predict_coarse(batch.images, batch.ids, key);
  const auto answer = segment(paser, batch.images, batch.ids, key);
  CHECK(same_bits(answer.labels, prediction.labels));
  CHECK(max_abs_difference(answer.entropy, prediction.entropy) < 1e-5);
  CHECK(max_abs_difference(answer.probability,
                           pipeline::detail::probability_of(answer.labels, prediction.probabilities)) < 1e-5);
  CHECK((answer.work.estimated == 5 && answer.work.coarse == 0));
  CHECK(answer.work.patches == std::vector<Index>{0, 20, 0});
  CHECK((answer.state.map.empty() && answer.state.ids == batch.ids && answer.state.shape() == Shape{5, 4}));
  CHECK(answer.answered_by(4, 3) == 1);

  const TiledOptions windows{.height = 8, .width = 8, .overlap = 0.5};
  const auto large = uniform<float>(Key{7}, Shape{1, 20, 13, 2});
  const auto f1 = segment_tiled(paser, Constant{0}, large, key, windows).maps.labels;
  CHECK(same_bits(segment_tiled(paser, large, key, windows).maps.labels, f1));
  CHECK_FALSE(same_bits(segment_tiled(paser, Constant{2}, large, key, windows).maps.labels, f1));

  const auto table = tabulate_routing(paser, set, 2, key);
  CHECK(same_bits(table.confusion[1], table.confusion[0]));
  CHECK_FALSE(same_bits(table.confusion[2], table.confusion[0]));
  CHECK(table.statistics.empty());
  for (std::size_t i = 0; i < 20; ++i) CHECK(table.entropy[1][i] == Approx(table.entropy[0][i]).margin(1e-5));
}

TEST_CASE("a model that corrects sees the prediction of f1 on the whole image, in its own patch") {
  auto paser = corrected_paser();
  paser.micro_batch = 2;
  const auto prediction = paser.predict_coarse(batch.images, batch.ids, key);
  const auto seen = with_log_probabilities(batch.images, prediction.probabilities);
  const Labels expected = data::assemble_patches(
      argmax_channels(infer(paser.models[2], data::extract_patches(seen, paser.grid))), paser.grid);
  REQUIRE_FALSE(same_bits(expected, prediction.labels));

  CHECK(same_bits(segment(paser, Constant{2}, batch.images, batch.ids, key).labels, expected));
  const Actions all = Actions::full({5, 4}, 2);
  CHECK(same_bits(apply_experts(paser, batch.images, prediction.labels, all, prediction.probabilities), expected));
  CHECK_THROWS_AS(apply_experts(paser, batch.images, prediction.labels, all), ValueError);
  CHECK_THROWS_WITH(apply_experts(paser, batch.images, prediction.labels, all),
                    Contains("model 2 corrects the coarse model: expected the probabilities"));

  Oracle some;
  for (const std::uint64_t id : batch.ids) some.choices[id] = {0, 2, 1, 0};
  const auto mixed = segment(paser, some, batch.images, batch.ids, key);
  for (Index n = 0; n < 5; ++n)
    for (Index y = 0; y < 8; ++y)
      for (Index x = 0; x < 8; ++x)
        CHECK(mixed.labels(n, y, x) == (y < 4 && x >= 4 ? expected : prediction.labels)(n, y, x));
  CHECK(same_bits(mixed.state.map, prediction.policy_state()));

  const auto counts = metrics::patch_confusion(expected, batch.labels, 2, paser.grid);
  CHECK(same_bits(tabulate_routing(paser, set, 2, key).confusion[2], counts));
  const RewardOptions options{.classes = 2};
  CHECK(same_bits(tabulate_experts(paser, set, options, {}, key)[1], counts));
}

TEST_CASE("policies and tables get the statistics that they ask for") {
  const auto paser = corrected_paser();
  const auto expected = uncertainty::patch_statistics(paser.predict_coarse(batch.images, batch.ids, key), paser.grid);
  PolicyState<float> shown;
  const auto answer = segment(paser, ByStatistics{&shown}, batch.images, batch.ids, key);
  CHECK(same_bits(shown.statistics, expected));
  CHECK(same_bits(answer.state.statistics, expected));
  CHECK((shown.map.empty() && shown.shape() == Shape{5, 4}));
  CHECK(same_bits(tabulate_routing(paser, set, 2, key, {}, {}, true).statistics, expected));
  const toy::Set many(70);  // more than are tabulated at once
  const auto table = tabulate_routing(paser, many, 2, key, {}, {}, true);
  CHECK(max_abs_difference(slice_rows(table.statistics, 0, 5), expected) < 1e-4);
  const auto last = many.range(64, 70);
  CHECK(max_abs_difference(
            slice_rows(table.statistics, 64, 70),
            uncertainty::patch_statistics(paser.predict_coarse(last.images, last.ids, key), paser.grid)) < 1e-4);
}

TEST_CASE("a Paser whose task models do not correct makes no prediction that no policy reads") {
  auto paser = corrected_paser();
  paser.models[1] = unet(5);
  paser.models[2] = toy::Model{2, toy::Skill::all_alike};
  const auto parts = data::extract_patches(batch.images, paser.grid);
  for (const std::int32_t k : {1, 2}) {
    const auto answer = segment(paser, Constant{k}, batch.images, batch.ids, key);
    CHECK((answer.work.estimated == 0 && answer.work.coarse == 0));
    CHECK(same_bits(
        answer.labels,
        data::assemble_patches(argmax_channels(infer(paser.models[static_cast<std::size_t>(k)], parts)), paser.grid)));
    CHECK(same_bits(apply_experts(paser, batch.images, Labels::zeros({5, 8, 8}), Actions::full({5, 4}, k)),
                    answer.labels));
  }
  const auto f1 = segment(paser, Constant{0}, batch.images, batch.ids, key);
  CHECK((f1.work.estimated == 0 && f1.work.coarse == 5));
  CHECK(same_bits(f1.labels, predict(paser.models[0], batch.images)));
  CHECK(mac_costs(paser, paser.policy, {1, 8, 8, 2}).patch[1] ==
        static_cast<double>(paser.models[1].count({1, 4, 4, 2}).total()));
}

TEST_CASE("a model that corrects is counted on patches with its further channels") {
  const auto costs = mac_costs(corrected_paser(), Constant{1}, {1, 8, 8, 2});
  const auto inside = static_cast<double>(unet(6).count({1, 4, 4, 2}).total());
  CHECK(inside > 0);
  CHECK(costs.patch == std::vector<double>{0, inside, inside});
  CHECK(costs.of(segment(corrected_paser(), batch.images, batch.ids, key).work) ==
        Approx(5 * costs.estimate + 20 * inside));
}

TEST_CASE("a Paser with models that correct is saved and comes back with its answers") {
  const TemporaryFolder folder;
  PaserDescription d;
  d.channels = 2;
  d.class_names = {"background", "digit"};
  d.height = d.width = 8;
  const auto paser = corrected_paser();
  save_paser(folder / "p.safetensors", paser, d);
  const auto loaded = load_paser(folder / "p.safetensors");
  CHECK(loaded.description.networks[2].type == "corrected");
  CHECK(corrects(loaded.paser, 2));
  for (const std::int32_t k : {1, 2})
    CHECK(same_bits(segment(loaded.paser, Constant{k}, batch.images, batch.ids, key).labels,
                    segment(paser, Constant{k}, batch.images, batch.ids, key).labels));

  auto wrong = paser;
  wrong.models[0] = models::Corrected<float>(unet(6));
  CHECK_THROWS_WITH(save_paser(folder / "q.safetensors", wrong, d), Contains("network f1 takes 4 channels"));
  wrong = paser;
  wrong.models[0] = toy::Model{0, toy::Skill::all_alike};
  CHECK_THROWS_WITH(
      save_paser(folder / "q.safetensors", wrong, d),
      Contains("network f2 takes 4 channels and knows 2 classes, expected 2 channels and 2 classes, or 4"));
}

TEST_CASE("a set with predictions has those of f1 on the whole image beside its images") {
  const auto paser = corrected_paser();
  const VariedSet varied(5);
  const WithPrediction<float, VariedSet> source(paser, varied, key);
  static_assert(data::Source<WithPrediction<float, VariedSet>>);
  CHECK(source.size() == 5);
  const auto expected = [&](const toy::Batch& b, Key noise) {
    return with_log_probabilities(b.images, paser.predict_coarse(b.images, b.ids, noise).probabilities);
  };
  const auto all = source.range(0, 5);
  CHECK(same_bits(all.images, expected(batch, key)));
  CHECK(same_bits(all.labels, batch.labels));
  CHECK((all.ids == batch.ids && all.kinds == batch.kinds));
  const std::vector<Index> numbers{3, 1};
  CHECK(same_bits(source.rows(numbers).images, expected(varied.rows(numbers), key)));
  const auto later = source.rows(numbers, 2).images;
  CHECK(same_bits(slice_channels(later, 0, 2), varied.rows(numbers, 2).images));
  CHECK(same_bits(later, expected(varied.rows(numbers, 2), key.fold(2))));
  CHECK_FALSE(same_bits(later, expected(varied.rows(numbers, 2), key.fold(3))));
  const WithPrediction<float, toy::Set> plain(paser, set, key);
  CHECK(same_bits(slice_channels(plain.rows(numbers, 2).images, 0, 2), set.rows(numbers).images));
}

TEST_CASE("pretraining on predictions teaches a model to correct f1 on its patches") {
  auto paser = learning_paser();
  const toy::Set images(24);
  const WithPrediction<float, toy::Set> train(paser, images, key), validation(paser, set, key);
  PretrainOptions<float> options;
  options.epochs = 30;
  options.batch = 8;
  options.learning_rate = 0.1;
  options.grid = paser.grid;
  options.validate_every = 10;
  const auto iou = [&](const Model& model) {
    return validation_iou(model, validation, paser.grid, options.class_mean, options.supervised.micro_batch);
  };
  const double coarse = iou(models::Corrected<float>(zero_unet()));
  CHECK(coarse == Approx(validation_iou(paser.models[0], set, {1, 1}, options.class_mean, 32)));
  REQUIRE(coarse < 0.6);
  std::vector<double> losses;
  Stage stage{.name = "f2"};
  stage.callbacks.log = [&](const nlohmann::json& r) { losses.push_back(r.at("loss").get<double>()); };
  REQUIRE(pretrain(paser.models[1], train, validation, options, stage, Key{3}));
  REQUIRE(losses.size() == 90);
  CHECK(losses.back() < 0.3 * losses.front());
  CHECK(iou(paser.models[1]) > 0.95);
  const auto method_iou = metrics::mean_iou<double>(
      metrics::image_confusion(segment(paser, Constant{1}, batch.images, batch.ids, key).labels, batch.labels, 2),
      options.class_mean);
  CHECK(method_iou(0) > 0.9);
}

TEST_CASE("fine-tuning trains a model that corrects together with the policy") {
  auto paser = learning_paser();
  paser.policy = NetPolicy<float>{models::PolicyNet<float>(8, Key{2})};
  nn::walk_parameters(paser.policy, [](const std::string& name, auto& p) {
    if (name != "head.bias") return;
    for (const Index patch : {0, 1, 2, 3}) p.value.mutable_data()[2 * patch + 1] = 20;  // everything goes to f2
  });
  FineTuneOptions<float> options;
  options.steps = 40;
  options.batch = 8;
  options.expert_learning_rate = 0.3;
  options.policy_learning_rate = 1e-5;
  options.validate_every = 10;
  options.reward = {.costs = with_free_coarse(cost_shares({1, 2})), .classes = 2};
  options.reward.lambda = options.lambda_from = options.lambda_to = 0.1;
  std::vector<double> rewards;
  Stage stage{.name = "fine-tune"};
  stage.callbacks.log = [&](const nlohmann::json& r) {
    if (r.contains("validation_reward")) rewards.push_back(r["validation_reward"].get<double>());
  };
  std::vector<Snapshot<float>> snapshots;
  REQUIRE(fine_tune(paser, toy::Set(24), set, options, stage, Key{3}, snapshots));
  REQUIRE(rewards.size() == 4);
  CHECK(rewards.back() > 0.2);
  const auto prediction = paser.predict_coarse(batch.images, batch.ids, Key{});
  CHECK(greedy_reward(paser, set, prediction.policy_state(), paser.coarse_labels(prediction), options.reward,
                      prediction.probabilities) > 0.2);
}

}  // namespace corrected_test
