#include "paser/core/text.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <locale>
#include <string>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

namespace text_test {

using namespace paser;

/// Commas for points and points between the digits, as in German, and the host's locale put back at the end.
class GermanNumbers {
  struct Facet : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  std::locale before_ = std::locale::global(std::locale(std::locale::classic(), new Facet));

 public:
  GermanNumbers() = default;
  GermanNumbers(const GermanNumbers&) = delete;
  GermanNumbers& operator=(const GermanNumbers&) = delete;
  ~GermanNumbers() { std::locale::global(before_); }
};

TEST_CASE("text: messages and numbers are the same under a locale that groups digits") {
  const GermanNumbers german;
  CHECK(message(1234) == "1234");
  CHECK(message("page#", Index{1000}) == "page#1000");
  CHECK(message(0.5, ' ', 1234567.0f) == "0.5 1.23457e+06");
  CHECK(message(Shape{1000, 20000}) == "(1000,20000)");
  CHECK_THROWS_WITH(check<ValueError>(false, "x", 12345), "x: 12345");
  CHECK(fixed_number(12345.678, 2) == "12345.68");
  CHECK(exact_number(1234.5) == "1234.5");
}

TEST_CASE("text: a fixed number of digits") {
  CHECK(fixed_number(0, 0) == "0");
  CHECK(fixed_number(2.5, 1) == "2.5");
  CHECK(fixed_number(-0.126, 2) == "-0.13");
  CHECK(fixed_number(1e300, 1).size() == 303);
  CHECK(fixed_number(-1.7976931348623157e308, 17).size() == 328);
}

TEST_CASE("text: what is UTF-8 and what is not") {
  const auto bad = std::string_view::npos;
  for (const char* good : {"", "a",
                           "Stra\xC3\x9F"
                           "e",
                           "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xEF\xBF\xBD", "\xF4\x8F\xBF\xBF"})
    CHECK(find_not_utf8(good) == bad);
  CHECK(find_not_utf8("Stra\xDF"
                      "e") == 4);
  CHECK(find_not_utf8("\x80") == 0);          // a continuation alone
  CHECK(find_not_utf8("ab\xC3") == 2);        // cut
  CHECK(find_not_utf8("\xC0\x80") == 0);      // an overlong NUL
  CHECK(find_not_utf8("\xE0\x9F\xBF") == 0);  // overlong
  CHECK(find_not_utf8("\xF0\x8F\xBF\xBF") == 0);
  CHECK(find_not_utf8("\xED\xA0\x80") == 0);      // a surrogate
  CHECK(find_not_utf8("\xF4\x90\x80\x80") == 0);  // behind U+10FFFF
  CHECK(find_not_utf8("\xF5\x80\x80\x80") == 0);
}

TEST_CASE("text: bytes and control characters are made visible, nothing is lost") {
  CHECK(as_utf8("Stra\xC3\x9F"
                "e\n") ==
        "Stra\xC3\x9F"
        "e\n");
  CHECK(as_utf8("Stra\xDF"
                "e") == "Stra\\xDFe");
  CHECK(visible("road") == "road");
  CHECK(visible("\x1B[31mred\x07") == "\\x1B[31mred\\x07");
  CHECK(visible("a\nb\tc\x7F") == "a\\x0Ab\\x09c\\x7F");
  CHECK(visible("a\nb\rc", "\n") == "a\nb\\x0Dc");
  CHECK(visible("\xC2\x9B"
                "31m") ==
        "\\xC2\\x9B"
        "31m");  // a control character of two bytes
  CHECK(visible("\xC2\xA0\xC3\xA4") == "\xC2\xA0\xC3\xA4");
  CHECK(visible("gpj.\xE2\x80\xAE") == "gpj.\\xE2\\x80\\xAE");  // right to left from here
  CHECK(visible("\xE2\x81\xA6") == "\\xE2\\x81\\xA6");
  CHECK(visible("\xEF\xBB\xBF"
                "x") == "\\xEF\\xBB\\xBFx");
  CHECK(visible("\xE2\x82\xAC\xE4\xB8\xAD") == "\xE2\x82\xAC\xE4\xB8\xAD");
  CHECK(visible(std::string("a\0b", 3)) == "a\\x00b");
}

TEST_CASE("text: a word for a shell is quoted where it has to be") {
  CHECK(shell_word("runs/a-1_b.safetensors") == "runs/a-1_b.safetensors");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("my runs") == "'my runs'");
  CHECK(shell_word("$HOME") == "'$HOME'");
  CHECK(shell_word("it's") == "'it'\\''s'");
}

TEST_CASE("text: an excerpt cuts no character") {
  CHECK(excerpt("short") == "short");
  CHECK(excerpt(std::string(81, 'a')) == std::string(80, 'a') + "...");
  CHECK(excerpt(std::string(79, 'a') + "\xC3\xA4"
                                       "b") == std::string(79, 'a') + "...");
  CHECK(excerpt(std::string(10'000'000, '\x1B')).size() < 400);
}

/// Levenshtein's number by its definition.
std::size_t changes(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.size() + b.size();
  const std::size_t replaced = changes(a.substr(1), b.substr(1)) + (a[0] == b[0] ? 0 : 1);
  return std::min({replaced, changes(a.substr(1), b) + 1, changes(a, b.substr(1)) + 1});
}

TEST_CASE("text: the edit distance is that of its definition, and is cut only where it is enough") {
  std::vector<std::string> words{""};  // of up to four letters
  for (std::size_t i = 0; i < 15; ++i)
    for (const char letter : {'a', 'b'}) words.push_back(words[i] + letter);
  for (const std::string& a : words)
    for (const std::string& b : words) {
      const std::size_t exact = changes(a, b);
      bool same = edit_distance(a, b) == exact;
      for (std::size_t enough = 0; enough < 6; ++enough) {
        const std::size_t cut = edit_distance(a, b, enough);
        same = same && cut <= exact && (exact < enough ? cut == exact : cut >= enough);
      }
      CAPTURE(a, b);
      CHECK(same);
    }
}

TEST_CASE("text: a name of any length is refused at once, and stands in a message by its beginning") {
  const std::string name(1'000'000, 'e');
  const std::vector<std::string> known(60, "learning_rate_decay");
  const auto start = std::chrono::steady_clock::now();
  const std::string sentence = unknown_name("setting", name, known);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(1));
  CHECK(sentence.starts_with("unknown setting '" + std::string(80, 'e') + "...'. Known: learning_rate_decay"));
  CHECK(sentence.size() < 2000);
  CHECK(unknown_name("setting", "\x1B[2J", {"a"}) == "unknown setting '\\x1B[2J'. Known: a");
}

}  // namespace text_test
