#include "paser/io/config.hpp"

#include <catch2/catch.hpp>

#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;

TEST_CASE("config: options are read, absent ones keep their defaults") {
  const TemporaryFolder folder;
  std::ofstream(folder / "run.json") << R"({"epochs": 3, // a comment
    "lr": 1e-4, "name": "f1", "sizes": [1, 2], "loss": {"alpha": 1}, "shuffle": false})";
  auto config = io::ConfigReader::from_file(folder / "run.json");
  Index epochs = 1, batch = 32;
  double lr = 0, alpha = 0;
  std::string name;
  std::vector<int> sizes;
  bool shuffle = true;
  CHECK(config.read("epochs", epochs));
  CHECK_FALSE(config.read("batch", batch));
  config.read("lr", lr);
  config.read("name", name);
  config.read("sizes", sizes);
  config.read("shuffle", shuffle);
  auto loss = config.section("loss");
  loss.read("alpha", alpha);
  auto absent = config.section("absent");
  CHECK_FALSE(absent.read("x", alpha));
  CHECK_NOTHROW(loss.finish());
  CHECK_NOTHROW(absent.finish());
  CHECK_NOTHROW(config.finish());
  CHECK((epochs == 3 && batch == 32 && lr == 1e-4 && name == "f1" && alpha == 1 && !shuffle));
  CHECK(sizes == std::vector<int>{1, 2});
}

TEST_CASE("config: mistakes are named, with the file and what was meant") {
  io::ConfigReader config(
      {{"epoch", 3}, {"zzz", 1}, {"batch", 1.5}, {"lr", "x"}, {"seed", -1}, {"loss", {{"alhpa", 1}}}}, "run.json");
  Index epochs = 1, batch = 7;
  std::uint64_t seed = 5;
  double lr = 0.5;
  std::int8_t small = 0;
  config.read("epochs", epochs);
  CHECK_THROWS_WITH(config.read("batch", batch), Contains("run.json: option 'batch' is 1.5, expected a whole number"));
  CHECK_THROWS_WITH(config.read("lr", lr), Contains("option 'lr' is \"x\", expected a number"));
  CHECK_THROWS_WITH(config.read("seed", seed), Contains("option 'seed' is -1, expected a whole number from 0"));
  CHECK((batch == 7 && lr == 0.5 && seed == 5));
  CHECK_THROWS_WITH(config.finish(),
                    Contains("unknown option 'epoch', did you mean 'epochs'?") && Contains("unknown option 'zzz'"));
  auto loss = config.section("loss");
  loss.read("alpha", lr);
  CHECK_THROWS_WITH(loss.finish(), Contains("run.json: 'loss'") && Contains("'alhpa', did you mean 'alpha'?"));
  io::ConfigReader wide({{"x", 300}}, "w");
  CHECK_THROWS_AS(wide.read("x", small), FormatError);
  CHECK_THROWS_AS(io::ConfigReader(nlohmann::json::array(), "a"), FormatError);
  const TemporaryFolder folder;
  std::ofstream(folder / "bad.json") << "{\"a\": }";
  CHECK_THROWS_WITH(io::ConfigReader::from_file(folder / "bad.json"),
                    Contains("bad.json: is not JSON") && Contains("column"));
  CHECK_THROWS_AS(io::ConfigReader::from_file(folder / "none.json"), IoError);
}

TEST_CASE("config: an unknown key of any length stands in the message by its beginning") {
  io::ConfigReader config({{std::string(1'000'000, 'k'), 1}, {"\x1B[2J", 1}}, "run.json");
  Index epochs = 1;
  config.read("epochs", epochs);
  std::string said;
  try {
    config.finish();
  } catch (const FormatError& error) {
    said = error.what();
  }
  CHECK(said.size() < 500);
  CHECK_THAT(said, Contains("unknown option '" + std::string(80, 'k') + "...'") && Contains("'\\x1B[2J'"));
}

TEST_CASE("edit distance and suggestions") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(suggestion("widht", {"depth", "width"}) == ", did you mean 'width'?");
  CHECK(suggestion("a", {"b"}).empty());
  CHECK(suggestion("x", {}).empty());
  CHECK(unknown_name("preset", "demoo", {"demo", "paper"}) ==
        "unknown preset 'demoo', did you mean 'demo'? Known: demo, paper");
  CHECK(unknown_name("preset", "zz", {"demo"}) == "unknown preset 'zz'. Known: demo");
}
