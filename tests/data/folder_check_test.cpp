#include "paser/data/folder_check.hpp"

#include <catch2/catch.hpp>

#include "paser/data/folder_report_text.hpp"
#include "support/tiny_data.hpp"

using namespace paser;
using namespace paser::data;
using Catch::Matchers::Contains;

namespace {

FolderOptions mapped(const std::string& map) {
  FolderOptions options;
  options.map = LabelEncoding::parse(map);
  return options;
}

bool any_contains(const std::vector<std::string>& list, const std::string& text) {
  return std::ranges::any_of(list, [&](const std::string& s) { return s.find(text) != s.npos; });
}

}  // namespace

TEST_CASE("folder check: shares are of the pixels that have a class, be it a single one or none") {
  FolderReport report;
  report.class_names = {"pore", "carbon"};
  report.class_pixels = {0, 0};
  CHECK(report.share(1) == 0);
  report.class_pixels = {0, 1};
  CHECK(report.share(1) == 1);
  CHECK(report.share(0) == 0);
}

TEST_CASE("folder check: a good set, its sizes, kinds and class shares") {
  const tiny::DataFolder data;
  data.add("b", {0, 1, 2, 255}, {0, 255, 255, 255}, 2);
  data.add("a", {9, 9, 9, 9, 9, 9}, {0, 0, 7, 7, 7, 7}, 3);
  tiny::write(data.images / "c.png", tiny::png({0, 1, 1, 0}, 2, 1));
  tiny::write(data.masks / "c.bmp", io::read_file(PASER_TEST_DATA "/io/images/rgb.bmp"));
  tiny::write(data.images / "README.txt", "not a picture");
  std::filesystem::remove(data.masks / "c.bmp");
  tiny::write(data.masks / "c.pgm", "P5 2 2 255 " + std::string("\0\0\xff\xff", 4));
  std::vector<Index> seen;
  const auto report = check_folder(data.images, data.masks, mapped("battery"),
                                   [&](Index done, Index total) { seen.push_back(10 * done + total); });
  CHECK(report.ok());
  CHECK(seen == std::vector<Index>{3, 33});
  REQUIRE(report.samples.size() == 3);
  CHECK(report.samples[0].name == "a");
  CHECK(report.samples[1].id == 1);
  CHECK(report.sizes == std::map<std::pair<Index, Index>, Index>{{{2, 2}, 2}, {{2, 3}, 1}});
  CHECK(report.image_kinds == std::map<std::string, Index>{{"8-bit gray", 2}, {"1-bit gray", 1}});
  CHECK(report.class_names == std::vector<std::string>{"pore", "carbon", "nickel"});
  CHECK(report.class_pixels == std::vector<Index>{5, 5, 4});
  CHECK(report.share(2) == Approx(4.0 / 14));
  CHECK(report.mask_values == std::map<std::uint16_t, Index>{{0, 5}, {7, 4}, {255, 5}});
  CHECK(report.skipped.size() == 1);
  CHECK(any_contains(report.warnings, "several sizes"));
  CHECK(any_contains(report.warnings, "differ in depth"));
  std::ostringstream text;
  print(text, report);
  CHECK_THAT(text.str(),
             Contains("pairs      3 good") && Contains("2 x 3 (1)") && Contains("28.6 %  4 pixels  nickel"));
  const auto json = report_json(report);
  CHECK(json["ok"] == true);
  CHECK(json["classes"][1]["pixels"] == 5);
  CHECK(json["samples"][0]["width"] == 3);
}

TEST_CASE("folder check: every bad file is named with its reason, and the rest is still looked at") {
  const tiny::DataFolder data;
  const std::string jpeg = io::read_file(PASER_TEST_DATA "/io/images/ramp.jpg"), good = tiny::png({0, 1, 2, 0}, 2, 8);
  const auto with_mask = [&](const std::string& stem, const std::string& file, const std::string& bytes) {
    tiny::write(data.images / file, bytes);
    tiny::write(data.masks / (stem + ".png"), good);
  };
  data.add("good", {1, 2, 3, 4}, {0, 1, 2, 0}, 2);
  with_mask("empty", "empty.png", "");
  with_mask("half", "half.png", good.substr(0, good.size() / 2));
  with_mask("photo", "photo.jpg", jpeg.substr(0, jpeg.size() / 2));
  with_mask("moving", "moving.gif", io::read_file(PASER_TEST_DATA "/io/images/three_frames.gif"));
  with_mask("x", "x.png", "a text");
  std::filesystem::create_directory(data.images / "y.png");
  tiny::write(data.masks / "y.png", good);
  data.add("wide", {1, 2, 3, 4}, {0, 1, 0, 1}, 4);
  tiny::write(data.masks / "wide.png", good);
  data.add("strange", {1, 2, 3, 4}, {0, 1, 9, 9}, 2);
  with_mask("twice", "twice.png", good);
  tiny::write(data.images / "twice.bmp", "BM");
  tiny::write(data.images / "alone.png", good);
  tiny::write(data.masks / "alone_mask.png", good);
  tiny::write(data.images / "smeared.png", good);
  tiny::write(data.masks / "smeared.jpg", jpeg);
  data.add("broken", {1, 2, 3, 4}, {0, 1, 2, 0}, 2);
  tiny::write(data.images / "broken.png", "BM");
  tiny::write(data.masks / "broken.png", "P5");

  const auto report = check_folder(data.images, data.masks, mapped("index:3"));
  CHECK_FALSE(report.ok());
  REQUIRE(report.samples.size() == 1);
  CHECK(report.samples[0].name == "good");
  CHECK_THAT(tiny::reason(report, "empty.png"), Contains("is empty"));
  CHECK_THAT(tiny::reason(report, "half.png"), Contains("cut off"));
  CHECK_THAT(tiny::reason(report, "photo.jpg"), Contains("the JPEG file is cut off"));
  CHECK_THAT(tiny::reason(report, "moving.gif"), Contains("is not a PNG, JPEG"));
  CHECK_THAT(tiny::reason(report, "x.png"), Contains("is not a PNG, JPEG"));
  CHECK_THAT(tiny::reason(report, "y.png"), Contains("is not a regular file"));
  CHECK_THAT(tiny::reason(report, "wide.png"), Contains("is 2 x 2 pixels, its image 1 x 4"));
  CHECK_THAT(tiny::reason(report, "strange.png"), Contains("the value 9 (2 pixels, first at row 1, column 0)"));
  CHECK_THAT(tiny::reason(report, "twice.bmp"), Contains("twice.bmp and twice.png differ in their endings only"));
  CHECK_THAT(tiny::reason(report, "alone.png"), Contains("has no mask") && Contains("'alone_mask'"));
  CHECK_THAT(tiny::reason(report, "alone_mask.png"), Contains("has no image"));
  CHECK_THAT(tiny::reason(report, "smeared.jpg"), Contains("JPEG, which changes the values of a mask"));
  CHECK(std::ranges::count(tiny::reason(report, "broken.png"), '\n') == 2);
  CHECK(report.bad.size() == 14);
  CHECK(report.unmapped.at("9").pixels == 2);
  CHECK(report.unmapped.at("9").first.filename() == "strange.png");
  CHECK(report_json(report)["bad"].size() == 14);
  std::ostringstream text;
  print(text, report, 3);
  CHECK_THAT(text.str(), Contains("and 11 more files") && Contains("unmapped   value 9: 2 pixels in 1 masks"));

  set_threads(1);
  const auto one = report_json(check_folder(data.images, data.masks, mapped("index:3")));
  set_threads(4);
  const auto four = report_json(check_folder(data.images, data.masks, mapped("index:3")));
  set_threads(0);
  CHECK(one == four);
}

TEST_CASE("folder check: many classes without a pixel stand in one line") {
  const tiny::DataFolder data;
  data.add("a", {1, 2, 3, 4}, {0, 9, 9, 9}, 2);
  std::ostringstream text;
  print(text, check_folder(data.images, data.masks, mapped("index:12")));
  CHECK_THAT(text.str(),
             Contains("class 1 .. 8  no pixel\nclass 9 ") && Contains("class 10 ") && Contains("class 11 "));
}

TEST_CASE("folder check: masks of 0 and 255 without a map are a problem that lists the values") {
  const tiny::DataFolder data;
  data.add("a", {1, 2, 3, 4}, {0, 255, 255, 255}, 2);
  data.add("b", {1, 2, 3, 4}, {0, 0, 255, 255}, 2);
  const auto guessed = check_folder(data.images, data.masks);
  CHECK_FALSE(guessed.ok());
  CHECK(any_contains(guessed.problems, "the values 0 (3 pixels), 255 (5 pixels)"));
  CHECK(any_contains(guessed.problems, "map them, such as 0:0,255:1"));
  const auto told = check_folder(data.images, data.masks, mapped("0:0,255:1"));
  CHECK(told.ok());
  CHECK(told.class_pixels == std::vector<Index>{3, 5});
}

TEST_CASE("folder check: an index without a number of classes takes values without a gap") {
  const tiny::DataFolder data;
  data.add("a", {1, 2, 3, 4}, {0, 2, 2, 0}, 2);
  CHECK(any_contains(check_folder(data.images, data.masks).problems, "the values 0 (2 pixels), 2 (2 pixels)"));
  const auto told = check_folder(data.images, data.masks, mapped("index:4"));
  CHECK(told.ok());
  CHECK(told.class_pixels == std::vector<Index>{2, 0, 2, 0});
  CHECK(any_contains(told.warnings, "no pixel is of class 3"));
  data.add("b", {1, 2, 3, 4}, {1, 1, 1, 1}, 2);
  const auto counted = check_folder(data.images, data.masks);
  CHECK(counted.ok());
  CHECK(counted.classes() == 3);
}

TEST_CASE("folder check: gray and colour together, dim images, channels") {
  const tiny::DataFolder data;
  data.add("a", {1, 2, 3, 4}, {0, 1, 0, 1}, 2);
  const auto dim = check_folder(data.images, data.masks);
  CHECK(dim.channels == 1);
  CHECK(dim.brightest == Approx(4.0 / 255));
  CHECK(any_contains(dim.warnings, "a value range may be missing"));
  FolderOptions options;
  options.range = io::ValueRange{0, 4};
  CHECK(check_folder(data.images, data.masks, options).brightest == 1);
  tiny::write(data.images / "c.ppm", "P6 1 1 255 \x01\x02\x03");
  tiny::write(data.masks / "c.png", tiny::png({1}, 1, 8));
  const auto mixed = check_folder(data.images, data.masks);
  CHECK(mixed.channels == 3);
  CHECK(any_contains(mixed.warnings, "images in colour: 1, gray: 1;"));
  options.channels = 1;
  CHECK(check_folder(data.images, data.masks, options).channels == 1);
  options.channels = 2;
  CHECK_THROWS_WITH(check_folder(data.images, data.masks, options), Contains("2 channels, expected 1, 3, or 0"));
}

TEST_CASE("folder check: a list of images, whatever its line ends; masks with a suffix") {
  const tiny::DataFolder data;
  for (const char* name : {"a", "b", "c"})
    tiny::write(data.images / (std::string(name) + ".png"), tiny::png({1}, 1, 8));
  for (const char* name : {"a", "b", "c"})
    tiny::write(data.masks / (std::string(name) + "_m.png"), tiny::png({0}, 1, 8));
  tiny::write(data.root / "list.txt", "a.png\r\n\r\n  c  \r\n\nz");
  FolderOptions options = mapped("index:1");
  options.pairing.mask_suffix = "_m";
  CHECK(check_folder(data.images, data.masks, options).samples.size() == 3);
  options.pairing.stems = read_stem_list(data.root / "list.txt");
  CHECK(options.pairing.stems == std::vector<std::string>{"a", "c", "z"});
  const auto report = check_folder(data.images, data.masks, options);
  CHECK(report.samples.size() == 2);
  CHECK_THAT(tiny::reason(report, "z"), Contains("in the list of images and not in the folder"));
  tiny::write(data.root / "none.txt", "\r\n \n");
  CHECK_THROWS_WITH(read_stem_list(data.root / "none.txt"), Contains("names no image"));
}

TEST_CASE("folder check: the layout of the paper's code; folders that are not there") {
  const TemporaryFolder root;
  CHECK_THROWS_WITH(paser_layout(root.path()), Contains("has none of the folders"));
  for (const char* folder : {"train_images", "train_label", "test_images"})
    std::filesystem::create_directory(root / folder);
  CHECK_THROWS_WITH(paser_layout(root.path()), Contains("test_label' is missing"));
  std::filesystem::create_directory(root / "test_label");
  const auto parts = paser_layout(root.path());
  REQUIRE(parts.size() == 2);
  CHECK(parts[1].part == "test");
  CHECK(parts[1].masks == root / "test_label");
  CHECK(any_contains(check_folder(parts[0].images, parts[0].masks).problems, "there is no image"));
  CHECK_THROWS_WITH(check_folder(root / "nothing", root / "test_label"), Contains("nothing' is not a folder"));
}

#ifdef PASER_WITH_TIFF
TEST_CASE("folder check: the pages of a stack are images, of as many pages as its masks") {
  const tiny::DataFolder data;
  const auto page = [](const std::string& bytes) { return tiny::TiffPage{2, 1, 8, 1, 1, 1, bytes}; };
  tiny::write(data.images / "scan.tif", tiny::tiff({page("ab"), page("cd"), page("ef")}, true));
  tiny::write(data.masks / "scan.tiff", tiny::tiff({page(std::string("\0\1", 2)), page("\1\1"), page("\1\7")}, false));
  const auto report = check_folder(data.images, data.masks, mapped("index:2"));
  REQUIRE(report.samples.size() == 2);
  CHECK(report.samples[1].name == "scan#1");
  CHECK(report.class_pixels == std::vector<Index>{1, 3});
  CHECK_THAT(tiny::reason(report, "scan.tiff"), Contains("page 2: the value 7"));
  tiny::write(data.masks / "scan.tiff", tiny::tiff({page("\1\1")}, false));
  CHECK_THAT(tiny::reason(check_folder(data.images, data.masks), "scan.tiff"), Contains("has 1 pages, its image 3"));
}
#endif
