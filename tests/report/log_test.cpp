#include "paser/report/log.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::report;

TEST_CASE("A log is appended, and each record is on the disk at once") {
  TemporaryFolder folder;
  const auto file = folder / "run/log.jsonl";
  Log log(file);
  log.write({{"stage", "policy"}, {"epoch", 1}});
  CHECK(read_log(file).size() == 1);  // while the log is open
  {
    Log again(file);
    again.write({{"stage", "policy"}, {"epoch", 2}, {"loss", std::numeric_limits<double>::quiet_NaN()}});
  }
  const auto records = read_log(file);
  REQUIRE(records.size() == 2);
  CHECK(records[1]["epoch"] == 2);
  CHECK(records[1]["loss"].is_null());
}

TEST_CASE("The torn last line of a killed run costs that record alone") {
  TemporaryFolder folder;
  const auto file = folder / "log.jsonl";
  std::ofstream(file) << "{\"epoch\":1}\n{\"epo";
  Log(file).write({{"epoch", 3}});
  const auto records = read_log(file);
  REQUIRE(records.size() == 2);
  CHECK(records[1]["epoch"] == 3);
}

TEST_CASE("Only objects are records, and files that cannot be opened are named") {
  TemporaryFolder folder;
  Log log(folder / "log.jsonl");
  CHECK_THROWS_AS(log.write(nlohmann::json::array({1})), ValueError);
  CHECK_THROWS_AS(Log(folder.path()), IoError);
  CHECK_THROWS_WITH(read_log(folder / "none"), Catch::Matchers::Contains("none"));
}

TEST_CASE("Thinning keeps the last record of each kind and every warning") {
  std::vector<nlohmann::json> records;
  for (int i = 0; i < 1000; ++i) records.push_back({{"stage", "a"}, {"step", i}, {"loss", 1}});
  for (int i = 0; i < 5; ++i) records.push_back({{"stage", "a"}, {"step", 200 * i}, {"validation_iou", 0.5}});
  records.push_back({{"stage", "a"}, {"warning", "w"}});
  const auto kept = thin(records, 100);
  CHECK(kept.size() == 101 + 5 + 1);
  CHECK(kept[100]["step"] == 999);
  CHECK(thin(records, 100000).size() == records.size());
  CHECK(thin({{{"stage", 3}}, {{"step", 1}}}).size() == 2);  // strange records are no error
}

TEST_CASE("A record that is nested too deep to be one of ours is left out, and names of any encoding are written") {
  const TemporaryFolder folder;
  {
    Log log(folder / "log.jsonl");
    log.write({{"stage",
                "Stra\xDF"
                "e"}});
    std::ofstream(folder / "log.jsonl", std::ios::app)
        << std::string(80'000, '[') << "\n{\"a\":" << std::string(80'000, '[') << "\n";
    log.write({{"stage", "b"}});
  }
  const auto records = read_log(folder / "log.jsonl");
  REQUIRE(records.size() == 2);
  CHECK(records[0]["stage"] == "Stra\\xDFe");
}
