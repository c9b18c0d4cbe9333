#include "paser/io/deflate.hpp"

#include <stb/stb_image.h>
#include <catch2/catch.hpp>

#include "paser/core/random.hpp"
#include "paser/io/image.hpp"

namespace deflate_test {

using namespace paser;

std::string unpacked(const std::string& packed, std::size_t size) {
  std::string data(size + 1, '\0');
  const int count = stbi_zlib_decode_buffer(data.data(), static_cast<int>(data.size()), packed.data(),
                                            static_cast<int>(packed.size()));
  return count < 0 ? "cannot be unpacked" : data.substr(0, static_cast<std::size_t>(count));
}

std::string noise(std::uint64_t seed, Index size, Index values) {
  std::string data;
  for (Index i = 0; i < size; ++i)
    data += static_cast<char>(Key{seed}.uniform_int(static_cast<std::uint64_t>(i), values));
  return data;
}

TEST_CASE("zlib: what is packed unpacks to itself: nothing, noise, copies of every length and from near and far") {
  std::string copies = noise(1, 400, 256);
  for (std::size_t length = 3; length <= 300; ++length) copies += noise(length, 5, 256) + copies.substr(7, length);
  std::string far = noise(2, 300, 256) + noise(3, 32768 - 300, 256);
  far += far.substr(0, 300) + far.substr(1, 300);
  for (const std::string& data : {std::string(), std::string("a"), std::string(100000, 'x'), noise(4, 5000, 256),
                                  noise(5, 5000, 3), copies, far}) {
    const std::string packed = io::zlib_compress(data);
    CHECK(unpacked(packed, data.size()) == data);
    CHECK(packed.size() <= data.size() * 9 / 8 + 16);
  }
  CHECK(io::zlib_compress(std::string(100000, 'x')).size() < 1000);
}

TEST_CASE("zlib: the header and the checksum are those of RFC 1950") {
  CHECK(io::detail::adler32("Wikipedia") == 0x11E60398u);
  CHECK(io::detail::adler32(std::string(100000, '\xff')) == [] {
    std::uint64_t a = 1, b = 0;
    for (int i = 0; i < 100000; ++i) b += a += 255;
    return static_cast<std::uint32_t>(b % 65521 << 16 | a % 65521);
  }());
  const std::string packed = io::zlib_compress("abc");
  CHECK((static_cast<unsigned char>(packed[0]) * 256 + static_cast<unsigned char>(packed[1])) % 31 == 0);
  CHECK(io::detail::big_endian(packed, packed.size() - 4, 4) == io::detail::adler32("abc"));
}

TEST_CASE("PNG: a label map of large areas takes little space") {
  Labels labels = Labels::zeros({1, 256, 256});
  for (Index y = 64; y < 192; ++y)
    for (Index x = 64; x < 192; ++x) labels.mutable_data()[y * 256 + x] = 1;
  CHECK(io::encode_png(labels).size() < 1500);
}

}  // namespace deflate_test
