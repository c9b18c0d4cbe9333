#include <catch2/catch.hpp>

#include "paser/data/class_file.hpp"
#include "paser/data/folder.hpp"
#include "paser/metrics/iou.hpp"
#include "support/samples.hpp"
#include "support/tiny_data.hpp"

/// What users of other programs reported of their images and masks.
namespace image_cases_test {

using namespace paser;
using namespace paser::data;
using Catch::Matchers::Contains;

std::vector<int> labels_in(const Labels& labels) {
  return {labels.values().begin(), labels.values().end()};
}

/// A PNG file of 8 or 16 bits, of any colour type without a palette.
std::string png_of(Index width, Index height, int bits, int colour_type, const std::vector<int>& values) {
  const std::size_t samples = colour_type == 2 ? 3 : colour_type == 4 ? 2 : colour_type == 6 ? 4 : 1;
  std::string rows;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % (static_cast<std::size_t>(width) * samples) == 0) rows += '\0';
    rows += tiny::number(static_cast<std::uint64_t>(values[i]), bits / 8);
  }
  return "\x89PNG\r\n\x1a\n" +
         tiny::png_chunk("IHDR", tiny::number(static_cast<std::uint64_t>(width), 4) +
                                     tiny::number(static_cast<std::uint64_t>(height), 4) + static_cast<char>(bits) +
                                     static_cast<char>(colour_type) + std::string(3, '\0')) +
         tiny::png_chunk("IDAT", tiny::zlib(rows)) + tiny::png_chunk("IEND", "");
}

std::vector<float> image(const std::string& file, Index channels) {
  const auto x = image_of(io::decode_page(file, "x"), channels, {}, "x");
  return {x.values().begin(), x.values().end()};
}

TEST_CASE("A01: PNG of 8 and 16 bits, gray, RGB, with and without alpha, is scaled by the maximum of its depth") {
  for (const int bits : {8, 16})
    for (const int type : {0, 2, 4, 6}) {
      INFO(bits << " bits, colour type " << type);
      const std::vector<int> levels =
          bits == 8 ? std::vector<int>{0, 1, 128, 255} : std::vector<int>{0, 256, 32768, 65535};
      const Index colours = type == 2 || type == 6 ? 3 : 1;
      std::vector<int> stored, kept;
      for (const int v : levels) {
        for (Index c = 0; c < colours; ++c) stored.push_back(v), kept.push_back(v);
        if (type >= 4) stored.push_back(77);  // alpha
      }
      const std::string file = png_of(2, 2, bits, type, stored);
      const io::DecodedImage page = io::decode_page(file, "x");
      CHECK(samples(page.integers) == kept);
      CHECK(page.bits == bits);
      const auto unit = io::to_unit(page, {}, "x");
      const float most = bits == 8 ? 255.0f : 65535.0f;
      for (Index i = 0; i < unit.numel(); ++i)
        CHECK(unit.data()[i] == Approx(static_cast<float>(kept[static_cast<std::size_t>(i)]) / most));
    }
  CHECK(image(png_of(2, 2, 16, 0, {0, 256, 32768, 65535}), 1)[1] == Approx(0.0039063).margin(1e-7));
}

TEST_CASE("A02: alpha is dropped and never blended, gray and colour become each other by one rule") {
  const auto scaled = [](const std::vector<float>& values) {
    std::vector<int> out;
    for (const float v : values) out.push_back(static_cast<int>(std::lround(v * 255)));
    return out;
  };
  CHECK(scaled(image(png_of(1, 1, 8, 4, {100, 0}), 1)) == std::vector<int>{100});
  CHECK(scaled(image(png_of(1, 1, 8, 6, {10, 20, 30, 0}), 3)) == std::vector<int>{10, 20, 30});
  CHECK(scaled(image(png_of(1, 1, 8, 0, {100}), 3)) == std::vector<int>{100, 100, 100});
  CHECK(scaled(image(png_of(1, 1, 8, 2, {10, 20, 30}), 1)) == std::vector<int>{18});
  const auto inks = scaled(image(io::read_file(PASER_TEST_DATA "/io/images/cmyk.jpg"), 3));
  CHECK(std::abs(inks[0] - 255) <= 3);
  CHECK(inks[1] <= 3);
  CHECK(inks[2] <= 3);
}

TEST_CASE("A03: a bad file stops a set before training with every reason, or is left out and counted") {
  const tiny::DataFolder data;
  data.add("good", {1, 2, 3, 4}, {0, 1, 1, 0}, 2);
  const std::string mask = tiny::png({0, 1, 1, 0}, 2, 8), jpeg = io::read_file(PASER_TEST_DATA "/io/images/ramp.jpg");
  std::string moving = mask;
  moving.insert(33, tiny::png_chunk("acTL", tiny::number(3, 4) + tiny::number(0, 4)));
  const std::pair<const char*, std::string> files[] = {
      {"empty.png", ""},
      {"half.png", mask.substr(0, mask.size() / 2)},
      {"half.jpg", jpeg.substr(0, jpeg.size() / 2)},
      {"ended.jpeg", jpeg.substr(0, jpeg.size() - 40) + "\xFF\xD9"},
      {"moving.gif", io::read_file(PASER_TEST_DATA "/io/images/three_frames.gif")},
      {"moving_too.png", moving},
      {"text.png", "a text"}};
  int k = 0;
  for (const auto& [name, bytes] : files) {
    const io::Path file = message(k++, "_", name);
    tiny::write(data.images / file, bytes);
    tiny::write(data.masks / (file.stem().string() + ".png"), mask);
  }
  SegmentationOptions options;
  options.files.map = LabelEncoding::parse("index:2");
  try {
    const SegmentationFolder set(data.images, data.masks, options);
    FAIL("a set with bad files was taken");
  } catch (const FormatError& error) {
    CHECK_THAT(error.what(), Contains("7 bad files") && Contains("empty.png: is empty") &&
                                 Contains("JPEG data are damaged or cut off") &&
                                 Contains("is an animated PNG of 3 frames") && Contains("is not a PNG"));
    for (const auto& [name, bytes] : files) CHECK_THAT(error.what(), Contains(name));
  }
  options.skip_bad = true;
  const SegmentationFolder set(data.images, data.masks, options);
  CHECK(set.size() == 1);
  CHECK(set.report().bad.size() == 7);
  CHECK_FALSE(set.report().ok());
}

TEST_CASE("A04: masks of 0 and 255, in black and white, in colours, and compressed as JPEG") {
  const auto gray = [](const std::vector<int>& values) { return io::decode_page(tiny::png(values, 2, 8), "m.png"); };
  CHECK_THROWS_WITH(mask_labels(gray({0, 255, 255, 0}), LabelEncoding::index(2), "m.png"),
                    Contains("255 (2 pixels") && Contains("0:0,255:1"));
  CHECK(labels_in(mask_labels(gray({0, 255, 255, 0}), LabelEncoding::parse("0:0,255:1"), "m.png")) ==
        std::vector<int>{0, 1, 1, 0});
  CHECK(labels_in(mask_labels(gray({0, 255, 100, 1}), LabelEncoding::battery(), "m.png")) ==
        std::vector<int>{0, 1, 2, 2});

  const auto rgb = [](const std::vector<int>& values) { return io::decode_page(png_of(2, 2, 8, 2, values), "m.png"); };
  const std::vector<int> black_white{0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0};
  CHECK(labels_in(mask_labels(rgb(black_white), LabelEncoding::parse("0:0,255:1"), "m.png")) ==
        std::vector<int>{0, 1, 1, 0});
  const TemporaryFolder folder;
  tiny::write(folder / "classes.txt", "black 0 0 0\nwhite 255 255 255\n");
  const LabelEncoding colours = read_class_file(folder / "classes.txt");
  CHECK(labels_in(mask_labels(rgb(black_white), colours, "m.png")) == std::vector<int>{0, 1, 1, 0});
  std::vector<int> strange = black_white;
  strange[6] = 1, strange[7] = 2, strange[8] = 3;
  CHECK_THROWS_WITH(mask_labels(rgb(strange), colours, "m.png"),
                    Contains("m.png: the value (1,2,3) (1 pixel, first at row 1, column 0) has no class"));

  const tiny::DataFolder data;
  tiny::write(data.images / "a.png", tiny::png(std::vector<int>(24 * 16, 9), 24, 8));
  tiny::write(data.masks / "a.jpg", io::read_file(PASER_TEST_DATA "/io/images/ramp.jpg"));
  CHECK_THAT(tiny::reason(check_folder(data.images, data.masks), "a.jpg"),
             Contains("JPEG") && Contains("expected PNG"));
}

TEST_CASE("A05: a class that is dropped is dropped once, and labels out of range are named") {
  const io::DecodedImage page = io::decode_page(tiny::png({0, 1, 2, 3}, 2, 8), "m.png");
  const Labels truth = mask_labels(page, LabelEncoding::parse("0:ignore,1:0,2:1,3:2"), "m.png");
  CHECK(labels_in(truth) == std::vector<int>{ignored_label, 0, 1, 2});
  Labels guess = truth.clone();
  guess.mutable_data()[0] = 1;  // where nothing is asked
  const auto counts = metrics::confusion(guess, truth, 3, ignored_label);
  for (Index i = 0; i < 3; ++i)
    for (Index j = 0; j < 3; ++j) CHECK(counts(i, j) == (i == j ? 1 : 0));
  CHECK_THROWS_WITH(mask_labels(page, LabelEncoding::index(3), "m.png"),
                    Contains("m.png: the value 3 (1 pixel, first at row 1, column 1)"));
  CHECK_THROWS_WITH(LabelEncoding::index(256), Contains("256 classes; at most 255"));
}

TEST_CASE("N11: one rule of orientation for images and masks, and a warning when files have one") {
  const tiny::DataFolder data;
  // Orientation 6: the first row lies on the right.
  const std::string block = std::string("MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", 26);
  const auto turned = [&](std::string file) { return file.insert(33, tiny::png_chunk("eXIf", block)); };
  const std::string picture = tiny::png({10, 200}, 2, 8), mask = tiny::png({0, 1}, 2, 8);
  tiny::write(data.images / "both.png", turned(picture));
  tiny::write(data.masks / "both.png", turned(mask));
  SegmentationOptions options;
  options.files.map = LabelEncoding::index(2);
  const SegmentationFolder both(data.images, data.masks, options);
  CHECK(both.extent(0) == std::pair<Index, Index>{2, 1});
  CHECK(labels_in(both.sample(0).labels) == std::vector<int>{0, 1});
  CHECK_THAT(both.report().warnings.at(0),
             Contains("turned upright") && Contains(": 1 pairs") && !Contains("only one"));

  tiny::write(data.masks / "both.png", mask);  // as if the mask had been drawn on pixels that no viewer shows
  CHECK_THAT(tiny::reason(check_folder(data.images, data.masks, options.files), "both.png"),
             Contains("is 1 x 2 pixels, its image 2 x 1") && Contains("as turned upright from orientation 1 and 6"));
  tiny::write(data.images / "both.png", turned(tiny::png({1, 2, 3, 4}, 2, 8)));
  tiny::write(data.masks / "both.png", tiny::png({0, 1, 1, 0}, 2, 8));
  const auto report = check_folder(data.images, data.masks, options.files);
  CHECK(report.ok());
  REQUIRE(!report.warnings.empty());
  CHECK_THAT(report.warnings[0], Contains("of 1 of which only one of image and mask"));
}

TEST_CASE("limits of a reader reach every file of a set") {
  const tiny::DataFolder data;
  data.add("a", {1, 2, 3, 4, 5, 6}, {0, 1, 1, 0, 0, 0}, 3);
  FolderOptions options;
  options.limits.pixels = 5;
  CHECK_THAT(tiny::reason(check_folder(data.images, data.masks, options), "a.png"),
             Contains("claims 3 x 2 pixels, more than the limit of 5"));
  options.limits.pixels = 6;
  CHECK(check_folder(data.images, data.masks, options).ok());
}

}  // namespace image_cases_test
