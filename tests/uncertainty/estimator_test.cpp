#include "paser/uncertainty/estimator.hpp"

#include <catch2/catch.hpp>

#include "paser/models/unet.hpp"
#include "paser/uncertainty/mc_dropout.hpp"
#include "support/same_bits.hpp"

using namespace paser;
using namespace paser::uncertainty;

namespace {

using TinyNet = models::StaticUNet<1, 3, 4, 1>;
const models::AnySegmenter<float> coarse_net = TinyNet(Key{1});
const Tensor<float, 4> some_images = uniform<float>(Key{2}, Shape{5, 8, 12, 1});

std::string weights_of(const Estimator<float>& estimator) {
  std::string names;
  nn::walk(estimator, [&](const std::string& name, const auto&) { names += name + " "; });
  return names;
}

}  // namespace

TEST_CASE("softmax entropy is that of one pass without noise, and costs one pass") {
  const Estimator<float> estimator = SoftmaxEntropy{};
  const auto got = estimator.predict(coarse_net, some_images, {.key = Key{3}});
  const auto probabilities = softmax(infer(coarse_net, some_images));
  CHECK(same_bits(got.probabilities, probabilities));
  CHECK(same_bits(got.first_sample, probabilities));
  CHECK(same_bits(got.entropy, entropy(probabilities)));
  CHECK(same_bits(got.labels, argmax_channels(probabilities)));
  CHECK_FALSE(got.without_noise);
  CHECK(estimator.operations(coarse_net, some_images.shape()).total() == coarse_net.count(some_images.shape()).total());
  CHECK(weights_of(estimator).empty());
  const auto parts = estimator.predict(coarse_net, some_images, {.micro_batch = 2});
  CHECK(max_abs_difference(parts.probabilities, probabilities) < 1e-5);
}

TEST_CASE("MC dropout as an estimator is mc_dropout, and every sample counts") {
  const ImageIds ids{9, 4, 7, 1, 0};
  const Estimator<float> estimator = McDropout{.samples = 3};
  const auto got = estimator.predict(coarse_net, some_images, {.ids = ids, .key = Key{3}});
  const auto expected = mc_dropout(coarse_net, some_images, Key{3}, {.samples = 3, .image_ids = ids});
  CHECK(same_bits(got.probabilities, expected.probabilities));
  CHECK(same_bits(got.entropy, expected.entropy));
  CHECK(estimator.operations(coarse_net, some_images.shape()).total() ==
        3 * coarse_net.count(some_images.shape()).total());
  CHECK_THROWS_WITH(estimator.predict(coarse_net, some_images, {.ids = {1, 2}}),
                    Catch::Contains("2 image ids for 5 images"));
}

TEST_CASE("a deep ensemble is the mean of its models, each in one pass") {
  const TinyNet second(Key{5});
  const models::StaticUNet<1, 3, 6, 1> third(Key{6});
  const Estimator<float> estimator = Ensemble<float>{{second, third}};
  const auto got = estimator.predict(coarse_net, some_images, {});
  const auto a = softmax(infer(coarse_net, some_images)), b = softmax(infer(second, some_images)),
             c = softmax(infer(third, some_images));
  for (Index i = 0; i < a.numel(); ++i) {
    const double mean =
        (static_cast<double>(a.data()[i]) + static_cast<double>(b.data()[i]) + static_cast<double>(c.data()[i])) / 3;
    REQUIRE(static_cast<double>(got.probabilities.data()[i]) == Approx(mean).margin(1e-6));
  }
  CHECK(same_bits(got.first_sample, a));
  CHECK(same_bits(got.entropy, entropy(got.probabilities)));
  CHECK(estimator.operations(coarse_net, some_images.shape()).total() ==
        coarse_net.count(some_images.shape()).total() +
            models::AnySegmenter<float>(second).count(some_images.shape()).total() +
            models::AnySegmenter<float>(third).count(some_images.shape()).total());
  CHECK(weights_of(estimator).find("member2.") != std::string::npos);
  const auto parts = estimator.predict(coarse_net, some_images, {.micro_batch = 2});
  CHECK(max_abs_difference(parts.probabilities, got.probabilities) < 1e-5);
  const models::StaticUNet<1, 4, 4, 1> other(Key{7});
  CHECK_THROWS_WITH((Estimator<float>(Ensemble<float>{{other}}).predict(coarse_net, some_images, {})),
                    Catch::Contains("beside samples of"));
}

TEST_CASE("a copy of an estimator has weights of its own") {
  Estimator<float> first = Ensemble<float>{{TinyNet(Key{5})}};
  const Estimator<float> second = first;
  nn::walk(first, [](const std::string&, auto& member) {
    auto* values = member.value.mutable_data();
    std::fill_n(values, member.value.numel(), 0.0f);
  });
  CHECK(max_abs_difference(first.predict(coarse_net, some_images, {}).probabilities,
                           second.predict(coarse_net, some_images, {}).probabilities) > 1e-3);
}
