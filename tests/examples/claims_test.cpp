#include "segment_many/claim.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "examples/child_process.hpp"
#include "support/temporary_folder.hpp"

/// What may stand where a process of segment_many wants to make its claim.
namespace claims_test {

using Catch::Contains;
using segment_many::Claims;
namespace fs = std::filesystem;

/// A folder of claims, and what is put into it.
struct Folder {
  fs::path put(const std::string& name, const std::string& content, int seconds_ago = 0) const {
    fs::create_directories(claims);  // who finds it empty in the end removes it
    std::ofstream(claims / name, std::ios::binary) << content;
    fs::last_write_time(claims / name, fs::file_time_type::clock::now() - std::chrono::seconds(seconds_ago));
    return claims / name;
  }
  bool takes(const std::string& chunk) const { return Claims(claims, 100).take(chunk).has_value(); }

  TemporaryFolder folder;
  fs::path claims = folder / "claims";
};

TEST_CASE("a claim that lost its content with a node's power is another's until it is stale") {
  const Folder f;
  const std::string nothing(14, '\0');
  const fs::path lost = f.put("claim_0000000", nothing, 20);
  CHECK_FALSE(f.takes("0000000"));
  CHECK(content_of(lost) == nothing);
  f.put("claim_0000000", nothing, 200);
  CHECK(f.takes("0000000"));
  CHECK_FALSE(fs::exists(lost));
  // One that is longer than any claim, and one with something in it, are no claims.
  for (const std::string& other : {std::string(400, '\0'), std::string("\0x", 2), std::string("a\0b 1\n", 6)}) {
    f.put("claim_0000000", other, 200);
    CHECK_THROWS_WITH(f.takes("0000000"), Contains("claim_0000000 is no claim of segment-many"));
    CHECK(content_of(lost) == other);
  }
}

/// Checks what holds() says in a process of another user, on a folder that all may write to; left out where that user
/// can write the file `closed` all the same.
template <class Check>
void check_as_somebody_else(const Folder& f, const fs::path& closed, const Check& holds) {
  for (const fs::path& folder : {f.folder.path(), f.claims}) fs::permissions(folder, fs::perms::all);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    constexpr uid_t nobody = 65534;  // who may open everything judges as somebody else
    if (::geteuid() == 0 && ::seteuid(nobody) != 0) ::_exit(2);
    if (std::ofstream(closed, std::ios::app).is_open() || !fs::exists(closed)) ::_exit(2);
    try {
      ::_exit(holds() ? 0 : 1);
    } catch (const std::exception& error) {
      std::ofstream(f.folder / "told") << error.what();
    }
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  INFO(content_of(f.folder / "told"));
  if (WEXITSTATUS(status) == 2)
    WARN("skipped: needs to be somebody who cannot open every file");
  else
    CHECK(status == 0);
}

TEST_CASE("a claim that cannot be opened is another's") {
  const Folder f;
  const fs::path claim = f.put("claim_0000000", "elsewhere 1\n");
  fs::permissions(claim, fs::perms::none);
  check_as_somebody_else(f, claim, [&] { return !f.takes("0000000"); });
  CHECK(fs::exists(claim));
}

TEST_CASE("a claim of the future, or where another's clock cannot be read, is given up when it does not change") {
  const Folder f;
  const auto waits_and_takes = [&] {
    Claims claims(f.claims, 0.3);
    const bool at_once = claims.take("0000000").has_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    return !at_once && claims.take("0000000").has_value();
  };
  f.put("claim_0000000", "elsewhere 1\n", -100000);
  CHECK(waits_and_takes());
  // One that is touched meanwhile lives.
  const fs::path living = f.put("claim_0000000", "elsewhere 1\n", -100000);
  Claims claims(f.claims, 0.3);
  for (int seconds : {0, 1}) {
    fs::last_write_time(living, fs::file_time_type::clock::now() + std::chrono::seconds(50000 + seconds));
    CHECK_FALSE(claims.take("0000000"));
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
  }
  fs::permissions(f.put("clock", ""), fs::perms::owner_read);
  f.put("claim_0000000", "elsewhere 1\n");
  check_as_somebody_else(f, f.claims / "clock", waits_and_takes);
}

TEST_CASE("a link, a folder, a pipe and a socket are no claims, and stay") {
  const Folder f;
  const fs::path claim = f.claims / "claim_0000000", mine = f.put("mine", "elsewhere 1\n", 200);
  const auto refused = [&](const char* what) {
    INFO(what);
    CHECK_THROWS_WITH(f.takes("0000000"), Contains("claim_0000000 is no claim of segment-many"));
    CHECK(fs::exists(fs::symlink_status(claim)));
    fs::remove(claim);
  };
  for (const fs::path& to : {mine, f.claims / "nowhere"}) {
    fs::create_symlink(to, claim);
    refused("a link");
  }
  fs::create_directory(claim);
  refused("a folder");
  REQUIRE(::mkfifo(claim.c_str(), 0600) == 0);
  refused("a pipe");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const std::string name = claim.string();
  if (name.size() < sizeof address.sun_path) {
    name.copy(address.sun_path, name.size());
    REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    refused("a socket");
  }
  ::close(socket);
  CHECK(content_of(mine) == "elsewhere 1\n");
}

TEST_CASE("of the files beside claims only what processes left is cleared") {
  const Folder f;
  for (const char* name : {"claim_0000007", "claim_10000000", "claim_123456789", "aside_my_node_12"})
    f.put(name, "my_node 12\n");
  for (const char* name : {"claim_0000008", "claim_10000001"}) f.put(name, "");
  f.put("claim_0000009", std::string(10, '\0'));
  std::set<std::string> kept{"aside_notes", "aside_my_node_13", "aside__12",    "aside_12",
                             "aside_a_b",   "claim_7",          "claim_for_you"};
  for (const std::string& name : kept) f.put(name, "");
  for (const char* name : {"aside__14", "aside_15", "aside_letters", "claim_12"}) {
    f.put(name, "dear sirs 1\n");
    kept.insert(name);
  }
  for (const char* name : {"claim_0000010", "aside_my_node_16"}) {
    f.put(name, "mine");
    kept.insert(name);
  }
  Claims(f.claims, 100).clear();
  CHECK(names_in(f.claims) == kept);
}

}  // namespace claims_test
