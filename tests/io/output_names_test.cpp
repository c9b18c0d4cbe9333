#include <climits>

#include "io/output_helpers.hpp"

/// Names of outputs that cannot be, and what a program says of them.
namespace output_names_test {

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using io::OutputFolder;
using namespace output_helpers;

TEST_CASE("output folder: a file where a folder is to be, and a name that is too long, are told before any work") {
  const TemporaryFolder folder;
  put(folder / "out" / "masks", "mine");
  for (const bool dry : {false, true}) {
    OutputFolder o(folder / "out", "evaluate", {.dry_run = dry});
    CHECK_THROWS_WITH(o.require("masks/m.png"), Contains("masks/m.png") && Contains("Not a directory"));
    CHECK_THROWS_AS(o.require("masks/m.png"), IoError);
    CHECK_THROWS_WITH(o.require(std::string(300, 'a') + ".png"), Contains("name too long"));
    CHECK_NOTHROW(o.require("new/m.png"));
  }
}

TEST_CASE("output folder: a folder whose name is too long is a wrong value, in a dry run too") {
  const TemporaryFolder folder;
  for (const bool dry : {false, true})
    for (const fs::path& path : {folder / std::string(300, 'n'), folder / "a" / std::string(5000, 'n'),
                                 folder / "a" / std::string(300, 'n')}) {
      CHECK_THROWS_AS(OutputFolder(path, "evaluate", {.dry_run = dry}), ValueError);
      CHECK_THROWS_WITH(OutputFolder(path, "evaluate", {.dry_run = dry}),
                        Contains(path.filename().string()) && Contains("name too long"));
    }
  CHECK_THROWS_AS(io::folder_and_name(folder / std::string(300, 'n')), ValueError);
  CHECK(names(folder.path()).empty());
}

TEST_CASE("output folder: a path that is nearly as long as can be is written to, and takes no name that is too long") {
  const TemporaryFolder folder;
  constexpr std::size_t length = PATH_MAX - 96;  // one name more that is as long as these, and it is none
  fs::path deep = folder.path();
  while (deep.native().size() + 201 < length) deep /= std::string(200, 'd');
  const std::size_t left = length - deep.native().size();
  if (left > 1) deep /= std::string(left - 1, 'd');
  fs::create_directories(deep);
  for (const fs::path& path : {deep, deep / "new"}) {
    OutputFolder(path, "evaluate", {.dry_run = true}).require("a");
    OutputFolder o(path, "evaluate");
    o.write("a", "one");
    o.write("b/a", "one");
    CHECK(text_of(path / "b" / "a") == "one");
    CHECK(io::folder_and_name(path / "a").second == "a");
  }
  CHECK_THROWS_WITH(OutputFolder(deep / std::string(100, 'n'), "evaluate"), Contains("name too long"));
  CHECK_THROWS_WITH(OutputFolder(folder / "a" / std::string(300, 'n') / "b", "evaluate"), Contains("name too long"));
  CHECK(names(folder.path()).size() == 1);
}

TEST_CASE("output folder: where nothing may be written, the reason is told before any work") {
  const TemporaryFolder folder;
  const fs::path closed = folder / "closed";
  fs::create_directory(closed);
  fs::permissions(folder.path(), fs::perms::all);
  fs::permissions(closed,
                  fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
  for (const bool unlisted : {false, true}) {
    const auto said = said_as_another_user(folder.path(), [&] {
      OutputFolder(closed / "new", "evaluate", {.dry_run = true, .unlisted = unlisted});
      return "nothing";
    });
    CHECK_THAT(said, Contains("closed/new' cannot be written to: Permission denied"));
  }
}

TEST_CASE("output folder: where the list is another user's, a single file is written that replaces nothing") {
  const TemporaryFolder folder;
  const fs::path shared = folder / "shared", list = shared / io::OutputManifest::file_name;
  fs::create_directory(shared);
  for (const fs::path& path : {folder.path(), shared}) fs::permissions(path, fs::perms::all);
  OutputFolder(shared, "evaluate").write("theirs.csv", "theirs");
  const std::string listed = text_of(list);
  for (const fs::perms mode : {fs::perms::owner_read | fs::perms::others_read, fs::perms::none}) {
    fs::permissions(list, mode);
    const auto write = [&](const std::string& name, io::OutputOptions options) {
      return said_as_another_user(folder.path(), [&] {
        OutputFolder out(shared, "evaluate", options);
        out.require(name);
        out.write(name, "new");
        return "written";
      });
    };
    CAPTURE(static_cast<int>(mode));
    CHECK_THAT(write("mine.csv", {}), Contains(".paser_outputs' cannot be opened: Permission denied"));
    CHECK(write("mine.csv", {.dry_run = true, .unlisted = true}) == "written");
    CHECK_FALSE(fs::exists(shared / "mine.csv"));
    CHECK(write("mine.csv", {.unlisted = true}) == "written");
    CHECK(text_of(shared / "mine.csv") == "new");
    for (const bool dry : {true, false})
      CHECK_THAT(write("theirs.csv", {.dry_run = dry, .unlisted = true}),
                 Contains("theirs.csv' is there, and evaluate did not write it; choose another place"));
    CHECK(text_of(shared / "theirs.csv") == "theirs");
    fs::remove(shared / "mine.csv");
  }
  fs::permissions(list, fs::perms::owner_read | fs::perms::owner_write);
  CHECK(text_of(list) == listed);
  // One's own list is kept as ever.
  OutputFolder(shared, "evaluate", {.unlisted = true}).write("theirs.csv", "newer");
  CHECK(OutputFolder(shared, "evaluate").unchanged("theirs.csv"));
  // Where the folder itself is closed, that is told before any work.
  fs::permissions(shared, fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  if (::geteuid() == 0)
    CHECK_THAT(said_as_another_user(folder.path(),
                                    [&] {
                                      OutputFolder(shared, "evaluate", {.unlisted = true});
                                      return "opened";
                                    }),
               Contains("shared' cannot be written to: Permission denied"));
}

TEST_CASE("output folder: its own list is no name for another file, with --overwrite neither") {
  const TemporaryFolder folder;
  for (const bool dry : {false, true})
    CHECK_THROWS_WITH(
        OutputFolder(folder / "out", "evaluate", {.overwrite = true, .dry_run = dry}).require(".paser_outputs"),
        Contains(".paser_outputs' is the list of what programs wrote"));
}

TEST_CASE("output folder: a refusal advises what the program says") {
  const TemporaryFolder folder;
  put(folder / "a.csv", "mine");
  OutputFolder out(folder.path(), "evaluate", {.advice = "remove it"});
  CHECK_THROWS_WITH(out.require("a.csv"), Contains("did not write it; remove it") && !Contains("--overwrite"));
  CHECK_FALSE(out.unchanged("a.csv"));
  CHECK_FALSE(out.unchanged("none.csv"));
  out.write("b.csv", "x");
  CHECK(out.unchanged("b.csv"));
  put(folder / "b.csv", "mine");
  CHECK_FALSE(out.unchanged("b.csv"));
}

}  // namespace output_names_test
