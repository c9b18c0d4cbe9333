#include "paser/data/noise.hpp"

#include <catch2/catch.hpp>

#include "paser/io/safetensors.hpp"

using namespace paser;
using Catch::Matchers::Contains;
using Images = Tensor<std::uint8_t, 3>;

TEST_CASE("noise: every blur gives Pillow's bits") {
  const auto f = io::read_safetensors(PASER_TEST_DATA "/fixtures/imaging.safetensors");
  int compared = 0;
  for (const std::string source : {"mnist", "noise"})
    for (const std::string blur : {"gauss1", "gauss2", "box1", "box2", "kernelblur"}) {
      const std::string name = source + "_" + blur;
      INFO(name);
      const auto image = f.at(name + "/image").cast<std::uint8_t, 3>();
      const auto expected = f.at(name + "/output").cast<std::uint8_t, 3>();
      const double radius = blur.back() == '2' ? 2 : 1;
      const Images result = blur[0] == 'g'   ? data::gaussian_blur(image, radius)
                            : blur[0] == 'b' ? data::box_blur(image, radius)
                                             : data::ring_blur(image);
      CHECK(max_abs_difference(result, expected) == 0);
      if (blur[0] == 'g')
        CHECK(data::gaussian_box_radius(static_cast<float>(radius)) == std::stof(f.metadata.at(name + ".box_radius")));
      ++compared;
    }
  CHECK(compared == 10);
}

TEST_CASE("noise: salt and pepper follows its rule, its rate and its keys") {
  const auto f = io::read_safetensors(PASER_TEST_DATA "/fixtures/imaging.safetensors");
  const auto image = f.at("salt_pepper_1pct/image").cast<std::uint8_t, 2>();
  const auto expected = f.at("salt_pepper_1pct/output").cast<std::uint8_t, 2>();
  const auto u1 = f.at("salt_pepper_1pct/u1").as<float, 2>(), u2 = f.at("salt_pepper_1pct/u2").as<float, 2>();
  const double rate = std::stod(f.metadata.at("salt_pepper_1pct.rate"));
  int changed = 0;
  for (Index i = 0; i < image.numel(); ++i) {
    CHECK(data::salt_pepper(image.data()[i], u1.data()[i], u2.data()[i], rate) == expected.data()[i]);
    changed += image.data()[i] != expected.data()[i];
  }
  CHECK(changed > 10);

  const Images gray = Images::full({2, 200, 200}, 128);
  const auto noisy = data::salt_pepper(gray, 0.1, {Key{1}, Key{2}});
  const auto count = [&](std::uint8_t v) { return std::ranges::count(noisy.values(), v); };
  CHECK(count(0) + count(255) + count(128) == 80000);
  CHECK(std::abs(count(0) - 4000) < 300);
  CHECK(std::abs(count(255) - 4000) < 300);
  // The noise on an image depends on its key alone.
  const auto swapped = data::salt_pepper(gray, 0.1, {Key{2}, Key{1}});
  CHECK(std::ranges::equal(noisy.values().first(40000), swapped.values().last(40000)));
  CHECK_FALSE(std::ranges::equal(noisy.values().first(40000), noisy.values().last(40000)));
  CHECK_THROWS_WITH(data::salt_pepper(gray, 1.5, {Key{1}, Key{2}}), Contains("rate 1.5"));
  CHECK_THROWS_WITH(data::salt_pepper(gray, 0.1, {Key{1}}), Contains("1 keys for 2 images"));
}

TEST_CASE("noise: blurs at the edge of their domain") {
  const Images image = Images::from({1, 2, 3}, std::vector<std::uint8_t>{0, 50, 255, 7, 8, 9});
  CHECK(max_abs_difference(data::box_blur(image, 0), image) == 0);
  CHECK(max_abs_difference(data::gaussian_blur(image, 0), image) == 0);
  CHECK(max_abs_difference(data::ring_blur(image), image) == 0);
  // A box far larger than the image sees the borders repeated: a flat image stays flat.
  CHECK(max_abs_difference(data::box_blur(Images::full({1, 3, 3}, 77), 100.5), Images::full({1, 3, 3}, 77)) == 0);
  CHECK(data::gaussian_blur(Images({0, 4, 4}), 1).numel() == 0);
  CHECK(data::box_blur(Images({1, 0, 4}), 1).numel() == 0);
  CHECK_THROWS_AS(data::box_blur(image, -1), ValueError);
  CHECK_THROWS_AS(data::gaussian_blur(image, std::nan("")), ValueError);
  const Images before = image;
  data::gaussian_blur(image, 3);
  CHECK(max_abs_difference(before, image) == 0);
}
