#include <catch2/catch.hpp>

#include "paser/io/image_file.hpp"
#include "support/samples.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_images.hpp"

/// Small files that claim much. (BMP and TIFF: bmp_test.cpp and tiff_test.cpp.)
namespace limits_test {

using namespace paser;
using Catch::Matchers::Contains;

std::string png_of_size(std::string png, std::uint64_t width, std::uint64_t height) {
  png.replace(16, 8, tiny::number(width, 4) + tiny::number(height, 4));
  return png.replace(29, 4, tiny::number(io::Crc32().add(std::string_view(png).substr(12, 17)).value(), 4));
}

TEST_CASE("N31: a PNG file that claims more than deflate can unpack is refused before memory is asked for") {
  const std::string small = tiny::png({1, 2, 3, 4}, 2, 8);
  CHECK(samples(io::decode_image(png_of_size(small, 2, 2), "x.png")) == std::vector<int>{1, 2, 3, 4});
  CHECK_THROWS_WITH(io::decode_page(png_of_size(small, 16384, 16384), "x.png"),
                    Contains("x.png: the PNG file claims 16384 x 16384 pixels from 17 bytes, which cannot hold them"));
  CHECK_THROWS_WITH(io::decode_page(png_of_size(small, 16385, 16384), "x.png"),
                    Contains("more than the limit of 268435456"));
  const io::ImageLimits none{std::numeric_limits<Index>::max()};
  CHECK_THROWS_WITH(io::decode_page(png_of_size(small, 0x7FFFFFFF, 0x7FFFFFFF), "x.png", none),
                    Contains("cannot hold them"));
}

TEST_CASE("N31: a JPEG file of 734 bytes that claims a large picture is refused before memory is asked for") {
  std::string jpeg = io::read_file(PASER_TEST_DATA "/io/images/ramp.jpg");
  CHECK(jpeg.size() == 734);
  const std::size_t frame = jpeg.find("\xFF\xC0");
  jpeg.replace(frame + 5, 4, tiny::number(16000, 2) + tiny::number(16000, 2));
  CHECK_THROWS_WITH(io::decode_page(jpeg, "x.jpg"),
                    Contains("x.jpg: the JPEG data are damaged or cut off: they end before the last MCU"));
  jpeg.replace(frame + 5, 4, "\xFF\xFF\xFF\xFF");
  CHECK_THROWS_WITH(io::decode_page(jpeg, "x.jpg"), Contains("claims 65535 x 65535 pixels, more than the limit"));
}

TEST_CASE("the limit of pixels is an option of every reader") {
  const TemporaryFolder folder;
  const std::string jpeg = io::read_file(PASER_TEST_DATA "/io/images/ramp.jpg");
  const std::pair<std::string, Index> files[] = {{tiny::png({1, 2, 3, 4, 5, 6}, 3, 8), 6},
                                                 {tiny::bmp(2, 1, 24, std::string(8, '\1')), 2},
                                                 {"P5 2 2 255 abcd", 4},
                                                 {jpeg, 24 * 16}};
  for (const auto& [bytes, pixels] : files) {
    tiny::write(folder / "x", bytes);
    CHECK_NOTHROW(io::read_image(folder / "x", {pixels}));
    CHECK_NOTHROW(io::ImageFile(folder / "x", {pixels}).page(0));
    CHECK_THROWS_WITH(io::read_image(folder / "x", {pixels - 1}), Contains("more than the limit of"));
    CHECK_THROWS_WITH(io::ImageFile(folder / "x", {pixels - 1}).page(0), Contains("more than the limit of"));
  }
}

}  // namespace limits_test
