#include "io/tiff_pages.hpp"
#include "paser/data/folder_check.hpp"
#include "paser/io/deflate.hpp"

#ifdef PASER_WITH_TIFF

namespace tiff_test {

using namespace tiff_pages;

TEST_CASE("TIFF: packed samples of 10, 12 and 14 bits, as cameras write them") {
  const Files file;
  for (const int bits : {10, 12, 14}) {
    CAPTURE(bits);
    const std::vector<int> values{1, (1 << bits) - 1, 300, 0, 777, (1 << bits) - 2};
    std::string data;
    for (int row = 0; row < 2; ++row) {  // each row begins with a byte of its own
      std::uint64_t word = 0;
      for (int i = 0; i < 3; ++i)
        word = word << bits | static_cast<std::uint64_t>(values.at(static_cast<std::size_t>(3 * row + i)));
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

TEST_CASE("TIFF: white that is stored as 0 is turned over where black is known, and is refused elsewhere") {
  const Files file;
  const auto page = [&](int bits, int format, int photometric) {
    const std::string data(static_cast<std::size_t>(bits / 8), '\1');
    return io::ImageFile(file(tiny::tiff({{1, 1, bits, format, 1, photometric, data}}, true))).page(0);
  };
  constexpr int white_is_zero = 0, black_is_zero = 1, whole = 1, has_sign = 2, real = 3;
  CHECK(samples(page(8, whole, white_is_zero).integers) == std::vector<int>{254});
  CHECK(samples(page(16, whole, white_is_zero).integers) == std::vector<int>{65535 - 257});
  for (const auto& [bits, format] :
       {std::pair{32, whole}, {8, has_sign}, {16, has_sign}, {32, has_sign}, {32, real}, {64, real}}) {
    CAPTURE(bits, format);
    CHECK_NOTHROW(page(bits, format, black_is_zero));
    CHECK_THROWS_AS(page(bits, format, white_is_zero), FormatError);
    CHECK_THROWS_WITH(page(bits, format, white_is_zero), Contains("stack.tif: page 0 says that white is stored as 0") &&
                                                             Contains("save it as BlackIsZero"));
  }
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
