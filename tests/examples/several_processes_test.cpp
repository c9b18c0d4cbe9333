#ifdef PASER_MPIEXEC

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "examples/child_process.hpp"
#include "examples/tiny_run.hpp"
#include "paser/core/isa.hpp"
#include "support/temporary_folder.hpp"

namespace several_processes {

namespace fs = std::filesystem;
using Catch::Contains;

/// mpirun as root and with more processes than cores, as containers need it; other MPIs do not read these.
void allow_here() {
  for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
                           "OMPI_MCA_rmaps_base_oversubscribe", "PRTE_MCA_rmaps_default_mapping_policy"})
    ::setenv(name, std::string(name).find("policy") == std::string::npos ? "1" : ":oversubscribe", 0);
  ::setenv("LSAN_OPTIONS", "detect_leaks=0", 0);  // MPI's own; ASAN_OPTIONS may be set already
}

/// A training that takes a second, by so many processes; 0: without mpirun.
std::vector<std::string> training(int processes, const fs::path& data, const fs::path& run,
                                  std::vector<std::string> more = {}) {
  allow_here();
  std::vector<std::string> settings{"split=all",          "pretrain_epochs=[4,4,4]", "policy_epochs=2",
                                    "noise=0.05",         "fine_tune_epochs=2",      "fine_tune_small=true",
                                    "noise_epochs=[1,1]", "policy_group=2"};
  settings.insert(settings.end(), more.begin(), more.end());
  auto words = tiny_run::command(PASER_TRAIN_SEGMENTATION, data, run, settings);
  if (processes > 0) words.insert(words.begin(), {PASER_MPIEXEC, "-n", std::to_string(processes)});
  words.insert(words.end(), {"--wait-limit", "4"});
  return words;
}

/// What a run wrote that does not depend on times: every checkpoint, the log, and what each method reached.
std::map<std::string, std::string> results_of(const fs::path& run) {
  std::map<std::string, std::string> files{{"log.jsonl", content_of(run / "log.jsonl")}};
  for (const std::string& name : names_in(run / "checkpoints")) files[name] = content_of(run / "checkpoints" / name);
  const auto results = nlohmann::json::parse(content_of(run / "results.json"));
  files["results.json"] = results.at("class_tables").dump() + results.at("assignment").dump();
  return files;
}

void require_same(const std::map<std::string, std::string>& found, const std::map<std::string, std::string>& expected) {
  REQUIRE(expected.size() >= 12);
  REQUIRE(found.size() == expected.size());
  for (const auto& [name, content] : expected) {
    INFO(name);
    CHECK(!content.empty());
    CHECK(found.at(name) == content);
  }
}

/// The processes that mpirun has started, in the order of their ranks.
std::vector<pid_t> ranks_of(const ChildProcess& mpirun) {
  const std::string pid = std::to_string(mpirun.pid());
  std::istringstream children(content_of("/proc/" + pid + "/task/" + pid + "/children"));
  std::vector<pid_t> ranks;
  for (pid_t rank = 0; children >> rank;) ranks.push_back(rank);
  return ranks;
}

void wait_for_log(const fs::path& run, ChildProcess& program) {
  for (int i = 0; i < 60'000 && content_of(run / "log.jsonl").empty() && !program.ended(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  REQUIRE(!program.ended());
}

TEST_CASE("one, two and three processes write the same bytes, and another number goes on after SIGUSR1") {
  const TemporaryFolder folder;
  const fs::path data = folder.path() / "data";
  tiny_run::write_data(data);
  const fs::path alone = folder.path() / "alone";
  REQUIRE(run_program(folder.path(), training(0, data, alone, {"part_images=1"})).status == 0);
  const auto expected = results_of(alone);
  for (const int processes : {1, 2, 3}) {
    INFO(processes << " processes");
    const fs::path run = folder.path() / std::to_string(processes);
    // Two and three have parts of one image by themselves.
    const std::vector<std::string> parts(processes == 1 ? 1 : 0, "part_images=1");
    const Outcome outcome = run_program(folder.path(), training(processes, data, run, parts));
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    require_same(results_of(run), expected);
    CHECK(names_in(run) == names_in(alone));
    CHECK_THAT(outcome.err, Contains("gradients are added over parts of 1 image or patch of a batch") &&
                                Contains("batch norms take the statistics of 2 images"));
    if (processes == 3) CHECK_THAT(outcome.err, Contains("a batch of f1 has 2 parts, so that 1 of 3 processes wait"));
  }

  const fs::path run = folder.path() / "stopped";
  {
    ChildProcess three(training(3, data, run), folder.path() / "out", folder.path() / "err");
    wait_for_log(run, three);
    const auto ranks = ranks_of(three);
    REQUIRE(ranks.size() == 3);
    ::kill(ranks[2], SIGUSR1);
    REQUIRE(three.wait() == 130);
    CHECK_THAT(content_of(folder.path() / "err"), Contains("the run is saved, and the same command goes on"));
    CHECK(!fs::exists(run / "results.json"));
    CHECK(!names_in(run / "checkpoints").empty());
  }
  REQUIRE(run_program(folder.path(), training(0, data, run)).status == 0);
  require_same(results_of(run), expected);
}

TEST_CASE("a dry run of two processes is told once, and writes nothing") {
  const TemporaryFolder folder;
  const fs::path data = folder.path() / "data", run = folder.path() / "run";
  tiny_run::write_data(data);
  auto words = training(2, data, run);
  words.emplace_back("--dry-run");
  const auto ended = run_program(folder.path(), words);
  INFO(ended.err);
  CHECK(ended.status == 0);
  const auto told = ended.out.find("a dry run: nothing was written\n");
  CHECK(told != std::string::npos);
  CHECK(ended.out.find("a dry run", told + 1) == std::string::npos);
  CHECK_FALSE(fs::exists(run));
}

/// The content of all files in a folder and below.
std::map<std::string, std::string> files_below(const fs::path& folder) {
  std::map<std::string, std::string> files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[entry.path().lexically_relative(folder).string()] = content_of(entry.path());
  return files;
}

TEST_CASE(
    "processes that are not to train the same are refused before --fresh removes the run or anything is written") {
  const TemporaryFolder folder;
  const fs::path run = folder.path() / "run", anew = folder.path() / "anew";
  tiny_run::write_data(folder.path() / "here" / "data");
  tiny_run::write_data(folder.path() / "there" / "data", [](int c) { return 2 - c; });
  const auto at = [&](const char* place, const fs::path& data, const fs::path& out,
                      const std::vector<std::string>& settings) {
    auto words = training(1, data, out, settings);
    words.insert(words.begin() + 3, {"/usr/bin/env", "--chdir=" + (folder.path() / place).string()});
    words.emplace_back("--fresh");
    return words;
  };
  REQUIRE(run_program(folder.path(), at("here", "data", run, {})).status == 0);
  const auto before = files_below(run);
  REQUIRE(before.size() >= 15);
  const auto refused = [&](const fs::path& out, const std::vector<std::string>& other, const std::string& sentence) {
    INFO(sentence);
    auto words = at("here", "data", out, {});
    words.emplace_back(":");
    words.insert(words.end(), other.begin() + 1, other.end());
    const Outcome outcome = run_program(folder.path(), words);
    CHECK(outcome.status == 2);
    CHECK_THAT(outcome.err, Contains(sentence));
  };
  for (const fs::path& out : {run, anew}) {
    refused(out, at("here", "nowhere", out, {}), "nowhere");
    refused(out, at("there", "data", out, {}), "the data differs");
    refused(out, at("here", "data", out, {"policy_epochs=3"}), "the settings differs");
  }
  for (const fs::path& out : {run, anew}) {
    auto two = training(2, folder.path() / "here" / "data", out,
                        {R"(rivals=[{"type":"unet","spec":{"width":2,"depth":1}}])", "rival_epochs=[1]",
                         "rival_batch=[1]", "rival_rate=[1e-3]"});
    two.emplace_back("--fresh");
    const Outcome rivals = run_program(folder.path(), two);
    CHECK(rivals.status == 2);
    CHECK_THAT(rivals.err, Contains("rivals: are trained by one process"));
  }
  CHECK(files_below(run) == before);
  CHECK(files_below(anew).empty());
}

TEST_CASE("a process that is killed ends all, one that hangs is named, and what cannot be is refused once") {
  const TemporaryFolder folder;
  const fs::path data = folder.path() / "data", run = folder.path() / "run", err = folder.path() / "err";
  tiny_run::write_data(data);
  const std::string long_training = "pretrain_epochs=[100000,1,1]";
  for (const int signal_number : {SIGKILL, SIGSTOP}) {
    INFO("signal " << signal_number);
    ChildProcess two(training(2, data, run, {long_training}), folder.path() / "out", err);
    wait_for_log(run, two);
    const auto ranks = ranks_of(two);
    REQUIRE(ranks.size() == 2);
    const auto start = std::chrono::steady_clock::now();
    ::kill(ranks[1], signal_number);
    const int status = two.wait();
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(30));
    CHECK(status != 0);
    if (signal_number == SIGSTOP) {
      CHECK(status == 4);
      CHECK_THAT(content_of(err), Contains("rank 0 (node ") && Contains(" has waited ") &&
                                      Contains(" s at pretrain f3, step ") && Contains(", for rank 1 (node ") &&
                                      Contains("pid " + std::to_string(ranks[1]) + "); after 4 s the run ends"));
    }
    fs::remove_all(run);
  }

  REQUIRE(run_program(folder.path(), training(0, data, run, {"micro_batch=64"})).status == 0);
  CHECK_THAT(run_program(folder.path(), training(3, data, run, {"micro_batch=64"})).err,
             Contains("3 processes share the 1 parts of a batch"));  // it keeps its own
  fs::remove_all(run);
  const Outcome many = run_program(folder.path(), training(3, data, run, {"part_images=0", "micro_batch=64"}));
  CHECK(many.status == 2);
  const std::string sentence = "3 processes share the 1 parts of a batch";
  CHECK_THAT(many.err, Contains(sentence));
  CHECK(many.err.find(sentence) == many.err.rfind(sentence));

#ifdef PASER_COMPILED
  if (paser::isa() == "x86-64" || paser::isa() == "neon" || paser::isa() == "scalar") return;  // no other runs here
  auto words = training(1, data, run);
  words.insert(words.begin() + 3, {"/usr/bin/env", "PASER_ISA=x86-64"});
  const auto second = training(1, data, run);
  words.push_back(":");
  words.insert(words.end(), second.begin() + 1, second.end());
  const Outcome mixed = run_program(folder.path(), words);
  CHECK(mixed.status == 2);
  CHECK_THAT(mixed.err, Contains("the arithmetic differs") && Contains(" has x86-64 in a program of paser ") &&
                            Contains(" has " + std::string(paser::isa()) + " in a program of paser "));
#endif
}

TEST_CASE("a process that hangs before the team is there ends all, as one that hangs later") {
  const TemporaryFolder folder;
  tiny_run::write_data(folder.path() / "data");
  auto words = training(1, folder.path() / "data", folder.path() / "run");
  words.insert(words.end(), {":", "-n", "1", PASER_HANGING_RANK});
  const Outcome outcome = run_program(folder.path(), words);
  CHECK(outcome.status == 4);
  CHECK_THAT(outcome.err, Contains("rank 0 (node ") && Contains(" s at their names, for rank 1; the run ends"));
  CHECK_FALSE(fs::exists(folder.path() / "run"));
}

}  // namespace several_processes

#endif
