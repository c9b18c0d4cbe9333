#include "paser/io/orientation.hpp"

#include <stb/stb_image_write.h>
#include <catch2/catch.hpp>

#include "paser/io/image_file.hpp"
#include "support/samples.hpp"
#include "support/temporary_folder.hpp"
#include "support/tiny_images.hpp"

namespace orientation_test {

using namespace paser;

/// An EXIF block with the orientation behind another tag.
std::string exif(int orientation, bool big) {
  return (big ? std::string("MM") : std::string("II")) + tiny::number(42, 2, big) + tiny::number(8, 4, big) +
         tiny::number(2, 2, big) + tiny::number(0x10F, 2, big) + tiny::number(2, 2, big) + tiny::number(4, 4, big) +
         std::string("abc\0", 4) + tiny::number(0x112, 2, big) + tiny::number(3, 2, big) + tiny::number(1, 4, big) +
         tiny::number(static_cast<std::uint64_t>(orientation), 2, big) + std::string(2, '\0') + tiny::number(0, 4, big);
}

/// The rows 10 60 120 and 180 220 250 as they are seen when they are stored with each orientation, 1 .. 8: by the table
/// of the EXIF and TIFF standards (where row 0 and column 0 lie).
const std::vector<int> seen[] = {{10, 60, 120, 180, 220, 250}, {120, 60, 10, 250, 220, 180},
                                 {250, 220, 180, 120, 60, 10}, {180, 220, 250, 10, 60, 120},
                                 {10, 180, 60, 220, 120, 250}, {180, 10, 220, 60, 250, 120},
                                 {250, 120, 220, 60, 180, 10}, {120, 250, 60, 220, 10, 180}};
const std::vector<int> as_stored = seen[0];

void check_page(const io::DecodedImage& page, int orientation) {
  INFO("orientation " << orientation);
  CHECK(page.orientation == orientation);
  CHECK(page.height() == (orientation <= 4 ? 2 : 3));
  CHECK(page.width() == (orientation <= 4 ? 3 : 2));
  CHECK(samples(page.integers) == seen[orientation - 1]);
}

std::string png_with(std::string png, const std::string& block) {
  return png.insert(33, tiny::png_chunk("eXIf", block));
}

TEST_CASE("N11: PNG files are turned upright by their eXIf chunk: images, palettes and masks of few bits alike") {
  std::vector<io::Colour> palette(256);
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const bool big : {false, true}) {
      check_page(io::decode_page(png_with(tiny::png(as_stored, 3, 8), exif(orientation, big)), "x"), orientation);
      check_page(io::decode_page(png_with(tiny::png(as_stored, 3, 8, palette), exif(orientation, big)), "x"),
                 orientation);
    }
  const auto few = io::decode_image(png_with(tiny::png({0, 1, 1, 0, 0, 0}, 3, 1), exif(6, true)), "x");
  CHECK(samples(few) == std::vector<int>{0, 0, 0, 255, 0, 255});
}

TEST_CASE("EXIF orientation: JPEG files are turned upright, of every value and byte order") {
  // Blocks of 8 x 8 in one gray each come through JPEG nearly as they were.
  std::vector<unsigned char> pixels;
  for (Index y = 0; y < 16; ++y)
    for (Index x = 0; x < 24; ++x)
      pixels.push_back(static_cast<unsigned char>(as_stored[static_cast<std::size_t>(y / 8 * 3 + x / 8)]));
  std::string jpeg;
  stbi_write_jpg_to_func(
      [](void* to, void* from, int count) {
        static_cast<std::string*>(to)->append(static_cast<const char*>(from), static_cast<std::size_t>(count));
      },
      &jpeg, 24, 16, 1, pixels.data(), 100);
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const bool big : {false, true}) {
      const std::string block = std::string("Exif\0\0", 6) + exif(orientation, big);
      std::string turned = jpeg;
      turned.insert(2, "\xFF\xE1" + tiny::number(block.size() + 2, 2) + block);
      const io::DecodedImage page = io::decode_page(turned, "x.jpg");
      INFO("orientation " << orientation);
      const Index rows = orientation <= 4 ? 2 : 3, columns = 5 - rows;
      REQUIRE(page.height() == 8 * rows);
      REQUIRE(page.width() == 8 * columns);
      for (Index y = 0; y < rows; ++y)
        for (Index x = 0; x < columns; ++x)
          CHECK(std::abs(page.integers.pixels(8 * y + 4, 8 * x + 4, 0) -
                         seen[orientation - 1][static_cast<std::size_t>(y * columns + x)]) <= 2);
    }
}

TEST_CASE("EXIF blocks that make no sense say nothing") {
  const std::string good = exif(6, true);
  CHECK(io::exif_orientation(good) == 6);
  CHECK(io::exif_orientation("") == 1);
  CHECK(io::exif_orientation(exif(0, true)) == 1);
  CHECK(io::exif_orientation(exif(9, false)) == 1);
  for (std::size_t length = 0; length < 8; ++length) CHECK(io::exif_orientation(good.substr(0, length)) == 1);
  for (std::size_t length = 8; length < good.size(); ++length)
    CHECK_NOTHROW(io::exif_orientation(good.substr(0, length)));
  std::string far = good;
  far[4] = '\x7f';
  CHECK(io::exif_orientation(far) == 1);
}

#ifdef PASER_WITH_TIFF
TEST_CASE("N11: TIFF files are turned upright by tag 274: whole and real numbers, palettes") {
  const TemporaryFolder folder;
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const bool big : {false, true}) {
      std::string bytes, reals;
      for (const int v : as_stored) {
        bytes += static_cast<char>(v);
        std::uint32_t word = 0;
        const auto real = static_cast<float>(v);
        std::memcpy(&word, &real, 4);
        reals += tiny::number(word, 4, big);
      }
      tiny::TiffPage page{3, 2, 8, 1, 1, 1, bytes, {}, orientation};
      tiny::TiffPage real{3, 2, 32, 3, 1, 1, reals, {}, orientation};
      tiny::TiffPage numbers{3, 2, 8, 1, 1, 3, bytes, {}, orientation, 0, 0, std::string(3 * 512, '\1')};
      tiny::write(folder / "a.tif", tiny::tiff({page, real, numbers}, big));
      io::ImageFile file(folder / "a.tif");
      check_page(file.page(0), orientation);
      check_page(file.page(2), orientation);
      const io::DecodedImage turned = file.page(1);
      CHECK(turned.width() == (orientation <= 4 ? 3 : 2));
      CHECK(std::ranges::equal(turned.reals.values(), seen[orientation - 1]));
    }
}
#endif

}  // namespace orientation_test
