#include "paser/io/stored_zip.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <vector>

#include "support/refusal.hpp"
#include "support/tiny_images.hpp"

namespace stored_zip_test {

using namespace paser;

using Catch::Contains;

constexpr std::uint64_t wide32 = 0xFFFFFFFF, wide16 = 0xFFFF;

std::string bytes(std::uint64_t value, int count) {
  return tiny::number(value, count, false);
}

/// The parts of an archive of two entries whose sizes, places and directory stand in the records of ZIP64, as
/// APPNOTE 4.3.14, 4.3.15 and 4.5.3 lay them out.
struct Wide {
  std::string first = "the first entry", second = "and another one";
  std::string extra_head = bytes(1, 2) + bytes(24, 2);  // kind and length of the field of ZIP64
  std::string locator = "PK\6\7", record = "PK\6\6", comment = "";
  std::uint64_t size_told = wide32, place_told = wide32, count_told = wide16, shift = 0;
  std::string other_extra = bytes(0x5455, 2) + bytes(5, 2) + bytes(0, 5);  // a time stamp before it

  std::string file() const {
    std::string content, directory;
    for (const auto& [name, entry] : {std::pair{std::string("a"), first}, {std::string("b/c"), second}}) {
      const std::string extra =
          other_extra + extra_head + bytes(entry.size(), 8) + bytes(entry.size(), 8) + bytes(content.size() + shift, 8);
      const std::string sum = bytes(io::Crc32().add(entry).value(), 4);
      directory += "PK\1\2" + bytes(45, 2) + bytes(45, 2) + bytes(0, 8) + sum + bytes(size_told, 4) +
                   bytes(size_told, 4) + bytes(name.size(), 2) + bytes(extra.size(), 2) + bytes(0, 10) +
                   bytes(wide32, 4) + name + extra;
      content += "PK\3\4" + bytes(45, 2) + bytes(0, 8) + sum + bytes(entry.size(), 4) + bytes(entry.size(), 4) +
                 bytes(name.size(), 2) + bytes(0, 2) + name + entry;
    }
    const std::size_t place = content.size(), end = place + directory.size();
    return content + directory + record + bytes(44, 8) + bytes(45, 2) + bytes(45, 2) + bytes(0, 8) + bytes(2, 8) +
           bytes(2, 8) + bytes(directory.size(), 8) + bytes(place, 8) + locator + bytes(0, 4) + bytes(end, 8) +
           bytes(1, 4) + "PK\5\6" + bytes(0, 4) + bytes(count_told, 2) + bytes(count_told, 2) +
           bytes(directory.size(), 4) + bytes(place_told, 4) + bytes(comment.size(), 2) + comment;
  }
};

std::string refused(const std::string& content) {
  return refusal([&] { return io::parse_stored_zip(content, "net.pt"); });
}

TEST_CASE("stored zip: sizes, places and the directory of an archive of ZIP64") {
  const auto holds = [](const Wide& wide) {
    const std::string content = wide.file();
    const auto entries = io::parse_stored_zip(content, "net.pt");
    return entries.size() == 2 && entries.at("a") == wide.first && entries.at("b/c") == wide.second;
  };
  CHECK(holds({}));
  CHECK(holds({.comment = "of whoever made it"}));
  CHECK(holds({.place_told = wide32, .count_told = 2}));  // one of the two numbers is enough
  CHECK(holds({.other_extra = ""}));
}

TEST_CASE("stored zip: records of ZIP64 that are missing, short or false are refused by name") {
  CHECK_THAT(refused(Wide{.locator = "PK\6\1"}.file()), Contains("net.pt") && Contains("ZIP64 locator is missing"));
  CHECK_THAT(refused(Wide{.record = "PK\6\1"}.file()), Contains("ZIP64 directory is missing"));
  CHECK_THAT(refused(Wide{.extra_head = bytes(1, 2) + bytes(12, 2)}.file()), Contains("ZIP64 is too short"));
  CHECK_THAT(refused(Wide{.extra_head = bytes(1, 2) + bytes(200, 2)}.file()), Contains("an extra field is cut off"));
  CHECK_THAT(refused(Wide{.extra_head = bytes(2, 2) + bytes(24, 2)}.file()), Contains("more bytes than the file has"));
  CHECK_THAT(refused(Wide{.shift = 1}.file()), Contains("an entry is not where its directory says"));
  CHECK_THAT(refused(Wide{.shift = ~std::uint64_t{0} - 4}.file()),
             Contains("an entry is not where its directory says"));
  CHECK_THAT(refused(Wide{.size_told = 3}.file()), Contains("net.pt"));
}

TEST_CASE("stored zip: an archive of ZIP64 that is cut anywhere is refused") {
  const std::string whole = Wide{}.file();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO(length);
    CHECK_THAT(refused(whole.substr(0, length)), Contains("net.pt"));
  }
}

}  // namespace stored_zip_test
