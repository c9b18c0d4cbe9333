#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "examples/tiny_paser.hpp"
#include "paser/io/gzip.hpp"
#include "paser/io/image.hpp"
#include "support/temporary_folder.hpp"

/// Files with a checksum, of which one bit is another: each is refused by name, or read as it was written. The
/// environment sizes it: PASER_FLIPS, how many bits of each file (300).
namespace flipped_bits_test {

using namespace paser;

namespace {

std::uint64_t flips() {
  const char* text = std::getenv("PASER_FLIPS");
  return text == nullptr ? 300 : std::strtoull(text, nullptr, 10);
}

/// Reads `good` with one bit of it turned, so many times. read(bytes, name) returns what a program would work with, as
/// bytes that can be compared.
template <class Read>
void each_is_refused_or_harmless(const std::string& good, std::uint64_t kind, const Read& read) {
  const std::string name = "the/file", expected = read(good, name);
  const Key key = Key{91}.fold(kind);
  std::uint64_t refused = 0, harmless = 0;
  for (std::uint64_t i = 0; i < flips(); ++i) {
    const std::uint64_t place = key.uniform_int(i, 8 * good.size());
    std::string bad = good;
    bad[place / 8] = static_cast<char>(static_cast<unsigned char>(bad[place / 8]) ^ (1u << place % 8));
    try {
      if (read(bad, name) != expected) FAIL("bit " << place % 8 << " of byte " << place / 8 << " is not noticed");
      ++harmless;
    } catch (const Error& error) {
      if (std::string(error.what()).find(name) == std::string::npos) FAIL("no name of the file in: " << error.what());
      ++refused;
    }
  }
  if (std::getenv("PASER_FLIPS") != nullptr)
    std::cout << flips() << " bits of " << good.size() << " bytes: " << refused << " refused, " << harmless
              << " harmless\n";
  CHECK(refused > 3 * flips() / 4);
}

std::string content_of(const io::Path& file) {
  std::ostringstream all;
  all << std::ifstream(file, std::ios::binary).rdbuf();
  return all.str();
}

/// Everything that a checkpoint gives its reader.
std::string all_of(const io::Checkpoint& checkpoint) {
  std::string all = checkpoint.info.dump();
  for (const auto& [name, tensor] : checkpoint.tensors) {
    all += message('\n', name, ' ', tensor.dtype, ' ', tensor.shape_text(), '\n');
    const auto bytes = tensor.bytes.values();
    all.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return all;
}

std::string by_checkpoint(const std::string& bytes, const std::string& name) {
  return all_of(io::Checkpoint::parse(std::as_bytes(std::span(bytes)), name));
}

std::string by_image(const std::string& bytes, const std::string& name) {
  const auto page = io::decode_page(bytes, name);
  std::string all = message(page.kind(), page.shape(), page.orientation, page.integers.maximum, ':');
  for (const auto sample : page.integers.pixels.values()) all += message(sample, ' ');
  for (const auto& colour : page.palette)
    for (const auto part : colour) all += static_cast<char>(part);
  return all;
}

}  // namespace

TEST_CASE("a bit of a model file that is another is noticed, or harmless") {
  const TemporaryFolder folder;
  const auto description = tiny::description(3);
  pipeline::save_paser(folder / "p", pipeline::make_paser(description, Key{5}), description);
  each_is_refused_or_harmless(content_of(folder / "p"), 1, by_checkpoint);
}

TEST_CASE("a bit of a model file that is another never gives another model") {
  const TemporaryFolder folder;
  const auto description = tiny::description(1);
  pipeline::save_paser(folder / "p", pipeline::make_paser(description, Key{6}), description);
  each_is_refused_or_harmless(content_of(folder / "p"), 2, [&](const std::string& bytes, const std::string& name) {
    std::ofstream(folder / "q", std::ios::binary) << bytes;
    try {
      const auto loaded = pipeline::load_paser(folder / "q");
      pipeline::save_paser(folder / "again", loaded.paser, loaded.description);
    } catch (const Error& error) {
      CHECK_THAT(error.what(), Catch::Contains((folder / "q").string()));
      throw Error(name + error.what());
    }
    return by_checkpoint(content_of(folder / "again"), "again");
  });
}

TEST_CASE("a bit of a PNG that is another is noticed, or harmless") {
  Tensor<std::uint16_t, 3> deep({9, 14, 1});
  for (Index i = 0; i < deep.numel(); ++i) deep.mutable_data()[i] = static_cast<std::uint16_t>(i * 517);
  std::uint64_t kind = 3;
  for (const std::string& png :
       {io::encode_png(tiny::picture(12, 17, 1, 1)), io::encode_png(tiny::picture(12, 17, 3, 2)), io::encode_png(deep)})
    each_is_refused_or_harmless(png, kind++, by_image);
}

TEST_CASE("a bit of a gzip file that is another is noticed, or harmless") {
  const auto little_endian = [](std::uint32_t word, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(word >> 8 * i);
    return text;
  };
  std::string content(700, ' ');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * i);
  const auto size = static_cast<std::uint32_t>(content.size());
  const std::string file = std::string("\x1f\x8b\x08", 3) + std::string(7, '\0') + '\x01' + little_endian(size, 2) +
                           little_endian(~size, 2) + content + little_endian(io::Crc32().add(content).value(), 4) +
                           little_endian(size, 4);
  each_is_refused_or_harmless(
      file, 6, [](const std::string& bytes, const std::string& name) { return io::gunzip(bytes, name); });
}

}  // namespace flipped_bits_test
