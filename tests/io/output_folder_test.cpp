#include "io/output_helpers.hpp"
#include "support/file_size_limit.hpp"

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace output_folder_test {

using io::OutputFolder;
using namespace output_helpers;

TEST_CASE("output folder: what the program wrote is replaced, by this and by a later run") {
  const TemporaryFolder folder;
  const fs::path out = folder / "a" / "out";
  for (const char* content : {"first", "second", "third"}) {
    OutputFolder o(out, "evaluate");
    o.write("images.csv", content);
    o.write("masks/m.png", content);
    o.write("images.csv", std::string(content) + " again");
    CHECK(io::read_file(out / "images.csv") == std::string(content) + " again");
    CHECK(io::read_file(out / "masks" / "m.png") == content);
  }
  // A file that is gone may be made again.
  fs::remove(out / "images.csv");
  OutputFolder(out, "evaluate").write("images.csv", "new");
  CHECK(io::read_file(out / "images.csv") == "new");
  CHECK(names(out) == std::set<std::string>{"images.csv", "masks"});
}

TEST_CASE("output folder: a file that comes in pieces is whole or not there, and nobody else's is replaced") {
  const TemporaryFolder folder;
  const fs::path out = folder.path();
  put(out / "mine.tif", "mine");
  {
    OutputFolder o(out, "evaluate");
    CHECK_THROWS_WITH(OutputFolder::Growing(o, "mine.tif"), Contains("evaluate did not write it"));
    {
      OutputFolder::Growing left(o, "left.tif");
      left.write("half");
    }
    CHECK_FALSE(fs::exists(out / "left.tif"));
    OutputFolder::Growing file(o, "sub/a.tif");
    file.write("one ");
    file.write("two");
    CHECK_FALSE(fs::exists(out / "sub" / "a.tif"));
    file.commit();
  }
  CHECK(io::read_file(out / "sub" / "a.tif") == "one two");
  CHECK(io::read_file(out / "mine.tif") == "mine");
  OutputFolder again(out, "evaluate");
  OutputFolder::Growing file(again, "sub/a.tif");
  file.write("three");
  file.commit();
  CHECK(io::read_file(out / "sub" / "a.tif") == "three");
  put(out / "sub" / "a.tif", "edited");
  CHECK_THROWS_WITH(OutputFolder::Growing(again, "sub/a.tif"), Contains("was changed since evaluate wrote it"));
}

TEST_CASE("output folder: a foreign file is refused, with its name and the option that allows it") {
  const TemporaryFolder folder;
  const fs::path out = folder.path();
  const auto refused = [&](const std::string& name, const std::string& why) {
    CAPTURE(name);
    OutputFolder o(out, "evaluate");
    CHECK_THROWS_WITH(o.require(name), Contains(name) && Contains(why) && Contains("--overwrite"));
    CHECK_THROWS_WITH(o.write(name, "mine"), Contains(name) && Contains(why) && Contains("--overwrite"));
    CHECK_THROWS_WITH(o.rewritten(name), Contains(name) && Contains(why) && Contains("--overwrite"));
    CHECK_THROWS_AS(o.write(name, "mine"), ValueError);
  };
  put(out / "masks" / "a.png", "truth");
  refused("masks/a.png", "evaluate did not write it");

  {
    OutputFolder o(out, "evaluate");
    o.write("table.csv", "ours");
    o.write("other.csv", "ours");
  }
  put(out / "table.csv", "edited");
  refused("table.csv", "was changed since evaluate wrote it");
  put(out / "table.csv", "ruos");  // of the same size
  refused("table.csv", "was changed since evaluate wrote it");
  {
    OutputFolder trainer(out, "train");
    CHECK_THROWS_WITH(trainer.write("other.csv", "x"), Contains("was written by evaluate"));
    trainer.write("log", "x");
  }
  refused("log", "was written by train");

  fs::create_symlink(out / "nowhere", out / "link.csv");
  refused("link.csv", "is a link to nothing");
  CHECK_FALSE(fs::exists(out / "nowhere"));
  fs::create_symlink(out / "masks" / "a.png", out / "to_truth.csv");
  refused("to_truth.csv", "evaluate did not write it");
  fs::create_directory(out / "folder.csv");
  CHECK_THROWS_WITH(OutputFolder(out, "evaluate").write("folder.csv", "x"), Contains("not a regular file"));
  CHECK(io::read_file(out / "masks" / "a.png") == "truth");
  CHECK(io::read_file(out / "table.csv") == "ruos");

  OutputFolder o(out, "evaluate", {.overwrite = true});
  o.write("masks/a.png", "new");
  o.write("table.csv", "new");
  o.write("log", "new");
  for (const char* name : {"masks/a.png", "table.csv", "log"}) CHECK(io::read_file(out / name) == "new");
  o.write("link.csv", "new");
  CHECK(fs::is_symlink(out / "link.csv"));
  CHECK(io::read_file(out / "nowhere") == "new");
  o.write("masks/a.png", "newer");
  // From now on they are ours.
  OutputFolder(out, "evaluate").write("masks/a.png", "newest");
  CHECK(io::read_file(out / "masks" / "a.png") == "newest");
}

TEST_CASE("output folder: the same bytes are no change; a foreign file stays foreign") {
  const TemporaryFolder folder;
  put(folder / "a.txt", "same");
  OutputFolder o(folder.path(), "evaluate");
  o.write("a.txt", "same");
  CHECK_FALSE(o.lists("a.txt"));
  CHECK_THROWS_AS(o.write("a.txt", "other"), ValueError);
}

TEST_CASE("output folder: with --overwrite a foreign file of the same bytes is the program's own, but no input") {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& content, io::OutputOptions options) {
    OutputFolder o(folder.path(), "evaluate", options);
    o.protect(folder / "input.txt");
    o.write("a.txt", content);
    o.write("input.txt", "same");
    return o.lists("a.txt") && o.unchanged("a.txt");
  };
  for (const char* name : {"a.txt", "input.txt"}) put(folder / name, "same");
  CHECK_FALSE(write("same", {.overwrite = true, .dry_run = true}));
  CHECK(write("same", {.overwrite = true}));
  CHECK(write("other", {}));
  put(folder / "a.txt", "edited");
  CHECK(write("edited", {.overwrite = true}));
  CHECK(write("third", {}));
  CHECK(text_of(folder / "a.txt") == "third");
  CHECK_FALSE(OutputFolder(folder.path(), "evaluate").lists("input.txt"));
}

TEST_CASE("output folder: an input is never written to, by no option and no name") {
  const TemporaryFolder folder;
  const fs::path input = folder / "masks" / "a.png";
  put(input, "truth");
  fs::create_hard_link(input, folder / "hard.png");
  fs::create_symlink(input, folder / "soft.png");
  OutputFolder o(folder.path(), "evaluate", {.overwrite = true});
  o.protect(input);
  o.protect(folder / "not there.png");
  for (const char* name : {"masks/a.png", "hard.png", "soft.png", "masks/../masks/a.png"}) {
    CAPTURE(name);
    CHECK_THROWS_WITH(o.write(name, "found"), Contains("is an input of this command"));
  }
  CHECK(io::read_file(input) == "truth");
  // What this program wrote itself is no exception.
  o.write("own", "x");
  o.protect(folder / "own");
  CHECK_THROWS_WITH(o.write("own", "y"), Contains("is an input of this command"));
  CHECK_THROWS_WITH(o.clear(), Contains("is an input of this command"));
  CHECK(io::read_file(folder / "own") == "x");
}

TEST_CASE("output folder: a file that came between the look and the writing is kept") {
  const TemporaryFolder folder;
  OutputFolder o(folder.path(), "evaluate");
  o.require("a.csv");
  put(folder / "a.csv", "came meanwhile");
  CHECK_THROWS_AS(o.write("a.csv", "x"), ValueError);
  CHECK(io::read_file(folder / "a.csv") == "came meanwhile");
}

TEST_CASE("output folder: clear removes what is listed and unchanged, or nothing") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run";
  put(run / "notes.txt", "mine");
  put(run / "samples" / "mine.png", "mine");
  const auto fill = [&](OutputFolder& o) {
    o.write("config.json", "c");
    o.write("samples/one.png", "1");
    put(o.rewritten("checkpoints/f1"), "weights");
  };
  {
    OutputFolder o(run, "train");
    fill(o);
    OutputFolder(run, "evaluate").write("images.csv", "e");
  }
  put(run / "config.json", "edited");
  {
    OutputFolder o(run, "train");
    CHECK_THROWS_WITH(o.clear(), Contains("config.json") && Contains("was changed since"));
  }
  CHECK(names(run) == std::set<std::string>{"notes.txt", "samples", "config.json", "checkpoints", "images.csv"});
  put(run / "config.json", "c");
  OutputFolder o(run, "train");
  o.clear();
  CHECK(names(run) == std::set<std::string>{"notes.txt", "samples", "images.csv"});
  CHECK(names(run / "samples") == std::set<std::string>{"mine.png"});
  const auto not_ours = [&] {
    put(run / "checkpoints" / "f1", "of somebody");
    CHECK_THROWS_WITH(o.rewritten("checkpoints/f1"), Contains("train did not write it"));
    fs::remove(run / "checkpoints" / "f1");
  };
  not_ours();
  fill(o);
  fs::remove(run / "checkpoints" / "f1");
  o.clear();
  not_ours();
}

TEST_CASE("output folder: clear removes nothing of a folder elsewhere that a link leads to") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", victim = folder / "victim";
  {
    OutputFolder o(run, "train");
    o.write("config.json", "c");
    put(o.rewritten("checkpoints/f1"), "weights");
  }
  put(victim / "f1", "of somebody");
  fs::rename(run / "checkpoints", run / "moved");
  fs::create_directory_symlink(victim, run / "checkpoints");
  for (const bool dry : {true, false}) {
    OutputFolder o(run, "train", {.alone = true, .dry_run = dry});
    CHECK_THROWS_WITH(o.clear(), Contains("checkpoints/f1' lies outside of") && Contains("remove it by hand"));
    CHECK_THROWS_AS(o.clear(), ValueError);
    CHECK(text_of(victim / "f1") == "of somebody");
    CHECK(text_of(run / "config.json") == "c");
  }
  // A link within the folder leads to what is there, and one to the folder itself changes nothing.
  fs::remove(run / "checkpoints");
  fs::create_directory_symlink("moved", run / "checkpoints");
  fs::create_directory_symlink(run, folder / "link");
  OutputFolder(folder / "link", "train").clear();
  CHECK_FALSE(fs::exists(run / "moved" / "f1"));
  CHECK_FALSE(fs::exists(run / "config.json"));
}

TEST_CASE("output folder: where a checkpoint was taken away, another file is not taken for it") {
  const TemporaryFolder folder;
  put(OutputFolder(folder.path(), "train", {.alone = true}).rewritten("f1"), "weights");
  CHECK(OutputFolder(folder.path(), "train", {.alone = true}).lists("f1"));
  fs::remove(folder / "f1");
  OutputFolder o(folder.path(), "train", {.alone = true});
  CHECK_FALSE(o.lists("f1"));
  put(folder / "f1", "of somebody");
  CHECK_THROWS_WITH(o.rewritten("f1"), Contains("train did not write it"));
}

TEST_CASE("output folder: a writing that fails leaves the old file, and it stays the program's own") {
  const TemporaryFolder folder;
  OutputFolder o(folder.path(), "train");
  o.write("a", "old");
  std::string what;
  try {
    const FileSizeLimit limit(1000);
    o.write("a", std::string(5000, 'x'));
  } catch (const IoError& e) {
    what = e.what();
  }
  CHECK_THAT(what, Contains("File too large"));
  CHECK(text_of(folder / "a") == "old");
  OutputFolder(folder.path(), "train").write("a", "new");
  CHECK(text_of(folder / "a") == "new");
}

TEST_CASE("output folder: a program that is alone excludes all others, and says which process it is") {
  const TemporaryFolder folder;
  const std::string me = std::to_string(::getpid());
  {
    OutputFolder trainer(folder.path(), "train", {.alone = true});
    trainer.write("a", "1");
    for (const bool alone : {true, false})
      CHECK_THROWS_WITH(OutputFolder(folder.path(), "other", {.alone = alone}),
                        Contains("train, process " + me + ", works in this folder"));
    in_killed_process([&] {  // another process is told the same
      try {
        OutputFolder o(folder.path(), "other");
        _exit(1);
      } catch (const IoError& error) {
        put(folder / "told", error.what());
      }
    });
    CHECK_THAT(text_of(folder / "told"), Contains("process " + me));
  }
  {
    OutputFolder one(folder.path(), "segment"), two(folder.path(), "segment");
    one.write("b", "1");
    two.write("b", "2");  // which one listed after two was opened
    one.write("b", "3");
    CHECK(text_of(folder / "b") == "3");
    CHECK_THROWS_WITH(OutputFolder(folder.path(), "train", {.alone = true}), Contains("works in this folder"));
  }
  // A lock ends with its process.
  in_killed_process([&] {
    auto* const kept = new OutputFolder(folder.path(), "train", {.alone = true});
    kept->write("a", "2");
    _exit(0);
  });
  OutputFolder(folder.path(), "train", {.alone = true}).write("a", "3");
}

TEST_CASE("output folder: a single file has its folder's manifest") {
  const TemporaryFolder folder;
  const auto [parent, name] = io::folder_and_name(folder / "table.csv");
  CHECK(parent == folder.path());
  CHECK(name == "table.csv");
  CHECK(io::folder_and_name("table.csv").first == ".");
  CHECK_THROWS_WITH(io::folder_and_name(folder / "none" / "t.csv"), Contains("its folder does not exist"));
}

TEST_CASE("output folder: a dry run judges as ever, and makes, writes and removes nothing") {
  const TemporaryFolder folder;
  const fs::path out = folder / "a" / "out", mine = folder / "mine";
  const io::OutputOptions dry{.alone = true, .dry_run = true};
  {
    OutputFolder o(out, "evaluate", dry);
    o.require("masks/a.png");
    o.write("images.csv", "one");
    CHECK(o.rewritten("log.jsonl") == out / "log.jsonl");
    o.remove("images.csv");
    o.clear();
  }
  CHECK_FALSE(fs::exists(folder / "a"));
  put(mine / "images.csv", "mine");
  put(mine / "sub", "a file");
  CHECK_THROWS_WITH(OutputFolder(mine, "evaluate", dry).require("images.csv"), Contains("evaluate did not write it"));
  CHECK_THROWS_WITH(OutputFolder(mine / "sub" / "out", "evaluate", dry), Contains("Not a directory"));
  CHECK(names(mine) == std::set<std::string>{"images.csv", "sub"});
  CHECK_FALSE(fs::exists(mine / io::OutputManifest::file_name));

  OutputFolder(out, "evaluate").write("masks/a.png", "one");
  const std::string manifest = text_of(out / io::OutputManifest::file_name);
  in_killed_process([&] { (new io::AtomicFile(out / "masks" / "b.png"))->write("half"); });
  const auto left = names(out / "masks");
  REQUIRE(left.size() == 2);
  {
    OutputFolder o(out, "evaluate", dry);
    CHECK(o.lists("masks/a.png"));
    o.write("masks/a.png", "two");
    o.clear();
    CHECK(o.lists_nothing());
    o.require("masks/a.png");  // as if it were gone
    CHECK(names(out / "masks") == left);
    OutputFolder(out, "evaluate", {.alone = true});  // which a dry run keeps nobody from
  }
  CHECK(text_of(out / "masks" / "a.png") == "one");
  CHECK(text_of(out / io::OutputManifest::file_name).starts_with(manifest));
  put(out / "masks" / "a.png", "edited");
  CHECK_THROWS_WITH(OutputFolder(out, "evaluate", dry).clear(), Contains("was changed since"));
  OutputFolder other(out, "other", {.alone = true});
  CHECK_THROWS_WITH(OutputFolder(out, "evaluate", dry), Contains("works in this folder"));
}

}  // namespace output_folder_test
