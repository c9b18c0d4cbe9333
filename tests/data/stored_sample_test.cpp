#include "paser/data/stored_sample.hpp"

#include <catch2/catch.hpp>

#include "support/tiny_data.hpp"

namespace stored_sample_test {

using namespace paser;
using namespace paser::data;

io::DecodedImage with_palette(const std::vector<io::Colour>& palette) {
  return io::decode_page(tiny::png({0, 1, 1, 0}, 2, 1, palette), "p.png");
}

TEST_CASE("a palette of grays alone is a gray image, any colour in it makes one of three channels") {
  CHECK(channels_of(with_palette({{0, 0, 0}, {9, 9, 9}})) == 1);
  CHECK(channels_of(with_palette({{0, 0, 0}, {9, 9, 8}})) == 3);
  CHECK(channels_of(with_palette({{0, 0, 0}, {9, 8, 9}})) == 3);
  CHECK(channels_of(with_palette({{1, 2, 2}, {9, 9, 9}})) == 3);
  CHECK(channels_of(io::decode_page(tiny::png({0, 1, 1, 0}, 2, 1), "g.png")) == 1);
}

TEST_CASE("an image of real numbers becomes gray by Rec. 601, and gray ones get three equal channels") {
  io::DecodedImage page;
  page.reals = Tensor<float, 3>::from({1, 2, 3}, {1, 0, 0.5f, 0.25f, 1, 0});
  const auto gray = image_of(page, 1, {}, "r.tif");
  REQUIRE(gray.shape() == Shape{1, 1, 2, 1});
  CHECK(gray(0, 0, 0, 0) == Approx(0.299 + 0.5 * 0.114));
  CHECK(gray(0, 0, 1, 0) == Approx(0.25 * 0.299 + 0.587));
  page.reals = Tensor<float, 3>::from({1, 2, 1}, {0.25f, 0.75f});
  const auto colour = image_of(page, 3, {}, "r.tif");
  REQUIRE(colour.shape() == Shape{1, 1, 2, 3});
  for (const Index c : {0, 1, 2}) {
    CHECK(colour(0, 0, 0, c) == 0.25f);
    CHECK(colour(0, 0, 1, c) == 0.75f);
  }
}

}  // namespace stored_sample_test
