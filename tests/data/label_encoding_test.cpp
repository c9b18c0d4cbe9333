#include "paser/data/label_encoding.hpp"

#include <catch2/catch.hpp>

#include "paser/data/battery.hpp"
#include "paser/data/class_file.hpp"
#include "paser/data/encode_mask.hpp"
#include "paser/io/image_file.hpp"
#include "paser/metrics/iou.hpp"
#include "support/tiny_images.hpp"

using namespace paser;
using namespace paser::data;
using Catch::Matchers::Contains;

namespace {

using Values = std::vector<std::int32_t>;

io::DecodedImage gray(const std::vector<std::uint16_t>& samples, std::uint32_t maximum = 255, Index channels = 1) {
  io::DecodedImage page;
  const auto pixels = static_cast<Index>(samples.size()) / channels;
  page.integers = {Tensor<std::uint16_t, 3>::from({1, pixels, channels}, samples), maximum};
  page.bits = maximum > 255 ? 16 : 8;
  return page;
}

Values labels(const io::DecodedImage& page, const std::string& map, std::optional<PaletteUse> palette = {}) {
  const Labels l = mask_labels(page, LabelEncoding::parse(map), "mask.png", palette);
  return {l.values().begin(), l.values().end()};
}

}  // namespace

TEST_CASE("label encoding: rules, ranges, the rest, ignored values") {
  CHECK(labels(gray({0, 255, 7}), "0:0,255:1,*:2") == Values{0, 1, 2});
  CHECK(labels(gray({0, 255, 7}), " 0:0, 255:1 ,*:ignore") == Values{0, 1, 255});
  CHECK(labels(gray({1, 9, 10}), "1-9:0,10:1") == Values{0, 0, 1});
  CHECK(labels(gray({0, 1, 2, 3}), "0:ignore,1:0,2:1,3:2") == Values{255, 0, 1, 2});
  CHECK(labels(gray({0, 1, 2}), "index") == Values{0, 1, 2});
  CHECK(labels(gray({0, 10, 11}), "index:11,11:ignore") == Values{0, 10, 255});
  CHECK(labels(gray({0, 65535, 300}, 65535), "0:0,65535:1,*:2") == Values{0, 1, 2});
  CHECK(labels(gray({0, 7, 8, 10, 11, 26, 29, 33, 34, 255}), "cityscapes") ==
        Values{255, 0, 1, 255, 2, 13, 255, 18, 255, 255});
  CHECK((LabelEncoding::cityscapes().classes() == 19 && LabelEncoding::cityscapes().name(18) == "bicycle"));
  CHECK(LabelEncoding::parse("index").classes() == 0);
  CHECK(LabelEncoding::parse("index").with_classes(4).of_value(4) == LabelEncoding::unknown);
  CHECK(LabelEncoding::parse("0:0,255:1").with_classes(3).classes() == 3);
  CHECK(LabelEncoding::battery().name(2) == "nickel");
  CHECK(LabelEncoding::parse("0:0").name(0) == "class 0");
  const auto refused = [](const std::string& map, const std::string& why) {
    CHECK_THROWS_WITH(LabelEncoding::parse(map), Contains(map) && Contains(why));
    CHECK_THROWS_AS(LabelEncoding::parse(map), ValueError);
  };
  refused("0=0", "the rule '0=0' has no colon");
  refused("0:0,", "the rule '' has no colon");
  refused("0:", "'' is not a whole number");
  refused("x:0", "'x' is not a whole number of 0 .. 65535");
  refused("0:0,0:1", "value 0 has two rules");
  refused("0:0,7:2", "class 1 of 0 .. 2 has no value");
  refused("9-1:0", "the range '9-1' is empty");
  refused("*:0,*:1", "more than one rule for all other values");
  refused("index,*:1", "more than one rule");
  refused("3:255", "'255' is not a whole number of 0 .. 254");
  refused("0:ignore", "it has no class");
  refused("index:3,7:9", "the rule '7:9' names a class that is not one of 0 .. 2");
  refused("index:3,7:3", "the rule '7:3' names a class");
  CHECK(LabelEncoding::parse("index:3,7:2,8:ignore").of_value(7) == 2);
  CHECK(LabelEncoding::parse("index,7:9,8:ignore").with_classes(10).of_value(7) == 9);
  CHECK_THROWS_WITH(LabelEncoding::parse("index,7:9,8:ignore").with_classes(9),
                    Contains("the rule for the value 7 names class 9, expected one of 0 .. 8"));
  CHECK_THROWS_AS(LabelEncoding::parse("index:3,7:2").with_classes(2), ValueError);
  CHECK_THROWS_WITH(LabelEncoding::index(256), Contains("256 classes; at most 255"));
  CHECK_THROWS_WITH(LabelEncoding::parse("0:0,1:1,2:2").with_classes(2), Contains("name 3 classes"));
}

TEST_CASE("label encoding: a value without a class is an error with its pixels and place") {
  CHECK_THROWS_WITH(
      labels(gray({0, 255, 0, 255}), "index"),
      Contains("mask.png: the value 255 (2 pixels, first at row 0, column 1) has no class") && Contains("0:0,255:1"));
  CHECK_THROWS_WITH(labels(gray({0, 1, 2, 3}), "index:3"), Contains("the value 3 (1 pixel, first at row 0, column 3)"));
  CHECK_THROWS_WITH(labels(gray({5, 6}), "0:0"), Contains("the values 5 (1 pixel") && Contains(", 6 (1 pixel"));
  const auto found = encode_mask(gray({0, 255, 255, 3}), LabelEncoding::parse("0:0,255:1,9:ignore"), "m");
  CHECK(found.pixels == std::vector<Index>{1, 2});
  CHECK(found.values.at(255) == 2);
  REQUIRE(found.unknown.size() == 1);
  CHECK(found.unknown[0].value == "3");
}

TEST_CASE("label encoding: a perfect prediction under a shifted map has a mean IoU of 1") {
  const Labels truth = mask_labels(gray({0, 1, 2, 3, 3}), LabelEncoding::parse("0:ignore,1:0,2:1,3:2"), "m");
  const Labels guess = Labels::from(truth.shape(), Values{1, 0, 1, 2, 2});
  const auto counts = metrics::confusion(guess, truth, 3, ignored_label);
  for (Index i = 0; i < 3; ++i)
    for (Index j = 0; j < 3; ++j) CHECK(counts(i, j) == (i != j ? 0 : i == 2 ? 2 : 1));
}

TEST_CASE("label encoding: colour where gray is expected, gray where colour is, fractions") {
  CHECK(labels(gray({7, 7, 7, 255, 255, 255}, 255, 3), "7:0,255:1") == Values{0, 1});
  CHECK_THROWS_WITH(labels(gray({7, 7, 7, 1, 2, 3}, 255, 3), "7:0,*:1"),
                    Contains("in colour, first at row 0, column 1: (1,2,3)") && Contains("class file"));
  io::DecodedImage real;
  real.reals = Tensor<float, 3>::from({1, 2, 1}, std::vector<float>{1, 2});
  CHECK(labels(real, "1:0,2:1") == Values{0, 1});
  real.reals = Tensor<float, 3>::from({1, 2, 1}, std::vector<float>{1, 0.5f});
  CHECK_THROWS_WITH(labels(real, "1:0,*:1"), Contains("holds 0.5, expected whole numbers"));
  CHECK_THROWS_WITH(labels(gray({0, 65535}, 65535), "0:0,255:1,*:2"), Contains("a mask of 16 bits"));
}

TEST_CASE("label encoding: palette masks count by number or by colour, gray of few bits as stored or as shown") {
  const std::vector<io::Colour> palette{{255, 255, 255}, {0, 0, 0}, {9, 9, 9}};
  const io::DecodedImage page = io::decode_page(tiny::png({0, 1, 2, 1}, 4, 2, palette), "p.png");
  CHECK(labels(page, "index") == Values{0, 1, 2, 1});
  CHECK(labels(page, "0:2,1:1,2:0") == Values{2, 1, 0, 1});
  CHECK(labels(page, "battery", PaletteUse::colours) == Values{1, 0, 2, 0});
  CHECK(labels(page, "battery", PaletteUse::numbers) == Values{0, 2, 2, 2});
  CHECK_THROWS_WITH(labels(page, "battery"), Contains("palette image") && Contains("numbers of the colours"));
  const io::DecodedImage bits = io::decode_page(tiny::png({0, 1, 1, 0}, 4, 1), "b.png");
  CHECK(labels(bits, "index") == Values{0, 1, 1, 0});
  CHECK(labels(bits, "0:0,255:1") == Values{0, 1, 1, 0});
}

TEST_CASE("label encoding: the battery's is that of the paper's reader") {
  const io::DecodedImage page = gray({0, 1, 127, 254, 255});
  const Labels reader = battery_labels(page.integers);
  CHECK(labels(page, "battery") == Values(reader.values().begin(), reader.values().end()));
}

TEST_CASE("class file: text and JSON, names, several colours of a class, ignored ones") {
  const io::DecodedImage page = gray({1, 2, 3, 10, 11, 12, 9, 9, 9, 1, 2, 4}, 255, 3);
  for (const std::string text : {"# name R G B\nroad 1 2 3\r\n\n parked car 10 11 12\nroad 1 2 4\nignore #090909\n",
                                 "1 2 3\troad\n10,11,12,parked car\n1 2 4 road\n9 9 9 ignore",
                                 R"([{"name": "road", "colour": [1,2,3]}, {"name": "parked car", "color": "#0a0b0c"},
            {"name": "road", "colour": [1,2,4]}, {"name": "ignore", "colour": [9,9,9]}])"}) {
    INFO(text);
    const LabelEncoding map = parse_class_file(text, "classes");
    CHECK(map.coding() == MaskCoding::colours);
    CHECK(map.classes() == 2);
    CHECK(map.name(1) == "parked car");
    const Labels l = mask_labels(page, map, "m.png");
    CHECK(Values(l.values().begin(), l.values().end()) == Values{0, 1, 255, 0});
    const auto found = encode_mask(gray({1, 2, 3, 1, 2, 3, 5, 6, 7}, 255, 3), map, "m.png");
    CHECK(found.pixels == std::vector<Index>{2});
    CHECK_THROWS_WITH(mask_labels(gray({1, 2, 3, 5, 6, 7}, 255, 3), map, "m.png"),
                      Contains("the value (5,6,7) (1 pixel, first at row 0, column 1) has no class"));
  }
  const LabelEncoding values =
      parse_class_file(std::string(R"({"classes": [{"name": "pore", "value": 0}, {"name": "x", "value": 255}]})"), "c");
  CHECK(values.of_value(255) == 1);
  CHECK(parse_class_file(std::string("pore 0\nx 255"), "c").of_value(255) == 1);
  CHECK(parse_class_file(std::string("pore 0 0 0\nrest 255 255 255"), "c").of_colour({255, 255, 255}) == 1);
}

TEST_CASE("class file: mistakes are named with their line") {
  const auto refused = [](const std::string& text, const std::string& why) {
    CHECK_THROWS_WITH(parse_class_file(text, "classes.txt"), Contains("classes.txt") && Contains(why));
  };
  refused("", "names no class");
  refused("road 1 2 3\nsky", "line 2 is 'sky'");
  refused("road 1 2", "line 1 is 'road 1 2'");
  refused("road 1 2 300", "'road' has 300");
  refused("road 1 2 3\nsky 4", "'sky' mixes values with colours");
  refused("[{\"name\": \"road\"}]", "is not of the form");
  refused("[{\"name\": \"road\", \"colour\": [1, 2, -3]}]", "[1,2,-3]");
  refused("{\"a\": 1", "is not JSON");
  refused("{\"a\": 1}", "expected a list of classes");
  CHECK_THROWS_WITH(parse_class_file(std::string("a 1 2 3\nb 1 2 3"), "c"), Contains("colour (1,2,3) is given twice"));
}
