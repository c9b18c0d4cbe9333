#include "paser/report/figures.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "paser/data/label_encoding.hpp"
#include "paser/data/patches.hpp"
#include "paser/io/file.hpp"

using namespace paser;
using namespace paser::report;

static Rgb pixel(const Picture& p, Index y, Index x) {
  return {p(0, y, x, 0), p(0, y, x, 1), p(0, y, x, 2)};
}

TEST_CASE("Labels take the colours of the palette, pixels of no class a gray that no class has") {
  const auto labels = Labels::from({2, 1, 4}, std::vector<std::int32_t>{0, 0, 0, 0, 1, 9, -1, data::ignored_label});
  const Picture p = label_picture(labels, 1), mask = label_picture(labels, 1, mask_palette);
  CHECK(p.shape() == Shape<4>{1, 1, 4, 3});
  CHECK(pixel(p, 0, 0) == label_palette[1]);
  CHECK(pixel(p, 0, 1) == label_palette[1]);
  for (const Index x : {2, 3}) {
    CHECK(pixel(p, 0, x) == Rgb{128, 128, 128});
    CHECK(pixel(mask, 0, x) == Rgb{128, 128, 128});
  }
  CHECK_THROWS_AS(label_picture(labels, 2), ShapeError);
}

TEST_CASE("Images are clamped to bytes") {
  const auto image = Tensor<float, 4>::from({1, 1, 3, 1}, {-1.0f, 0.5f, 2.0f});
  const Picture p = image_picture(image);
  CHECK(pixel(p, 0, 0) == Rgb{0, 0, 0});
  CHECK(pixel(p, 0, 1) == Rgb{128, 128, 128});
  CHECK(pixel(p, 0, 2) == Rgb{255, 255, 255});
  CHECK_THROWS_AS(image_picture(Tensor<float, 4>::zeros({1, 1, 1, 2})), ShapeError);
}

TEST_CASE("The heat colours grow lighter from end to end") {
  const auto light = [](Rgb c) { return 0.2126 * c.r + 0.7152 * c.g + 0.0722 * c.b; };
  for (int i = 0; i < 100; ++i) CHECK(light(heat((i + 1) / 100.0)) > light(heat(i / 100.0)) - 0.8);
  CHECK(light(heat(1)) > light(heat(0)) + 150);
  CHECK(heat(-3) == heat(0));
  CHECK(heat(std::nan("")) == Rgb{128, 128, 128});
  const auto map = Tensor<double, 4>::from({1, 1, 2, 1}, {0.0, 2.0});
  CHECK(pixel(heat_picture(map, 0, 2), 0, 1) == heat(1));
  CHECK_THROWS_AS(heat_picture(map, 1, 1), ValueError);
}

TEST_CASE("Contours lie on the last pixel of a region") {
  const auto labels = Labels::from({1, 2, 3}, std::vector<std::int32_t>{0, 1, 1, 0, 1, 1});
  const Picture p = overlay_contours(image_picture(Tensor<float, 4>::zeros({1, 2, 3, 1})), labels, 0, {9, 8, 7});
  CHECK(pixel(p, 0, 0) == Rgb{9, 8, 7});
  CHECK(pixel(p, 1, 0) == Rgb{9, 8, 7});
  CHECK(pixel(p, 0, 1) == Rgb{0, 0, 0});
}

TEST_CASE("Wrong pixels stand out") {
  const auto truth = Labels::from({1, 1, 2}, std::vector<std::int32_t>{0, 1}), all = Labels::full({1, 1, 2}, 1);
  const Picture p = error_picture(all, truth, 0, mask_palette, {1, 2, 3});
  CHECK(pixel(p, 0, 0) == Rgb{1, 2, 3});
  CHECK(pixel(p, 0, 1) == Rgb{255, 255, 255});
}

TEST_CASE("Pixels whose truth is of no class are neither right nor wrong") {
  const auto truth = Labels::from({1, 1, 4}, std::vector<std::int32_t>{data::ignored_label, -1, 1, 1}),
             said = Labels::from({1, 1, 4}, std::vector<std::int32_t>{1, 1, 1, -1});
  const Picture p = error_picture(said, truth, 0, mask_palette, {1, 2, 3});
  CHECK(pixel(p, 0, 0) == Rgb{128, 128, 128});
  CHECK(pixel(p, 0, 1) == Rgb{128, 128, 128});
  CHECK(pixel(p, 0, 2) == Rgb{255, 255, 255});
  CHECK(pixel(p, 0, 3) == Rgb{1, 2, 3});
}

TEST_CASE("Enlarging repeats pixels; pictures stand beside each other") {
  const auto labels = Labels::from({1, 1, 2}, std::vector<std::int32_t>{0, 1});
  const Picture small = label_picture(labels), large = enlarge(small, 3);
  CHECK(large.shape() == Shape<4>{1, 3, 6, 3});
  for (Index y = 0; y < 3; ++y)
    for (Index x = 0; x < 6; ++x) CHECK(pixel(large, y, x) == pixel(small, 0, x / 3));
  const Picture row = beside(std::vector<Picture>{small, small}, 1);
  CHECK(row.shape() == Shape<4>{1, 1, 5, 3});
  CHECK(pixel(row, 0, 2) == Rgb{255, 255, 255});
  CHECK(pixel(row, 0, 4) == label_palette[1]);
  CHECK_THROWS_AS(beside(std::vector<Picture>{small, large}), ShapeError);
}

TEST_CASE("Labels lie over a picture with the given opacity") {
  const auto labels = Labels::from({1, 1, 4}, std::vector<std::int32_t>{0, 1, -1, data::ignored_label});
  const Picture gray = image_picture(Tensor<float, 4>::full({1, 1, 4, 1}, 1.0f));
  const Picture p = overlay_labels(gray, labels, 0, 0.5, label_palette, 0);
  CHECK(pixel(p, 0, 0) == Rgb{255, 255, 255});  // the class that is to stay clear
  CHECK(pixel(p, 0, 1) == Rgb{243, 207, 128});
  for (const Index x : {2, 3}) CHECK(pixel(p, 0, x) == Rgb{255, 255, 255});  // no class
  CHECK(pixel(overlay_labels(gray, labels, 0, 1), 0, 0) == label_palette[0]);
  CHECK_THROWS_AS(overlay_labels(gray, labels, 0, 1.5), ValueError);
  CHECK_THROWS_AS(overlay_labels(enlarge(gray, 2), labels), ShapeError);
}

TEST_CASE("Routes are tinted by model, each patch within its border") {
  const data::PatchGrid grid{1, 2};
  const auto actions = Tensor<std::int32_t, 2>::from({2, 2}, std::vector<std::int32_t>{0, 0, 1, 2});
  const Picture gray = image_picture(Tensor<float, 4>::zeros({1, 4, 8, 1}));
  const Picture p = route_picture(gray, actions, grid, 1, 0.5);
  for (Index y = 0; y < 4; ++y)
    for (Index x = 0; x < 8; ++x) {
      const Rgb c = model_palette[x < 4 ? 1 : 2];
      const bool inner = y % 3 != 0 && x % 4 % 3 != 0;
      const auto half = [](int v) { return static_cast<std::uint8_t>((v + 1) / 2); };
      CHECK(pixel(p, y, x) == (inner ? Rgb{half(c.r), half(c.g), half(c.b)} : c));
    }
  CHECK_THROWS_AS(route_picture(gray, actions, data::PatchGrid{3, 1}), ShapeError);
  CHECK_THROWS_AS(route_picture(gray, actions, data::PatchGrid{2, 2}), ShapeError);
  CHECK_THROWS_AS(route_picture(gray, Tensor<std::int32_t, 2>::full({1, 2}, -1), grid), ValueError);
}

TEST_CASE("Route pictures have the colours that the page gives to the models") {
  const std::string css =
      io::read_file(std::filesystem::path(PASER_TEST_DATA) / ".." / "include/paser/report/assets/report.css");
  for (std::size_t m = 0; m < model_palette.size(); ++m) {
    char line[64];
    std::snprintf(line, sizeof line, "--c%zu: #%02x%02x%02x;", m, static_cast<unsigned>(model_palette[m].r),
                  static_cast<unsigned>(model_palette[m].g), static_cast<unsigned>(model_palette[m].b));
    CHECK_THAT(css, Catch::Matchers::Contains(line));
  }
}

TEST_CASE("A palette repeats for classes beyond its end") {
  const auto colours = stored_palette(9);
  REQUIRE(colours.size() == 9);
  CHECK(colours[1] == std::array<std::uint8_t, 3>{230, 159, 0});
  CHECK(colours[8] == colours[0]);
}
