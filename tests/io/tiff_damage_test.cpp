#include "io/tiff_pages.hpp"
#include "paser/data/folder_check.hpp"
#include "paser/io/deflate.hpp"

#ifdef PASER_WITH_TIFF

namespace tiff_damage_test {

using namespace tiff_pages;

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

/// The entries of a page of one pixel, behind so many others.
std::string entries_behind(int others) {
  const auto entry = [](std::uint64_t tag, std::uint64_t value) {
    return tiny::number(tag, 2, false) + tiny::number(3, 2, false) + tiny::number(1, 4, false) +
           tiny::number(value, 4, false);
  };
  std::string text;
  for (int i = 0; i < others; ++i) text += entry(40000, 0);
  for (const auto& [tag, value] :
       {std::pair{256, 1}, {257, 1}, {258, 8}, {259, 1}, {262, 1}, {273, 4}, {278, 1}, {279, 1}})
    text += entry(static_cast<std::uint64_t>(tag), static_cast<std::uint64_t>(value));
  return text;
}

TEST_CASE("TIFF: directories of thousands of entries, or that lie over each other, are refused: libtiff compares all") {
  const Files file;
  const auto of_entries = [&](int count) {
    return file("II" + tiny::number(42, 2, false) + tiny::number(8, 4, false) +
                tiny::number(static_cast<std::uint64_t>(count), 2, false) + entries_behind(count - 8) +
                std::string(4, '\0'));
  };
  CHECK(io::ImageFile(of_entries(512)).pages() == 1);
  CHECK_THROWS_WITH(io::ImageFile(of_entries(513)),
                    Contains("stack.tif: the directory of page 0 has 513 entries, expected at most 512"));

  // Each directory is the one before, moved on by an entry; the first bytes of an entry are where the next one lies,
  // and name no tag that libtiff knows.
  constexpr std::uint64_t count = 400, begin = 0x30000 + 50000;
  const auto moved = [&](std::uint64_t directories) {
    const std::string last = tiny::number(count, 2, false);
    std::string text = entries_behind(count - 8);
    for (std::size_t end = 12; end <= text.size(); end += 12) text.replace(end - 2, 2, last);
    for (std::uint64_t k = 1; k <= directories; ++k)
      text += tiny::number(k < directories ? begin + 12 * k : 0, 4, false) + tiny::number(1, 4, false) +
              tiny::number(0, 2, false) + last;
    std::string bytes = "II" + tiny::number(42, 2, false) + tiny::number(begin, 4, false);
    bytes.resize(begin, '\0');
    return file(bytes + last + text);
  };
  CHECK(io::ImageFile(moved(2)).pages() == 2);
  CHECK_THROWS_AS(io::ImageFile(moved(100)), FormatError);
  CHECK_THROWS_WITH(io::ImageFile(moved(100)),
                    Contains("are larger together than the file, so some lie over each other"));
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

/// The places of the strips' data in the file.
std::vector<std::pair<std::size_t, std::size_t>> strips(const io::Path& path) {
  std::vector<std::pair<std::size_t, std::size_t>> places;
  TIFF* in = TIFFOpen(path.string().c_str(), "r");
  for (std::uint32_t i = 0; i < TIFFNumberOfStrips(in); ++i)
    places.emplace_back(TIFFGetStrileOffset(in, i), TIFFGetStrileByteCount(in, i));
  TIFFClose(in);
  return places;
}

/// Writes the file with every number of bytes of a strip made `count`; libtiff keeps them in a list, of 2 or 4 bytes
/// each.
void overstate(const io::Path& path, std::string bytes, std::uint32_t count) {
  const auto places = strips(path);
  int lists = 0;
  for (const int wide : {2, 4}) {
    std::string from, to;
    for (const auto& place : places) {
      from += tiny::number(place.second, wide, false);
      to += tiny::number(count, wide, false);
    }
    if (const auto at = bytes.rfind(from); at != bytes.npos) {
      bytes.replace(at, from.size(), to);
      ++lists;
    }
  }
  REQUIRE(lists == 1);
  tiny::write(path, bytes + std::string(count, '\0'));  // the last strip stays within the file
}

TEST_CASE("TIFF: strips that end by themselves are read though their byte counts are of what they unpack to") {
  const TemporaryFolder folder;
  const io::Path path = folder / "lsm.tif";
  for (const int compression : {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS}) {
    INFO("compression " << compression);
    const std::string good = written(path, compression, 8, 64, 64, 16);
    const auto values = samples(io::ImageFile(path).page(0).integers);
    overstate(path, good, 4096);
    REQUIRE(strips(path).at(1).second == 4096);
    CHECK(samples(io::ImageFile(path).page(0).integers) == values);
  }
  // Plain data that overlap are the same data.
  const std::string plain = written(path, COMPRESSION_NONE, 8, 64, 64, 16);
  overstate(path, plain, 1100);
  CHECK_THROWS_WITH(io::ImageFile(path).page(0), Contains("parts 0 and 1 of its data are the same bytes of the file"));
}

TEST_CASE("TIFF: strips that go on where others begin are refused, or many that unpack to little had no bound") {
  const Files file;
  std::string packed;  // two rows of 4, each behind a byte that stands for nothing
  for (const char* row : {"abcd", "efgh"}) packed += "\x80\x03" + std::string(row);
  const std::string rest(40, '\0');
  const auto page = [&](const std::vector<int>& begins) {
    return io::ImageFile(file(in_strips(4, packed + rest, begins, 20, 32773))).page(0);
  };
  CHECK(samples(page({0, 6}).integers) == std::vector<int>{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'});
  CHECK_THROWS_WITH(page({0, 1}), Contains("stack.tif: page 0 is malformed: part 0 of 2 of its data does not end "
                                           "where other data begin"));
  CHECK_THROWS_WITH(page({6, 6}), Contains("parts 0 and 1 of its data are the same bytes of the file"));
}

/// Pages of one row of four values each, packed by PackBits, that begin at these places of the data and say that they
/// have `bytes`.
std::string packed_pages(const std::string& data, const std::vector<int>& begins, std::uint64_t bytes) {
  std::string file = "II" + tiny::number(42, 2, false) + tiny::number(8 + data.size(), 4, false) + data;
  for (std::size_t k = 0; k < begins.size(); ++k) {
    const std::uint64_t entries[][2] = {{256, 4},     {257, 1},    {258, 8},
                                        {259, 32773}, {262, 1},    {273, 8 + static_cast<std::uint64_t>(begins[k])},
                                        {278, 1},     {279, bytes}};
    file += tiny::number(std::size(entries), 2, false);
    for (const auto& [tag, value] : entries)
      file += tiny::number(tag, 2, false) + tiny::number(4, 2, false) + tiny::number(1, 4, false) +
              tiny::number(value, 4, false);
    file += tiny::number(k + 1 < begins.size() ? file.size() + 4 : 0, 4, false);
  }
  return file;
}

TEST_CASE("TIFF: strips that end by themselves are counted over all pages up to where others begin") {
  const Files file;
  const std::string data =
      "\x03"
      "abcd"
      "\x03"
      "efgh"
      "\x80\x80\x80\x80\x03"
      "ijkl" +
      std::string(200, '\0');
  io::ImageFile good(file(packed_pages(data, {5, 0, 13}, 220)));
  CHECK(good.pages() == 3);
  const auto value = [](io::ImageFile& of, Index k) { return samples(of.page(k).integers).at(3); };
  CHECK(std::array{value(good, 0), value(good, 1), value(good, 2)} == std::array<int, 3>{'h', 'd', 'l'});
  // One that goes on into another's data is refused, or the work of all pages had no bound.
  io::ImageFile through(file(packed_pages(data, {10, 12, 13, 11, 0}, 220)));
  CHECK(value(through, 2) == 'l');
  CHECK(value(through, 4) == 'd');
  for (const Index k : {0, 1, 3})
    CHECK_THROWS_WITH(through.page(k), Contains("part 0 of 1 of its data does not end where other data begin"));
  CHECK_THROWS_WITH(io::ImageFile(file(packed_pages(data, std::vector<int>(10, 0), 220))),
                    Contains("claim more data than the file has"));
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

}  // namespace tiff_damage_test

#endif
