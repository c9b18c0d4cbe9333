#include "paser/uncertainty/mc_dropout.hpp"

#include <catch2/catch.hpp>

#include "paser/models/any_segmenter.hpp"
#include "paser/models/unet.hpp"

using namespace paser;
using uncertainty::mc_dropout;
using uncertainty::McDropoutOptions;

namespace {

/// Multiplies the image by a mask of 0 and 1 of its own, the class scores being its channels; p = 0 keeps everything.
struct Noisy {
  double p = 0.5;
  mutable int runs = 0;

  Tensor<float, 4> operator()(EvalContext<float>& ctx, const Tensor<float, 4>& x) const {
    ++runs;
    CHECK((ctx.mode.dropout && !ctx.mode.batch_statistics));
    const int call = ctx.next_dropout();
    Tensor<float, 4> y = x;
    float* const out = y.mutable_data();
    if (ctx.masks) {
      const auto mask = ctx.masks(call, x.shape());
      for (Index i = 0; i < x.numel(); ++i) out[i] *= mask.data()[i];
      return y;
    }
    const auto keys = ctx.dropout_keys(call, x.shape().n());
    const Index size = x.numel() / x.shape().n();
    for (Index i = 0; i < x.numel(); ++i)
      if (keys[static_cast<std::size_t>(i / size)].uniform(static_cast<std::uint64_t>(i % size)) < p) out[i] = 0;
    return y;
  }
};

/// The same in two parts.
struct Split {
  Noisy noisy;
  mutable int prefixes = 0;
  Tensor<float, 4> operator()(EvalContext<float>& ctx, const Tensor<float, 4>& x) const { return noisy(ctx, x); }
  std::vector<DeferredNorm<Tensor<float, 4>>> deterministic_part(EvalContext<float>&, const Tensor<float, 4>& x) const {
    ++prefixes;
    return {x};
  }
  Tensor<float, 4> stochastic_part(EvalContext<float>& ctx, std::vector<DeferredNorm<Tensor<float, 4>>> maps) const {
    return noisy(ctx, materialize(maps.at(0)));
  }
};

const auto images = normal<float>(Key{3}, Shape{2, 6, 5, 3}, 0, 2);

/// Masks that keep everything in one pass and one class alone in another.
McDropoutOptions<float> masked(int samples) {
  McDropoutOptions<float> options{.samples = samples};
  for (int pass = 0; pass < samples; ++pass)
    options.masks.push_back([pass](int, const Shape<4>& shape) {
      auto mask = Tensor<float, 4>::full(shape, 1.F);
      float* const out = mask.mutable_data();
      for (Index i = 0; i < mask.numel(); ++i) out[i] = pass == 0 || i % shape.c() == pass - 1 ? 1.F : 0.F;
      return mask;
    });
  return options;
}

}  // namespace

TEST_CASE("the prediction is the mean of the passes' softmaxes, its entropy and its most probable class") {
  const auto prediction = mc_dropout(Noisy{}, images, Key{}, masked(3));
  for (Index i = 0; i < images.numel(); i += 3) {
    std::vector<double> mean(3, 0.0), first;
    for (int pass = 0; pass < 3; ++pass) {
      std::vector<double> e;
      for (int k = 0; k < 3; ++k)
        e.push_back(std::exp(pass == 0 || k == pass - 1 ? static_cast<double>(images.data()[i + k]) : 0.0));
      for (int k = 0; k < 3; ++k)
        mean[static_cast<std::size_t>(k)] += e[static_cast<std::size_t>(k)] / (e[0] + e[1] + e[2]) / 3;
      if (pass == 0) first = {e[0] / (e[0] + e[1] + e[2])};
    }
    double h = 0;
    for (int k = 0; k < 3; ++k) {
      CHECK(static_cast<double>(prediction.probabilities.data()[i + k]) ==
            Approx(mean[static_cast<std::size_t>(k)]).epsilon(1e-5));
      h -= mean[static_cast<std::size_t>(k)] * std::log(mean[static_cast<std::size_t>(k)]);
    }
    CHECK(static_cast<double>(prediction.first_sample.data()[i]) == Approx(first[0]).epsilon(1e-5));
    CHECK(static_cast<double>(prediction.entropy.data()[i / 3]) == Approx(h).epsilon(1e-5));
    CHECK(prediction.labels.data()[i / 3] == std::max_element(mean.begin(), mean.end()) - mean.begin());
  }
  const auto seen = prediction.policy_state();
  CHECK(seen.shape() == Shape{2, 6, 5, 2});
  CHECK(seen(1, 2, 3, 0) == static_cast<float>(prediction.labels(1, 2, 3)));
  CHECK(seen(1, 2, 3, 1) == prediction.entropy(1, 2, 3));
}

TEST_CASE("a prediction of given logits is that of a network that answers them") {
  const auto logits = normal<float>(Key{4}, Shape{6, 3, 2, 4});
  const auto prediction = uncertainty::summarize_samples(logits, 3);
  CHECK(prediction.probabilities.shape() == Shape{2, 3, 2, 4});
  for (Index i = 0; i < 2 * 3 * 2; ++i) {
    double mean = 0;
    for (Index pass = 0; pass < 3; ++pass) {
      const float* x = logits.data() + pass * 48 + 4 * i;
      double sum = 0;
      for (int k = 0; k < 4; ++k) sum += std::exp(static_cast<double>(x[k]));
      mean += std::exp(static_cast<double>(x[3])) / sum / 3;
    }
    CHECK(static_cast<double>(prediction.probabilities.data()[4 * i + 3]) == Approx(mean).epsilon(1e-5));
  }
  CHECK_THROWS_AS(uncertainty::summarize_samples(logits, 4), ShapeError);
}

TEST_CASE("certain passes that disagree: all of the entropy is mutual information") {
  const auto x = Tensor<float, 4>::from({1, 1, 1, 2}, {200, 200});
  auto options = masked(3);
  options.masks.erase(options.masks.begin());
  options.samples = 2;
  options.prediction.decompose = true;
  const auto prediction = mc_dropout(Noisy{}, x, Key{}, options);
  CHECK(prediction.entropy(0, 0, 0) == Approx(0.6931472));
  CHECK(prediction.expected_entropy(0, 0, 0) == Approx(0).margin(1e-6));
  CHECK(prediction.mutual_information(0, 0, 0) == Approx(0.6931472));
  CHECK_FALSE(prediction.without_noise);
}

TEST_CASE("mutual information is the entropy of the mean less the mean entropy, by hand") {
  // Passes (0.8, 0.2) and (0.4, 0.6), mean (0.6, 0.4); in nats.
  const auto logits =
      Tensor<double, 4>::from({2, 1, 1, 2}, {std::log(0.8), std::log(0.2), std::log(0.4), std::log(0.6)});
  const auto p = uncertainty::summarize_samples(logits, 2, {.decompose = true});
  CHECK(p.entropy(0, 0, 0) == Approx(0.6730116670).epsilon(1e-9));
  CHECK(p.expected_entropy(0, 0, 0) == Approx((0.5004024235 + 0.6730116670) / 2).epsilon(1e-9));
  CHECK(p.mutual_information(0, 0, 0) == Approx(0.0863046218).epsilon(1e-8));
}

TEST_CASE("extreme logits have an entropy, and ties go to the lowest class") {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto x = Tensor<float, 4>::from({1, 1, 3, 3}, {0, 0, -infinity, 1000, 0, 0, 2, 7, 7});
  const auto prediction = mc_dropout(Noisy{0}, x, Key{}, {.samples = 2, .prediction = {.epsilon = 0}});
  CHECK(prediction.entropy(0, 0, 0) == Approx(0.6931472));
  CHECK(prediction.entropy(0, 0, 1) == Approx(0).margin(1e-30));
  CHECK((prediction.labels(0, 0, 0) == 0 && prediction.labels(0, 0, 1) == 0 && prediction.labels(0, 0, 2) == 1));
}

TEST_CASE("without active dropout all passes are equal, and the prediction says so") {
  CHECK(mc_dropout(Noisy{0}, images, Key{1}).without_noise);
  CHECK_FALSE(mc_dropout(Noisy{0.5}, images, Key{1}).without_noise);
  const auto prediction = mc_dropout(Noisy{0}, images, Key{1});
  CHECK(max_abs_difference(prediction.probabilities, prediction.first_sample) < 1e-6);
}

TEST_CASE("the noise on an image depends on key, pass and image, not on the batch it is in") {
  const auto both = mc_dropout(Noisy{}, images, Key{1}, {.image_ids = {40, 41}});
  const auto second = mc_dropout(Noisy{}, slice_rows(images, 1, 2), Key{1}, {.image_ids = {41}});
  CHECK(max_abs_difference(slice_rows(both.probabilities, 1, 2), second.probabilities) == 0);
  CHECK(max_abs_difference(mc_dropout(Noisy{}, images, Key{1}).probabilities,
                           mc_dropout(Noisy{}, images, Key{1}).probabilities) == 0);
  CHECK(max_abs_difference(mc_dropout(Noisy{}, images, Key{2}).probabilities,
                           mc_dropout(Noisy{}, images, Key{1}).probabilities) > 0);
  const auto one = mc_dropout(Noisy{}, images, Key{1}, {.samples = 1}), five = mc_dropout(Noisy{}, images, Key{1});
  CHECK(max_abs_difference(one.probabilities, five.first_sample) == 0);
}

TEST_CASE("a network in two parts runs the first once, and no micro-batch changes a result") {
  const Split split;
  const auto prediction = mc_dropout(split, images, Key{1}, {.prediction = {.decompose = true}});
  CHECK(split.prefixes == 1);
  CHECK(split.noisy.runs == 1);
  for (const Index micro_batch : {1, 2, 3, 4, 7}) {
    const auto other =
        mc_dropout(Noisy{}, images, Key{1}, {.prediction = {.decompose = true}, .micro_batch = micro_batch});
    CHECK(max_abs_difference(prediction.probabilities, other.probabilities) == 0);
    CHECK(max_abs_difference(prediction.first_sample, other.first_sample) == 0);
    CHECK(max_abs_difference(prediction.labels, other.labels) == 0);
    CHECK(max_abs_difference(prediction.entropy, other.entropy) == 0);
    CHECK(max_abs_difference(prediction.mutual_information, other.mutual_information) == 0);
  }
  CHECK(mc_dropout(Noisy{0}, images, Key{1}, {.micro_batch = 1}).without_noise);
}

TEST_CASE("a UNet's passes that share all they can give what as many whole runs give") {
  const auto check_network = [](const auto& network) {
    const auto image = uniform<float>(Key{8}, Shape{2, 33, 40, 1});
    const int samples = 4;
    Tensor<float, 4> logits;
    for (int pass = 0; pass < samples; ++pass) {
      EvalContext<float> ctx(run::mc_dropout, Key{5});
      for (std::uint64_t n = 0; n < 2; ++n)
        ctx.sample_keys.push_back(Key{5}.fold(static_cast<std::uint64_t>(pass)).fold(n));
      const auto one = network(ctx, image);
      if (pass == 0) logits = Tensor<float, 4>({2 * samples, 33, 40, 3});
      std::copy_n(one.data(), one.numel(), logits.mutable_data() + pass * one.numel());
    }
    const auto expected = uncertainty::summarize_samples(logits, samples);
    const auto prediction = mc_dropout(network, image, Key{5}, {.samples = samples});
    CHECK(max_abs_difference(prediction.probabilities, expected.probabilities) < 2e-5);
    CHECK(max_abs_difference(prediction.entropy, expected.entropy) < 5e-5);
    CHECK(max_abs_difference(prediction.first_sample, expected.first_sample) < 2e-5);
    CHECK(max_abs_difference(prediction.first_sample, prediction.probabilities) > 1e-3);  // the passes do differ
  };
  check_network(models::StaticUNet<1, 3, 8, 2>(Key{1}));
  check_network(models::StaticUNet<1, 3, 16, 4>(Key{2}));
  check_network(models::AnySegmenter<float>(models::StaticUNet<1, 3, 8, 2>(Key{3})));
}

TEST_CASE("a specification that does not fit is refused") {
  CHECK_THROWS_AS(mc_dropout(Noisy{}, images, Key{}, {.samples = 0}), ValueError);
  CHECK_THROWS_WITH(mc_dropout(Noisy{}, images, Key{}, {.image_ids = {1}}),
                    Catch::Contains("1 image ids for 2 images"));
  auto options = masked(3);
  options.samples = 4;
  CHECK_THROWS_WITH(mc_dropout(Noisy{}, images, Key{}, options), Catch::Contains("3 mask sources for 4 samples"));
}
