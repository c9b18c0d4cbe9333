#include "paser/io/text.hpp"

#include <catch2/catch.hpp>

#include "paser/io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace io_text_test {

using namespace paser;
using Catch::Matchers::Contains;
using namespace std::string_literals;

TEST_CASE("texts: byte order marks and line ends of every system are undone") {
  CHECK(io::plain_text("a\nb\n", "t") == "a\nb\n");
  CHECK(io::plain_text("\xEF\xBB\xBF"
                       "a\nb",
                       "t") == "a\nb");
  CHECK(io::plain_text("a\r\nb\rc\r\r\nd\r", "t") == "a\nb\nc\n\nd\n");
  CHECK(io::plain_text("", "t").empty());
  CHECK(io::plain_text("\xEF\xBB\xBF", "t").empty());
  CHECK(io::plain_text("Stra\xDF"
                       "e",
                       "t") ==
        "Stra\xDF"
        "e");  // bytes of old file names
}

TEST_CASE("texts: UTF-16, UTF-32 and NUL are refused by name") {
  const auto refused = [](const std::string& text, const std::string& why) {
    CHECK_THROWS_WITH(io::plain_text(text, "list.txt"), Contains("list.txt: ") && Contains(why));
    CHECK_THROWS_AS(io::plain_text(text, "list.txt"), FormatError);
  };
  refused(
      "\xFF\xFE"
      "a\0\n\0"s,
      "is UTF-16, expected UTF-8");
  refused("\xFE\xFF\0a\0\n"s, "is UTF-16");
  refused("\xFF\xFE\0\0a\0\0\0"s, "is UTF-32");
  refused("\0\0\xFE\xFF\0\0\0a"s, "is UTF-32");
  refused("a\0b\0"s, "byte 1 is NUL");  // UTF-16 without a mark
  refused("\xFF\xFE", "is UTF-16");
}

TEST_CASE("texts: a file is read whole, and one that is too large is refused unread") {
  const TemporaryFolder folder;
  io::write_file(folder / "a",
                 "\xEF\xBB\xBF"
                 "one\r\ntwo");
  CHECK(io::read_text(folder / "a") == "one\ntwo");
  std::filesystem::resize_file(folder / "a", static_cast<std::uintmax_t>(io::text_limit) + 1);  // a hole on the disk
  CHECK_THROWS_WITH(io::read_text(folder / "a"), Contains("expected a text of at most 268435456"));
  CHECK_THROWS_AS(io::read_text(folder / "none"), IoError);
  CHECK_THROWS_AS(io::read_text(folder.path()), IoError);
}

TEST_CASE("texts: lines without their ends and the blanks around them, and none that are empty") {
  using Lines = std::vector<std::pair<Index, std::string>>;
  Lines found;
  const auto lines = [&](std::string_view text) {
    found.clear();
    return io::each_line(text, [&](std::string_view line, Index number) { found.emplace_back(number, line); });
  };
  CHECK(lines("") == 0);
  CHECK(found.empty());
  CHECK(lines("a\n b c \t\n\n\t\nd") == 5);
  CHECK(found == Lines{{1, "a"}, {2, "b c"}, {5, "d"}});
  CHECK(lines("\n") == 1);
  CHECK(found.empty());
  CHECK(lines("\n \nx\n") == 3);
  CHECK(found == Lines{{3, "x"}});
}

}  // namespace io_text_test
