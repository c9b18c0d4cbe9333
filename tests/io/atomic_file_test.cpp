#include "paser/io/atomic_file.hpp"

#include <sys/resource.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "support/temporary_folder.hpp"

using namespace paser;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

TEST_CASE("atomic file: the target changes only at commit") {
  const TemporaryFolder folder;
  const auto target = folder / "state.bin";
  io::write_file(target, "old");
  {
    io::AtomicFile file(target);
    file.write("new");
    CHECK(io::read_file(target) == "old");
    CHECK(fs::exists(io::AtomicFile::temporary_of(target)));
  }
  CHECK(io::read_file(target) == "old");
  CHECK_FALSE(fs::exists(io::AtomicFile::temporary_of(target)));
  io::AtomicFile file(target);
  file.write("new");
  file.write(" and whole");
  file.commit();
  CHECK(io::read_file(target) == "new and whole");
  CHECK_THROWS_WITH(file.write("more"), Contains("already finished"));
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("atomic file: what a killed writer left is reused or removed, a living writer is respected") {
  const TemporaryFolder folder;
  const auto target = folder / "state.bin", stray = io::AtomicFile::temporary_of(target);
  std::ofstream(stray) << "half of a much longer content";
  io::write_file(target, "short");
  CHECK(io::read_file(target) == "short");
  CHECK_FALSE(fs::exists(stray));

  std::ofstream(stray) << "half";
  io::remove_stray_temporary(target);
  CHECK_FALSE(fs::exists(stray));
  io::remove_stray_temporary(target);
  CHECK(io::read_file(target) == "short");

  io::AtomicFile alive(target);
  CHECK_THROWS_WITH(io::write_file(target, "other"), Contains("being written by someone else"));
  io::remove_stray_temporary(target);
  alive.write("mine");
  alive.commit();
  CHECK(io::read_file(target) == "mine");
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
  // A limit on the size of files fails write(2) midway, as a full disk does.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  setrlimit(RLIMIT_FSIZE, &small);
  std::string what;
  try {
    io::write_file(target, std::string(100000, 'x'));
  } catch (const IoError& e) {
    what = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
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
    io::remove_stray_temporary(target);
    CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
  }
}
