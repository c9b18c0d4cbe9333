#include "paser/data/folder.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "paser/data/class_weights.hpp"
#include "paser/data/split.hpp"
#include "support/same_bits.hpp"
#include "support/tiny_data.hpp"

using namespace paser;
using namespace paser::data;
using Catch::Matchers::Contains;

namespace {

/// An image of height x width whose pixel i is first + i, and whose mask is the image's value modulo 3.
void add_ramp(const tiny::DataFolder& data, const std::string& name, int first, Index height, Index width) {
  std::vector<int> image, mask;
  for (int i = 0; i < height * width; ++i) {
    image.push_back(first + i);
    mask.push_back((first + i) % 3);
  }
  data.add(name, image, mask, width);
}

SegmentationOptions fitted(Fit fit, Index height = 0, Index width = 0) {
  SegmentationOptions options;
  options.files.map = LabelEncoding::index(3);
  options.fit = fit;
  options.height = height;
  options.width = width;
  return options;
}

/// Stored values of a batch's pixels.
std::vector<int> bytes(const Batch& batch) {
  std::vector<int> values;
  for (const float v : batch.images.values()) values.push_back(static_cast<int>(std::lround(v * 255)));
  return values;
}

/// Whether each pixel that is not ignored has the label that belongs to its value.
bool in_step(const Batch& batch) {
  const auto values = bytes(batch);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto label = batch.labels.values()[i];
    if (label != ignored_label && label != values[i] % 3) return false;
  }
  return true;
}

const std::vector<Index> first{0};

}  // namespace

TEST_CASE("segmentation folder: whole images, from memory or from the files") {
  const tiny::DataFolder data;
  add_ramp(data, "a", 0, 2, 3);
  add_ramp(data, "b", 100, 2, 3);
  for (const bool in_memory : {true, false}) {
    auto options = fitted(Fit::whole);
    options.in_memory = in_memory;
    const SegmentationFolder set(data.images, data.masks, options);
    CHECK(set.size() == 2);
    CHECK(set.classes() == 3);
    const Batch batch = set.rows(std::vector<Index>{1, 0});
    CHECK(batch.images.shape() == Shape{2, 2, 3, 1});
    CHECK(bytes(batch) == std::vector<int>{100, 101, 102, 103, 104, 105, 0, 1, 2, 3, 4, 5});
    CHECK(batch.images(0, 0, 0, 0) == 100.0f / 255.0f);
    CHECK(batch.ids == std::vector<std::uint64_t>{1, 0});
    CHECK(batch.kinds == std::vector<Index>{0, 0});
    CHECK(in_step(batch));
    CHECK(set.range(0, 2).labels.shape() == Shape<3>{2, 2, 3});
    CHECK(set.only(std::vector<Index>{1}).rows(first).ids == std::vector<std::uint64_t>{1});
    CHECK_THROWS_WITH(set.rows(std::vector<Index>{2}), Contains("there is no image 2 in a set of 2"));
    CHECK(set.rows(std::vector<Index>{}).size() == 0);
  }
  auto options = fitted(Fit::whole);
  options.in_memory = false;
  const SegmentationFolder set(data.images, data.masks, options);
  add_ramp(data, "a", 0, 3, 3);
  CHECK_THROWS_WITH(set.rows(first), Contains("a.png") && Contains("has changed"));
}

TEST_CASE("segmentation folder: mixed sizes are grouped, cropped, padded or tiled") {
  const tiny::DataFolder data;
  add_ramp(data, "a", 0, 4, 5);
  add_ramp(data, "b", 50, 2, 3);
  add_ramp(data, "c", 100, 4, 5);
  const std::vector<Index> all{0, 1, 2};

  const SegmentationFolder whole(data.images, data.masks, fitted(Fit::whole));
  CHECK_THROWS_WITH(whole.rows(all), Contains("images of 4 x 5 and 2 x 3 cannot be one batch"));
  CHECK_THROWS_AS(whole.rows(all), ShapeError);
  const auto batches = whole.batches(Key{1}, 0, 2);
  CHECK(batches.size() == 2);
  std::multiset<Index> served;
  for (const auto& batch : batches) {
    CHECK_NOTHROW(whole.rows(batch));
    served.insert(batch.begin(), batch.end());
  }
  CHECK(served == std::multiset<Index>{0, 1, 2});

  const SegmentationFolder crops(data.images, data.masks, fitted(Fit::crop, 2, 3));
  CHECK(bytes(crops.rows(first)) == std::vector<int>{6, 7, 8, 11, 12, 13});
  CHECK(bytes(crops.rows(std::vector<Index>{1})) == std::vector<int>{50, 51, 52, 53, 54, 55});
  std::set<int> corners;
  for (Index epoch = 0; epoch < 60; ++epoch) {
    const Batch batch = crops.rows(all, epoch);
    CHECK(in_step(batch));
    corners.insert(bytes(batch)[0]);
  }
  CHECK(corners == std::set<int>{0, 1, 2, 5, 6, 7, 10, 11, 12});

  auto padding = fitted(Fit::pad);
  padding.multiple = 4;
  const SegmentationFolder padded(data.images, data.masks, padding);
  const Batch filled = padded.rows(all);
  CHECK(filled.images.shape() == Shape{3, 4, 8, 1});
  CHECK(bytes(padded.rows(std::vector<Index>{1})) == std::vector<int>{50, 51, 52, 51, 50, 51, 52, 51, 53, 54, 55,
                                                                      54, 53, 54, 55, 54, 50, 51, 52, 51, 50, 51,
                                                                      52, 51, 53, 54, 55, 54, 53, 54, 55, 54});
  CHECK(std::ranges::count(padded.rows(std::vector<Index>{1}).labels.values(), ignored_label) == 32 - 6);
  CHECK(in_step(filled));
  padding.height = 3;
  CHECK_THROWS_WITH(SegmentationFolder(data.images, data.masks, padding),
                    Contains("'a' of 4 x 5 pixels cannot be padded to height 3 and width 0"));

  const SegmentationFolder tiles(data.images, data.masks, fitted(Fit::tiles, 2, 3));
  REQUIRE(tiles.size() == 9);
  CHECK(bytes(tiles.rows(std::vector<Index>{1})) == std::vector<int>{3, 4, 3, 8, 9, 8});
  const Batch tiled = tiles.range(0, 9);
  CHECK(std::set(tiled.ids.begin(), tiled.ids.end()).size() == 9);
  CHECK(std::ranges::count_if(tiled.labels.values(), [](auto l) { return l != ignored_label; }) == 46);
  CHECK(in_step(tiled));
  CHECK_THROWS_WITH(SegmentationFolder(data.images, data.masks, fitted(Fit::tiles, 0, 3)), Contains("height"));
}

TEST_CASE("segmentation folder: augmentation changes image and mask in step, alike for any batch and thread count") {
  const tiny::DataFolder data;
  for (int i = 0; i < 6; ++i) add_ramp(data, std::string(1, static_cast<char>('a' + i)), 30 * i, 4, 5);
  auto options = fitted(Fit::crop, 3, 4);
  options.augmentation = {.flip_columns = true, .flip_rows = true, .turns = true, .gain = 0, .offset = 0, .gamma = 0};
  options.key = Key{7};
  const SegmentationFolder set(data.images, data.masks, options);
  const std::vector<Index> all{0, 1, 2, 3, 4, 5};
  std::set<std::pair<int, int>> orders;
  for (Index epoch = 0; epoch < 40; ++epoch) {
    const Batch batch = set.rows(all, epoch);
    REQUIRE(in_step(batch));
    const auto values = bytes(batch);
    orders.insert({values[1] - values[0], values[4] - values[0]});
  }
  // The step along a row and down a column: eight ways to lie.
  CHECK(orders ==
        std::set<std::pair<int, int>>{{1, 5}, {-1, 5}, {1, -5}, {-1, -5}, {5, 1}, {-5, 1}, {5, -1}, {-5, -1}});
  CHECK(same_bits(set.rows(std::vector<Index>{4, 2}, 3).images,
                  gather_rows(set.rows(all, 3).images, std::vector<Index>{4, 2})));
  CHECK_FALSE(same_bits(set.rows(all, 3).images, set.rows(all, 4).images));
  CHECK(same_bits(set.rows(all).images, set.rows(all).images));

  options.augmentation.gain = 0.3;
  options.augmentation.offset = 0.1;
  options.augmentation.gamma = 0.5;
  const SegmentationFolder varied(data.images, data.masks, options);
  CHECK(same_for_all_threads([&] { return varied.rows(all, 1).images; }));
  CHECK(same_for_all_threads([&] { return varied.rows(all, 1).labels; }));
  const auto images = varied.rows(all, 1).images;
  CHECK(same_bits(varied.rows(all, 1).labels, set.rows(all, 1).labels));
  CHECK_FALSE(same_bits(images, set.rows(all, 1).images));
  CHECK(std::ranges::all_of(images.values(), [](float v) { return v >= 0 && v <= 1; }));
}

TEST_CASE("augmentation: whole images that are not square keep their size; gray changes as said") {
  const Augmentation turns{.turns = true};
  std::set<int> kinds;
  for (std::uint64_t k = 0; k < 64; ++k) {
    const Window w = drawn_window(turns, Key{k}, {0, 0, 2, 3}, false);
    CHECK_FALSE(w.transpose);
    kinds.insert(w.flip_rows * 2 + w.flip_columns);
  }
  CHECK(kinds == std::set<int>{0, 3});
  std::vector<float> values{0, 0.25f, 1};
  change_gray({2, -0.1, 0.5}, values.data(), 3);
  CHECK(values[0] == 0.0f);
  CHECK(values[1] == Approx(2 * 0.5 - 0.1));
  CHECK(values[2] == 1.0f);
  const GrayChange none = drawn_gray({}, Key{3});
  CHECK((none.gain == 1 && none.offset == 0 && none.gamma == 1));
  double least = 2, most = 0;
  for (std::uint64_t k = 0; k < 500; ++k) {
    const double gain = drawn_gray({.gain = 0.2}, Key{k}).gain;
    least = std::min(least, gain);
    most = std::max(most, gain);
  }
  CHECK((least > 0.8 && least < 0.81 && most < 1.2 && most > 1.19));
}

TEST_CASE("segmentation folder: bad files stop it with a full list, or are left out") {
  const tiny::DataFolder data;
  add_ramp(data, "a", 0, 2, 2);
  add_ramp(data, "b", 0, 2, 2);
  add_ramp(data, "c", 0, 2, 2);
  tiny::write(data.images / "a.png", "");
  tiny::write(data.masks / "b.png", "text");
  auto options = fitted(Fit::whole);
  CHECK_THROWS_WITH(SegmentationFolder(data.images, data.masks, options),
                    Contains("2 bad files") && Contains("a.png: is empty") && Contains("b.png: is not a PNG"));
  options.skip_bad = true;
  const SegmentationFolder set(data.images, data.masks, options);
  CHECK(set.size() == 1);
  CHECK(set.id(0) == 2);
  CHECK(set.info(0).name == "c");
  CHECK(set.report().bad.size() == 2);
  tiny::write(data.masks / "c.png", "text");
  CHECK_THROWS_WITH(SegmentationFolder(data.images, data.masks, options), Contains("there is no image with a mask"));
}

TEST_CASE("segmentation folder: gray and colour in one set, ranges, 16 bits") {
  const tiny::DataFolder data;
  data.add("a", {100, 50}, {0, 1}, 2);
  tiny::write(data.images / "b.ppm", std::string("P6 2 1 255 ") + std::string("\x0a\x14\x1e\x05\x05\x05", 6));
  tiny::write(data.masks / "b.png", tiny::png({1, 2}, 2, 8));
  auto options = fitted(Fit::whole);
  const Batch colour = SegmentationFolder(data.images, data.masks, options).range(0, 2);
  CHECK(bytes(colour) == std::vector<int>{100, 100, 100, 50, 50, 50, 10, 20, 30, 5, 5, 5});
  options.files.channels = 1;
  CHECK(bytes(SegmentationFolder(data.images, data.masks, options).range(0, 2)) == std::vector<int>{100, 50, 18, 5});
  options.files.range = io::ValueRange{0, 50};
  CHECK(bytes(SegmentationFolder(data.images, data.masks, options).range(0, 1)) == std::vector<int>{255, 255});
  tiny::write(data.images / "a.png", io::read_file(PASER_TEST_DATA "/io/images/gray16.png"));
  tiny::write(data.masks / "a.png", tiny::png({0, 1, 2, 0}, 2, 8));
  tiny::write(data.images / "b.ppm", "P5 2 2 255 abcd");
  tiny::write(data.masks / "b.png", tiny::png({0, 1, 2, 0}, 2, 8));
  options.files.range.reset();
  const Batch deep = SegmentationFolder(data.images, data.masks, options).range(0, 1);
  CHECK(deep.images(0, 0, 1, 0) == 256.0f / 65535.0f);
  CHECK(deep.images(0, 1, 1, 0) == 1.0f);
}

TEST_CASE("class weights: the paper's rule, given ones, none") {
  const auto automatic = class_weights("auto", {100, 50, 0});
  REQUIRE(automatic.weights.size() == 3);
  CHECK(automatic.weights[0] == Approx(1.0 / 3));
  CHECK(automatic.weights[1] == Approx(2.0 / 3));
  CHECK(automatic.weights[2] == 1);
  REQUIRE(automatic.warnings.size() == 1);
  CHECK_THAT(automatic.warnings[0], Contains("no pixel is of class 2"));
  CHECK(class_weights("0.5, 2,1e-1", {1, 1, 1}).weights == std::vector<double>{0.5, 2, 0.1});
  CHECK(class_weights("none", {1, 1}).weights.empty());
  CHECK_THROWS_WITH(class_weights("1,2", {1, 1, 1}), Contains("gives 2 weights, there are 3 classes"));
  CHECK_THROWS_WITH(class_weights("1,x,2", {1, 1, 1}), Contains("'x' in '1,x,2' is not a positive number"));
  CHECK_THROWS_WITH(class_weights("1,-1", {1, 1}), Contains("'-1'"));
}

TEST_CASE("class weights: a training set from which nothing can be learned is refused, or told") {
  CHECK_THROWS_AS(class_weights("auto", {0, 77}), ValueError);
  CHECK_THROWS_WITH(class_weights("auto", {0, 77}), Contains("all pixels of the training images are of class 1"));
  for (const char* rule : {"none", "1,2"}) {
    CHECK_THROWS_WITH(class_weights(rule, {0, 0}), Contains("no pixel of the training images counts"));
    const auto one = class_weights(rule, {5, 0}).warnings;
    REQUIRE(one.size() == 1);
    CHECK_THAT(one[0], Contains("class 0") && Contains("nothing can be learned"));
    CHECK(class_weights(rule, {5, 1}).warnings.empty());
  }
  const auto rare = class_weights("auto", {995, 5, 0}).warnings;
  REQUIRE(rare.size() == 2);
  CHECK_THAT(rare[1], Contains("class 0 has 99.5 % of the pixels, its weight is 0.005"));
  CHECK(class_weights("auto", {985, 15}).warnings.empty());
}
