#include <catch2/catch.hpp>

#include "paser/experiment/comparison.hpp"
#include "paser/models/corrected.hpp"
#include "paser/models/unet.hpp"

namespace sample_test {

using namespace paser;

models::AnySegmenter<float> unet(std::uint64_t seed) {
  return models::UNet<float>({.in = 1, .classes = 2, .width = 4, .depth = 1, .dropout = 0.5}, Key{seed});
}

struct Batch {
  Tensor<float, 4> images;
  Labels labels;
  ImageIds ids;
};

TEST_CASE("an image on its way through a PaSeR whose models correct f1 is shown with the answer of each") {
  auto zero = unet(1);
  nn::walk_parameters(zero,
                      [](const std::string&, auto& p) { std::fill_n(p.value.mutable_data(), p.value.numel(), 0.0f); });
  const pipeline::Paser<float> paser{
      .models = {unet(4), models::Corrected<float>(zero), models::Corrected<float>(unet(6))},
      .policy = pipeline::Constant{1},
      .grid = {2, 2},
      .estimator = uncertainty::McDropout{.samples = 3}};
  const Batch batch{uniform<float>(Key{2}, Shape<4>{1, 8, 8, 1}, 0, 1), Labels::zeros({1, 8, 8}), {7}};
  const auto sample = experiment::sample_of(paser, batch, Key{3});
  REQUIRE(sample.pictures.size() == 8);
  CHECK(sample.pictures[3].title == "f2");
  const auto same = [&](std::size_t a, std::size_t b) {
    return std::ranges::equal(sample.pictures[a].picture.values(), sample.pictures[b].picture.values());
  };
  CHECK(same(3, 2));  // it keeps f1's answer
  CHECK_FALSE(same(4, 2));
}

}  // namespace sample_test
