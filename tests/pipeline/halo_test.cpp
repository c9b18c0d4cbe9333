#include "paser/models/halo.hpp"

#include <catch2/catch.hpp>

#include "paser/models/corrected.hpp"
#include "paser/models/registered/registered.hpp"
#include "paser/models/unet.hpp"
#include "paser/nn/gradient_check.hpp"
#include "paser/pipeline/fine_tune.hpp"
#include "paser/pipeline/paser_file.hpp"
#include "paser/pipeline/pretrain.hpp"
#include "paser/pipeline/routing_table.hpp"
#include "paser/report/measure_costs.hpp"
#include "pipeline/toy.hpp"
#include "support/same_bits.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::pipeline;
using Catch::Matchers::Contains;

namespace halo_test {

namespace {

using Model = models::AnySegmenter<float>;

/// One 3x3 convolution: what it answers at a pixel depends on the eight around.
template <class T = float>
struct Neighbours {
  nn::Conv2d<T> conv{nn::Conv2dSpec::same(2, 2), Key{9}};

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

Model unet(std::uint64_t seed, Index depth = 1) {
  return models::UNet<float>({.in = 2, .classes = 2, .width = 4, .depth = depth, .dropout = 0.5}, Key{seed});
}

const auto images = normal<float>(Key{1}, Shape{2, 12, 16, 2});
const ImageIds ids{0, 1};

Paser<float> all_to(const Model& expert) {
  return {
      .models = {unet(4), expert}, .policy = Constant{1}, .grid = {2, 2}, .estimator = uncertainty::SoftmaxEntropy{}};
}

/// Answers of a patchwise network that are those of one run on the whole images; borders of two pixels left out.
Index same_as_whole(const Labels& patchwise) {
  const Labels whole = argmax_channels(infer(Model(Neighbours<>{}), images));
  Index same = 0;
  for (Index n = 0; n < 2; ++n)
    for (Index y = 2; y < 10; ++y)
      for (Index x = 2; x < 14; ++x) same += patchwise(n, y, x) == whole(n, y, x);
  return same;
}

}  // namespace

TEST_CASE("patches with a margin: what stands around them, mirrored beyond the image to and fro") {
  Tensor<float, 4> row({1, 1, 4, 1});
  std::iota(row.mutable_data(), row.mutable_data() + 4, 0.0f);
  const auto patches = data::extract_patches(row, {1, 2}, 4);
  REQUIRE(patches.shape() == Shape{2, 9, 10, 1});
  const float first[] = {2, 3, 2, 1, 0, 1, 2, 3, 2, 1}, second[] = {2, 1, 0, 1, 2, 3, 2, 1, 0, 1};
  for (Index y = 0; y < 9; ++y)
    for (Index x = 0; x < 10; ++x) {
      CHECK(patches(0, y, x, 0) == first[x]);
      CHECK(patches(1, y, x, 0) == second[x]);
    }
  const auto some = data::gather_patches<float>(images, {2, 2}, std::vector<Index>{6, 1}, 2);
  REQUIRE(some.shape() == Shape{2, 10, 12, 2});
  CHECK(some(0, 0, 2, 1) == images(1, 4, 0, 1));    // row 0 is two above patch 2, which begins at row 6, column 0
  CHECK(some(0, 9, 0, 0) == images(1, 9, 2, 0));    // below and left of the image
  CHECK(some(1, 5, 11, 1) == images(0, 3, 13, 1));  // right of the image
  CHECK(same_bits(data::gather_patches<float>(images, {2, 2}, std::vector<Index>{6, 1}, 0),
                  data::gather_patches(images, {2, 2}, std::vector<Index>{6, 1})));
  CHECK_THROWS_WITH(data::extract_patches(images, {2, 2}, -1), Contains("margin of -1"));
}

TEST_CASE("a task model with a halo answers its patches as it would answer the whole image") {
  const Model without = Neighbours<>{}, with = models::Halo<float>(without, 2);
  CHECK(same_as_whole(segment(all_to(with), images, ids, Key{2}).labels) == 2 * 8 * 12);
  CHECK(same_as_whole(segment(all_to(without), images, ids, Key{2}).labels) < 2 * 8 * 12);
  const auto table = tabulate_routing(all_to(with), toy::Set(4), 2, Key{2});  // the same cut elsewhere
  CHECK(table.models() == 2);
  // What pretraining validates by.
  CHECK(same_as_whole(argmax_channels(predict_logits_on_grid(with, images, {2, 2}, 16))) == 2 * 8 * 12);
  CHECK(same_as_whole(argmax_channels(predict_logits_on_grid(with, images, {1, 1}, 16))) == 2 * 8 * 12);
}

TEST_CASE("a halo is trained through, and keeps what MC samples share") {
  const models::AnySegmenter<double> halo = models::Halo<double>(Neighbours<double>{}, 1);
  const auto result =
      nn::gradient_check(halo, run::training, Key{5}, {.samples = 40}, uniform<double>(Key{3}, Shape{2, 7, 6, 2}));
  INFO(result.where << " " << result.worst);
  CHECK(result.passed);
  const Model network = models::Halo<float>(unet(7), 2);
  EvalContext<float> whole(run::mc_dropout, Key{6}), parts(run::mc_dropout, Key{6});
  const auto at_once = network(whole, images);
  CHECK(at_once.shape() == Shape{2, 8, 12, 2});
  CHECK(same_bits(at_once, network.stochastic_part(parts, network.deterministic_part(parts, images))));
}

TEST_CASE("a label that stands in the neighbouring patch is learned with a halo alone") {
  // The class of a pixel is the sign of the pixel two to its right, which at a patch's right border is another patch's.
  struct Set {
    Index size() const { return 8; }
    toy::Batch rows(std::span<const Index> which) const {
      const auto n = static_cast<Index>(which.size());
      toy::Batch batch{Tensor<float, 4>({n, 4, 8, 2}), Labels({n, 4, 8}), {}, {}};
      for (Index i = 0; i < n; ++i) {
        batch.ids.push_back(static_cast<std::uint64_t>(which[static_cast<std::size_t>(i)]));
        const auto image = normal<float>(Key{11}.fold(batch.ids.back()), Shape{1, 4, 8, 2});
        std::copy_n(image.data(), image.numel(), batch.images.mutable_data() + i * image.numel());
        for (Index y = 0; y < 4; ++y)
          for (Index x = 0; x < 8; ++x)
            batch.labels.mutable_data()[(i * 4 + y) * 8 + x] = image(0, y, x < 6 ? x + 2 : 12 - x, 0) > 0;
      }
      return batch;
    }
    toy::Batch range(Index begin, Index end) const {
      std::vector<Index> which(static_cast<std::size_t>(end - begin));
      std::iota(which.begin(), which.end(), begin);
      return rows(which);
    }
  };
  struct Wide : Neighbours<> {
    Wide() { conv = nn::Conv2d<float>(nn::Conv2dSpec::same(2, 2, 5), Key{9}); }
  };
  const auto learned = [](Model model) {
    PretrainOptions<float> options;
    options.epochs = 60;
    options.batch = 4;
    options.learning_rate = 3e-2;
    options.grid = {1, 4};
    pretrain(model, Set{}, Set{}, options, {}, Key{3});
    return validation_iou(model, Set{}, options.grid, metrics::ClassMean::present, 16);
  };
  CHECK(learned(models::Halo<float>(Wide{}, 2)) > 0.97);
  CHECK(learned(Wide{}) < 0.8);
}

TEST_CASE("a halo costs what its larger patches cost") {
  const Model inside = unet(6), halo = models::Halo<float>(inside, 2);
  const auto macs = mac_costs(all_to(halo), Policy<float>(Constant{1}), {1, 12, 16, 2});
  CHECK(macs.patch[1] == static_cast<double>(inside.count({1, 10, 12, 2}).total()));
  CHECK(macs.patch[1] > static_cast<double>(inside.count({1, 6, 8, 2}).total()));
  CHECK(report::measure_costs<float>(all_to(halo), Constant{1}, {1, 12, 16, 2}, {.rounds = 1, .batches = {1}})
            .patch[1][0] > 0);
}

TEST_CASE("a Paser whose task model corrects with a halo is saved, loaded and fine-tuned") {
  const TemporaryFolder folder;
  auto paser = all_to(models::Halo<float>(models::Corrected<float>(unet(6)), 2));
  paser.models[0] = unet(4);
  const auto before = segment(paser, images, ids, Key{2});
  PaserDescription d;
  d.channels = 2;
  d.class_names = {"background", "digit"};
  d.height = 12;
  d.width = 16;
  save_paser(folder / "p.safetensors", paser, d);
  const auto loaded = load_paser(folder / "p.safetensors");
  CHECK(loaded.paser.models[1].margin() == 2);
  CHECK(same_bits(segment(loaded.paser, images, ids, Key{2}).labels, before.labels));
  auto wrong = paser;
  wrong.models[0] = models::Halo<float>(unet(4), 2);
  CHECK_THROWS_WITH(save_paser(folder / "q.safetensors", wrong, d), Contains("network f1 has a margin of 2 pixels"));

  const auto spec = paser.models[1].spec();
  CHECK(spec.type == "halo");
  const Model again = models::make_segmenter<float>(spec, Key{1});
  CHECK((again.margin() == 2 && again.channels() == 4 && again.smallest_size() == 1));
  CHECK(models::model_parameters<float>(spec) == nn::count_parameters(paser.models[1]));

  const auto coarse = paser.predict_coarse(images, ids, Key{2});
  std::vector<optim::Adam<float>> adams(1, optim::Adam<float>({.learning_rate = 1e-2}));
  const Labels labels = Labels::zeros({2, 12, 16});
  const auto results = update_experts<float>(paser, adams, images, labels, ids, Actions::full({2, 4}, 1), Key{3},
                                             {SupervisedOptions<float>{}}, coarse.probabilities);
  CHECK(std::isfinite(results[0].loss));
  CHECK_FALSE(same_bits(segment(paser, images, ids, Key{2}).labels, before.labels));
  CHECK_FALSE(same_bits(infer(paser.models[1], expert_patches(paser, 1, images, coarse.probabilities)),
                        infer(again, expert_patches(paser, 1, images, coarse.probabilities))));
}

TEST_CASE("halos that cannot be are refused in a sentence") {
  CHECK_THROWS_WITH(models::Halo<float>(unet(1), 0), Contains("a margin of 0 pixels, expected 1 .. 4096"));
  CHECK_THROWS_WITH(models::Padded<float>(models::Halo<float>(unet(1), 2), 2), Contains("goes around all other"));
  CHECK_THROWS_WITH(
      models::make_segmenter<float>({"halo", R"({"margin": 2, "wide": 1, "model": {"type": "unet"}})"}, Key{1}),
      Contains("model 'halo'"));
  const Model halo = models::Halo<float>(unet(1), 3);
  CHECK_THROWS_WITH(infer(halo, Tensor<float, 4>::zeros({1, 6, 8, 2})), Contains("no inner part at a margin of 3"));
}

}  // namespace halo_test
