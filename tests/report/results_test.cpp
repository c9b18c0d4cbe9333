#include "paser/report/results.hpp"

#include <catch2/catch.hpp>
#include <limits>

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

TEST_CASE("the spread of times, and the steps of stages, survive a file; a file without them opens") {
  TemporaryFolder folder;
  Results results = sample_results();
  results.time_convention = "median of 7 runs";
  results.rows[0].ms_spread = TimeSpread{.low = 0.4, .high = 0.45, .runs = 7, .waited = 0.5};
  results.stages[0].steps = 40;
  results.stages[0].planned = 150;
  results.stages[0].waited = 0.25;
  write_results(folder / "results.json", results);
  const auto stored = nlohmann::json::parse(io::read_file(folder / "results.json"));
  CHECK(stored.at("rows")[0].at("ms_spread").at("busy") == true);
  CHECK_FALSE(stored["rows"][1].contains("ms_spread"));
  CHECK(stored.at("stages")[0].at("steps") == 40);
  const Results read = read_results(folder / "results.json");
  CHECK(nlohmann::json(read).dump() == nlohmann::json(results).dump());
  CHECK(read.rows[0].ms_spread->runs == 7);
  CHECK(read.stages[0].busy());

  auto older = nlohmann::json(sample_results());
  for (auto& stage : older["stages"])
    for (const char* name : {"steps", "planned_steps", "waited", "busy"}) stage.erase(name);
  io::write_file(folder / "older.json", older.dump());
  const Results opened = read_results(folder / "older.json");
  CHECK_FALSE(opened.rows[0].ms_spread.has_value());
  CHECK(opened.stages[0].steps == 0);
  CHECK_FALSE(opened.stages[0].busy());
}

TEST_CASE("A run without the parts of a segmentation has none of their fields") {
  const nlohmann::json j = sample_results();
  for (const char* part :
       {"classes", "class_tables", "images", "lambda_curve", "box_plots", "tables", "charts", "advice", "findings"})
    CHECK_FALSE(j.contains(part));
}

TEST_CASE("The parts of a segmentation survive a file, what is unknown as null") {
  TemporaryFolder folder;
  write_results(folder / "results.json", segmentation_results());
  const auto stored = nlohmann::json::parse(io::read_file(folder / "results.json"));
  CHECK(stored.at("class_tables").at("f1").at("confusion") == nlohmann::json({{12, 0}, {0, 0}}));
  CHECK(stored["class_tables"]["f1"].at("iou")[1].is_null());
  CHECK(stored.at("images")[0].at("methods").at("PaSeR (λ = 0)").at("ms").is_null());
  CHECK(stored.at("box_plots")[0].at("groups")[0].at("outliers") == nlohmann::json({2.0}));
  const Results read = read_results(folder / "results.json");
  CHECK(nlohmann::json(read).dump() == nlohmann::json(segmentation_results()).dump());
  CHECK(read.class_tables.at("PaSeR (λ = 0)").scores.recall[0] == 0.75);
  CHECK(std::isnan(read.class_tables.at("f1").scores.recall[1]));
  CHECK(std::isnan(read.lambda_curve[1].cost));
  CHECK(read.box_plots[0].groups[0].box == segmentation_results().box_plots[0].groups[0].box);
  CHECK(read.box_plots[0].test->p == 0.23);
  CHECK(read.tables[0].rows[1][1] == "1.0");
  REQUIRE(read.charts.size() == 1);
  CHECK(read.charts[0].x_label == "ms");
  CHECK(read.charts[0].points[0].y == 0.5);
  CHECK(is_nan(read.charts[0].points[1].y));
  CHECK(read.charts[0].lines[0].y == std::vector{0.5, 0.7, 0.75});
  CHECK_FALSE(read.charts[0].lines[0].reference);
  CHECK(read.charts[0].lines[1].reference);
  CHECK(read.advice == "use f1");
  CHECK(read.findings == std::vector<std::string>{"routing pays"});
}

TEST_CASE("A cascade threshold may be below 0: the search for it begins below the mean entropy") {
  const TemporaryFolder folder;
  Results results = sample_results();
  results.cascade_thresholds["f1"] = -0.01;
  write_results(folder / "results.json", results);
  CHECK(read_results(folder / "results.json").cascade_thresholds.at("f1") == -0.01);
}

TEST_CASE("Results that could not be read again are refused before they are written, with the field") {
  const TemporaryFolder folder;
  const auto refused = [&](const auto& change, const std::string& why) {
    Results results = segmentation_results();
    change(results);
    CHECK_THROWS_WITH(write_results(folder / "results.json", results), Contains("results: " + why));
    CHECK_THROWS_AS(write_results(folder / "results.json", results), ValueError);
    CHECK_FALSE(std::filesystem::exists(folder / "results.json"));
  };
  for (const double odd : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    refused([&](Results& r) { r.cascade_thresholds["f1"] = odd; }, "'cascade_thresholds': 'f1': null, expected a num");
    refused([&](Results& r) { r.rows[0].share[1] = odd; }, "'rows': 'share': null, expected a number of 0 .. 1");
    refused([&](Results& r) { r.box_plots[0].groups[0].box.mean = odd; }, "'box_plots': 'groups': 'mean': null");
    // What may be unknown stays so.
    Results results = segmentation_results();
    results.rows[0].iou = results.rows[0].gmac = odd;
    results.rows[0].iou_std = odd;
    write_results(folder / "unknown.json", results);
    CHECK(is_nan(read_results(folder / "unknown.json").rows[0].iou));
  }
  refused([](Results& r) { r.rows[0].share[0] = 1.5; }, "'rows': 'share': 1.5, expected a number of 0 .. 1");
}

TEST_CASE("A file that is not one of results is refused with its name and the field") {
  TemporaryFolder folder;
  io::write_file(folder / "a.json", "{\"preset\":\"demo\"}");
  CHECK_THROWS_WITH(read_results(folder / "a.json"), Contains("a.json") && Contains("seed"));
  CHECK_THROWS_AS(read_results(folder / "a.json"), FormatError);
  CHECK_THROWS_AS(read_results(folder / "none.json"), IoError);
}

TEST_CASE("A results file that is damaged is refused with its name") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& text, const std::string& why) {
    io::write_file(folder / "results.json", text);
    CHECK_THROWS_WITH(read_results(folder / "results.json"),
                      Catch::Matchers::Contains("results.json") && Catch::Matchers::Contains(why));
    CHECK_THROWS_AS(read_results(folder / "results.json"), FormatError);
  };
  refused("", "is not JSON");
  refused("{\"title\": \"x\"", "is not JSON");
  refused("{}", "is not a results file");
  refused("[]", "is not a results file");
  refused(std::string(80'000, '['), "nested deeper");
  refused(std::string("{}\0", 3), "NUL");
  Results results = sample_results();
  results.data =
      "Stra\xDF"
      "e";
  write_results(folder / "results.json", results);
  CHECK(read_results(folder / "results.json").data == "Stra\\xDFe");
  const TemporaryFolder whole;
  write_results(whole / "results.json", sample_results());
  const auto damaged = [&](const char* pointer, const nlohmann::json& value) {
    auto document = io::read_json(whole / "results.json");
    document[nlohmann::json::json_pointer(pointer)] = value;
    return document.dump();
  };
  refused(damaged("/rows/0/share", "all"), "'rows': 'share': ");
  refused(damaged("/rows/0/iou_std", "small"), "'rows': 'iou_std': ");
  refused(damaged("/rows/0/gmac", {1}), "'rows': 'gmac': ");
  refused(damaged("/charts", 3), "'charts': ");
  refused(damaged("/title", 3), "'title': ");
  refused(damaged("/rows/0/note", {1}), "'rows': 'note': ");
  refused(damaged("/settings", 5), "'settings': expected an object, got number");
  refused(damaged("/environment", nlohmann::json::array()), "'environment': expected an object, got array");
}

TEST_CASE("A results file with a number that no run can have found is refused with its name and the field") {
  const TemporaryFolder folder;
  write_results(folder / "whole.json", segmentation_results());
  const auto whole = io::read_json(folder / "whole.json");
  const auto refused = [&](const char* pointer, const nlohmann::json& value, const std::string& why) {
    auto document = whole;
    document[nlohmann::json::json_pointer(pointer)] = value;
    io::write_file(folder / "results.json", document.dump());
    CAPTURE(pointer, value);
    CHECK_THROWS_WITH(read_results(folder / "results.json"), Contains("results.json") && Contains(why));
    CHECK_THROWS_AS(read_results(folder / "results.json"), FormatError);
  };
  for (const nlohmann::json& value : {nlohmann::json(-5), nlohmann::json(1e308), nlohmann::json(1.001),
                                      nlohmann::json("0.5"), nlohmann::json(true)}) {
    refused("/rows/0/iou", value, "'rows': 'iou': " + value.dump() + ", expected a number of 0 .. 1, or null");
    refused("/rows/1/tvd", value, "'rows': 'tvd': " + value.dump());
    refused("/rows/0/share/0", value, "'rows': 'share': " + value.dump());
    refused("/class_tables/f1/iou/0", value, "'class_tables': 'iou': " + value.dump());
    refused("/lambda_curve/0/iou", value, "'lambda_curve': 'iou': " + value.dump());
  }
  refused("/rows/0/gmac", -1, "'rows': 'gmac': -1, expected a number of 0 .. 1e+30");
  refused("/rows/0/ms_per_image", -1e-3, "'rows': 'ms_per_image': -0.001");
  refused("/rows/0/share", 0.5, "'rows': 'share': 0.5, expected a list");
  refused("/rows/0/share/0", nullptr, "'rows': 'share': null");
  refused("/seed", -1, "'seed': -1, expected a whole number");
  refused("/seed", 1.5, "'seed': 1.5");
  refused("/stages/0/seconds", -2, "'stages': 'seconds': -2");
  refused("/stages/0/memory/process_bytes", -1, "'stages': 'memory': 'process_bytes': -1");
  refused("/stages/0/steps", -1, "'stages': 'steps': -1");
  for (const nlohmann::json& value : {nlohmann::json(-1), nlohmann::json(2.5), nlohmann::json(true),
                                      nlohmann::json(nullptr), nlohmann::json(std::uint64_t{1} << 63)}) {
    refused("/class_tables/f1/confusion/0/0", value, "'class_tables': 'confusion': " + value.dump() + ", expected a");
    refused("/parameters/f1", value, "'parameters': 'f1': " + value.dump() + ", expected a whole number, 0 or more");
  }
  refused("/class_tables/f1/confusion/0", 3, "'confusion': 3, expected a list");
  refused("/parameters", {1}, "'parameters': array, expected an object");
  for (const nlohmann::json& value : {nlohmann::json(true), nlohmann::json(nullptr), nlohmann::json("1")}) {
    for (const char* name : {"low", "q1", "median", "q3", "high", "mean"})
      refused(message("/box_plots/0/groups/0/", name).c_str(), value,
              message("'box_plots': 'groups': '", name, "': ", value.dump(), ", expected a number"));
    refused("/box_plots/0/groups/0/outliers/0", value, "'groups': 'outliers': " + value.dump());
    refused("/cascade_thresholds/f1", value, "'cascade_thresholds': 'f1': " + value.dump() + ", expected a number");
  }
  for (const nlohmann::json& value : {nlohmann::json(-1), nlohmann::json(true), nlohmann::json(nullptr)}) {
    refused("/assignment/PaSeR (λ = 0)/0/0", value,
            "'assignment': 'PaSeR (λ = 0)': " + value.dump() + ", expected a number of 0 .. 1e+30");
    refused("/lambda_curve/0/lambda", value, "'lambda_curve': 'lambda': " + value.dump());
  }
  refused("/box_plots/0/test/p", 1.5, "'test': 'p': 1.5");
  refused("/box_plots/0/test/df", -1, "'test': 'df': -1");
  refused("/charts/0/points/0/name", 3, "'charts': 'points': 'name': ");
  refused("/charts/0/lines/0/name", 3, "'charts': 'lines': 'name': ");
  refused("/charts/0/lines/0/reference", 1, "'charts': 'lines': 'reference': ");
}
