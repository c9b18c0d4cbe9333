#include "paser/data/idx.hpp"

#include <catch2/catch.hpp>

#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;

namespace idx_test {

std::string big_endian(std::initializer_list<std::uint32_t> words) {
  std::string bytes;
  for (const std::uint32_t w : words)
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(w >> shift);
  return bytes;
}

std::string little_endian(std::uint32_t w) {
  std::string bytes;
  for (const int shift : {0, 8, 16, 24}) bytes += static_cast<char>(w >> shift);
  return bytes;
}

/// A gzip file whose deflate stream stores the content uncompressed; `fields` follow the fixed header.
std::string gzip(const std::string& content, char flags = 0, const std::string& fields = "") {
  const auto length = static_cast<std::uint16_t>(content.size());
  std::string bytes = std::string("\x1f\x8b\x08", 3) + flags + std::string(6, '\0') + fields + '\x01';
  bytes += little_endian(length).substr(0, 2) + little_endian(static_cast<std::uint16_t>(~length)).substr(0, 2);
  return bytes + content + little_endian(io::Crc32().add(content).value()) +
         little_endian(static_cast<std::uint32_t>(content.size()));
}

struct Files {
  TemporaryFolder folder;
  io::Path operator()(const std::string& name, const std::string& content) const {
    std::ofstream(folder / name, std::ios::binary) << content;
    return folder / name;
  }
};

const std::string three_images = big_endian({2051, 3, 2, 2}) + "abcdefghijkl";
const std::string three_labels = big_endian({2049, 3}) + std::string("\0\1\2", 3);

TEST_CASE("idx: plain and gzipped files, whatever their names") {
  const Files file;
  for (const std::string& content : {three_images, gzip(three_images), gzip(three_images, 8, std::string("name\0", 5)),
                                     gzip(three_images, 4 | 16, std::string("\2\0xxcomment\0", 12))}) {
    const auto images = data::read_idx_images(file("some", content));
    CHECK(images.shape() == Shape{3, 2, 2});
    CHECK(images(2, 1, 1) == 'l');
  }
  CHECK(data::read_idx_labels(file("labels.gz", three_labels))(2) == 2);
}

TEST_CASE("idx: broken files are refused with what was expected and what was found") {
  const Files file;
  const auto refused = [&](const std::string& content, const std::string& why) {
    const auto path = file("bad-images-idx3-ubyte.gz", content);
    CHECK_THROWS_WITH(data::read_idx_images(path), Contains("bad-images-idx3-ubyte.gz") && Contains(why));
    CHECK_THROWS_AS(data::read_idx_images(path), FormatError);
  };
  refused("", "has 0 bytes, expected an IDX file of images");
  refused("\n\n\n", "has 3 bytes");
  refused(three_images.substr(0, 15), "has 15 bytes, an IDX header of images has 16");
  refused("<!DOCTYPE html><html>", "(it is text: '<!DOCTYPE html>...'), expected 2051 (images)");
  refused(three_labels, "2049 (a file of labels), expected 2051 (images)");
  refused(big_endian({0x00000C03, 1, 1, 1}) + "a", "the magic number is 3075, expected 2051");
  refused(three_images.substr(0, 27), "the header says (3,2,2), the file has 11 bytes after it");
  refused(three_images + "x", "the header says (3,2,2), the file has 13 bytes after it");
  refused(big_endian({2051, 60000, 28, 28}) + std::string(1000, 'x'), "the header says (60000,28,28)");
  refused(big_endian({2051, 0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu}) + "abc", "(4294967295,4294967295,4294967295)");
  refused(big_endian({2051, 0xFFFFFFFFu, 1, 1}) + "abc", "(4294967295,1,1)");
  refused(big_endian({2051, 3, 0, 2}), "extent 1 is 0");
  CHECK_THROWS_WITH(data::read_idx_labels(file("x", three_images)), Contains("2051 (a file of images), expected 2049"));
  CHECK_THROWS_AS(data::read_idx_labels(file.folder / "none"), IoError);

  const std::string good = gzip(three_images);
  refused(good.substr(0, 12), "12 bytes are too few for a gzip file");
  for (std::size_t length = 18; length < good.size(); ++length) {
    INFO(length);
    const auto path = file("cut", good.substr(0, length));
    CHECK_THROWS_AS(data::read_idx_images(path), FormatError);
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    if (i >= 4 && i <= 10) continue;  // time, hints, system, and padding of the first block: without meaning
    std::string bad = good;
    bad[i] ^= 0x40;
    INFO(i);
    CHECK_THROWS_AS(data::read_idx_images(file("flipped", bad)), FormatError);
  }
  std::string bomb = good;
  bomb.replace(bomb.size() - 4, 4, little_endian(0x7FFFFFFF));
  refused(bomb, "claims 2147483647 bytes from");
  refused(gzip(three_images, 2, "xx"), "gzip header is damaged");
  refused(gzip(three_images, 8, "name without end"), "damaged or cut off");
  refused(gzip(three_images, 4, "\xff\xff"), "gzip header is cut off");
  refused(gzip(gzip(three_images)), "magic number");
}

// Case A15.
TEST_CASE("idx: a gzip file that was cut off is never called too large") {
  const Files file;
  // The last four bytes of a cut file are any: here they claim 4 GiB.
  const std::string packed(5'000'000, '\xFF'), start = std::string("\x1f\x8b\x08", 3) + std::string(7, '\0');
  for (const std::size_t size : {std::size_t{20}, packed.size()}) {
    const auto path = file("train-images-idx3-ubyte.gz", start + packed.substr(0, size));
    CHECK_THROWS_WITH(data::read_idx_images(path),
                      Contains("damaged or cut off") && Contains("claims 4294967295 bytes"));
    CHECK_THROWS_AS(data::read_idx_images(path), FormatError);
  }
}

// Case A15.
TEST_CASE("idx: a header that says more than the file has, before memory is asked for") {
  const Files file;
  const auto path = file("train-images-idx3-ubyte", big_endian({2051, 60000, 28, 28}));
  std::filesystem::resize_file(path, 16 + 60000 * 784 - 392);  // half an image is missing
  CHECK_THROWS_WITH(data::read_idx_images(path),
                    Contains("the header says (60000,28,28), the file has 47039608 bytes after it"));
  std::filesystem::resize_file(path, 16 + 60000 * 784);
  CHECK(data::read_idx_images(path).shape() == Shape{60000, 28, 28});
  file("train-labels-idx1-ubyte", big_endian({2049, 10000}) + std::string(10000, '\1'));
  CHECK_THROWS_WITH(data::read_mnist(file.folder.path(), "train"),
                    Contains("has 60000 images") && Contains("has 10000 labels"));
}

TEST_CASE("idx: what a gzip file claims is compared before it is unpacked") {
  const Files file;
  // Three images by the header, and a size of the whole that is another's.
  std::string lying = gzip(three_images + std::string(5000, 'x'));
  lying.resize(lying.size() - 4);
  const auto refused = [&](const std::string& content, const std::string& why) {
    const auto path = file("train-images-idx3-ubyte.gz", content);
    CHECK_THROWS_AS(data::read_idx_images(path), FormatError);
    CHECK_THROWS_WITH(data::read_idx_images(path), Contains("train-images-idx3-ubyte.gz") && Contains(why));
  };
  refused(lying + little_endian(16 + 5012), "the header says (3,2,2), the file has 5012 bytes after it");
  refused(gzip(three_images + "x"), "the header says (3,2,2), the file has 13 bytes after it");
  refused(gzip(three_images.substr(0, 15)), "has 15 bytes, an IDX header of images has 16");
  refused(gzip(three_images.substr(0, 3)), "has 3 bytes as gzip says, expected an IDX file of images");

  // Two million images, of which only the header is there: that their labels are fewer is said first. The block that is
  // stored is longer than what is unpacked to see the header.
  const std::string header = big_endian({2051, 2'000'000, 28, 28}) + std::string(60'000, '\0');
  std::string bomb = gzip(header);
  bomb.insert(bomb.size() - 8, std::string(1'519'400, '\0'));
  bomb.replace(bomb.size() - 4, 4, little_endian(16 + 2'000'000u * 784));
  file("train-images-idx3-ubyte.gz", bomb);
  file("train-labels-idx1-ubyte.gz", gzip(three_labels));
  CHECK_THROWS_WITH(data::read_mnist(file.folder.path(), "train"),
                    Contains("has 2000000 images") && Contains("has 3 labels"));
  // A stream that is damaged before the end of the header.
  std::string damaged = gzip(three_images);
  damaged[11] ^= 0x7F;
  refused(damaged, "damaged or cut off: the gzip file does not unpack to the 28 bytes that it claims");
}

TEST_CASE("idx: a folder's files are found in every spelling, and must belong together") {
  const std::string spellings[][2] = {{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                                      {"train-images.idx3-ubyte", "train-labels.idx1-ubyte"},
                                      {"train-images-idx3-ubyte.gz", "train-labels.idx1-ubyte.gz"}};
  for (const auto& [images, labels] : spellings) {
    const Files file;
    file(images, gzip(three_images));
    CHECK_THROWS_WITH(data::read_mnist(file.folder.path(), "train"),
                      Contains("has none of train-labels-idx1-ubyte, train-labels.idx1-ubyte, "));
    file(labels, three_labels);
    const auto digits = data::read_mnist(file.folder.path(), "train");
    CHECK(digits.images(0, 0, 1) == 'b');
    CHECK(digits.labels(1) == 1);
    file(labels, big_endian({2049, 2}) + "ab");
    CHECK_THROWS_WITH(data::read_mnist(file.folder.path(), "train"),
                      Contains("has 3 images") && Contains("has 2 labels"));
  }
}

TEST_CASE("idx: the MNIST of this repository is whole") {
  const io::Path folder = io::Path(PASER_TEST_DATA).parent_path() / "data" / "mnist";
  const auto test = data::read_mnist(folder, "t10k");
  REQUIRE(test.images.shape() == Shape{10000, 28, 28});
  std::vector<int> count(10);
  for (const std::uint8_t label : test.labels.values()) ++count.at(label);
  CHECK(count == std::vector<int>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009});
  const auto train = data::read_mnist(folder, "train");
  CHECK(train.images.shape() == Shape{60000, 28, 28});
  CHECK(train.labels(0) == 5);
}

}  // namespace idx_test
