#include "paser/io/output_folder.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <sstream>

#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace output_folder_test {

namespace {

using io::OutputFolder;

void put(const fs::path& file, const std::string& content) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

std::set<std::string> names(const fs::path& folder) {
  std::set<std::string> all;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().filename() != io::OutputManifest::file_name) all.insert(entry.path().filename().string());
  return all;
}

/// Runs body in a process that ends as if it were killed: nothing is cleaned up.
template <class Body>
void in_killed_process(const Body& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      body();
    } catch (const std::exception&) {
      _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(status == 0);
}

}  // namespace

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

TEST_CASE("output folder: a program that was killed at any point goes on, and no foreign file becomes its own") {
  const TemporaryFolder folder;
  // Killed after the listing and before the file: whichever content is there is known.
  for (const std::string before : {"", "old"}) {
    CAPTURE(before);
    const fs::path out = folder / ("out" + before);
    fs::create_directory(out);
    if (!before.empty()) OutputFolder(out, "evaluate").write("a.csv", before);
    for (int kill = 0; kill < 3; ++kill)  // again and again
      in_killed_process([&] {
        io::OutputManifest manifest(out, "evaluate", false);
        const auto was = before.empty() ? std::optional<io::ContentSum>() : io::ContentSum::of(before);
        manifest.list("a.csv", {{}, false, was, io::ContentSum::of(message("new", kill))});
        io::AtomicFile half(out / "a.csv");
        half.write("ne");
        _exit(0);
      });
    OutputFolder o(out, "evaluate");
    CHECK(names(out).size() == (before.empty() ? 0u : 1u));  // no temporary is left
    o.write("a.csv", "newest");
    CHECK(io::read_file(out / "a.csv") == "newest");
  }
  // Listed and never written: a file of that name that somebody made is not ours.
  const fs::path out = folder / "other";
  fs::create_directory(out);
  in_killed_process([&] {
    io::OutputManifest manifest(out, "evaluate", false);
    manifest.list("a.csv", {{}, false, {}, io::ContentSum::of("new")});
    _exit(0);
  });
  put(out / "a.csv", "precious");
  CHECK_THROWS_AS(OutputFolder(out, "evaluate").write("a.csv", "x"), ValueError);
  CHECK(io::read_file(out / "a.csv") == "precious");
}

TEST_CASE("output folder: a manifest cut at any byte, or with a byte changed, never makes a foreign file ours") {
  const TemporaryFolder folder;
  const fs::path out = folder / "out", manifest = out / io::OutputManifest::file_name;
  {
    OutputFolder o(out, "evaluate");
    o.write("a", "content of a");
    o.write("b\nc %n", "content of b");
    o.write("a", "later content of a");
  }
  const std::string whole = text_of(manifest);
  {
    OutputFolder o(out, "evaluate");
    CHECK(o.lists("b\nc %n"));
  }
  const auto own = [&](const std::string& stored) {
    put(manifest, stored);
    put(out / "a", "precious");
    try {
      OutputFolder(out, "evaluate").write("a", "x");
    } catch (const FormatError&) {  // the first line is not a manifest's
    } catch (const ValueError&) {
    }
    const bool kept = text_of(out / "a") == "precious";
    // What follows is read again although the line before was torn.
    try {
      OutputFolder(out, "evaluate").write("new", "1");
      OutputFolder o(out, "evaluate");
      CHECK(o.lists("new"));
      o.write("new", "2");
      o.clear();
    } catch (const Error&) {
    }
    fs::remove(out / "new");
    return !kept;
  };
  for (std::size_t size = 0; size < whole.size(); size += 3) CHECK_FALSE(own(whole.substr(0, size)));
  for (std::size_t i = 0; i < whole.size(); i += 3) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(own(changed));
  }
  put(manifest, "my own file of this name\n");
  CHECK_THROWS_WITH(OutputFolder(out, "evaluate"), Contains("is no manifest of paser"));
  CHECK(text_of(manifest) == "my own file of this name\n");
  fs::remove(manifest);
  fs::create_symlink(out / "a", manifest);
  CHECK_THROWS_AS(OutputFolder(out, "evaluate"), IoError);
}

TEST_CASE("output folder: half a line of a killed program names no file, and hides no later line") {
  const TemporaryFolder folder;
  const fs::path manifest = folder / io::OutputManifest::file_name;
  in_killed_process([&] { OutputFolder(folder.path(), "train").rewritten("notes.txt.old"); });
  std::string stored = text_of(manifest);
  REQUIRE(stored.ends_with("notes.txt.old\n"));
  stored.resize(stored.size() - std::string_view(".old\n").size());
  put(manifest, stored);
  put(folder / "notes.txt", "mine");
  for (int time = 0; time < 2; ++time) {  // as the last line, and before others
    OutputFolder o(folder.path(), "train", {.alone = true});
    CHECK_FALSE(o.lists("notes.txt"));
    CHECK_THROWS_AS(o.rewritten("notes.txt"), ValueError);
    CHECK_THROWS_WITH(OutputFolder(folder.path(), "other"), Contains("process " + std::to_string(::getpid())));
    o.write("other", "x");
  }
}

TEST_CASE("output folder: a writing that fails leaves the old file, and it stays the program's own") {
  const TemporaryFolder folder;
  OutputFolder o(folder.path(), "train");
  o.write("a", "old");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  setrlimit(RLIMIT_FSIZE, &small);
  std::string what;
  try {
    o.write("a", std::string(5000, 'x'));
  } catch (const IoError& e) {
    what = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
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

TEST_CASE("output folder: a manifest of nothing is not left, and a long one is shortened") {
  const TemporaryFolder folder;
  const fs::path manifest = folder / io::OutputManifest::file_name;
  for (const bool alone : {true, false}) OutputFolder(folder.path(), "train", {.alone = alone});
  CHECK(fs::is_empty(folder.path()));
  {
    OutputFolder o(folder.path(), "train");
    for (int i = 0; i < 400; ++i) o.write("a", std::to_string(i));
  }
  const auto before = fs::file_size(manifest);
  OutputFolder o(folder.path(), "train");
  CHECK(fs::file_size(manifest) < before / 10);
  o.write("a", "400");
  CHECK(text_of(folder / "a") == "400");
  CHECK(o.lists("a"));
}

TEST_CASE("output folder: a single file has its folder's manifest") {
  const TemporaryFolder folder;
  const auto [parent, name] = io::folder_and_name(folder / "table.csv");
  CHECK(parent == folder.path());
  CHECK(name == "table.csv");
  CHECK(io::folder_and_name("table.csv").first == ".");
  CHECK_THROWS_WITH(io::folder_and_name(folder / "none" / "t.csv"), Contains("its folder does not exist"));
}

}  // namespace output_folder_test
