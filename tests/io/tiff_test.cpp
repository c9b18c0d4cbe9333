#include <array>
#include <catch2/catch.hpp>
#include <ctime>

#include "paser/data/folder_check.hpp"
#include "paser/io/deflate.hpp"
#include "paser/io/image_file.hpp"
#include "support/samples.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_data.hpp"
#include "support/tiny_images.hpp"

#ifdef PASER_WITH_TIFF

namespace tiff_test {

using namespace paser;
using Catch::Matchers::Contains;

/// A page of gray values 0 .. count - 1, from `first`, of a description.
tiny::TiffPage page_of(Index width, Index height, int first, const std::string& description = "", int pages = 1) {
  std::string data;
  for (Index i = 0; i < width * height * pages; ++i) data += static_cast<char>(static_cast<Index>(first) + i);
  return {width, height, 8, 1, 1, 1, data, description};
}

std::vector<int> counted(int first, int count) {
  std::vector<int> values;
  for (int i = 0; i < count; ++i) values.push_back(first + i);
  return values;
}

struct Files {
  TemporaryFolder folder;
  io::Path operator()(const std::string& bytes) const {
    tiny::write(folder / "stack.tif", bytes);
    return folder / "stack.tif";
  }
};

TEST_CASE("TIFF: packed samples of 10, 12 and 14 bits, as cameras write them") {
  const Files file;
  for (const int bits : {10, 12, 14}) {
    CAPTURE(bits);
    const std::vector<int> values{1, (1 << bits) - 1, 300, 0, 777, (1 << bits) - 2};
    std::string data;
    for (int row = 0; row < 2; ++row) {  // each row begins with a byte of its own
      std::uint64_t word = 0;
      for (int i = 0; i < 3; ++i) word = word << bits | static_cast<std::uint64_t>(values[3 * row + i]);
      const int whole = (3 * bits + 7) / 8;
      data += tiny::number(word << (8 * whole - 3 * bits), whole);
    }
    for (const bool big : {false, true}) {
      const io::DecodedImage page = io::ImageFile(file(tiny::tiff({{3, 2, bits, 1, 1, 1, data}}, big))).page(0);
      CHECK(samples(page.integers) == values);
      CHECK(page.bits == bits);
      CHECK(page.integers.maximum == (1u << bits) - 1);
    }
  }
}

TEST_CASE("N06: the pages of an ImageJ stack with one directory are read, of either byte order and any depth") {
  const Files file;
  const std::string text = "ImageJ=1.53t\nimages=3\nslices=3\nloop=false\n";
  for (const bool big : {false, true}) {
    io::ImageFile stack(file(tiny::tiff({page_of(3, 2, 10, text, 3)}, big)));
    REQUIRE(stack.pages() == 3);
    for (int k = 0; k < 3; ++k) CHECK(samples(stack.page(k).integers) == counted(10 + 6 * k, 6));
    CHECK_THROWS_WITH(stack.page(3), Contains("has 3 pages"));

    std::string deep, reals;
    for (const int v : {1, 300, 65535, 7}) deep += tiny::number(static_cast<std::uint64_t>(v), 2, big);
    io::ImageFile words(file(tiny::tiff({{2, 1, 16, 1, 1, 1, deep, "ImageJ=1.53t\nimages=2\n"}}, big)));
    REQUIRE(words.pages() == 2);
    CHECK(samples(words.page(1).integers) == std::vector<int>{65535, 7});
    CHECK(samples(words.page(0).integers) == std::vector<int>{1, 300});
    for (const float v : {0.5f, -2.0f}) {
      std::uint32_t word = 0;
      std::memcpy(&word, &v, 4);
      reals += tiny::number(word, 4, big);
    }
    io::ImageFile real(file(tiny::tiff({{1, 1, 32, 3, 1, 1, reals, "ImageJ=1.53t\nimages=2\n"}}, big)));
    REQUIRE(real.pages() == 2);
    CHECK(real.page(1).reals(0, 0, 0) == -2.0f);
    io::ImageFile colour(file(tiny::tiff({{1, 2, 8, 1, 3, 2, "abcdefghijkl", "ImageJ=1.53t\nimages=2\n"}}, big)));
    CHECK(samples(colour.page(1).integers) == std::vector<int>{'g', 'h', 'i', 'j', 'k', 'l'});
  }
}

TEST_CASE("N06: the pages of a shaped file of tifffile with one directory are read") {
  const Files file;
  for (const std::string text : {"{\"shape\": [2, 3, 2, 3], \"truncated\": true}", "shape=(2, 3, 2, 3)"}) {
    io::ImageFile stack(file(tiny::tiff({page_of(3, 2, 1, text, 6)}, false)));
    REQUIRE(stack.pages() == 6);
    CHECK(samples(stack.page(5).integers) == counted(31, 6));
  }
  io::ImageFile one(file(tiny::tiff({page_of(3, 2, 1, "{\"shape\": [2, 3]}")}, false)));
  CHECK(one.pages() == 1);
}

TEST_CASE("N06: more images claimed than there are is an error with both numbers") {
  const Files file;
  const auto refused = [&](const std::vector<tiny::TiffPage>& pages, const std::string& why) {
    CHECK_THROWS_AS(io::ImageFile(file(tiny::tiff(pages, true))), FormatError);
    CHECK_THROWS_WITH(io::ImageFile(file(tiny::tiff(pages, true))), Contains("stack.tif") && Contains(why));
  };
  refused({page_of(3, 2, 1, "ImageJ=1.53t\nimages=4\n", 3)},
          "claims 4 images (in the description by ImageJ), and holds 1");
  refused({page_of(3, 2, 1, "ImageJ=1.53t\nimages=3\n"), page_of(3, 2, 1)}, "claims 3 images");
  // What lies behind the pixels is the directory, and what belongs to it.
  for (const std::string text : {"ImageJ=1.53t\nimages=2\n", "{\"shape\": [2, 2, 3]}"}) {
    tiny::TiffPage page = page_of(3, 2, 1, text);
    page.data_first = true;
    refused({page}, "claims 2 images");
    page.data = page_of(3, 2, 1, "", 2).data;
    CHECK(io::ImageFile(file(tiny::tiff({page}, false))).pages() == 2);
  }
  refused({page_of(3, 2, 1, "ImageJ=1.53t\nimages=999999999999\n")}, "claims 999999999999 images");
  refused({page_of(3, 2, 1, "{\"shape\": [3, 2, 3]}")}, "claims 3 images (in the description by tifffile)");
  const std::string ome =
      "<?xml version=\"1.0\"?><OME xmlns=\"http://www.openmicroscopy.org\"><Image><Pixels SizeX=\"3\" SizeY=\"2\" ";
  const std::string planes = "SizeZ=\"2\" SizeC=\"1\" SizeT=\"2\"><Channel SamplesPerPixel=\"1\"/>";
  refused({page_of(3, 2, 1, ome + planes + "<TiffData/></Pixels></Image></OME>")},
          "claims 4 images (in the description by OME)");
  const std::string parts =
      "<TiffData><UUID FileName=\"a.ome.tif\">u</UUID></TiffData><TiffData><UUID "
      "FileName=\"b.ome.tif\">v</UUID></TiffData>";
  refused({page_of(3, 2, 1, ome + planes + parts + "</Pixels></Image></OME>")},
          "is one file of several of an OME data set, another is 'b.ome.tif'");
  // One file that names itself, of as many planes as it has pages; colour counts its samples as channels.
  const std::string itself =
      "SizeZ=\"1\" SizeC=\"3\" SizeT=\"1\"><Channel SamplesPerPixel=\"3\"/><TiffData><UUID "
      "FileName=\"a.ome.tif\">u</UUID></TiffData>";
  CHECK(io::ImageFile(file(tiny::tiff({page_of(3, 2, 1, ome + itself + "</Pixels></Image></OME>")}, true))).pages() ==
        1);
  CHECK(
      io::ImageFile(file(tiny::tiff({page_of(3, 2, 1, "ImageJ=1.53t\nimages=2\n"), page_of(3, 2, 1)}, true))).pages() ==
      2);
  CHECK(io::ImageFile(file(tiny::tiff({page_of(3, 2, 1, "an image of mine, images=7")}, true))).pages() == 1);
}

TEST_CASE("TIFF: a number of images that cannot be one is refused, whoever describes the stack") {
  const Files file;
  const auto refused = [&](const std::string& text, const std::string& said) {
    CAPTURE(text);
    const io::Path path = file(tiny::tiff({page_of(3, 2, 1, text, 3)}, true));
    CHECK_THROWS_AS(io::ImageFile(path), FormatError);
    CHECK_THROWS_WITH(io::ImageFile(path), Contains("stack.tif: its description by ") && Contains("says '" + said));
  };
  const std::string imagej = "ImageJ=1.53t\n";
  for (const std::string number : {"99999999999999", "-3", "0", "3x", "2.5", "1e9", "", "none"})
    refused(imagej + "images=" + number + "\nslices=3\n", "images=" + number + "', expected a number of images");
  refused(imagej + "images=99999999999999999999", "images=99999999999999999999'");
  refused("{\"shape\": [9999999999999, 2, 3]}", "shape\": [9999999999999, 2, 3]'");
  refused("shape=(1099511627776, 1099511627776, 1099511627776)", "shape=(1099511627776");
  refused("shape=(-3, 2, 3)", "shape=(-3, 2, 3)'");
  refused("shape=(0, 2, 3)", "shape=(0, 2, 3)'");
  const auto ome = [](const std::string& sizes) {
    return "<OME xmlns=\"x\"><Image><Pixels " + sizes + "/></Image></OME>";
  };
  refused(ome("SizeZ=\"99999999\" SizeC=\"1\" SizeT=\"1\""), "SizeZ=");
  refused(ome("SizeZ=\"1\" SizeC=\"1\" SizeT=\"-2\""), "SizeT=");
  refused(ome("SizeZ=\"1\" SizeC=\"0\" SizeT=\"2\""), "SizeC=");

  const auto pages = [&](const std::string& text) {
    return io::ImageFile(file(tiny::tiff({page_of(3, 2, 1, text, 3)}, true))).pages();
  };
  CHECK(pages(imagej + "images= 3 \r\nslices=3\n") == 3);
  CHECK(pages(imagej + "images=3") == 3);
  CHECK(pages(imagej + "unit=micron\n") == 1);
  CHECK(pages("shape=round (5 mm)") == 1);  // not tifffile's
  CHECK(pages("shape=()") == 1);
  // The size of a pixel is no number of planes, though its name ends as theirs.
  CHECK(pages(ome("PhysicalSizeZ=\"0.5\" SizeC=\"1\" SizeT=\"1\" SizeZ=\"1\"")) == 1);
  CHECK_THROWS_WITH(pages(ome("PhysicalSizeZ=\"0.5\" SizeC=\"1\" SizeT=\"1\" SizeZ=\"2\"")),
                    Contains("claims 2 images"));
}

/// A page whose two or more strips of one row each begin at `begins` of the data that lie before its directory, and
/// have `bytes`.
std::string in_strips(std::uint32_t width, const std::string& data, const std::vector<int>& begins, std::uint32_t bytes,
                      int compression = 1) {
  std::string places, counts;
  for (const int begin : begins) {
    places += tiny::number(static_cast<std::uint64_t>(8 + begin), 4, false);
    counts += tiny::number(bytes, 4, false);
  }
  const std::string even = data + std::string(data.size() % 2, '\0');
  const std::uint64_t behind = 8 + even.size(), strips = begins.size();
  std::string file = "II" + tiny::number(42, 2, false) + tiny::number(behind + 2 * strips * 4, 4, false) + even;
  file += places + counts + tiny::number(8, 2, false);
  const std::uint64_t entries[][3] = {
      {256, 1, width}, {257, 1, strips},      {258, 1, 8}, {259, 1, static_cast<std::uint64_t>(compression)},
      {262, 1, 1},     {273, strips, behind}, {278, 1, 1}, {279, strips, behind + 4 * strips}};
  for (const auto& [tag, count, value] : entries)
    file += tiny::number(tag, 2, false) + tiny::number(4, 2, false) + tiny::number(count, 4, false) +
            tiny::number(value, 4, false);
  return file + std::string(4, '\0');
}

TEST_CASE("TIFF: strips of a page that share bytes of the file are refused, and those in any order are read") {
  const Files file;
  const auto read = [&](const std::string& bytes) { return samples(io::ImageFile(file(bytes)).page(0).integers); };
  CHECK(read(in_strips(4, "abcdefgh", {0, 4}, 4)) == std::vector<int>{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'});
  CHECK(read(in_strips(4, "abcdefghijkl", {8, 0}, 4)) == std::vector<int>{'i', 'j', 'k', 'l', 'a', 'b', 'c', 'd'});
  const auto refused = [&](const std::string& bytes, const std::string& why) {
    CHECK_THROWS_AS(read(bytes), FormatError);
    CHECK_THROWS_WITH(read(bytes), Contains("stack.tif") && Contains(why));
  };
  refused(in_strips(4, "abcdefgh", {4, 0, 4}, 4), "parts 0 and 2 of its data are the same bytes of the file");
  refused(in_strips(4, "abcdefgh", {0, 3}, 4), "parts 0 and 1 of its data");
  refused(in_strips(4, "abcdefghijkl", {8, 5, 0}, 4), "parts 0 and 1 of its data");
  // Rows of zeros, of their own data or of the same.
  const std::string packed = io::zlib_compress(std::string(100, '\0'));
  const auto size = static_cast<std::uint32_t>(packed.size());
  CHECK(read(in_strips(100, packed + packed, {0, static_cast<int>(size)}, size, 8)) == std::vector<int>(200, 0));
  refused(in_strips(100, packed + packed, {0, 0}, size, 8), "parts 0 and 1 of its data");
  // Of thousands of rows of the same bytes nothing is read.
  refused(in_strips(4000, std::string(4000, 'x'), std::vector<int>(4000, 0), 4000), "page 0 claim more data than");
}

/// So many pages, all on the same data, which begin at `place`; with a description that all share, if one is given.
std::string on_one_strip(std::uint32_t side, int pages, std::uint64_t place = 8, const std::string& description = "") {
  const std::string data = std::string(side * side, 'p') + description;
  std::string file = "II" + tiny::number(42, 2, false) + tiny::number(8 + data.size(), 4, false) + data;
  std::vector<std::array<std::uint64_t, 4>> entries{{256, 4, 1, side}, {257, 4, 1, side},       {258, 4, 1, 8},
                                                    {259, 4, 1, 1},    {262, 4, 1, 1},          {273, 4, 1, place},
                                                    {278, 4, 1, side}, {279, 4, 1, side * side}};
  if (!description.empty()) entries.insert(entries.begin() + 5, {270, 2, description.size(), 8 + side * side});
  for (int k = 0; k < pages; ++k) {
    file += tiny::number(entries.size(), 2, false);
    for (const auto& [tag, type, count, value] : entries)
      file += tiny::number(tag, 2, false) + tiny::number(type, 2, false) + tiny::number(count, 4, false) +
              tiny::number(value, 4, false);
    file += tiny::number(k + 1 < pages ? file.size() + 4 : 0, 4, false);
  }
  return file;
}

TEST_CASE("TIFF: pages that claim more data together than the file has are refused") {
  const Files file;
  for (const int pages : {2, 20}) {
    const io::Path path = file(on_one_strip(100, pages));
    CHECK_THROWS_AS(io::ImageFile(path), FormatError);
    CHECK_THROWS_WITH(io::ImageFile(path),
                      Contains("stack.tif: the directories up to page 1 claim more data than the file has"));
  }
  // Where their sum is no more than the file has, the work has its bound.
  CHECK(samples(io::ImageFile(file(on_one_strip(4, 20))).page(19).integers) == std::vector<int>(16, 'p'));
  // Directories may share what is not pixels, within reason.
  const std::string profile = std::string(9999, 'x') + '\0';
  CHECK(io::ImageFile(file(on_one_strip(4, 10, 8, profile))).pages() == 10);
  CHECK_THROWS_WITH(io::ImageFile(file(on_one_strip(4, 100, 8, profile))),
                    Contains("claim more data than the file has"));
  // Pages that are cut off claim what cannot be read, and do not keep others from being told of or read.
  CHECK_THROWS_WITH(io::ImageFile(file(on_one_strip(100, 20, 1 << 20))).page(3), Contains("page 3 is cut off: part 0"));
}

TEST_CASE("TIFF: the last pages of a file of thousands are read as fast as the first") {
  const Files file;
  constexpr Index pages = 10000, some = 200;
  io::ImageFile image(file(on_one_strip(4, pages)));
  REQUIRE(image.pages() == pages);
  const auto seconds = [&](Index from) {
    std::clock_t least = std::numeric_limits<std::clock_t>::max();
    for (int again = 0; again < 3; ++again) {
      const std::clock_t begin = std::clock();
      for (Index k = from; k < from + some; ++k) (void)image.page(k);
      least = std::min(least, std::clock() - begin);
    }
    return static_cast<double>(least);
  };
  const double first = seconds(1), last = seconds(pages - some);
  CAPTURE(first, last);
  CHECK(last < 5 * first + 1000);
}

TEST_CASE("TIFF: numbers of 64 bits that are too large for 32 are told, and infinity stays what it is") {
  const Files file;
  const auto read = [&](std::vector<double> values) {
    std::string data;
    for (const double v : values) data += tiny::number(std::bit_cast<std::uint64_t>(v), 8, false);
    return io::ImageFile(file(tiny::tiff({{2, 2, 64, 3, 1, 1, data}}, false))).page(0).reals;
  };
  CHECK(read({0, 0.5, -3.4e38, 1e-300})(0, 1, 0) == 0.5f);
  CHECK(std::isinf(read({0, 0, HUGE_VAL, 0})(1, 0, 0)));
  CHECK_THROWS_WITH(read({0, 0, 1e300, 0}),
                    Contains("stack.tif: page 0 has a number that is too large for 32 bits, in row 1"));
  CHECK_THROWS_AS(read({0, 0, 0, -3.5e38}), FormatError);
}

TEST_CASE("N06: reduced copies marked by the old tag 255 are no pages") {
  const Files file;
  tiny::TiffPage full = page_of(3, 2, 1), reduced = page_of(1, 1, 9), part = page_of(3, 2, 20);
  full.old_kind = 1;
  reduced.old_kind = 2;
  part.old_kind = 3;
  io::ImageFile image(file(tiny::tiff({full, reduced, part}, false)));
  REQUIRE(image.pages() == 2);
  CHECK(samples(image.page(1).integers) == counted(20, 6));
}

TEST_CASE("TIFF: alpha is dropped, and further channels are refused") {
  const Files file;
  const auto page = [&](int count, int photometric, std::vector<int> extra) {
    tiny::TiffPage p{2, 1, 8, 1, count, photometric, {}};
    for (int i = 0; i < 2 * count; ++i) p.data += static_cast<char>(i);
    p.extra = std::move(extra);
    io::ImageFile image(file(tiny::tiff({p}, true)));
    return samples(image.page(0).integers);
  };
  constexpr int gray = 1, rgb = 2, unspecified = 0, associated = 1, unassociated = 2;
  for (const int alpha : {associated, unassociated}) {
    CHECK(page(2, gray, {alpha}) == std::vector<int>{0, 2});
    CHECK(page(4, rgb, {alpha}) == std::vector<int>{0, 1, 2, 4, 5, 6});
  }
  // One sample beyond RGB of which nothing is said is no colour.
  CHECK(page(4, rgb, {unspecified}) == std::vector<int>{0, 1, 2, 4, 5, 6});
  CHECK(page(4, rgb, {}) == std::vector<int>{0, 1, 2, 4, 5, 6});
  CHECK_THROWS_WITH(page(2, gray, {unspecified}), Contains("does not say that sample 1 is alpha"));
  CHECK_THROWS_WITH(page(2, gray, {}), Contains("has 2 samples per pixel") && Contains("stack.tif"));
  CHECK_THROWS_WITH(page(6, rgb, {associated, unspecified, unspecified}), Contains("sample 4 is alpha"));
  CHECK_THROWS_WITH(page(5, rgb, {}), Contains("sample 3 is alpha"));
}

TEST_CASE("TIFF: colour maps of 8 bits, as some writers store them, are told from those of 16") {
  const Files file;
  std::string narrow, wide;
  for (int c = 0; c < 3; ++c)
    for (int i = 0; i < 4; ++i) {
      narrow += tiny::number(static_cast<std::uint64_t>(60 * i + c), 2, true);
      wide += tiny::number(static_cast<std::uint64_t>(60 * i + c) * 257, 2, true);
    }
  for (const std::string& map : {narrow, wide}) {
    tiny::TiffPage page{4, 1, 2, 1, 1, 3, "\x1b", {}, 0, 0, 0, map};
    const io::DecodedImage read = io::ImageFile(file(tiny::tiff({page}, true))).page(0);
    CHECK(samples(read.integers) == std::vector<int>{0, 1, 2, 3});
    CHECK(read.palette == std::vector<io::Colour>{{0, 1, 2}, {60, 61, 62}, {120, 121, 122}, {180, 181, 182}});
  }
}

TEST_CASE("TIFF: little data that claim much are refused before memory is asked for") {
  const Files file;
  for (const int compression : {1, 2, 3, 4, 5, 7, 8, 32773}) {
    INFO("compression " << compression);
    const int bits = compression >= 2 && compression <= 4 ? 1 : 8;
    const tiny::TiffPage page{16000, 16000, bits, 1, 1, 1, "abcdefgh", {}, 0, 0, compression};
    const std::string bytes = tiny::tiff({page}, true);
    CHECK(bytes.size() <= 150);
    CHECK_THROWS_WITH(io::ImageFile(file(bytes)).page(0), Contains("stack.tif"));
    if (compression != 7 && compression != 1)
      CHECK_THROWS_WITH(io::ImageFile(file(bytes)).page(0), Contains("claims 16000 x 16000 pixels from 8 bytes"));
  }
  const std::string one = tiny::tiff({page_of(3, 2, 1)}, true);
  CHECK_THROWS_WITH(io::ImageFile(file(one), {5}).page(0), Contains("claims 3 x 2 pixels, more than the limit of 5"));
  CHECK_NOTHROW(io::ImageFile(file(one), {6}).page(0));
}

/// A file as libtiff writes it, of one compression.
std::string written(const io::Path& path, int compression, int bits, std::uint32_t width, std::uint32_t height,
                    std::uint32_t rows, int fill_order = FILLORDER_MSB2LSB) {
  TIFF* out = TIFFOpen(path.string().c_str(), "w");
  TIFFSetField(out, TIFFTAG_IMAGEWIDTH, width);
  TIFFSetField(out, TIFFTAG_IMAGELENGTH, height);
  TIFFSetField(out, TIFFTAG_BITSPERSAMPLE, bits);
  TIFFSetField(out, TIFFTAG_SAMPLESPERPIXEL, 1);
  TIFFSetField(out, TIFFTAG_ROWSPERSTRIP, rows);
  TIFFSetField(out, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  TIFFSetField(out, TIFFTAG_COMPRESSION, compression);
  TIFFSetField(out, TIFFTAG_FILLORDER, fill_order);
  const int bytes = static_cast<int>(width) * bits / 8;
  std::vector<unsigned char> row(static_cast<std::size_t>(bytes));
  for (std::uint32_t y = 0; y < height; ++y) {
    const int line = static_cast<int>(y);
    for (int i = 0; i < bytes; ++i) {
      const int ink = (line / 3 + i) % 2 * 0xF3 + line % 7 * i % 5;
      const int gray = 120 + static_cast<int>(90 * std::sin(0.2 * i + 0.1 * line)) + (i * 7 + line * 13) % 17;
      row[static_cast<std::size_t>(i)] = static_cast<unsigned char>(bits == 1 ? ink : gray);
    }
    TIFFWriteScanline(out, row.data(), y, 0);
  }
  TIFFClose(out);
  return io::read_file(path);
}

/// The places of the strips' data in the file.
std::vector<std::pair<std::size_t, std::size_t>> strips(const io::Path& path) {
  std::vector<std::pair<std::size_t, std::size_t>> places;
  TIFF* in = TIFFOpen(path.string().c_str(), "r");
  for (std::uint32_t i = 0; i < TIFFNumberOfStrips(in); ++i)
    places.emplace_back(TIFFGetStrileOffset(in, i), TIFFGetStrileByteCount(in, i));
  TIFFClose(in);
  return places;
}

TEST_CASE("N07: JPEG data in a TIFF file that are cut off and ended, or overwritten, are refused") {
  const TemporaryFolder folder;
  const io::Path path = folder / "scan.tif";
  const std::string good = written(path, COMPRESSION_JPEG, 8, 64, 64, 16);
  CHECK_NOTHROW(io::ImageFile(path).page(0));
  CHECK(io::ImageFile(path).page(0).lossy);
  int seen = 0;
  const auto places = strips(path);
  REQUIRE(places.size() == 4);
  for (const auto& [begin, size] : places) {
    for (const std::size_t part : {2u, 4u}) {
      std::string cut = good;  // the rest of the strip becomes fill bytes behind the end
      const std::size_t at = begin + size - size / part;
      cut.replace(at, begin + size - at, "\xFF\xD9" + std::string(begin + size - at - 2, '\xFF'));
      tiny::write(path, cut);
      CHECK_THROWS_WITH(io::ImageFile(path).page(0), Contains("scan.tif") && Contains("damaged or cut off"));
    }
    std::string damaged = good;
    damaged.replace(begin + size / 3, 12, std::string(12, '\x12'));
    damaged.replace(begin + size * 2 / 3, 12, std::string(12, '\x12'));
    tiny::write(path, damaged);
    try {
      (void)io::ImageFile(path).page(0);
    } catch (const FormatError& error) {
      ++seen;
      CHECK_THAT(error.what(), Contains("scan.tif") && Contains("damaged"));
    }
  }
  CHECK(seen >= 3);
}

TEST_CASE("N07: damaged Group 3 and Group 4 data are refused, though libtiff goes on") {
  const TemporaryFolder folder;
  const io::Path path = folder / "fax.tif";
  for (const int compression : {COMPRESSION_CCITTFAX3, COMPRESSION_CCITTFAX4}) {
    const std::string good = written(path, compression, 1, 256, 64, 64);
    CHECK_NOTHROW(io::ImageFile(path).page(0));
    const auto [begin, size] = strips(path).at(0);
    int seen = 0;
    for (std::size_t part = 1; part <= 8; ++part) {
      std::string damaged = good;
      damaged.replace(begin + size * part / 10, 6, std::string(6, '\x12'));
      tiny::write(path, damaged);
      try {
        (void)io::ImageFile(path).page(0);
      } catch (const FormatError& error) {
        ++seen;
        CHECK_THAT(error.what(), Contains("fax.tif: page 0 cannot be decoded, its data are damaged"));
      }
    }
    INFO("compression " << compression);
    CHECK(seen >= 7);
  }
}

TEST_CASE("TIFF: a flipped bit of deflate data is noticed, whatever libtiff was built with") {
  const TemporaryFolder folder;
  const io::Path path = folder / "slice.tif";
  for (const int compression : {COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE})
    for (const int order : {FILLORDER_MSB2LSB, FILLORDER_LSB2MSB}) {
      const std::string good = written(path, compression, 8, 24, 20, 8, order);
      CHECK_NOTHROW(io::ImageFile(path).page(0));
      const auto places = strips(path);
      REQUIRE(places.size() == 3);
      int flips = 0, seen = 0;
      for (const auto& [begin, size] : places)
        for (std::size_t bit = 0; bit < 8 * size; bit += 7, ++flips) {
          std::string damaged = good;
          damaged[begin + bit / 8] = static_cast<char>(damaged[begin + bit / 8] ^ (1 << bit % 8));
          tiny::write(path, damaged);
          try {
            (void)io::ImageFile(path).page(0);
          } catch (const FormatError& error) {
            ++seen;
            CHECK_THAT(error.what(), Contains("slice.tif: page 0 "));
          }
        }
      INFO("compression " << compression << ", fill order " << order);
      CHECK(flips > 300);
      CHECK(seen >= flips - 6);  // two bits of a stream's header say how hard the writer tried, nothing more
    }
}

TEST_CASE(
    "TIFF: deflate data that go on behind their strip, of which libtiff's two ways make two pictures, are refused") {
  // TIFFReadRGBAImage leaves half of the first strip black without a complaint; TIFFReadScanline reads its rows.
  CHECK_THROWS_WITH(io::ImageFile(PASER_TEST_DATA "/fuzz/seeds/tiff/deflate_strip.tif").page(0),
                    Contains("deflate_strip.tif: page 0 is damaged: part 0 of 3"));
}

TEST_CASE("TIFF: masks in compressions that change values are told as JPEG's are") {
  const tiny::DataFolder data;
  tiny::write(data.images / "a.png", tiny::png(std::vector<int>(64, 9), 8, 8));
  written(data.masks / "a.tif", COMPRESSION_JPEG, 8, 8, 8, 8);
  data::FolderOptions options;
  options.map = data::LabelEncoding::parse("0:0,*:1");
  CHECK_THAT(tiny::reason(data::check_folder(data.images, data.masks, options), "a.tif"),
             Contains("JPEG") && Contains("changes the values of a mask"));
  options.lossy_masks = true;
  CHECK(data::check_folder(data.images, data.masks, options).ok());
  for (const int lossy : {6, 7, 33003, 33004, 33005, 34712, 34887, 50001, 50002})
    CHECK(io::detail::lossy_compression(static_cast<std::uint16_t>(lossy)));
  for (const int exact : {1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000})
    CHECK_FALSE(io::detail::lossy_compression(static_cast<std::uint16_t>(exact)));
}

}  // namespace tiff_test

#endif
