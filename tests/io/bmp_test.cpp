#include "paser/io/bmp.hpp"

#include <catch2/catch.hpp>

#include "paser/data/encode_mask.hpp"
#include "paser/io/image.hpp"
#include "support/samples.hpp"
#include "support/tiny_images.hpp"

namespace bmp_test {

using namespace paser;
using namespace std::string_literals;
using Catch::Matchers::Contains;

std::string gray_palette(int colours) {
  std::string bytes;
  for (int i = 0; i < colours; ++i) bytes += std::string(3, static_cast<char>(i * 255 / (colours - 1))) + '\0';
  return bytes;
}

void refused(const std::string& bytes, const std::string& why) {
  CHECK_THROWS_AS(io::decode_page(bytes, "scan.bmp"), FormatError);
  CHECK_THROWS_WITH(io::decode_page(bytes, "scan.bmp"), Contains("scan.bmp") && Contains(why));
}

TEST_CASE("N23: a gray BMP has one channel, a palette BMP its numbers") {
  const std::string rows = "\x05\xff\x00\x00\x64\x07\x00\x00"s;
  const io::DecodedImage gray = io::decode_page(tiny::bmp(2, 2, 8, rows, gray_palette(256)), "x");
  CHECK(gray.kind() == "8-bit gray");
  CHECK(samples(gray.integers) == std::vector<int>{100, 7, 5, 255});
  CHECK(io::decode_image(tiny::bmp(2, 2, 8, rows, gray_palette(256)), "x").channels() == 1);

  const std::string colours = "\0\0\xff\0\0\xff\0\0\xff\0\0\0"s;  // red, green, blue
  const io::DecodedImage mask = io::decode_page(tiny::bmp(3, 1, 8, "\0\1\2\0"s, colours), "x");
  CHECK(mask.kind() == "8-bit palette");
  CHECK(samples(mask.integers) == std::vector<int>{0, 1, 2});
  CHECK(mask.palette == std::vector<io::Colour>{{255, 0, 0}, {0, 255, 0}, {0, 0, 255}});
  const Labels labels = data::mask_labels(mask, data::LabelEncoding::parse("index:3"), "x");
  CHECK(std::ranges::equal(labels.values(), std::vector<int>{0, 1, 2}));
  CHECK(samples(io::decode_image(tiny::bmp(3, 1, 8, "\0\1\2\0"s, colours), "x")) ==
        std::vector<int>{255, 0, 0, 0, 255, 0, 0, 0, 255});
}

TEST_CASE("N23: BMP files of 1 and 4 bits, gray and with a palette") {
  const io::DecodedImage bits = io::decode_page(tiny::bmp(3, 1, 1, "\xA0\0\0\0"s, gray_palette(2)), "x");
  CHECK(bits.kind() == "1-bit gray");
  CHECK(samples(bits.integers) == std::vector<int>{1, 0, 1});
  CHECK(samples(io::decode_image(tiny::bmp(3, 1, 1, "\xA0\0\0\0"s, gray_palette(2)), "x")) ==
        std::vector<int>{255, 0, 255});
  const io::DecodedImage four = io::decode_page(tiny::bmp(3, 1, 4, "\x12\x30\0\0"s, gray_palette(16)), "x");
  CHECK(four.kind() == "4-bit gray");
  CHECK(samples(four.integers) == std::vector<int>{1, 2, 3});
  const io::DecodedImage turned = io::decode_page(tiny::bmp(3, 1, 1, "\xA0\0\0\0"s, "\xff\xff\xff\0\0\0\0\0"s), "x");
  CHECK(turned.kind() == "1-bit palette");  // white is number 0
  refused(tiny::bmp(3, 1, 4, "\x12\x30\0\0"s, gray_palette(3)), "column 2 has colour 3 of a palette of 3");
}

TEST_CASE("BMP of 16, 24 and 32 bits, from below and from above, with and without masks") {
  std::string up = tiny::bmp(1, 2, 24, "\1\2\3\0\4\5\6\0"s), down = up;
  down.replace(22, 4, tiny::number(static_cast<std::uint64_t>(-2), 4, false));
  CHECK(samples(io::decode_image(up, "x")) == std::vector<int>{6, 5, 4, 3, 2, 1});
  CHECK(samples(io::decode_image(down, "x")) == std::vector<int>{3, 2, 1, 6, 5, 4});
  CHECK(samples(io::decode_image(tiny::bmp(1, 1, 32, "\1\2\3\x99"s), "x")) == std::vector<int>{3, 2, 1});
  CHECK(samples(io::decode_image(tiny::bmp(2, 1, 16, "\x00\x7c\x1f\x00"s), "x")) ==
        std::vector<int>{255, 0, 0, 0, 0, 255});
  std::string masked = tiny::bmp(2, 1, 16, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"s + "\xE0\x07\x00\xF8"s);
  masked[30] = 3;  // masks follow the header: 5, 6 and 5 bits
  masked.replace(54, 12,
                 tiny::number(0xF800, 4, false) + tiny::number(0x07E0, 4, false) + tiny::number(0x1F, 4, false));
  masked[10] = 66;
  CHECK(samples(io::decode_image(masked, "x")) == std::vector<int>{0, 255, 0, 255, 0, 0});
  masked[55] = 0;
  refused(masked, "colour mask of 0");
  const std::string old = "BM" + tiny::number(0, 8) + tiny::number(26, 4, false) + tiny::number(12, 4, false) +
                          tiny::number(1, 2, false) + tiny::number(1, 2, false) + tiny::number(1, 2, false) +
                          tiny::number(24, 2, false) + "\1\2\3"s;
  CHECK(samples(io::decode_image(old, "x")) == std::vector<int>{3, 2, 1});
}

TEST_CASE("N31: a BMP file that was cut off anywhere is refused") {
  const std::string colour = tiny::bmp(5, 4, 24, std::string(64, '\x55')),
                    gray = tiny::bmp(5, 4, 8, std::string(32, '\1'), gray_palette(256));
  for (const std::string& file : {colour, gray}) {
    CHECK_NOTHROW(io::decode_page(file, "x"));
    for (std::size_t length = 26; length + 4 < file.size(); ++length) {
      INFO(length << " of " << file.size());
      CHECK_THROWS_WITH(io::decode_page(file.substr(0, length), "x.bmp"), Contains("x.bmp: the BMP file is cut off"));
    }
  }
  CHECK_NOTHROW(io::decode_page(gray.substr(0, gray.size() - 3), "x"));  // the last row's padding is not needed
  // A mask whose upper 40 rows are lost: they would be class 0.
  const std::string mask =
      tiny::bmp(64, 64, 8, std::string(64 * 24, '\0') + std::string(64 * 40, '\1'), gray_palette(256));
  refused(mask.substr(0, mask.size() - 2560), "cut off: it has 1536 bytes for 64 x 64 pixels");
}

TEST_CASE("N31: nothing is allocated for a BMP file that claims more than it has") {
  std::string wide = tiny::bmp(40, 37, 24, std::string(5920, '\0'));
  wide.replace(18, 4, tiny::number(4915253, 4, false));
  refused(wide, "cut off: it has 5920 bytes for 4915253 x 37 pixels");
  std::string huge = tiny::bmp(1, 1, 24, "");
  huge.replace(18, 8, tiny::number(40000, 4, false) + tiny::number(40000, 4, false));
  refused(huge, "claims 40000 x 40000 pixels, more than the limit of 268435456");
  CHECK_THROWS_WITH(io::decode_page(huge, "x", {std::numeric_limits<Index>::max()}), Contains("cut off"));
  huge.replace(18, 8, std::string("\xff\xff\xff\x7f\x00\x00\x00\x80", 8));
  CHECK_THROWS_WITH(io::decode_page(huge, "x", {std::numeric_limits<Index>::max()}), Contains("cut off"));
}

TEST_CASE("BMP headers that make no sense, and compressed ones, are refused") {
  const std::string good = tiny::bmp(1, 1, 24, "\1\2\3\0"s);
  const auto with = [&](std::size_t place, char value) {
    std::string bytes = good;
    bytes[place] = value;
    return bytes;
  };
  refused(with(14, 41), "is not a PNG");
  refused(with(18, 0), "claims 0 x 1 pixels");
  refused(with(28, 23), "is a BMP file of 23 bits");
  refused(with(30, 1), "with compression 1");
  refused(with(10, 20), "inside its header");
  for (std::size_t place = 10; place < good.size(); ++place)
    for (const char value : {'\0', '\x7f', '\xff'}) {
      try {
        (void)io::decode_page(with(place, value), "x.bmp");
      } catch (const FormatError& error) {
        CHECK_THAT(error.what(), Contains("x.bmp"));
      }
    }
}

}  // namespace bmp_test
