#include <fstream>
#include <functional>

#include "io/output_helpers.hpp"

/// Files of an output folder that have other names elsewhere.
namespace output_folder_links_test {

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using io::OutputFolder;
using namespace output_helpers;

TEST_CASE("output folder: a link in the place of a file that is listed by its name alone is another's") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", other = folder / "other.txt";
  const std::string log = "log.jsonl";
  put(OutputFolder(run, "train").rewritten(log), "mine");
  put(other, "of somebody");
  for (const fs::path& to : {other, run / "kept.jsonl"}) {  // elsewhere, or in the folder
    fs::rename(run / log, run / "kept.jsonl");
    fs::create_symlink(to, run / log);
    OutputFolder o(run, "train", {.alone = true});
    for (const auto& refused : std::vector<std::function<void()>>{[&] { o.rewritten(log); }, [&] { o.appended(log); },
                                                                  [&] { o.require(log); }, [&] { o.clear(); }})
      CHECK_THROWS_WITH(refused(), Contains("log.jsonl' is a link, and train makes none; choose another place"));
    CHECK_FALSE(o.unchanged(log));
    CHECK(fs::is_symlink(run / log));
    fs::remove(run / log);
    fs::rename(run / "kept.jsonl", run / log);
  }
  fs::remove(run / log);
  fs::create_symlink(other, run / log);
  put(OutputFolder(run, "train", {.overwrite = true}).appended(log), "new");
  CHECK(text_of(other) == "of somebody");
  CHECK(text_of(run / log) == "new");
  CHECK_FALSE(fs::is_symlink(run / log));
}

TEST_CASE("output folder: a folder on the way to a file may be a link, and so may the whole folder") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", disk = folder / "disk", link = folder / "link";
  put(OutputFolder(run, "train").rewritten("checkpoints/f1"), "weights");
  fs::rename(run / "checkpoints", disk);
  fs::create_directory_symlink(disk, run / "checkpoints");
  fs::create_directory_symlink(run, link);
  for (const fs::path& opened : {run, link})
    for (const bool alone : {true, false}) {
      OutputFolder o(opened, "train", {.alone = alone});
      CHECK(o.rewritten("checkpoints/f1") == opened / "checkpoints" / "f1");
      put(o.rewritten("checkpoints/f2"), "weights");
      put(o.appended("log.jsonl"), "line");
      CHECK(text_of(disk / "f1") == "weights");
    }
  CHECK(text_of(disk / "f2") == "weights");
  CHECK(fs::is_symlink(run / "checkpoints"));
}

TEST_CASE("output folder: what is appended to is no other folder's file, as after cp -al") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  put(OutputFolder(run, "train").rewritten("log.jsonl"), "one\n");
  fs::create_hard_link(run / "log.jsonl", folder / "kept.jsonl");
  OutputFolder(run, "train", {.alone = true, .dry_run = true}).appended("log.jsonl");
  CHECK(fs::hard_link_count(run / "log.jsonl") == 2);
  {
    OutputFolder o(run, "train", {.alone = true});
    std::ofstream(o.appended("log.jsonl"), std::ios::app) << "two\n";
    std::ofstream(o.appended("log.jsonl"), std::ios::app) << "three\n";  // as it stands
  }
  CHECK(text_of(run / "log.jsonl") == "one\ntwo\nthree\n");
  CHECK(text_of(folder / "kept.jsonl") == "one\n");
}

}  // namespace output_folder_links_test
