#include "paser/experiment/stages.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "support/temporary_folder.hpp"

namespace stages_test {

using Catch::Matchers::Contains;
using Catch::Matchers::Equals;
using namespace paser::experiment;

const nlohmann::json settings{{"seed", 1}};

/// Three stages that note their names.
Stages noting(std::vector<std::string>& done) {
  Stages stages;
  for (const char* name : {"f2", "f1", "policy"})
    stages.push_back({name, "what it is", [&done, name] { done.push_back(name); }});
  return stages;
}

TEST_CASE("stages run in their order, up to and including the one that is named") {
  using Names = std::vector<std::string>;
  for (const auto& [last, expected] : {std::pair<std::string, Names>{"all", {"f2", "f1", "policy"}},
                                       {"policy", {"f2", "f1", "policy"}},
                                       {"f1", {"f2", "f1"}},
                                       {"f2", {"f2"}}}) {
    CAPTURE(last);
    Names done;
    run(up_to(last, noting(done)));
    CHECK(done == expected);
  }
  Names done;
  CHECK_THROWS_WITH(run(up_to("polcy", noting(done))),
                    Contains("unknown stage 'polcy'") && Contains("policy") && Contains("f2, f1, policy"));
  CHECK(done.empty());
}

TEST_CASE("a plan has the time of each stage, their sum, and where everything is written") {
  std::vector<std::string> done;
  Stages stages = noting(done);
  const TemporaryFolder folder;
  const auto run = folder / "run";
  const auto told = [&] {
    std::ostringstream out;
    print_plan(out, "Mine", stages, RunFolder(run, settings, {}, {.program = "train"}));
    return out.str();
  };
  CHECK_THAT(told(),
             Equals("Mine, 3 stages:\n  f2      what it is\n  f1      what it is\n  policy  what it is\n"
                    "Everything is written to " +
                    run.string() + ". Ctrl-C stops and keeps what is done; the same command goes on with it.\n"));
  stages[0].seconds = [] { return 200; };
  stages[2].seconds = [] { return 40; };
  CHECK_THAT(told(), Contains("Mine, 3 stages, about 4 min and what has no time below:\n"
                              "  f2      about 3 min  what it is\n"
                              "  f1                   what it is\n"
                              "  policy  about 40 s   what it is\n"
                              "The run in " +
                              run.string() + " goes on"));
  stages[1].seconds = []() -> std::optional<double> { return std::nullopt; };
  CHECK_THAT(told(), Contains("and what has no time"));
  stages[1].seconds = [] { return 0; };
  CHECK_THAT(told(), Contains("Mine, 3 stages, about 4 min:\n"));
  stages.resize(1);
  CHECK_THAT(told(), Contains("Mine, 1 stage, about 3 min:\n"));
  CHECK(done.empty());
}

TEST_CASE("times are told to within a factor of two") {
  for (const auto& [seconds, text] : {std::pair{9.9, "less than 10 s"},
                                      {41.0, "about 40 s"},
                                      {100.0, "about 2 min"},
                                      {6000.0, "about 2 h"},
                                      {3 * 86400.0, "about 3 days"},
                                      {14 * 86400.0, "about 2 weeks"}})
    CHECK(about(seconds) == text);
}

}  // namespace stages_test
