#include <catch2/catch.hpp>

#include "examples/child_process.hpp"
#include "paser/report/results_file.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;

namespace {

/// A run of two methods and one claim.
void write_run(const std::filesystem::path& folder, std::uint64_t seed, double iou, int epochs = 3,
               const std::vector<std::string>& classes = {"pore", "metal"}) {
  report::Results r;
  r.preset = "standard";
  r.seed = seed;
  r.models = {"f1", "f2"};
  r.classes = classes;
  r.rows = {{.model = "f1", .kind = "single", .iou = 0.5, .gmac = 0.25, .ms_per_image = 4, .share = {1, 0}},
            {.model = "PaSeR", .kind = "paser", .iou = iou, .gmac = 2, .share = {0.25, 0.75}}};
  r.claims = {{.text = "PaSeR is better", .paper = 0.1, .measured = iou - 0.5, .reproduced = iou > 0.5}};
  r.settings = {{"seed", seed}, {"epochs", epochs}};
  std::filesystem::create_directories(folder);
  report::write_results(folder / "results.json", r);
}

}  // namespace

TEST_CASE("several runs: mean and spread of every method, and how often a claim holds") {
  const TemporaryFolder folder;
  write_run(folder / "a", 1, 0.6);
  write_run(folder / "b", 2, 0.4);
  write_run(folder / "c", 3, 0.8);
  const auto runs = {(folder / "a").string(), (folder / "b" / "results.json").string(), (folder / "c").string()};
  std::vector<std::string> words{PASER_COMPARE_RUNS};
  words.insert(words.end(), runs);
  const auto table = run_program(folder.path(), words);
  CHECK(table.status == 0);
  CHECK(table.err.empty());
  CHECK_THAT(table.out, Contains("3 runs, seeds 1 2 3") && Contains("0.6000 +- 0.2000") && Contains("in 2 of 3") &&
                            Contains("25.0 / 75.0"));
  words.push_back("--json");
  const auto j = nlohmann::json::parse(run_program(folder.path(), words).out);
  CHECK(j["seeds"] == nlohmann::json{1, 2, 3});
  REQUIRE(j["methods"].size() == 2);
  CHECK(j["methods"][0]["iou"]["standard_deviation"] == 0);
  CHECK(j["methods"][0]["ms_per_image"]["mean"] == 4);
  CHECK(j["methods"][1]["method"] == "PaSeR");
  CHECK(j["methods"][1]["iou"]["mean"].get<double>() == Approx(0.6));
  CHECK(j["methods"][1]["iou_per_gmac"]["mean"].get<double>() == Approx(0.3));
  CHECK_FALSE(j["methods"][1].contains("ms_per_image"));  // measured in none
  CHECK(j["claims"][0]["reproduced"] == 2);
  CHECK(j["claims"][0]["measured"]["values"].size() == 3);
}

TEST_CASE("a setting that one run alone has is told in whatever order the runs are named") {
  const TemporaryFolder folder;
  write_run(folder / "old", 1, 0.6);
  write_run(folder / "new", 2, 0.7);
  auto j = nlohmann::json::parse(content_of(folder / "new" / "results.json"));
  j["settings"]["noise"] = 0.1;
  std::ofstream(folder / "new" / "results.json") << j;
  for (const auto& [first, second] : {std::pair{"old", "new"}, {"new", "old"}}) {
    const auto ended = run_program(
        folder.path(), {PASER_COMPARE_RUNS, (folder / first).string(), (folder / second).string(), "--json"});
    CHECK(ended.status == 0);
    CHECK_THAT(ended.err, Contains("differ in the setting noise"));
    CHECK(nlohmann::json::parse(ended.out)["differing_settings"] == nlohmann::json{"noise"});
  }
}

TEST_CASE("runs that are no repetitions of each other are told, and what is no run is refused") {
  const TemporaryFolder folder;
  write_run(folder / "a", 1, 0.6);
  write_run(folder / "b", 1, 0.7, 4);
  const auto [status, out, err] =
      run_program(folder.path(), {PASER_COMPARE_RUNS, (folder / "a").string(), (folder / "b").string()});
  CHECK(status == 0);
  CHECK_THAT(err, Contains("have the same seed, 1") && Contains("differ in the setting epochs"));
  write_run(folder / "digits", 2, 0.7, 3, {"background", "digit"});
  const auto others =
      run_program(folder.path(), {PASER_COMPARE_RUNS, (folder / "a").string(), (folder / "digits").string()});
  CHECK(others.status == 2);
  CHECK_THAT(others.err, Contains("is of other images") && Contains("expected runs with the same classes"));
  CHECK(run_program(folder.path(), {PASER_COMPARE_RUNS}).status == 2);
  const auto nothing = run_program(folder.path(), {PASER_COMPARE_RUNS, (folder / "nothing").string()});
  CHECK(nothing.status == 2);
  CHECK_THAT(nothing.err, Contains("nothing"));
  std::ofstream(folder / "router.json") << R"({"routers": {"PaSeR": {}}, "singles": [], "seed": 1})";
  const auto router = run_program(folder.path(), {PASER_COMPARE_RUNS, (folder / "router.json").string()});
  CHECK(router.status == 2);
  CHECK_THAT(router.err, Contains("router.json: is of train_router") && Contains("expected runs of paser train"));
  std::ofstream(folder / "torn.json") << "{";
  CHECK_THAT(run_program(folder.path(), {PASER_COMPARE_RUNS, (folder / "torn.json").string()}).err,
             Contains("torn.json: is not JSON"));
}

TEST_CASE("amounts beyond any that a run can have are refused by the runs' comparison: their mean would be none") {
  const TemporaryFolder folder;
  for (const char* field : {"gmac", "ms_per_image"})
    for (const double amount : {1.7e308, 1e31}) {
      for (const char* name : {"a", "b"}) {
        write_run(folder / name, name[0] == 'a' ? 1 : 2, 0.6);
        auto j = nlohmann::json::parse(io::read_file(folder / name / "results.json"));
        j["rows"][1][field] = amount;
        io::write_file(folder / name / "results.json", j.dump());
      }
      INFO(field << " " << amount);
      const auto refused =
          run_program(folder.path(), {PASER_COMPARE_RUNS, (folder / "a").string(), (folder / "b").string()});
      CHECK(refused.status == 2);
      CHECK_THAT(refused.err,
                 Contains("results.json") && Contains(field) && Contains("expected a number of 0 .. 1e+30"));
    }
  for (const char* name : {"a", "b"}) {
    write_run(folder / name, name[0] == 'a' ? 1 : 2, 0.6);
    auto j = nlohmann::json::parse(io::read_file(folder / name / "results.json"));
    j["rows"][1]["gmac"] = 5e-309;
    io::write_file(folder / name / "results.json", j.dump());
  }
  const auto told =
      run_program(folder.path(), {PASER_COMPARE_RUNS, (folder / "a").string(), (folder / "b").string(), "--json"});
  REQUIRE(told.status == 0);
  CHECK(nlohmann::json::parse(told.out)["methods"][1]["iou_per_gmac"]["values"].empty());
}

namespace {

/// The results of a run, changed by change(document).
template <class Change>
void change_results(const std::filesystem::path& run, const Change& change) {
  auto j = nlohmann::json::parse(io::read_file(run / "results.json"));
  change(j);
  io::write_file(run / "results.json", j.dump());
}

}  // namespace

TEST_CASE("a method or a claim that stands twice in one file is refused: it would count as two runs") {
  const TemporaryFolder folder;
  for (const auto& [list, sentence] : {std::pair{"rows", "results.json: has the method 'f1' twice, expected it once"},
                                       {"claims", "results.json: has the claim 'PaSeR is better' twice"}}) {
    write_run(folder / "a", 1, 0.6);
    change_results(folder / "a", [&](nlohmann::json& j) { j[list].push_back(nlohmann::json(j[list][0])); });
    const auto refused = run_program(folder.path(), {PASER_COMPARE_RUNS, (folder / "a").string()});
    CHECK(refused.status == 2);
    CHECK(refused.out.empty());
    CHECK_THAT(refused.err, Contains(sentence));
  }
}

TEST_CASE("runs of other models or of another IoU are told, and shares of other lengths have no mean") {
  const TemporaryFolder folder;
  write_run(folder / "a", 1, 0.6);
  write_run(folder / "b", 2, 0.8);
  const std::vector<std::string> words{PASER_COMPARE_RUNS, (folder / "a").string(), (folder / "b").string(), "--json"};
  CHECK(run_program(folder.path(), words).err.empty());
  change_results(folder / "b", [](nlohmann::json& j) {
    j["models"] = {"f1", "f2", "f3"};
    j["rows"][1]["share"] = {0, 0.5, 0.5};
    j["iou_convention"] = "a class that is absent counts as 0";
  });
  const auto told = run_program(folder.path(), words);
  CHECK(told.status == 0);
  CHECK_THAT(told.err, Contains("warning: the runs differ in their models") &&
                           Contains("warning: the runs differ in how their IoU counts"));
  const auto shares = nlohmann::json::parse(told.out).at("methods").at(1).at("share");
  REQUIRE(shares.size() == 2);
  CHECK(shares[0].at("values") == nlohmann::json{0.25});
  CHECK(shares[1].at("values") == nlohmann::json{0.75});
}
