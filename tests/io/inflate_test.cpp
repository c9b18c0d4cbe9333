#include "paser/io/inflate.hpp"

#include <catch2/catch.hpp>
#include <chrono>

#include "paser/core/random.hpp"
#include "paser/io/gzip.hpp"
#include "paser/io/image.hpp"

namespace inflate_test {

using namespace paser;
using Catch::Matchers::Contains;

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int v : values) text += static_cast<char>(v);
  return text;
}

std::optional<std::string> unpacked(const std::string& stream, std::size_t room = 1000) {
  std::string out(room, '\0');
  const auto done = io::inflate(stream, {reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  if (!done) return std::nullopt;
  return out.substr(0, done->size);
}

/// A picture in a PNG file of these chunks between its header and its end.
std::string png_of(std::initializer_list<std::pair<const char*, std::string>> chunks) {
  const std::string whole = io::encode_png(Tensor<std::uint8_t, 3>::full({1, 2, 1}, 7));
  std::string png = whole.substr(0, 33);
  for (const auto& [name, content] : chunks) png += io::detail::png_chunk(name, content);
  return png + io::detail::png_chunk("IEND", "");
}

TEST_CASE("inflate: blocks of every kind, and where a stream ends") {
  CHECK(unpacked(bytes({1, 3, 0, 0xFC, 0xFF, 'a', 'b', 'c'})) == "abc");  // stored
  CHECK(unpacked(bytes({0x4B, 0x4C, 0x4A, 0x06, 0x00})) == "abc");        // fixed codes
  std::string noise;  // dynamic codes are what the pictures and gzip files of the other tests have
  for (std::uint64_t i = 0; i < 3000; ++i) noise += static_cast<char>(Key{1}.uniform_int(i, 3));
  std::string packed = io::zlib_compress(noise) + "more", out(noise.size(), '\0');
  const std::span<std::uint8_t> room(reinterpret_cast<std::uint8_t*>(out.data()), out.size());
  const auto done = io::zlib_decompress(packed, room);
  REQUIRE(done);
  CHECK(out == noise);
  CHECK(done->consumed == packed.size() - 4);
  CHECK_FALSE(io::zlib_decompress(packed, room.first(noise.size() - 1)));
  for (std::size_t size = 0; size < packed.size() - 4; ++size)
    CHECK_FALSE(io::zlib_decompress(packed.substr(0, size), room));
  packed[done->consumed - 1] ^= 1;
  CHECK_FALSE(io::zlib_decompress(packed, room));  // the checksum
}

TEST_CASE("inflate: a million blocks without a byte, ten bits each, take no longer than their bytes") {
  std::string blocks;  // a code table that is made for each of them takes ten seconds
  for (int i = 0; i < 250'000; ++i) blocks += bytes({0x02, 0x08, 0x20, 0x80, 0x00});
  const auto start = std::chrono::steady_clock::now();
  CHECK(unpacked(blocks + bytes({0x4B, 0x4C, 0x4A, 0x06, 0x00})) == "abc");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("inflate: what is no deflate stream is refused") {
  CHECK_FALSE(unpacked(""));
  CHECK_FALSE(unpacked(bytes({1, 3, 0, 0xFC, 0xFE, 'a', 'b', 'c'})));  // the size and its inverse
  CHECK_FALSE(unpacked(bytes({1, 4, 0, 0xFB, 0xFF, 'a', 'b', 'c'})));  // cut off
  CHECK_FALSE(unpacked(bytes({7, 0, 0})));                             // a kind that is none
  CHECK_FALSE(unpacked(bytes({0x4B, 0x04, 0x02, 0x00, 0x00, 0x00}), 1));
  CHECK_FALSE(unpacked(bytes({3, 2, 0, 0, 0, 0})));                    // a copy of what lies before the start
  CHECK_FALSE(unpacked(bytes({0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})));  // 288 literal codes
  CHECK_FALSE(unpacked(bytes({0x05, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})));  // more codes than 7 bits have
}

TEST_CASE("png: pixels with another checksum, and chunks that are unknown or out of place, are refused") {
  const std::string rows = bytes({0, 7, 7}), packed = io::zlib_compress(rows), half = packed.substr(0, 4);
  CHECK(io::decode_page(png_of({{"IDAT", packed}}), "a.png").integers.pixels(0, 1, 0) == 7);
  CHECK_NOTHROW(io::decode_page(png_of({{"tEXt", "any"}, {"IDAT", half}, {"IDAT", packed.substr(4)}}), "a.png"));
  const auto refused = [](const std::string& png, const char* why) {
    CHECK_THROWS_WITH(io::decode_page(png, "a.png"), Contains("a.png: the PNG file is damaged") && Contains(why));
  };
  std::string other = packed;
  other.back() ^= 1;
  refused(png_of({{"IDAT", other}}), "their checksum differs");
  refused(png_of({{"CRIT", ""}, {"IDAT", packed}}), "the chunk at byte 33 is unknown");
  refused(png_of({{"te t", ""}, {"IDAT", packed}}), "the chunk at byte 33 is unknown");
  refused(png_of({{"IHDR", std::string(13, '\0')}, {"IDAT", packed}}), "out of place");
  refused(png_of({{"IDAT", packed}, {"PLTE", "abc"}}), "out of place");
  refused(png_of({{"PLTE", "abcd"}, {"IDAT", packed}}), "malformed");
  refused(png_of({{"IDAT", half}, {"tEXt", "any"}, {"IDAT", packed.substr(4)}}), "out of place");
}

TEST_CASE("gzip: bytes between the data and their checksum are refused") {
  const std::string data = "abc", stream = bytes({0x4B, 0x4C, 0x4A, 0x06, 0x00});
  std::string sums;
  for (const std::uint32_t value : {io::Crc32().add(data).value(), std::uint32_t{3}})
    for (int shift = 0; shift < 32; shift += 8) sums += static_cast<char>(value >> shift & 255);
  const std::string header = bytes({0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3});
  CHECK(io::gunzip(header + stream + sums, "a.gz") == data);
  CHECK_THROWS_WITH(io::gunzip(header + stream + "xy" + sums, "a.gz"),
                    Contains("a.gz: damaged: the gzip file has 2 bytes"));
}

}  // namespace inflate_test
