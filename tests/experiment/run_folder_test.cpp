#include "paser/experiment/run_folder.hpp"

#include <catch2/catch.hpp>

#include "examples/child_process.hpp"
#include "experiment/made_run.hpp"
#include "paser/experiment/common_settings.hpp"
#include "support/temporary_folder.hpp"

using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace run_folder_test {

using namespace made_run;

namespace {

/// Settings of a program that has none.
struct KnowsNone {};
void from_json(const nlohmann::json& j, KnowsNone&) {
  throw paser::ValueError("unknown setting '" + j.begin().key() + "'");
}

}  // namespace

TEST_CASE("a folder with anybody's files, a run's names among them, is no run's") {
  for (const char* name : {"notes.txt", "images.csv", "results.json", "config.json", "log.jsonl", "stages.json",
                           "checkpoints/f1.safetensors"})
    for (const bool fresh : {false, true}) {
      CAPTURE(name, fresh);
      const TemporaryFolder folder;
      for (const char* content : {"mine", "{\"settings\":{\"seed\":1}}"}) {
        put(folder / name, content);
        const auto before = all_of(folder.path());
        CHECK_THROWS_WITH(open(folder.path(), {fresh}), Contains("holds files and no run of train"));
        CHECK_THROWS_AS(open(folder.path(), {fresh}), paser::ValueError);
        CHECK(all_of(folder.path()) == before);
        CHECK(names_in(folder.path()).size() == 1);
      }
    }
}

TEST_CASE("--overwrite lets a run begin among other files, and replaces those in the way alone") {
  const TemporaryFolder folder;
  for (const char* name : {"notes.txt", "images.csv", "config.json", "log.jsonl", "stages.json", "data.json",
                           "measured.json", "checkpoints/f1.safetensors"})
    put(folder / name, "mine");
  {
    paser::experiment::RunFolder r(folder.path(), settings, {.overwrite = true}, needs());
    CHECK(r.stage_costs().empty());
    CHECK_FALSE(fs::exists(folder / "measured.json"));
    CHECK(content_of(folder / "log.jsonl").empty());
    CHECK_FALSE(fs::exists(r.checkpoint_to_write("f1")));  // so that no stage begins with it
    some_checkpoint().save(r.checkpoint_to_write("f1"));
    r.write("images.csv", "numbers");
  }
  CHECK(content_of(folder / "notes.txt") == "mine");
  open(folder.path());
  CHECK(paser::io::Checkpoint::load(folder / "checkpoints/f1.safetensors").info["step"] == 3);
  // What came into the way since, as before.
  put(folder / "images.csv", "mine");
  CHECK_THROWS_WITH(open(folder.path()), Contains("images.csv") && Contains("was changed since train wrote it"));
}

TEST_CASE("what a run kept of its measurements is read as it was written, or refused by name") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  {
    paser::experiment::RunFolder r(run, settings, {}, needs());
    CHECK(r.kept("measured.json").empty());
    r.write("measured.json", "{\"gain\": 0.5}");
    r.add_cost({"f1", 1});
  }
  CHECK(paser::experiment::RunFolder(run, settings, {}, needs()).kept("measured.json") == "{\"gain\": 0.5}");
  put(run / "measured.json", "{\"gain\": 0.4}");
  {
    const paser::experiment::RunFolder r(run, settings, {}, needs());
    CHECK_THROWS_AS(r.kept("measured.json"), paser::FormatError);
    CHECK_THROWS_WITH(r.kept("measured.json"), Contains((run / "measured.json").string()) &&
                                                   Contains("was changed since train wrote it; remove it"));
  }
  const std::string costs = content_of(run / "stages.json");
  put(run / "stages.json", costs + " ");
  CHECK_THROWS_WITH(open(run), Contains("stages.json") && Contains("was changed since"));
  fs::remove(run / "stages.json");
  CHECK_NOTHROW(open(run));
}

TEST_CASE("settings that a program does not know are told with the name of the file that has them") {
  const TemporaryFolder folder;
  put(folder / "config.json", "{\"settings\": {\"sed\": 7}}");
  CHECK_THROWS_AS(paser::experiment::run_settings<KnowsNone>(folder.path()), paser::FormatError);
  CHECK_THROWS_WITH(paser::experiment::run_settings<KnowsNone>(folder.path()),
                    Contains((folder / "config.json").string()) && Contains("unknown setting 'sed'"));
}

TEST_CASE("a run whose configuration does not say how logits are enlarged goes on with bilinear ones") {
  using paser::experiment::RunSettings;
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  const auto open_with = [&](const std::string& answers) {
    RunSettings s;
    s.answers = answers;
    paser::experiment::RunFolder(run, s, {}, needs());
  };
  CHECK(RunSettings{}.answers_as_published());
  open_with("bilinear");
  auto configuration = nlohmann::json::parse(content_of(run / "config.json"));
  configuration["settings"].erase("answers");
  put(run / "config.json", configuration.dump());
  CHECK(paser::experiment::begun_settings<RunSettings>(run)->answers == "bilinear");
  CHECK_NOTHROW(open_with("bilinear"));
  CHECK_THROWS_WITH(open_with("published"), Contains(R"(a run with answers = "bilinear", asked for is "published")"));
  CHECK_FALSE(paser::experiment::begun_settings<RunSettings>(folder / "none"));
}

TEST_CASE("a run is removed by --fresh as far as it wrote it; other files in its folder stay") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  make_run(run);
  put(run / "notes.txt", "mine");
  put(run / "checkpoints" / "kept.safetensors", "mine");
  open(run, {.fresh = true});
  CHECK(all_of(run / "checkpoints") == std::map<std::string, std::string>{{"kept.safetensors", "mine"}});
  CHECK(content_of(run / "notes.txt") == "mine");
  CHECK_FALSE(fs::exists(run / "results.json"));
  paser::experiment::RunFolder r(run, settings, {}, needs());
  CHECK_THROWS_WITH(r.checkpoint_to_write("kept"), Contains("kept.safetensors") && Contains("did not write it"));
  CHECK_THROWS_WITH(r.run("f1", "kept", [](const paser::pipeline::Stage&) { return true; }), Contains("--overwrite"));
}

TEST_CASE("a run whose configuration is gone is not mixed with another") {
  const TemporaryFolder folder;
  make_run(folder / "run");
  fs::remove(folder / "run" / "config.json");
  CHECK_THROWS_WITH(open(folder / "run"), Contains("config.json") && Contains("is gone") && Contains("--fresh"));
  open(folder / "run", {.fresh = true});
  CHECK(names_in(folder / "run") == std::set<std::string>{"config.json", "data.json", "log.jsonl"});
}

TEST_CASE("a dry run says what a run would do, refuses what it would, and its first stage is its end") {
  const TemporaryFolder folder;
  const fs::path run = folder / "a" / "run", input = folder / "image.png";
  put(input, "pixels");
  const auto told = [&](const paser::experiment::RunChoice& choice) -> std::string {
    paser::experiment::RunFolder r(run, settings, choice, needs({{"image.png", input}}));
    r.write("results.json", "numbers");
    try {
      r.run("f1", "f1", [](const paser::pipeline::Stage&) -> bool { throw std::logic_error("it works"); });
    } catch (const paser::experiment::DryRunEnds& end) {
      std::ostringstream text;
      end.would.print(text, false);
      return text.str();
    }
    return "";
  };
  CHECK_THAT(told({.dry_run = true}), Contains("would read   " + folder.path().string() + ": 1 file\n") &&
                                          Contains(run.string() + ": a new run, at most ") &&
                                          Contains((run / "images.csv").string() + "\n"));
  CHECK_FALSE(fs::exists(folder / "a"));
  open(run, {}, {{"image.png", input}});
  const auto before = all_of(run);
  CHECK_THAT(told({.dry_run = true}), Contains("the run that is there goes on"));
  put(input, "others");
  CHECK_THROWS_WITH(told({.dry_run = true}), Contains("the data is not that which this run began with"));
  CHECK_THAT(told({.fresh = true, .tensorboard = true, .dry_run = true}),
             Contains("in place of any that is there") && Contains("events.out.tfevents.paser"));
  CHECK_THROWS_WITH(told({.replay = true, .dry_run = true}), Contains("has no replay.json"));
  CHECK(all_of(run) == before);
}

TEST_CASE("data that was replaced since the run began is named") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", a = folder / "data" / "a.png", b = folder / "data" / "b.png";
  const paser::experiment::DataFiles data{{"images/a.png", a}, {"images/b.png", b}};
  put(a, "1234");
  put(b, "5678");
  open(run, {}, data);
  open(run, {}, data);
  const auto time = fs::last_write_time(b);
  put(b, "5679");  // of the same size and the same time
  fs::last_write_time(b, time);
  CHECK_THROWS_WITH(open(run, {}, data), Contains("images/b.png has another content") && Contains("--fresh"));
  put(a, "12345");
  CHECK_THROWS_WITH(open(run, {}, data), Contains("images/a.png has another content"));
  put(a, "1234");
  put(b, "5678");
  open(run, {}, data);
  CHECK_THROWS_WITH(open(run, {}, {{"images/a.png", a}}), Contains("images/b.png is gone"));
  put(folder / "data" / "aa.png", "1");
  auto more = data;
  more["images/aa.png"] = folder / "data" / "aa.png";
  CHECK_THROWS_WITH(open(run, {}, more), Contains("images/aa.png is new"));
  CHECK_THROWS_AS(open(run, {}, more), paser::ValueError);
  open(run, {.fresh = true}, more);
  open(run, {}, more);
}

TEST_CASE("what a run reads it does not remove: a PaSeR to start from that is in its own folder") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  make_run(run);
  const paser::experiment::DataFiles data{{"the PaSeR to start from", run / "checkpoints" / "f1.safetensors"}};
  for (const bool overwrite : {false, true})
    CHECK_THROWS_WITH(open(run, {.fresh = true, .overwrite = overwrite}, data),
                      Contains("f1.safetensors") && Contains("is an input of this command"));
  CHECK(fs::exists(run / "checkpoints" / "f1.safetensors"));
  CHECK(fs::exists(run / "results.json"));
}

TEST_CASE("a run needs the room that it can need, less what it has taken") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  // A run of networks of 15 kB fits into a megabyte, one of 100 MB not into half a gigabyte.
  CHECK(paser::experiment::bytes_of({15'000, 5'000, 4, 2, 1, 2}) < std::size_t{1} << 20);
  CHECK(paser::experiment::bytes_of({100'000'000, 5'000'000, 4, 2, 1, 2}) > std::size_t{1} << 30);
  // What is trained by itself counts once: four states, the kept file, and a state while it is replaced.
  const std::size_t others = paser::experiment::bytes_of({15'000, 5'000, 4, 2, 1, 2});
  CHECK(paser::experiment::bytes_of({15'000, 5'000, 4, 2, 1, 2, {1'000'000}}) < others + 9'100'000);
  CHECK(paser::experiment::bytes_of({15'000, 5'000, 4, 2, 1, 2, {1'000'000}}) > others + 8'800'000);
  const auto available = fs::space(folder.path()).available;
  const auto room = [&](std::size_t bytes) {
    paser::experiment::RunFolder(run, settings, {}, {.program = "train", .bytes = bytes});
  };
  CHECK_THROWS_WITH(room(2 * available), Contains("the checkpoints of a run need") && Contains(run.string()));
  CHECK_FALSE(fs::exists(run / "config.json"));
  room(1000);
}

TEST_CASE("a second run in a folder is told which process works there") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  const paser::experiment::RunFolder first(run, settings, {}, needs());
  for (const bool fresh : {false, true})
    CHECK_THROWS_WITH(open(run, {fresh}),
                      Contains(run.string()) && Contains("train, process " + std::to_string(::getpid()) + ", works"));
  CHECK_THROWS_AS(open(run), paser::IoError);
}

TEST_CASE("an event file has what the log has, be it asked for late, and each step once") {
  const TemporaryFolder folder;
  const auto steps = [&](const fs::path& run, bool events, int from, int to) {
    paser::experiment::RunFolder r(run, settings, {.tensorboard = events}, needs());
    r.run("f1", "f1", [&](const paser::pipeline::Stage& stage) {
      for (int i = from; i <= to; ++i) stage.log(i, nlohmann::json{{"loss", i}});
      return true;
    });
  };
  const auto scalars = [](const fs::path& run) {
    std::size_t n = 0;
    const std::string bytes = content_of(run / "events.out.tfevents.paser");
    CHECK(paser::report::detail::for_each_tf_record(bytes, [&](std::string_view) { ++n; }) == bytes.size());
    return n - 1;  // without the version
  };
  const fs::path never = folder / "never", always = folder / "always", late = folder / "late";
  steps(never, false, 1, 3);
  CHECK_FALSE(fs::exists(never / "events.out.tfevents.paser"));
  steps(always, true, 1, 3);
  CHECK(scalars(always) == 3);
  steps(always, true, 2, 5);
  CHECK(scalars(always) == 5);
  steps(late, false, 1, 3);
  steps(late, true, 4, 5);
  CHECK(scalars(late) == 5);
  paser::experiment::RunFolder(late, settings, {.fresh = true}, needs());
  CHECK_FALSE(fs::exists(late / "events.out.tfevents.paser"));
}

}  // namespace run_folder_test
