#include "io/output_helpers.hpp"

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace output_manifest_test {

using io::OutputFolder;
using namespace output_helpers;

TEST_CASE("output manifest: a program that was killed at any point goes on, and no foreign file becomes its own") {
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

TEST_CASE("output manifest: a manifest cut at any byte, or with a byte changed, never makes a foreign file ours") {
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
  CHECK_THROWS_WITH(OutputFolder(out, "evaluate"), Contains(".paser_outputs' is a link, expected a file or nothing"));
  CHECK_THROWS_AS(OutputFolder(out, "evaluate"), IoError);
}

TEST_CASE("output manifest: half a line of a killed program names no file, and hides no later line") {
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

TEST_CASE("output manifest: a manifest of nothing is not left, and a long one is shortened") {
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

TEST_CASE("output manifest: a name that leads out of the folder is refused, and no file elsewhere is touched") {
  const TemporaryFolder folder;
  const fs::path out = folder / "out", precious = folder / "victim" / "precious.txt";
  const std::string kept = "somebody else's", absolute = precious.string();
  put(precious, kept);
  const std::string sum = std::to_string(kept.size()) + " " + std::to_string(io::Crc32().add(kept).value());
  const auto with_line = [&](const std::string& said) {
    const std::string line = "train " + said;
    fs::remove_all(out);
    OutputFolder(out, "train").write("sub/own.txt", "own");
    std::ofstream(out / io::OutputManifest::file_name, std::ios::app)
        << io::Crc32().add(line).value() << " " << line << "\n";
  };
  for (const std::string& name : {std::string("../victim/precious.txt"), std::string("sub/../../victim/precious.txt"),
                                  absolute, std::string("./own.txt"), std::string("sub/.."), std::string("sub/./own")})
    for (const std::string& kind :
         {std::string("rewritten "), std::string("content - - ") + sum + " ", std::string("removed ")}) {
      const std::string said = kind + name;
      CAPTURE(said);
      with_line(said);
      for (const bool dry : {true, false}) {
        const io::OutputOptions options{.alone = true, .dry_run = dry};
        CHECK_THROWS_AS(OutputFolder(out, "train", options).clear(), FormatError);
        CHECK_THROWS_WITH(OutputFolder(out, "train", options), Contains(io::OutputManifest::file_name) &&
                                                                   Contains(name) &&
                                                                   Contains("no file in this folder"));
      }
      CHECK(text_of(precious) == kept);
      CHECK(text_of(out / "sub" / "own.txt") == "own");
    }
  // Nor is such a name ever written down, which would make the list unreadable.
  fs::remove_all(out);
  OutputFolder o(out, "train", {.overwrite = true});
  for (const std::string& name : {std::string("../victim/new.txt"), absolute, std::string("a/../b")}) {
    CAPTURE(name);
    CHECK_THROWS_WITH(o.write(name, "x"), Contains("is no name for a file in this folder"));
  }
  CHECK(o.lists_nothing());
  CHECK(text_of(precious) == kept);
  CHECK(names(folder / "victim").size() == 1);
  o.write("..a/...b.", "x");  // names as any
  CHECK(OutputFolder(out, "train").lists("..a/...b."));
}

TEST_CASE("output manifest: a list that another folder has too, as after cp -al, becomes the folder's own") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", copy = folder / "copy", list = io::OutputManifest::file_name;
  OutputFolder(run, "train").write("a", "one");
  fs::create_directory(copy);
  for (const fs::path& name : {fs::path("a"), list}) fs::create_hard_link(run / name, copy / name);
  const std::string before = text_of(copy / list);
  OutputFolder(run, "train", {.dry_run = true}).write("a", "two");
  CHECK(fs::hard_link_count(run / list) == 2);
  {
    OutputFolder o(run, "train", {.alone = true});
    o.write("a", "two");
    OutputFolder(copy, "train", {.alone = true, .dry_run = true}).require("a");  // the lock is the folder's own, too
  }
  CHECK(text_of(copy / list) == before);
  CHECK(text_of(copy / "a") == "one");
  OutputFolder(copy, "train", {.alone = true}).write("a", "three");
  OutputFolder(run, "train", {.alone = true}).write("a", "four");
  CHECK(text_of(copy / "a") == "three");
  CHECK(text_of(run / "a") == "four");
  // A file of nothing is no list before it has its first line.
  put(folder / "empty", "");
  fs::create_directory(folder / "new");
  fs::create_hard_link(folder / "empty", folder / "new" / list);
  OutputFolder(folder / "new", "train").write("a", "one");
  CHECK(text_of(folder / "empty").empty());
  CHECK(OutputFolder(folder / "new", "train").lists("a"));
}

TEST_CASE("output manifest: several programs in one folder know of each other's files although its list was copied") {
  const TemporaryFolder folder;
  const fs::path run = folder / "run", list = io::OutputManifest::file_name;
  OutputFolder(run, "segment").write("a", "one");
  fs::create_hard_link(run / list, folder / "copied before");
  OutputFolder first(run, "segment");
  OutputFolder second(run, "segment");
  fs::create_hard_link(run / list, folder / "copied meanwhile");
  OutputFolder third(run, "segment");
  int text = 0;
  for (OutputFolder* writes : {&third, &first, &second, &third, &second, &first, &third})
    writes->write("a", std::to_string(++text));
  CHECK(text_of(run / "a") == std::to_string(text));
  for (OutputFolder* one : {&first, &second, &third}) CHECK_NOTHROW(one->require("a"));
  CHECK_THROWS_AS(OutputFolder(run, "train", {.alone = true}), IoError);
}

}  // namespace output_manifest_test
