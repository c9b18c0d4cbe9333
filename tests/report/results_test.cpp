#include "paser/report/results.hpp"

#include <catch2/catch.hpp>

#include "paser/report/results_file.hpp"
#include "report/sample_results.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using namespace paser::report;
using Catch::Matchers::Contains;

TEST_CASE("results.json has the promised fields") {
  const nlohmann::json j = sample_results();
  REQUIRE(j.at("rows").size() == 2);
  const auto& row = j["rows"][0];
  CHECK(row.at("model") == "f1");
  CHECK(row.at("iou") == 0.7012);
  CHECK(row.at("gmac") == 0.0223);
  CHECK(row.at("iou_per_gmac").get<double>() == Approx(0.7012 / 0.0223));
  CHECK(row.at("ms_per_image") == 0.41);
  CHECK(row.at("share") == nlohmann::json({1.0, 0.0}));
  CHECK(j.at("parameters").at("f2") == 1080595);
  CHECK(j.at("assignment").at("PaSeR (λ = 0)")[0] == nlohmann::json({9.0, 1.0}));
  CHECK(nlohmann::json::parse(j.dump())["rows"][1]["ms_per_image"].is_null());  // not measured: NaN
}

TEST_CASE("results survive a file") {
  TemporaryFolder folder;
  write_results(folder / "results.json", sample_results());
  const Results read = read_results(folder / "results.json");
  CHECK(nlohmann::json(read).dump() == nlohmann::json(sample_results()).dump());
  CHECK(read.rows[1].tvd == 0.0);
  CHECK_FALSE(read.rows[0].tvd.has_value());
  CHECK_FALSE(read.stages[1].memory.of_stage);
}

TEST_CASE("A file that is not one of results is refused with its name and the field") {
  TemporaryFolder folder;
  io::write_file(folder / "a.json", "{\"preset\":\"demo\"}");
  CHECK_THROWS_WITH(read_results(folder / "a.json"), Contains("a.json") && Contains("seed"));
  CHECK_THROWS_AS(read_results(folder / "a.json"), FormatError);
  CHECK_THROWS_AS(read_results(folder / "none.json"), IoError);
}
