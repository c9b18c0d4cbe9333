#include "paser/io/json.hpp"

#include <catch2/catch.hpp>
#include <chrono>

#include "paser/io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace json_test {

using namespace paser;
using Catch::Matchers::Contains;
using namespace std::string_literals;

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

void refused(const std::string& text, const std::string& why) {
  INFO(text.substr(0, 60));
  CHECK_THROWS_WITH(io::parse_json(text, "run/stages.json"), Contains("run/stages.json: ") && Contains(why));
  CHECK_THROWS_AS(io::parse_json(text, "run/stages.json"), FormatError);
}

TEST_CASE("json: nested 80,000 deep is refused, 256 deep is read") {
  refused(nested(80'000), "nested deeper than 256 levels");
  refused(std::string(80'000, '['), "nested deeper");
  std::string objects;
  for (int i = 0; i < 80'000; ++i) objects += R"({"a":)";
  refused(objects, "nested deeper");
  refused(nested(257), "nested deeper");
  CHECK(io::parse_json(nested(256), "x").is_array());
  CHECK(io::parse_json(R"(["[[[[", "]]]]"])", "x", {.depth = 1}).size() == 2);  // no brackets, but strings
  CHECK_THROWS_AS(io::parse_json("[[]]", "x", {.depth = 1}), FormatError);
  const std::string deep = "// don't \"\n" + nested(80'000);
  CHECK_THROWS_WITH(io::parse_json(deep, "x", {.comments = true}), Contains("nested deeper"));
}

TEST_CASE("json: the time grows as the document does") {
  std::string large = "{";
  for (int i = 0; i < 200'000; ++i) large += message(i == 0 ? "" : ",", "\"t", i, "\":{\"a\":[1]}");
  const auto begin = std::chrono::steady_clock::now();
  CHECK(io::parse_json(large + "}", "x").size() == 200'000);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(60));  // 800 were it of the second order
}

TEST_CASE("json: damaged documents are refused with the name of their file") {
  refused("", "is not JSON");
  refused("   ", "is not JSON");
  refused("{\"a\": 1", "is not JSON");
  refused("{} x", "is not JSON");
  refused("{}{}", "is not JSON");
  refused("{}\0 garbage"s, "byte 2 is NUL");
  refused("[1]\0"s, "byte 3 is NUL");
  refused(R"({"data": "set\u0000x"})", "'data' has a NUL");
  refused(R"({"a": [1, {"b\u0000": 2}]})", "'b\\x00' has a NUL");
  refused(R"(["\u0000"])", "a text has a NUL");
  refused(R"([{"b": 1}, "\u0000"])", "a text has a NUL");
  refused(R"({"a": [{"b": 1}, "\u0000"]})", "'a' has a NUL");
  refused(R"({"a": [{}, {"b": {}, "c": "\u0000"}]})", "'c' has a NUL");
  refused("{\"a\": 1, \"a\": 2}", "names \"a\" twice");
  refused("{\"b\": {\"a\": 1, \"\\u0061\": 2}}", "names \"a\" twice");
  refused("[1e999]", "is not JSON");
  refused("[NaN]", "is not JSON");
  refused(
      "[\"Stra\xDF"
      "e\"]",
      "is not JSON");
  refused("[1] // no comments here", "is not JSON");
  CHECK(io::parse_json("[{\"a\": 1}, {\"a\": 2}]", "x").size() == 2);
  CHECK(io::parse_json("[1] // here", "x", {.comments = true}).size() == 1);
}

TEST_CASE("json: files with a byte order mark are read, UTF-16 is refused by name") {
  const TemporaryFolder folder;
  io::write_file(folder / "a.json", "\xEF\xBB\xBF{\"a\": 1}\r\n");
  CHECK(io::read_json(folder / "a.json")["a"] == 1);
  io::write_file(folder / "a.json", "\xFF\xFE{\0}\0"s);
  CHECK_THROWS_WITH(io::read_json(folder / "a.json"), Contains("a.json: is UTF-16"));
  CHECK_THROWS_AS(io::read_json(folder / "none.json"), IoError);
}

TEST_CASE("json: names that are not UTF-8 are written, and no byte is lost") {
  const nlohmann::json document{{"file",
                                 "Stra\xDF"
                                 "e.png"},
                                {"in",
                                 {{"Stra\xDF"
                                   "e",
                                   1},
                                  {"list", {"\xFF", 2.5, nullptr}}}}};
  const std::string text = io::json_text(document);
  CHECK(text == R"({"file":"Stra\\xDFe.png","in":{"Stra\\xDFe":1,"list":["\\xFF",2.5,null]}})");
  CHECK(io::parse_json(text, "x")["file"] == "Stra\\xDFe.png");
  const nlohmann::json good{{"file",
                             "Stra\xC3\x9F"
                             "e\x1B"}};
  CHECK(io::json_text(good) == good.dump());
  CHECK(io::json_text(good, 2) == good.dump(2));
  CHECK(io::json_text(good, -1, true) == good.dump(-1, ' ', true));
  CHECK(io::json_text(nlohmann::ordered_json{{"b", "\xFF"}, {"a", 1}}, 1) == "{\n \"b\": \"\\\\xFF\",\n \"a\": 1\n}");
  CHECK(io::json_text(nlohmann::json::array()) == "[]");
}

}  // namespace json_test
