#include "paser/io/jpeg.hpp"

#include <stb/stb_image_write.h>
#include <catch2/catch.hpp>

#include "paser/core/random.hpp"
#include "paser/io/image.hpp"
#include "support/samples.hpp"
#include "support/tiny_images.hpp"

namespace jpeg_test {

using namespace paser;
using Catch::Matchers::Contains;

std::string stored(const std::string& name) {
  return io::read_file(PASER_TEST_DATA "/io/images/" + name);
}

/// A JPEG file as stb_image_write makes it, of a smooth picture with noise.
std::string photo(Index height, Index width, int channels, int quality, std::uint64_t seed, Index noise = 20) {
  std::vector<unsigned char> pixels;
  for (Index i = 0; i < height * width * channels; ++i) {
    const double x = static_cast<double>(i / channels % width), y = static_cast<double>(i / channels / width);
    const double value = 110 + 80 * std::sin(0.1 * x + static_cast<double>(i % channels)) * std::cos(0.13 * y);
    const Index more = noise > 0 ? static_cast<Index>(Key{seed}.uniform_int(static_cast<std::uint64_t>(i), noise)) : 0;
    pixels.push_back(static_cast<unsigned char>(static_cast<Index>(value) + more));
  }
  std::string bytes;
  stbi_write_jpg_to_func(
      [](void* to, void* from, int count) {
        static_cast<std::string*>(to)->append(static_cast<const char*>(from), static_cast<std::size_t>(count));
      },
      &bytes, static_cast<int>(width), static_cast<int>(height), channels, pixels.data(), quality);
  return bytes;
}

/// The place of the first byte of the data of the last scan.
std::size_t scan_data(const std::string& jpeg) {
  const std::size_t marker = jpeg.rfind("\xFF\xDA");
  return marker + 2 + static_cast<unsigned char>(jpeg[marker + 2]) * 256 + static_cast<unsigned char>(jpeg[marker + 3]);
}

void refused(const std::string& bytes, const std::string& why = "") {
  CHECK_THROWS_AS(io::decode_page(bytes, "photo.jpg"), FormatError);
  CHECK_THROWS_WITH(io::decode_page(bytes, "photo.jpg"), Contains("photo.jpg") && Contains(why));
}

TEST_CASE("N07: a JPEG file that was cut off anywhere and ended is refused") {
  const std::string files[] = {photo(64, 64, 3, 75, 1), photo(33, 50, 1, 95, 2),   photo(16, 16, 3, 10, 3, 0),
                               stored("ramp.jpg"),      stored("progressive.jpg"), stored("restarts.jpg")};
  for (const std::string& file : files) {
    CHECK_NOTHROW(io::decode_page(file, "photo.jpg"));
    const std::size_t first = file.find("\xFF\xDA"), step = std::max<std::size_t>(1, file.size() / 400);
    for (std::size_t length = first; length + 2 < file.size(); length += step) {
      std::string cut = file.substr(0, length);
      while (cut.back() == '\xFF') cut.pop_back();
      INFO(length << " of " << file.size() << " bytes");
      CHECK_THROWS_AS(io::decode_page(cut + "\xFF\xD9", "photo.jpg"), FormatError);
    }
  }
  const std::string whole = photo(64, 64, 3, 75, 1);
  const std::size_t data = scan_data(whole), length = whole.size() - data;
  for (const std::size_t part : {2u, 4u})
    refused(whole.substr(0, data + length / part) + "\xFF\xD9", "they end before the last MCU");
}

TEST_CASE("N07: twelve bytes of a JPEG file's data that were overwritten are refused where the codes tell") {
  int seen = 0;
  for (std::uint64_t k = 0; k < 40; ++k) {
    std::string file = photo(64, 64, k % 4 == 0 ? 1 : 3, 60 + static_cast<int>(k), k, 5 + static_cast<Index>(k % 8));
    const std::size_t begin = scan_data(file);
    file.replace(begin + (file.size() - 2 - begin) * 2 / 3, 12, std::string(12, '\x12'));
    try {
      (void)io::decode_page(file, "photo.jpg");
    } catch (const FormatError& error) {
      ++seen;
      CHECK_THAT(error.what(), Contains("photo.jpg: the JPEG data are damaged"));
    }
  }
  CHECK(seen >= 20);  // the codes of the others make up a whole picture, and JPEG has no checksum
}

TEST_CASE("N07: lost and moved restart markers, and bytes left over, are refused") {
  const std::string file = stored("restarts.jpg");
  const std::size_t second = file.find("\xFF\xD1");
  REQUIRE(second != std::string::npos);
  std::string lost = file;
  lost.erase(second, 2);
  refused(lost, "damaged");
  std::string wrong = file;
  wrong[second + 1] = '\xD2';
  refused(wrong, "expected a restart marker");
  std::string filled = file;
  filled.insert(second, "\xFF\xFF");
  CHECK_NOTHROW(io::decode_page(filled, "photo.jpg"));
  std::string more = file;
  more.insert(second, "\x55\x66");
  refused(more, "2 bytes are left over");
  more.replace(second, 2, std::string(2, '\0'));  // as some cameras do at the end
  CHECK_NOTHROW(io::decode_page(more, "photo.jpg"));
}

TEST_CASE("N07: a progressive JPEG file without its last scans is refused") {
  const std::string file = stored("progressive.jpg");
  int scans = 0;
  for (auto at = file.find("\xFF\xDA"); at != file.npos; at = file.find("\xFF\xDA", at + 1)) {
    if (scans++ > 0) refused(file.substr(0, at) + "\xFF\xD9", "scans are missing");
  }
  CHECK(scans >= 8);
  const std::size_t last = file.rfind("\xFF\xDA");
  refused(file.substr(0, last) + file.substr(last, file.size() - 2 - last) + file.substr(last), "doubled");
}

/// A progressive gray file of one even block, whose details come in `scans` - 1 scans of as many bands.
std::string in_scans(int scans) {
  const auto segment = [](char marker, const std::string& content) {
    return std::string("\xFF") + marker + tiny::number(content.size() + 2, 2) + content;
  };
  const auto scan = [&](int first, int last) {
    return segment('\xDA', std::string("\1\1\0", 3) + static_cast<char>(first) + static_cast<char>(last) + '\0') +
           '\x7F';
  };
  const std::string codes = '\1' + std::string(15, '\0') + '\0';  // the bit 0: no difference, or no more coefficients
  std::string file = "\xFF\xD8" + segment('\xDB', '\0' + std::string(64, '\1')) +
                     segment('\xC2', std::string("\x08\0\x08\0\x08\1\1\x11\0", 9)) + segment('\xC4', '\0' + codes) +
                     segment('\xC4', '\x10' + codes) + scan(0, 0);
  for (int k = 1; k < scans; ++k) file += scan(k, k + 1 < scans ? k : 63);
  return file + "\xFF\xD9";
}

TEST_CASE("JPEG: hundreds of scans of a few bytes, each over the whole picture, are refused") {
  CHECK(io::decode_page(in_scans(32), "photo.jpg").integers.pixels(7, 7, 0) == 128);
  for (const int scans : {33, 64}) refused(in_scans(scans), "photo.jpg: has more than 32 scans of one channel");
}

TEST_CASE("JPEG: tables that are missing or make no sense are refused, and so are rare codings") {
  const std::string file = photo(16, 16, 1, 80, 4);
  const auto changed = [&](const std::string& marker, std::size_t place, char to) {
    std::string other = file;
    other[other.find(marker) + place] = to;
    return other;
  };
  refused(changed("\xFF\xC4", 6, '\xff'), "a Huffman table is malformed");
  refused(changed("\xFF\xC4", 1, '\xEF'), "no Huffman table");
  refused(changed("\xFF\xDB", 1, '\xEF'), "no quantization table");
  refused(changed("\xFF\xDB", 5, '\0'), "a quantization step is 0");
  refused(changed("\xFF\xC0", 1, '\xC9'), "rare coding");
  refused(changed("\xFF\xC0", 4, '\x0C'), "of 12 bits");
  refused(changed("\xFF\xC0", 5, '\x7f'), "they end before the last MCU");
  refused(changed("\xFF\xDA", 5, '\x09'), "a scan's header is malformed");
}

/// The file without its APP14 segment.
std::string without_adobe(std::string file) {
  const std::size_t at = file.find("\xFF\xEE");
  return file.erase(at, 2 + static_cast<unsigned char>(file[at + 2]) * 256u + static_cast<unsigned char>(file[at + 3]));
}

TEST_CASE("N08: a CMYK JPEG file without Adobe's marker is refused") {
  const std::string file = stored("cmyk.jpg");
  CHECK_NOTHROW(io::decode_page(file, "photo.jpg"));
  refused(without_adobe(file), "is a CMYK JPEG file without Adobe's marker");
  std::string other = file;  // a colour transform that four channels cannot have
  other[other.find("Adobe") + 11] = 1;
  refused(other, "CMYK");
}

TEST_CASE("N08: channels called R, G, B that are marked as YCbCr are refused") {
  std::string file = photo(16, 16, 3, 80, 5);
  REQUIRE(file.find("JFIF") != file.npos);
  const std::size_t frame = file.find("\xFF\xC0"), scan = file.find("\xFF\xDA");
  for (std::size_t c = 0; c < 3; ++c) {
    file[frame + 10 + 3 * c] = "RGB"[c];
    file[scan + 5 + 2 * c] = "RGB"[c];
  }
  refused(file, "called R, G, B");
  file.replace(file.find("JFIF"), 4, "none");
  CHECK_NOTHROW(io::decode_page(file, "photo.jpg"));
}

}  // namespace jpeg_test
