#include "paser/pipeline/supervised.hpp"

#include <catch2/catch.hpp>

#include "paser/models/unet.hpp"
#include "paser/nn/dropout.hpp"
#include "paser/nn/norm.hpp"
#include "paser/ops/arithmetic.hpp"
#include "paser/ops/relu.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "pipeline/toy.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::pipeline;

namespace {

/// Calls f(a's, b's) with the gradient of each parameter and the next value of each buffer; empty where there is none.
template <class T, class F>
void for_each_pair(const models::AnySegmenter<T>& model, const Gradients<T>& a, const Gradients<T>& b, F&& f) {
  nn::walk(model, [&](const std::string& path, const auto& member) {
    INFO(path);
    if constexpr (nn::detail::is_parameter<std::remove_cvref_t<decltype(member)>>) {
      f(a.of(member), b.of(member));
    } else {
      REQUIRE((a.next(member) == nullptr) == (b.next(member) == nullptr));
      if (a.next(member) != nullptr) f(*a.next(member), *b.next(member));
    }
  });
}

/// The largest difference of two gradients, or of the next values of a buffer.
double difference(const models::AnySegmenter<double>& model, const Gradients<double>& a, const Gradients<double>& b) {
  double worst = 0;
  for_each_pair(model, a, b, [&](const auto& x, const auto& y) { worst = std::max(worst, max_abs_difference(x, y)); });
  return worst;
}

template <class T>
bool same(const models::AnySegmenter<T>& model, const SupervisedResult<T>& a, const SupervisedResult<T>& b) {
  bool all = a.loss == b.loss && a.cross_entropy == b.cross_entropy && a.distillation == b.distillation;
  for_each_pair(model, a.gradients, b.gradients, [&](const auto& x, const auto& y) { all = all && same_bits(x, y); });
  return all;
}

/// A network with a batch norm and dropout.
template <class T>
struct Normed {
  nn::Conv2d<T> conv1{nn::Conv2dSpec::same(2, 4), Key{1}};
  nn::BatchNorm<T> norm{4};
  nn::Dropout drop{0.3};
  nn::Conv2d<T> conv2{nn::Conv2dSpec::same(4, 2), Key{2}};

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("conv1", self.conv1);
    f("norm", self.norm);
    f("conv2", self.conv2);
  }
  template <class Context>
  Image<Context> operator()(Context& ctx, const Image<Context>& x) const {
    return conv2(ctx, drop(ctx, relu(norm(ctx, conv1(ctx, x)))));
  }
};

/// A batch of the toy set, whose images have noise, and gradients on it.
template <class T>
struct Task {
  models::AnySegmenter<T> model;
  toy::Batch batch;
  Tensor<T, 4> images;

  Task(models::AnySegmenter<T> m, Index n) : model(std::move(m)), batch(toy::Set(n).range(0, n)) {
    images = add(batch.images.template cast<T>(), normal<T>(Key{3}, batch.images.shape()));
  }
  SupervisedResult<T> gradients(const SupervisedOptions<T>& options) const {
    return supervised_gradients(model, images, batch.labels, batch.ids, Key{9}, options);
  }
  SupervisedResult<T> gradients(Index micro_batch, Index part_images = 0, Mode mode = run::training) const {
    SupervisedOptions<T> options;
    options.micro_batch = micro_batch;
    options.part_images = part_images;
    options.mode = mode;
    return gradients(options);
  }
};

Mode training_by(Index ghost_batch) {
  Mode mode = run::training;
  mode.ghost_batch = ghost_batch;
  return mode;
}

}  // namespace

TEST_CASE("the size of a micro-batch changes neither loss nor gradient, with dropout and distillation") {
  const models::AnySegmenter<double> model = models::StaticUNet<2, 2, 4, 1, double>(Key{1});
  std::vector<Index> rows(7);
  std::iota(rows.begin(), rows.end(), Index{3});
  const auto batch = toy::Set(20).rows(rows);
  const Tensor<double, 4> images = batch.images.cast<double>();
  const auto teacher = normal<double>(Key{2}, Shape<4>{7, 8, 8, 2});
  for (const bool distil : {false, true})
    for (const auto kind : {DistillationOptions::Kind::mse, DistillationOptions::Kind::kl}) {
      SupervisedOptions<double> options;
      options.class_weights = {0.3, 1.7};
      if (distil) options.distillation = DistillationOptions{.alpha = 0.3, .kind = kind, .temperature = 2};
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

TEST_CASE("with ghost batches the size of a micro-batch changes neither loss, gradient nor running statistics") {
  for (const Index n : {8, 11}) {
    const Task<double> task(Normed<double>{}, n);
    for (const Index ghost : {1, 2, 4}) {
      const auto whole = task.gradients(n, 0, training_by(ghost));
      REQUIRE(whole.loss > 0);
      for (const Index size : {1, 2, 4, 8}) {
        INFO(n << " images, ghost batches of " << ghost << ", micro-batches of " << size);
        if (size % ghost != 0) {
          CHECK_THROWS_WITH(task.gradients(size, 0, training_by(ghost)), Catch::Contains("does not hold whole groups"));
          continue;
        }
        const auto parts = task.gradients(size, 0, training_by(ghost));
        CHECK(parts.loss == Approx(whole.loss).epsilon(1e-12));
        CHECK(difference(task.model, whole.gradients, parts.gradients) < 1e-12);
      }
    }
    // Other groups are another network.
    CHECK(difference(task.model, task.gradients(n, 0, training_by(2)).gradients, task.gradients(n).gradients) > 1e-4);
  }
}

TEST_CASE("batch statistics of parts that are not the batch are refused, and nothing else is") {
  const Task<float> task(Normed<float>{}, 8);
  CHECK_THROWS_AS(task.gradients(4), ValueError);
  CHECK_THROWS_WITH(task.gradients(4), Catch::Contains("a batch of 8 images runs in parts") &&
                                           Catch::Contains("Mode::ghost_batch") &&
                                           Catch::Contains("run::frozen_statistics") && Catch::Contains("micro_batch"));
  CHECK_THROWS_AS(task.gradients(8, 4), ValueError);
  CHECK_NOTHROW(task.gradients(8));
  CHECK_NOTHROW(task.gradients(4, 0, run::frozen_statistics));
  const Task<float> without(models::StaticUNet<2, 2, 4, 1>(Key{1}), 8);
  CHECK_NOTHROW(without.gradients(4));
  CHECK_NOTHROW(without.gradients(3, 0, training_by(2)));
}

TEST_CASE("check_parts refuses what a step would refuse, in the same words and without a step, and nothing else") {
  const Task<float> task(Normed<float>{}, 8);
  const auto said = [](const auto& work) -> std::string {
    try {
      work();
    } catch (const ValueError& error) {
      return error.what();
    }
    return "nothing";
  };
  int refused = 0;
  for (const Index size : {1, 2, 3, 4, 8})
    for (const Index ghost : {0, 1, 2, 3}) {
      INFO("micro-batches of " << size << ", ghost batches of " << ghost);
      PretrainOptions<float> options;
      options.supervised.micro_batch = size;
      options.supervised.mode = training_by(ghost);
      const std::string step = said([&] { task.gradients(size, 0, training_by(ghost)); });
      CHECK(said([&] { check_parts(task.model, options, task.images.shape()); }) == step);
      refused += step != "nothing";
    }
  CHECK(refused == 9);             // the four that cut without ghost batches, and five that cut one
  PretrainOptions<float> patches;  // of which 4 make an image
  patches.grid = {2, 2};
  patches.supervised.micro_batch = 8;
  CHECK_NOTHROW(check_parts(task.model, patches, {2, 8, 8, 2}));
  CHECK_THROWS_WITH(check_parts(task.model, patches, {3, 8, 8, 2}), Catch::Contains("a batch of 12 images"));
  CHECK_NOTHROW(check_parts(task.model, patches, {0, 8, 8, 2}));
}

TEST_CASE("training by frozen statistics drops, leaves the statistics alone and does not depend on the micro-batch") {
  const Task<double> task(Normed<double>{}, 8);
  const auto whole = task.gradients(8, 0, run::frozen_statistics);
  nn::walk(task.model, [&](const std::string&, const auto& member) {
    if constexpr (!nn::detail::is_parameter<std::remove_cvref_t<decltype(member)>>)
      CHECK(whole.gradients.next(member) == nullptr);
  });
  CHECK(whole.loss != task.gradients(8, 0, run::inference).loss);
  for (const Index size : {1, 3, 4})
    CHECK(difference(task.model, whole.gradients, task.gradients(size, 0, run::frozen_statistics).gradients) < 1e-12);
}

TEST_CASE("with the same parts the bits are the same for every micro-batch and 1 to 8 threads") {
  const Task<float> unet(models::StaticUNet<2, 2, 8, 2>(Key{1}), 13);
  const Task<float> normed(Normed<float>{}, 13);
  for (const Task<float>* task : {&unet, &normed})
    for (const Index part : {2, 4}) {
      const Mode mode = training_by(2);
      set_threads(1);
      const auto one = task->gradients(part, 0, mode);
      for (const int threads : {1, 2, 3, 5, 8}) {
        set_threads(threads);
        for (const Index size : {4, 8, 16}) {
          INFO(threads << " threads, micro-batches of " << size << ", parts of " << part);
          CHECK(same(task->model, one, task->gradients(size, part, mode)));
        }
      }
      set_threads(0);
    }
}

TEST_CASE("processes that own whole parts join to the bits of one") {
  const Task<float> task(Normed<float>{}, 13);
  SupervisedOptions<float> options;
  options.micro_batch = 4;
  options.part_images = 2;
  options.mode = training_by(2);
  const auto one = task.gradients(options);
  constexpr Index parts = 7;
  for (Index processes = 1; processes <= parts; ++processes) {
    TreeSum<SupervisedResult<float>> sum;
    for (Index rank = 0; rank < processes; ++rank)
      sum.join(supervised_parts(task.model, task.images, task.batch.labels, task.batch.ids, Key{9}, options, {},
                                parts_of_process(parts, rank, processes)));
    INFO(processes << " processes");
    CHECK(same(task.model, one, std::move(sum).total()));
  }
  CHECK_THROWS_WITH(
      supervised_parts(task.model, task.images, task.batch.labels, task.batch.ids, Key{9}, options, {}, {6, 8}),
      Catch::Contains("parts 6 .. 8 of 7"));
}

TEST_CASE("one part is a single run to the bit, and up to three parts are added one after the other") {
  const Task<float> unet(models::StaticUNet<2, 2, 8, 2>(Key{1}), 9);
  const Task<float> normed(Normed<float>{}, 9);
  const auto in_a_loop = [](const Task<float>& task, Index size) {
    SupervisedResult<float> sum;
    for_each_chunk(9, size, [&](Index begin, Index end) {
      TapeContext<float> ctx(run::training, Key{9});
      for (Index i = begin; i < end; ++i)
        ctx.sample_keys.push_back(Key{9}.fold(task.batch.ids[static_cast<std::size_t>(i)]));
      CrossEntropyOptions spec;
      spec.total = static_cast<double>(task.batch.labels.numel());
      const auto loss = cross_entropy(task.model(ctx, ctx.constant(slice_rows(task.images, begin, end))),
                                      slice_rows(task.batch.labels, begin, end), spec);
      sum.loss += static_cast<double>(loss.value()(0));
      sum.gradients += ctx.backward(loss, Tensor<float, 1>::full({1}, 1.F));
    });
    sum.cross_entropy = sum.loss;
    return sum;
  };
  CHECK(same(unet.model, in_a_loop(unet, 9), unet.gradients(9)));
  CHECK(same(normed.model, in_a_loop(normed, 9), normed.gradients(9)));
  CHECK(same(unet.model, in_a_loop(unet, 3), unet.gradients(3)));
}

TEST_CASE("micro-batches that do not hold whole parts are refused") {
  const Task<float> task(models::StaticUNet<2, 2, 4, 1>(Key{1}), 8);
  CHECK_THROWS_WITH(task.gradients(8, 3), Catch::Contains("a micro-batch holds whole parts") &&
                                              Catch::Contains("multiple of part_images, got 8 and 3"));
  CHECK_THROWS_AS(task.gradients(2, 4), ValueError);
  CHECK_THROWS_WITH(task.gradients(0), Catch::Contains("micro_batch of at least 1"));
  CHECK_THROWS_AS(task.gradients(8, -1), ValueError);
  SupervisedOptions<float> masked;
  masked.masks = [](int, const Shape<4>& shape) { return Tensor<float, 4>::full(shape, 1.F); };
  CHECK_NOTHROW(task.gradients(masked));
  masked.part_images = 4;
  CHECK_THROWS_WITH(task.gradients(masked), Catch::Contains("a whole batch of 8, a part of it has 4 images"));
}

TEST_CASE("two epochs of training give the same bytes at 1, 2, 3 and 8 threads") {
  const toy::Set set(20);
  PretrainOptions<float> options;
  options.epochs = 2;
  options.batch = 8;
  options.learning_rate = 1e-2;
  options.supervised.micro_batch = 4;
  std::vector<io::StateDict> states;
  for (const int threads : {1, 2, 3, 8}) {
    set_threads(threads);
    models::AnySegmenter<float> model = models::StaticUNet<2, 2, 8, 2>(Key{1});
    REQUIRE(pretrain(model, set, set, options, Stage{.name = "toy"}, Key{5}));
    states.push_back(io::state_dict(model));
  }
  set_threads(0);
  for (const auto& state : states)
    for (const auto& [name, tensor] : state) {
      INFO(name);
      CHECK(std::ranges::equal(tensor.bytes.values(), states[0].at(name).bytes.values()));
    }
}

TEST_CASE("training on patches is training on the image put back together") {
  models::AnySegmenter<double> model = models::StaticUNet<2, 2, 4, 1, double>(Key{1});
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
