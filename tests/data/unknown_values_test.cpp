#include <catch2/catch.hpp>
#include <chrono>

#include "paser/data/class_file.hpp"
#include "paser/data/folder_check.hpp"
#include "paser/data/folder_report_text.hpp"
#include "support/tiny_data.hpp"

namespace unknown_values_test {

using namespace paser;
using namespace paser::data;
using Catch::Matchers::Contains;

double seconds(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Gray of 16 bits, 0 but for the last pixels, which count up to 65535.
io::DecodedImage every_value(Index height, Index width) {
  io::DecodedImage page;
  page.bits = 16;
  page.integers = {Tensor<std::uint16_t, 3>::zeros({height, width, 1}), 65535};
  std::uint16_t* out = page.integers.pixels.mutable_data();
  for (Index v = 0; v < 65536; ++v) out[height * width - 65536 + v] = static_cast<std::uint16_t>(v);
  return page;
}

TEST_CASE("unknown values: a mask is looked through once, however many of its values have no class") {
  const io::DecodedImage page = every_value(1024, 1024);
  EncodedMask mask;
  // Once takes a hundredth of this; once per value would take minutes.
  CHECK(seconds([&] { mask = encode_mask(page, LabelEncoding::index(), "m.png"); }) < 10);
  REQUIRE(mask.values.size() == 65536);
  REQUIRE(mask.unknown.size() == 1000);
  CHECK(mask.further_unknown == 64281);
  CHECK(mask.unknown[0].value == "255");
  CHECK(mask.unknown[0].pixels == 1);
  CHECK(mask.unknown[0].row == 960);
  CHECK(mask.unknown[0].column == 255);
  CHECK(mask.unknown[100].value == "355");
  CHECK(mask.unknown[100].column == 355);
  CHECK(mask.values.at(0) == 1024 * 1024 - 65535);
  CHECK_THROWS_WITH(mask_labels(page, LabelEncoding::index(), "m.png"),
                    Contains("the values 255 (1 pixel, first at row 960, column 255), 256 (") &&
                        Contains(", 262 (1 pixel, first at row 960, column 262) and 65273 more have no class"));
}

/// An RGB picture of `colours` colours from the number `first` on, each in two pixels: number k is (k, k / 256, k).
std::string picture(Index colours, Index first, Index width) {
  std::string half;
  for (Index k = first; k < first + colours; ++k)
    for (const Index c : {k, k / 256, k}) half += static_cast<char>(c % 256);
  return message("P6 ", width, " ", 2 * colours / width, " 255 ") + half + half;
}

TEST_CASE("unknown values: of colours without a class the first are kept, the others counted") {
  const LabelEncoding map = parse_class_file(std::string("a 0 0 0\nb 9 0 9\nc 255 255 255"), "classes");
  const io::DecodedImage page = io::decode_page(picture(50'000, 0, 500), "m.ppm");
  const EncodedMask mask = encode_mask(page, map, "m.ppm");
  CHECK(mask.pixels == std::vector<Index>{2, 2});
  REQUIRE(mask.unknown.size() == 1000);
  CHECK(mask.further_unknown == 50'000 - 2 - 1000);
  CHECK(mask.unknown[0].value == "(0,1,0)");
  CHECK(mask.unknown[0].pixels == 2);
  CHECK(mask.unknown[0].column == 256);
  const auto found = mask.labels.values();
  CHECK((found[0] == 0 && found[9] == 1 && found[50'009] == 1));
  CHECK(std::ranges::count(found, ignored_label) == 2 * 49'998);
  CHECK_THROWS_WITH(mask_labels(page, map, "m.ppm"), Contains(" and 49990 more have no class"));
}

TEST_CASE("unknown values: the report on a folder keeps so many, the text shows few") {
  const tiny::DataFolder data;
  for (const Index k : {0, 1}) {
    tiny::write(data.images / message("scan", k, ".ppm"), picture(10'000, 0, 200));
    tiny::write(data.masks / message("scan", k, ".ppm"), picture(10'000, 500 * k, 200));
  }
  FolderOptions options;
  options.map = parse_class_file(std::string("a 0 0 0\nb 9 0 9"), "classes");
  const FolderReport report = check_folder(data.images, data.masks, options);
  CHECK(report.samples.empty());
  CHECK(report.unmapped.size() == 1000);
  CHECK_THAT(tiny::reason(report, "scan0.ppm"), Contains(" and 9990 more have no class"));
  // Of the first mask 2 of the 10,000 colours have a class, of the second none has, and 502 are in the report already.
  CHECK(report.further_unmapped == 8'998 + 9'000 + 498);
  std::ostringstream text;
  print(text, report);
  CHECK_THAT(text.str(), Contains("\nunmapped   and 19476 more values\n"));
  CHECK(text.str().size() < 10'000);
  const auto json = report_json(report);
  CHECK(json["unmapped"].size() == 1000);
  CHECK(json["unmapped_left_out"] == 18'496);
}

}  // namespace unknown_values_test
