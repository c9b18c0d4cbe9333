#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "examples/child_process.hpp"
#include "examples/tiny_training.hpp"
#include "paser/io/checkpoint.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

/// Programs that are killed at any moment, and whose disk fails at any call. The environment sizes it:
/// PASER_CRASH_KILLS, kills at random moments (50), and PASER_CRASH_CALLS, how many of a program's calls fail, spread
/// evenly, each in one way (60); 0: every call in every way; PASER_CRASH_FLIPS, bits that are turned (60).
namespace crash_test {

namespace {

long from_environment(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atol(text);
}

/// The content of every file below a folder.
std::map<std::string, std::string> all_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files[entry.path().lexically_relative(folder).string()] = content_of(entry.path());
  return files;
}

std::set<std::string> file_names(const std::map<std::string, std::string>& files) {
  std::set<std::string> names;
  for (const auto& [name, content] : files) names.insert(name);
  return names;
}

/// What a finished run says that is the same in every run: its checkpoints, and IoU and costs of all methods.
std::map<std::string, std::string> result_of(const fs::path& run) {
  auto result = all_of(run / "checkpoints");
  const auto results = nlohmann::json::parse(content_of(run / "results.json"));
  for (const auto& row : results.at("rows"))
    result["row " + row.at("model").get<std::string>()] = row.at("iou").dump() + " " + row.at("gmac").dump();
  return result;
}

/// Whether every file of a run is whole: checkpoints by their checksum, documents by their form.
void check_whole(const fs::path& run) {
  for (const auto& [name, content] : all_of(run)) {
    CAPTURE(name);
    const fs::path file = run / name;
    if (io::AtomicFile::is_temporary(file)) continue;
    if (file.extension() == ".safetensors") CHECK_NOTHROW(io::Checkpoint::load(file));
    if (file.extension() == ".json") CHECK(nlohmann::json::accept(content));
    if (file.extension() == ".html") CHECK(content.find("</html>") != std::string::npos);
  }
}

/// A training and what it gives undisturbed.
struct Trained {
  Trained() {
    tiny::write_data_set(folder / "data");
    const auto ended = train(folder / "whole");
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    expected = result_of(folder / "whole");
    names = file_names(all_of(folder / "whole"));
    REQUIRE(expected.size() > 10);
  }

  std::vector<std::string> words(const fs::path& run) const {
    return tiny::training(PASER_TRAIN_SEGMENTATION, folder / "data", run);
  }
  Outcome train(const fs::path& run) const { return run_program(folder.path(), words(run)); }

  /// Goes on to the end, and compares the result with the undisturbed one's.
  void check_goes_on(const fs::path& run) const {
    check_whole(run);
    const auto ended = train(run);
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    CHECK(result_of(run) == expected);
    CHECK(file_names(all_of(run)) == names);  // no temporary is left
  }

  TemporaryFolder folder;
  std::map<std::string, std::string> expected;
  std::set<std::string> names;
};

/// Sets variables of the environment for the programs that are started while it lives.
class Environment {
 public:
  explicit Environment(std::map<std::string, std::string> variables) : variables_(std::move(variables)) {
    for (const auto& [name, value] : variables_) ::setenv(name.c_str(), value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const auto& [name, value] : variables_) ::unsetenv(name.c_str());
  }

 private:
  std::map<std::string, std::string> variables_;
};

const std::vector<std::string> kinds{"ENOSPC", "EIO", "EINTR", "short", "kill", "killed"};

/// Runs `program(folder)` with call k of those that change files below `folder` failing, and returns how it ended.
template <class Program>
Outcome with_fault(const fs::path& below, long call, const std::string& kind, const fs::path& count,
                   const Program& program) {
  const Environment environment({{"LD_PRELOAD", PASER_FAULTS},
                                 {"ASAN_OPTIONS", "verify_asan_link_order=0"},
                                 {"PASER_FAULT_FOLDER", below.string()},
                                 {"PASER_FAULT_CALL", std::to_string(call)},
                                 {"PASER_FAULT_KIND", kind},
                                 {"PASER_FAULT_COUNT", count.string()}});
  return program();
}

/// Calls check(call, kind) for some of the calls, in one way after the other, or for all in all ways.
template <class Check>
void for_calls(long calls, const Check& check) {
  const long wanted = from_environment("PASER_CRASH_CALLS", 60);
  const long step = wanted > 0 ? std::max(calls / wanted, 1L) : 1;
  std::size_t turn = 0;
  for (long call = 1; call <= calls; call += step)
    if (wanted > 0)
      check(call, kinds[turn++ % kinds.size()]);
    else
      for (const std::string& kind : kinds) check(call, kind);
}

/// How a program must have ended: killed, or with an error and a sentence; what was only interrupted or cut short may
/// have been done all the same. tries_again: so may what failed once on a full disk, where another process may write
/// the same file.
void check_end(const Outcome& ended, const std::string& kind, bool tries_again = false) {
  INFO(ended.err);
  if (kind.starts_with("kill")) {
    CHECK((ended.status == -SIGKILL || ended.status == 0));
  } else if (ended.status != 0) {
    CHECK(ended.status == 1);
    CHECK_THAT(ended.err, Contains("error: "));
  } else {
    CHECK((kind != "ENOSPC" || tries_again));
  }
}

}  // namespace

TEST_CASE("killed at random moments, a training goes on to the result of one that was not", "[kills]") {
  const Trained trained;
  const auto start = std::chrono::steady_clock::now();
  REQUIRE(trained.train(trained.folder / "timed").status == 0);
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  const long kills = from_environment("PASER_CRASH_KILLS", 50);
  long killed = 0;
  for (long i = 0; i < kills; ++i) {
    CAPTURE(i);
    const fs::path run = trained.folder / "broken";
    fs::remove_all(run);
    // One kill, and in every third round two more while it goes on.
    for (int again = 0; again < (i % 3 == 0 ? 3 : 1); ++again) {
      ChildProcess program(trained.words(run), trained.folder / "out", trained.folder / "err");
      const auto draw =
          Key{77}.fold(static_cast<std::uint64_t>(i)).uniform_int(static_cast<std::uint64_t>(again), 1000);
      std::this_thread::sleep_for(whole * draw / 1000);
      program.send(SIGKILL);
      killed += program.wait() == -SIGKILL;
    }
    trained.check_goes_on(run);
  }
  CHECK(killed > kills / 3);  // or the test would say nothing
}

TEST_CASE("whatever call of the disk fails, a training's files are whole, and it goes on", "[faults]") {
  const Trained trained;
  const fs::path run = trained.folder / "run", count = trained.folder / "count";
  const auto faulty = [&](long call, const std::string& kind) {
    fs::remove_all(run);
    return with_fault(run, call, kind, count, [&] { return trained.train(run); });
  };
  REQUIRE(faulty(0, "").status == 0);
  const long calls = std::atol(content_of(count).c_str());
  REQUIRE(calls > 100);
  long failed = 0;
  for_calls(calls, [&](long call, const std::string& kind) {
    CAPTURE(call, kind);
    const auto ended = faulty(call, kind);
    check_end(ended, kind);
    failed += ended.status != 0;
    trained.check_goes_on(run);
  });
  CHECK(failed > 5);
}

TEST_CASE("whatever call of the disk fails, a finished training and its results stay whole when it is run again",
          "[faults]") {
  const Trained trained;
  const fs::path run = trained.folder / "run", count = trained.folder / "count";
  const auto again = [&](long call, const std::string& kind) {
    fs::remove_all(run);
    fs::copy(trained.folder / "whole", run, fs::copy_options::recursive);
    return with_fault(run, call, kind, count, [&] { return trained.train(run); });
  };
  REQUIRE(again(0, "").status == 0);
  for_calls(std::atol(content_of(count).c_str()), [&](long call, const std::string& kind) {
    CAPTURE(call, kind);
    check_end(again(call, kind), kind);
    trained.check_goes_on(run);
  });
}

TEST_CASE("a bit of a run's files that is another is told, or changes nothing of what the training goes on to",
          "[flips]") {
  const Trained trained;
  const fs::path run = trained.folder / "run";
  const auto whole = all_of(trained.folder / "whole");
  std::vector<std::string> names;
  for (const auto& [name, content] : whole)
    if (!content.empty()) names.push_back(name);
  const long flips = from_environment("PASER_CRASH_FLIPS", 60);
  std::map<std::string, std::array<long, 2>> counts;
  for (long i = 0; i < flips; ++i) {
    const Key key = Key{78}.fold(static_cast<std::uint64_t>(i));
    const std::string& name = names[key.uniform_int(0, names.size())];
    std::string bad = whole.at(name);
    const std::uint64_t place = key.uniform_int(1, 8 * bad.size());
    bad[place / 8] = static_cast<char>(static_cast<unsigned char>(bad[place / 8]) ^ (1u << place % 8));
    fs::remove_all(run);
    fs::copy(trained.folder / "whole", run, fs::copy_options::recursive);
    std::ofstream(run / name, std::ios::binary) << bad;
    const auto ended = trained.train(run);
    CAPTURE(name, place / 8, place % 8, ended.status, ended.err);
    ++counts[name][ended.status == 0];
    if (ended.status == 0)
      CHECK(result_of(run) == trained.expected);
    else
      CHECK_THAT(ended.err, Contains("error: ") && (Contains(name) || Contains(run.string())));
  }
  if (std::getenv("PASER_CRASH_FLIPS") != nullptr)
    for (const auto& [name, count] : counts)
      std::cout << name << ": " << count[0] << " refused, " << count[1] << " harmless\n";
}

TEST_CASE("whatever call of the disk fails, an evaluation writes whole files, and its next run needs no permission",
          "[faults]") {
  const Trained trained;
  const fs::path out = trained.folder / "out", count = trained.folder / "count";
  const auto evaluate = [&] {
    return run_program(trained.folder.path(), {PASER_EVALUATE, (trained.folder / "whole").string(), "--out",
                                               out.string(), "--only", "f2", "--threads", "1", "--quiet"});
  };
  const auto pictures = [&] {
    auto files = all_of(out);
    std::erase_if(files, [](const auto& file) { return fs::path(file.first).extension() != ".png"; });
    return files;
  };
  const auto faulty = [&](long call, const std::string& kind) {
    fs::remove_all(out);
    return with_fault(out, call, kind, count, evaluate);
  };
  REQUIRE(faulty(0, "").status == 0);
  const auto expected = pictures();
  REQUIRE(expected.size() == 3);
  const auto names = file_names(all_of(out));
  for_calls(std::atol(content_of(count).c_str()), [&](long call, const std::string& kind) {
    CAPTURE(call, kind);
    check_end(faulty(call, kind), kind);
    for (const auto& [name, content] : pictures()) CHECK(expected.at(name) == content);
    const auto ended = evaluate();
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    CHECK(pictures() == expected);
    CHECK(file_names(all_of(out)) == names);
  });
}

TEST_CASE("whatever call of the disk fails, segment_many goes on, and answers every line once", "[faults]") {
  const TemporaryFolder folder;
  pipeline::save_paser(folder / "model", pipeline::make_paser(tiny::description(1), Key{21}), tiny::description(1));
  std::ofstream list(folder / "list");
  for (int i = 0; i < 6; ++i) {
    const fs::path image = folder / message("im", i, ".png");
    io::write_png(image, tiny::picture(16, 24, 1, static_cast<std::uint64_t>(i)));
    list << image.string() << "\n";
  }
  list.close();
  const fs::path out = folder / "out", count = folder / "count";
  const auto segment = [&] {
    return run_program(folder.path(),
                       {PASER_SEGMENT_MANY, (folder / "model").string(), "--manifest", (folder / "list").string(),
                        "--out", out.string(), "--chunk", "3", "--threads", "1", "--quiet"});
  };
  const auto faulty = [&](long call, const std::string& kind) {
    fs::remove_all(out);
    return with_fault(out, call, kind, count, segment);
  };
  const auto chunks = [&] {
    auto files = all_of(out);
    std::erase_if(files, [](const auto& file) { return !file.first.starts_with("chunk_"); });
    return files;
  };
  const auto whole = faulty(0, "");
  REQUIRE(whole.status == 0);
  const auto expected = chunks();
  REQUIRE(expected.size() == 6);
  const auto names = file_names(all_of(out));
  for_calls(std::atol(content_of(count).c_str()), [&](long call, const std::string& kind) {
    CAPTURE(call, kind);
    check_end(faulty(call, kind), kind, true);
    for (const auto& [name, content] : chunks()) CHECK(expected.at(name) == content);
    const auto ended = segment();
    INFO(ended.err);
    REQUIRE(ended.status == 0);
    CHECK(ended.out == whole.out);
    CHECK(chunks() == expected);
    CHECK(file_names(all_of(out)) == names);
  });
}

}  // namespace crash_test
