#include "paser/pipeline/supervised.hpp"

#include <catch2/catch.hpp>

#include "paser/models/unet.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "pipeline/toy.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace {

/// The largest difference of two gradients, relative to the largest entry of the parameter it belongs to.
double difference(const models::Segmenter<double>& model, const Gradients<double>& a, const Gradients<double>& b) {
  double worst = 0;
  nn::walk_parameters(
      model, [&](const std::string&, const auto& p) { worst = std::max(worst, max_abs_difference(a.of(p), b.of(p))); });
  return worst;
}

}  // namespace

TEST_CASE("the size of a micro-batch changes neither loss nor gradient, with dropout and distillation") {
  const models::Segmenter<double> model = models::UNet<2, 2, 4, 1, double>(Key{1});
  std::vector<Index> rows(7);
  std::iota(rows.begin(), rows.end(), Index{3});
  const auto batch = toy::Set(20).rows(rows);
  const Tensor<double, 4> images = batch.images.cast<double>();
  const auto teacher = normal<double>(Key{2}, Shape<4>{7, 8, 8, 2});
  for (const bool distil : {false, true})
    for (const auto kind : {DistillationSpec::Kind::mse, DistillationSpec::Kind::kl}) {
      SupervisedOptions<double> options;
      options.class_weights = {0.3, 1.7};
      if (distil) options.distillation = DistillationSpec{.alpha = 0.3, .kind = kind, .temperature = 2};
      options.micro_batch = 7;
      const auto whole = supervised_gradients(model, images, batch.labels, batch.ids, Key{9}, options, teacher);
      CHECK(whole.loss > 0);
      for (const Index size : {1, 2, 3}) {
        options.micro_batch = size;
        const auto parts = supervised_gradients(model, images, batch.labels, batch.ids, Key{9}, options, teacher);
        CHECK(parts.loss == Approx(whole.loss).epsilon(1e-12));
        CHECK(difference(model, whole.gradients, parts.gradients) < 1e-12);
      }
    }
}

TEST_CASE("two epochs of training give the same bytes at 1, 2, 3 and 8 threads") {
  const toy::Set set(20);
  PretrainOptions<float> options;
  options.epochs = 2;
  options.batch = 8;
  options.learning_rate = 1e-2;
  options.supervised.micro_batch = 4;
  std::vector<io::State> states;
  for (const int threads : {1, 2, 3, 8}) {
    set_threads(threads);
    models::Segmenter<float> model = models::UNet<2, 2, 8, 2>(Key{1});
    REQUIRE(pretrain(model, set, set, options, Stage{.name = "toy"}, Key{5}));
    states.push_back(io::state_of(model));
  }
  set_threads(0);
  for (const auto& state : states)
    for (const auto& [name, tensor] : state) {
      INFO(name);
      CHECK(std::ranges::equal(tensor.bytes.values(), states[0].at(name).bytes.values()));
    }
}

TEST_CASE("training on patches is training on the image put back together") {
  models::Segmenter<double> model = models::UNet<2, 2, 4, 1, double>(Key{1});
  std::vector<Index> rows{0, 1, 2};
  const auto batch = toy::Set(20).rows(rows);
  const Tensor<double, 4> images = batch.images.cast<double>();
  PretrainOptions<double> options;
  options.grid = {2, 2};
  options.supervised.mode = run::inference;
  const auto logits = predict_logits_on_grid(model, images, options.grid, 4);
  const double expected =
      static_cast<double>(cross_entropy(logits, batch.labels, {.normalizer = Normalizer::pixels}).data()[0]);
  optim::Adam<double> adam({.learning_rate = 1e-3});
  CHECK(supervised_step(model, adam, images, batch.labels, batch.ids, Key{1}, options).loss ==
        Approx(expected).epsilon(1e-12));
}
