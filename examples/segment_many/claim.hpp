#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "paser/core/error.hpp"
#include "paser/core/text.hpp"
#include "paser/io/atomic_file.hpp"

/// Who works on a chunk of segment_many: a file that only one process can make, in a folder that all share.
namespace segment_many {

namespace fs = std::filesystem;

/// The files `claim_0000012` of a folder. The process that made one works on the chunk, touches it at times and removes
/// it in the end. A claim is given up when its process has died, which on the same node its lock tells at once, or when
/// it was not touched for `stale` seconds by the clock of the file system; then another takes it over. Should two take
/// one over, or its process only be slow, both do the same work and write the same bytes: that costs time and nothing
/// else.
class Claims {
 public:
  Claims(fs::path folder, double stale_seconds) : folder_(std::move(folder)), stale_(stale_seconds) {
    make_folder();
    std::vector<char> name(256, '\0');
    ::gethostname(name.data(), name.size() - 1);
    node_ = name.data();
  }
  /// Removes the folder, when nobody claims anything and nothing else is in it.
  ~Claims() {
    std::error_code not_empty;
    if (const Found clock = look(folder_ / clock_name); clock.known() && clock.content.empty())
      fs::remove(folder_ / clock_name, not_empty);
    fs::remove(folder_, not_empty);
  }
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  /// A chunk that this process works on.
  class Held {
   public:
    Held(fs::path file, int handle) : file_(std::move(file)), handle_(handle) {}
    Held(Held&& other) noexcept : file_(std::move(other.file_)), handle_(std::exchange(other.handle_, -1)) {}
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (handle_ < 0) return;
      struct stat named {
      }, mine{};
      // After a take-over the name is another's.
      if (::stat(file_.c_str(), &named) == 0 && ::fstat(handle_, &mine) == 0 && named.st_ino == mine.st_ino)
        ::unlink(file_.c_str());
      ::close(handle_);
    }
    /// Says that this process lives; at most once per second.
    void touch() {
      const auto now = std::chrono::steady_clock::now();
      if (now - touched_ < std::chrono::seconds(1)) return;
      touched_ = now;
      ::futimens(handle_, nullptr);
    }

   private:
    fs::path file_;
    int handle_;
    std::chrono::steady_clock::time_point touched_ = std::chrono::steady_clock::now();
  };

  /// Removes what processes left that died; when all chunks are done, so that no claim counts any more.
  void clear() const {
    std::error_code ignored;
    // The work is done, whatever becomes of the folder: nothing here throws.
    for (fs::directory_iterator entry(folder_, ignored), end; entry != end; entry.increment(ignored)) {
      const fs::path file = entry->path();
      const std::string name = file.filename().string();
      const bool claim = name.starts_with("claim_") && name.size() >= 13 && is_number(name.substr(6));
      // One that was set aside has a process's name: an empty file may be a user's.
      const bool aside = name.starts_with("aside_") && ends_in_number(name.substr(6), '_');
      if (!claim && !aside) continue;
      const Found found = look(file);
      if (found.known() && (is_claim(found.content) || (claim && nameless(found.content)))) fs::remove(file, ignored);
    }
  }

  /// Claims a chunk, if nobody does who lives. Throws IoError when that cannot be known.
  std::optional<Held> take(const std::string& chunk) {
    const fs::path file = folder_ / ("claim_" + chunk);
    for (int attempt = 0; attempt < 4; ++attempt) {
      const int handle = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (handle >= 0) {
        // Who looks at claims holds the lock for a moment; without it the claim would count as a dead process's.
        paser::io::detail::uninterrupted([&] { return ::flock(handle, LOCK_EX); });
        const std::string text = paser::message(node_, " ", ::getpid(), "\n");
        const int error = paser::io::detail::write_all(handle, std::as_bytes(std::span(text)));
        Held held(file, handle);
        sightings_.erase(file);
        paser::check<paser::IoError>(error == 0, "claims", file.string(), " cannot be written: ", std::strerror(error));
        return held;
      }
      if (errno == ENOENT) {  // another process was the last to leave the folder
        make_folder();
        continue;
      }
      paser::check<paser::IoError>(errno == EEXIST, "claims", file.string(), " cannot be made: ", std::strerror(errno));
      const Standing standing = standing_of(file);
      if (standing == Standing::busy || (standing == Standing::given_up && !set_aside(file))) return {};
    }
    return {};
  }

 private:
  static constexpr const char* clock_name = "clock";
  static constexpr std::size_t longest_claim = 300;  // the name of a node and a number

  static bool is_number(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  }
  /// Something, the letter, and a number.
  static bool ends_in_number(std::string_view text, char before) {
    const std::size_t at = text.rfind(before);
    return at != text.npos && at > 0 && is_number(text.substr(at + 1));
  }

  /// Opens what may be somebody else's, through no link and without waiting for a writer.
  static int open_own(const fs::path& file) {
    return ::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  }

  /// What is under a name that may be somebody else's.
  struct Found {
    int error = 0;  ///< why it cannot be read; then its kind alone is known, if anything
    bool regular = true, unlocked = false;
    struct stat state {};
    std::string content{};  ///< its beginning, longer than any claim when the file is
    bool known() const { return error == 0 && regular; }
  };
  static Found look(const fs::path& file) {
    using paser::io::detail::uninterrupted;
    Found found;
    const int handle = uninterrupted([&] { return open_own(file); });
    if (handle < 0) {
      found.error = errno;
      if (::lstat(file.c_str(), &found.state) == 0) found.regular = S_ISREG(found.state.st_mode);
      return found;
    }
    char text[longest_claim + 1];
    ssize_t count = ::fstat(handle, &found.state);
    if (count == 0) found.regular = S_ISREG(found.state.st_mode);
    if (count == 0 && found.regular) count = uninterrupted([&] { return ::read(handle, text, sizeof text); });
    if (count < 0) found.error = errno;
    if (count > 0) found.content.assign(text, static_cast<std::size_t>(count));
    found.unlocked = found.known() && ::flock(handle, LOCK_SH | LOCK_NB) == 0;
    ::close(handle);
    return found;
  }

  /// Of a process that has not written its name yet, or never came to it: of a node that lost its power a file may be
  /// left that has its length and no content.
  static bool nameless(std::string_view content) {
    return content.size() <= longest_claim &&
           std::all_of(content.begin(), content.end(), [](char c) { return c == 0; });
  }

  /// "NODE NUMBER\n": what the process that made a claim writes into it.
  static bool is_claim(std::string_view content) {
    if (content.empty() || content.size() > longest_claim || content.back() != '\n') return false;
    content.remove_suffix(1);
    return ends_in_number(content, ' ') && content.find('\n') == content.npos && content.find('\0') == content.npos;
  }

  void make_folder() const {
    std::error_code failed;
    fs::create_directories(folder_, failed);
    const fs::file_status made = fs::symlink_status(folder_);
    const bool left = !failed && !fs::exists(made);  // another process was the last to leave it, meanwhile
    paser::check<paser::IoError>(fs::is_directory(made) || left, "claims", paser::visible(folder_.string()),
                                 failed ? " cannot be made: " + failed.message()
                                        : " is a link or a file; expected a folder of segment-many's own");
  }

  enum class Standing { gone, given_up, busy };

  /// What cannot be read may be the claim of a process that lives: of another user, or on a file system that fails just
  /// now. Throws IoError for what certainly is no claim.
  Standing standing_of(const fs::path& file) {
    const Found found = look(file);
    if (found.error == ENOENT || found.error == ESTALE) return Standing::gone;
    const std::string& owner = found.content;
    paser::check<paser::IoError>(found.regular && (!found.known() || nameless(owner) || is_claim(owner)), "claims",
                                 paser::visible(file.string()),
                                 " is no claim of segment-many, and stays as it is; move it elsewhere");
    if (!found.known()) return Standing::busy;
    seen_ = {found.state.st_ino, found.state.st_mtim.tv_sec};
    if (found.unlocked && owner.starts_with(node_ + " ")) return Standing::given_up;
    double age = seconds_since_change(file, found.state);
    if (const auto time = now()) age = std::max(age, *time - static_cast<double>(found.state.st_mtim.tv_sec));
    const bool unnamed = found.unlocked && owner.empty() && age > 2;  // died before it could write its name
    return age > stale_ || unnamed ? Standing::given_up : Standing::busy;
  }

  /// Takes away a claim that was given up. Of several who do so one succeeds; a claim that another has made anew
  /// meanwhile is given back.
  bool set_aside(const fs::path& file) {
    const fs::path aside = folder_ / paser::message("aside_", node_, "_", ::getpid());
    if (::rename(file.c_str(), aside.c_str()) != 0) return true;
    struct stat taken {};
    const bool same =
        ::stat(aside.c_str(), &taken) == 0 && taken.st_ino == seen_.first && taken.st_mtim.tv_sec == seen_.second;
    std::error_code already_there;
    if (!same) fs::create_hard_link(aside, file, already_there);
    ::unlink(aside.c_str());
    return same;
  }

  /// How long this process has seen a claim as it is.
  double seconds_since_change(const fs::path& file, const struct stat& state) {
    const auto now = std::chrono::steady_clock::now();
    Sighting& last = sightings_[file];
    if (last.file != state.st_ino || last.seconds != state.st_mtim.tv_sec || last.rest != state.st_mtim.tv_nsec)
      last = {state.st_ino, state.st_mtim.tv_sec, state.st_mtim.tv_nsec, now};
    return std::chrono::duration<double>(now - last.since).count();
  }

  /// Seconds by the clock of the file system, which on a cluster is not this node's; nothing where that is of another
  /// user, who alone can set it.
  std::optional<double> now() {
    const fs::path file = folder_ / clock_name;
    const int handle = ::open(file.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    const int problem = errno;
    if (handle < 0 && problem == ENOENT) return 0;  // the folder is gone, and all claims with it
    if (handle < 0 && (problem == EACCES || problem == EPERM || problem == EROFS)) return {};
    struct stat found {};
    const bool own = handle >= 0 && ::fstat(handle, &found) == 0 && S_ISREG(found.st_mode) && found.st_size == 0;
    const bool known = own && ::futimens(handle, nullptr) == 0 && ::fstat(handle, &found) == 0;
    const int reason = handle < 0 ? problem : errno;
    if (handle >= 0) ::close(handle);
    paser::check<paser::IoError>(handle < 0 || own, "claims", paser::visible(file.string()),
                                 " is not segment-many's own, and stays as it is; move it elsewhere");
    paser::check<paser::IoError>(known, "claims", file.string(), " cannot be written: ", std::strerror(reason));
    return static_cast<double>(found.st_mtim.tv_sec);
  }

  fs::path folder_;
  double stale_;
  std::string node_;
  std::pair<ino_t, time_t> seen_{};  ///< the claim that was looked at last
  struct Sighting {
    ino_t file = 0;
    time_t seconds = 0;
    long rest = -1;
    std::chrono::steady_clock::time_point since{};
  };
  std::map<fs::path, Sighting> sightings_;
};

}  // namespace segment_many
