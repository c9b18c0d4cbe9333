#include "paser/io/atomic_file.hpp"

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <set>

#include "support/file_size_limit.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace atomic_file_test {

TEST_CASE("atomic file: the target changes only at commit") {
  const TemporaryFolder folder;
  const auto target = folder / "state.bin";
  io::write_file(target, "old");
  {
    io::AtomicFile file(target);
    file.write("new");
    CHECK(io::read_file(target) == "old");
    CHECK(fs::exists(file.temporary()));
  }
  CHECK(io::read_file(target) == "old");
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
  io::AtomicFile file(target);
  file.write("new");
  file.write(" and whole");
  file.commit();
  CHECK(io::read_file(target) == "new and whole");
  CHECK_THROWS_WITH(file.write("more"), Contains("already finished"));
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("atomic file: what a killed writer left is removed, by its name; foreign and living temporaries stay") {
  const TemporaryFolder folder;
  const auto target = folder / "state.bin";
  const auto left = [&] {
    if (const pid_t child = fork(); child == 0) {
      io::AtomicFile file(target);
      file.write("half");
      _exit(0);  // as if it were killed: nothing is cleaned up
    } else {
      waitpid(child, nullptr, 0);
    }
  };
  left();
  left();
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 2);
  for (const auto& entry : fs::directory_iterator(folder.path())) CHECK(io::AtomicFile::is_temporary(entry.path()));

  // Names that this writer does not give.
  const std::set<std::string> foreign{"state.bin.tmp", ".paser-0123456789abcdef01234567.tmp", ".paser-.tmp"};
  for (const std::string& name : foreign) std::ofstream(folder / name) << "mine";
  io::AtomicFile alive(target);
  io::remove_stray_temporaries(folder.path());
  CHECK(fs::exists(alive.temporary()));
  io::AtomicFile(target).write("given up");
  alive.write("whole");
  alive.commit();
  CHECK(io::read_file(target) == "whole");
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path())) names.insert(entry.path().filename().string());
  auto expected = foreign;
  expected.insert("state.bin");
  CHECK(names == expected);
  for (const std::string& name : foreign) CHECK(io::read_file(folder / name) == "mine");
}

TEST_CASE("atomic file: a file or a link with the name that temporaries once had is not written to") {
  const TemporaryFolder folder;
  const auto target = folder / "state.bin";
  std::ofstream(folder / "precious.txt") << "precious";
  fs::create_symlink(folder / "precious.txt", folder / "state.bin.tmp");
  io::write_file(target, "new");
  CHECK(io::read_file(folder / "precious.txt") == "precious");
  CHECK(fs::is_symlink(folder / "state.bin.tmp"));
  io::AtomicFile file(target);
  CHECK(fs::is_regular_file(fs::symlink_status(file.temporary())));
  CHECK(file.temporary().parent_path() == target.parent_path());
}

TEST_CASE("atomic file: permissions are kept, and nobody reads more of the new content than of the old") {
  const TemporaryFolder folder;
  const auto target = folder / "secret";
  const auto mode = [](const fs::path& file) { return static_cast<unsigned>(fs::status(file).permissions()); };
  const mode_t before = umask(022);
  for (const unsigned permissions : {0600u, 0640u, 0444u, 0666u, 0755u}) {
    CAPTURE(permissions);
    io::write_file(target, "old");
    fs::permissions(target, static_cast<fs::perms>(permissions));
    io::AtomicFile file(target);
    file.write("new");
    CHECK(mode(file.temporary()) == permissions);
    file.commit();
    CHECK(mode(target) == permissions);
  }
  io::write_file(folder / "fresh", "new");
  CHECK(mode(folder / "fresh") == 0644);
  umask(before);
}

TEST_CASE("atomic file: a file that came meanwhile is kept where it is to be kept") {
  const TemporaryFolder folder;
  const auto target = folder / "state.bin";
  io::AtomicFile file(target, io::Existing::keep);
  file.write("new");
  std::ofstream(target) << "came meanwhile";
  CHECK_THROWS_WITH(file.commit(), Contains("state.bin") && Contains("File exists"));
  CHECK(io::read_file(target) == "came meanwhile");
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
  fs::remove(target);
  io::write_file(target, "new", io::Existing::keep);
  CHECK(io::read_file(target) == "new");
}

TEST_CASE("atomic file: a link to nothing stays a link, and what it names is made; loops are told") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "far" / "farther");
  fs::create_symlink(fs::path("far") / "near", folder / "link");  // each from its own folder
  fs::create_symlink(fs::path("farther") / ".." / "real", folder / "far" / "near");
  io::write_file(folder / "link", "new");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(fs::is_symlink(folder / "far" / "near"));
  CHECK(fs::is_regular_file(fs::symlink_status(folder / "far" / "real")));
  CHECK(io::read_file(folder / "link") == "new");
  io::write_file(folder / "link", "newer");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(io::read_file(folder / "far" / "real") == "newer");
  CHECK(std::distance(fs::directory_iterator(folder / "far"), {}) == 3);

  fs::create_symlink(folder / "absolute", folder / "to_absolute");
  io::write_file(folder / "to_absolute", "new");
  CHECK(io::read_file(folder / "absolute") == "new");

  fs::create_symlink("none/x", folder / "lost");
  CHECK_THROWS_WITH(io::write_file(folder / "lost", "a"), Contains("lost") && Contains("is a link to") &&
                                                              Contains("none/x") &&
                                                              Contains("its folder does not exist"));
  CHECK_THROWS_AS(io::write_file(folder / "lost", "a"), IoError);

  fs::create_symlink("there", folder / "back");
  fs::create_symlink("back", folder / "there");
  CHECK_THROWS_WITH(io::write_file(folder / "back", "a"), Contains("back' is a link that leads to itself"));
  CHECK_THROWS_AS(io::write_file(folder / "back", "a"), IoError);

  // To who keeps what is there, a link to nothing is there.
  fs::create_symlink("unmade", folder / "kept");
  CHECK_THROWS_WITH(io::write_file(folder / "kept", "a", io::Existing::keep),
                    Contains("kept") && Contains("File exists"));
  CHECK(fs::is_symlink(folder / "kept"));
  CHECK_FALSE(fs::exists(folder / "unmade"));
}

TEST_CASE("atomic file: refusals name the path and leave nothing behind") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(io::write_file(folder / "none" / "x", "a"),
                    Contains("none/x") && Contains("folder does not exist"));
  CHECK_THROWS_WITH(io::write_file(folder.path(), "a"), Contains("not a regular file"));
  CHECK_THROWS_WITH(io::write_file("/dev/full", "a"), Contains("/dev/full") && Contains("not a regular file"));
  CHECK_THROWS_AS(io::write_file("/proc/paser_no_such_file", "a"), IoError);
  const auto long_name = folder / std::string(300, 'x');
  CHECK_THROWS_WITH(io::write_file(long_name, "a"), Contains("File name too long"));
  CHECK(fs::is_empty(folder.path()));
  const auto longest = folder / std::string(255, 'x');
  io::write_file(longest, "a");
  CHECK(io::read_file(longest) == "a");
  fs::remove(longest);

  io::write_file(folder / "real", "old");
  fs::create_symlink(folder / "real", folder / "link");
  io::write_file(folder / "link", "new");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(io::read_file(folder / "real") == "new");

  CHECK_NOTHROW(io::require_free_space(folder.path(), 1));
  CHECK_THROWS_WITH(io::require_free_space(folder.path(), Index{1} << 62), Contains("bytes free"));
}

TEST_CASE("atomic file: a disk that fills up leaves the old content") {
  const TemporaryFolder folder;
  const auto target = folder / "state.bin";
  io::write_file(target, "old");
  std::string what;
  try {
    const FileSizeLimit limit(1000);
    io::write_file(target, std::string(100000, 'x'));
  } catch (const IoError& e) {
    what = e.what();
  }
  CHECK_THAT(what, Contains("state.bin") && Contains("File too large") && Contains("unchanged"));
  CHECK(io::read_file(target) == "old");
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("atomic file: killed at any moment, the file is whole") {
  const TemporaryFolder folder;
  const auto target = folder / "state.bin";
  io::write_file(target, std::string(200000, 'A'));
  for (int round = 0; round < 25; ++round) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      for (char c = 'B';; c = c == 'Z' ? 'A' : static_cast<char>(c + 1)) io::write_file(target, std::string(200000, c));
    }
    usleep(static_cast<useconds_t>(500 + 911 * round));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    const std::string content = io::read_file(target);
    CHECK(content == std::string(200000, content.at(0)));
    CHECK(std::distance(fs::directory_iterator(folder.path()), {}) <= 2);
    io::remove_stray_temporaries(folder.path());
    CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
  }
}

}  // namespace atomic_file_test
