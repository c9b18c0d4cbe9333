#include "paser/data/class_file.hpp"

#include <catch2/catch.hpp>

#include "paser/data/pairs.hpp"
#include "paser/io/atomic_file.hpp"
#include "support/temporary_folder.hpp"

namespace class_file_test {

using namespace paser;
using namespace paser::data;
using Catch::Matchers::Contains;
using namespace std::string_literals;

LabelEncoding parse(const std::string& text) {
  return parse_class_file(text, "classes.txt");
}

void refused(const std::string& text, const std::string& why) {
  INFO(text.substr(0, 80));
  CHECK_THROWS_WITH(parse(text), Contains("classes.txt: ") && Contains(why));
  CHECK_THROWS_AS(parse(text), FormatError);
}

TEST_CASE("class file: with a byte order mark as without") {
  for (const std::string mark : {"", "\xEF\xBB\xBF"})
    for (const std::string end : {"\n", "\r\n", "\r"}) {
      const LabelEncoding map = parse(mark + "ignore 0" + end + "road 1" + end + "car 2" + end);
      CHECK(map.classes() == 2);
      CHECK(map.name(0) == "road");
      CHECK(map.name(1) == "car");
      CHECK(map.of_value(0) == ignored_label);
      CHECK(map.of_value(2) == 1);
    }
  CHECK(parse("\xEF\xBB\xBF[{\"name\": \"road\", \"value\": 1}]\r\n").name(0) == "road");
  const TemporaryFolder folder;
  io::write_file(folder / "c.txt", "\xEF\xBB\xBFignore 0\r\nroad 1\r\n");
  CHECK(read_class_file(folder / "c.txt").name(0) == "road");
}

TEST_CASE("class file: UTF-16 is refused by name") {
  refused(
      "\xFF\xFEr\0 \0"
      "1\0"s,
      "is UTF-16");
  refused(
      "\xFE\xFF\0r\0 \0"
      "1"s,
      "is UTF-16");
  refused(
      "r\0 \0"
      "1\0"s,
      "NUL");
}

TEST_CASE("class file: lines that name no class are refused with their number") {
  for (const char* line : {",",
                           ",,",
                           ", ,",
                           " , ",
                           "\t,",
                           ",1",
                           "1",
                           "1 2 3",
                           "#fffff",
                           "road",
                           "road,",
                           "road -3",
                           "road 3.5",
                           "road 1 2",
                           "road 1 2 3 4",
                           "road #80408",
                           "road 9999999999",
                           "road 99999999999999999999999",
                           "\"",
                           "road #"}) {
    if (line[0] == '#') continue;
    refused("background 0\n"s + line + "\n", "line 2 is '");
  }
  refused(",", "line 1 is ','");
  refused("", "names no class");
  refused("\n\n# only a remark\n", "names no class");
  refused("ignore 0", "names no class but 'ignore'");
  refused("#804080 road", "a remark that starts with a colour");
  refused("0,road,128,64,128", "numbers before the name and a colour behind it");
  refused("0 road #804080", "numbers before the name and a colour behind it");
  refused(std::string(10'000'000, ','), "line 1 is ',,,");
  refused(std::string(10'000'000, 'x'), "line 1 is 'xxx");
  CHECK(parse("0 lane 2").name(0) == "lane 2");
  CHECK(parse("#804080\nroad 1").name(0) == "road");
}

TEST_CASE("class file: names between quotation marks are read as CSV has them") {
  const auto name = [](const std::string& line) { return parse(line + "\nother 9").name(0); };
  CHECK(name("\"a, b\",0") == "a, b");
  CHECK(name("0,\"a, b\"") == "a, b");
  CHECK(name("\"a, b\"\t 0") == "a, b");
  CHECK(name("\"road\",\"0\"") == "road");
  CHECK(name("\"0\" \"parked car\"") == "parked car");
  CHECK(name("\"the \"\"old\"\" road\",0") == "the \"old\" road");
  CHECK(name("\"\"\"\",0") == "\"");
  CHECK(name("5\" pipe 0") == "5\" pipe");  // no cell begins there
  const LabelEncoding map = parse("\"a, b\",1,2,3\n\"c 4\" \"#804080\"\n\"#d\" 3 4 5\n");
  CHECK(map.of_colour({1, 2, 3}) == 0);
  CHECK(map.of_colour({128, 64, 128}) == 1);
  CHECK(map.name(1) == "c 4");
  CHECK(map.name(2) == "#d");
  refused("\"a, b,0", "line 1 is '\"a, b,0', with a quotation mark that is not closed");
  refused("\"a, b\"c,0", "with a quotation mark that is not closed before a comma");
  refused("\"a\"\",0", "with a quotation mark that is not closed");
  refused("\"", "with a quotation mark that is not closed");
  refused("rock \"a\" 3", "a part of the name between quotation marks; expected them around all of it");
  refused("\"a\" \"b\" 3", "a part of the name between quotation marks");
  refused("\"\",0", "expected a name and a value");
  refused("\"a, b\"", "expected a name and a value");
}

TEST_CASE("class file: names have at most 1000 bytes") {
  const std::string longest(1000, 'x');
  CHECK(parse(longest + " 0").name(0) == longest);
  CHECK(parse("[{\"name\": \"" + longest + "\", \"value\": 0}]").name(0) == longest);
  for (const std::string& name : {"x" + longest, std::string(1'000'000, 'y')}) {
    refused(name + " 0", "' has a name of " + std::to_string(name.size()) + " bytes, expected at most 1000");
    refused("[{\"name\": \"" + name + "\", \"value\": 0}]", " bytes, expected at most 1000");
  }
}

TEST_CASE("class file: values out of range, twice, or of two kinds") {
  refused("a 65536", "expected 0 .. 65535");
  refused("a 1 2 256", "expected 0 .. 255");
  refused("a 1\nb 1", "value 1 is given twice");
  refused("a 1 2 3\nb 1 2 3", "colour (1,2,3) is given twice");
  refused("a 1\nb 1 2 3", "mixes values with colours");
  std::string many;
  for (int i = 0; i < 256; ++i) many += "c" + std::to_string(i) + " " + std::to_string(i) + "\n";
  refused(many, "over 255 classes");
  CHECK(parse(many.substr(0, many.find("c255"))).classes() == 255);
}

TEST_CASE("class file: names of other encodings and with control characters are refused") {
  refused(
      "Stra\xDF"
      "e 1",
      "the class 'Stra\\xDFe' is not UTF-8");
  refused("\x1B[31mroad 1", "'\\x1B[31mroad' has a control character");
  refused("road\xE2\x80\xAE 1", "control character");
  refused("road\xEF\xBB\xBF 1", "control character");  // two files joined
  refused(R"([{"name": "a\u001b[31m", "value": 1}])", "control character");
  refused(R"([{"name": "a\u0000", "value": 1}])", "control character");
  CHECK(parse("Stra\xC3\x9F"
              "e 1")
            .name(0) ==
        "Stra\xC3\x9F"
        "e");
}

TEST_CASE("class file: JSON that is damaged, deep, or of another form") {
  refused(std::string(80'000, '['), "nested deeper");
  refused("[{\"name\": \"a\", \"value\": " + std::string(80'000, '[') + "", "nested deeper");
  refused("[", "is not JSON");
  refused("{}", "expected a list of classes");
  refused("[]", "names no class");
  refused("[1]", "is not of the form");
  refused("[{\"name\": \"\", \"value\": 1}]", "is not of the form");
  refused("[{\"name\": \"a\", \"value\": -1}]", "is not of the form");
  refused("[{\"name\": \"a\", \"value\": 18446744073709551615}]", "'a' has 18446744073709551615, expected 0 .. 65535");
  refused("[{\"name\": \"a\", \"value\": 1.5}]", "is not of the form");
  refused("[{\"name\": \"a\", \"value\": 1, \"value\": 2}]", "twice");
  refused("[{\"name\": \"a\", \"colour\": [1,2]}]", "is not of the form");
  for (const char* number : {"1.5", "-3", "true", "null"}) {
    const std::string colour = message("\"colour\":[", number, ",2,3]");
    refused("[{" + colour + ", \"name\": \"a\"}]",
            message("the class {", colour, ",\"name\":\"a\"} is not of the form"));
    refused("[{" + colour + ", \"name\": \"a\"}]", "whose numbers are whole and not negative");
  }
  refused("[{\"name\": \"a\", \"colour\": [1,2,18446744073709551615]}]",
          "'a' has 18446744073709551615, expected 0 .. 255");
  refused("[{\"name\": \"" + std::string(10'000'000, 'x') + "\"}]", "is not of the form");
}

TEST_CASE("list of images: byte order marks, line ends and encodings") {
  const TemporaryFolder folder;
  const auto list = [&](const std::string& text) {
    io::write_file(folder / "list.txt", text);
    return read_stem_list(folder / "list.txt");
  };
  using Stems = std::vector<std::string>;
  for (const std::string end : {"\n", "\r\n", "\r"})
    CHECK(list("\xEF\xBB\xBFone.png" + end + " two.jpg " + end + end + "images/three" + end) ==
          Stems{"one", "two", "three"});
  CHECK(list("Stra\xDF"
             "e.png") == Stems{"Stra\xDF"
                               "e"});  // as the system has it
  CHECK_THROWS_WITH(list("\xFF\xFEo\0n\0e\0"s), Contains("list.txt: is UTF-16"));
  CHECK_THROWS_WITH(list("one\0two"s), Contains("NUL"));
  CHECK_THROWS_WITH(list("a.png\nimages/\n"), Contains("line 2 is 'images/', which names no file"));
  CHECK_THROWS_WITH(list("\xEF\xBB\xBF\r\n"), Contains("names no image"));
}

}  // namespace class_file_test
