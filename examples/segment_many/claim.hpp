#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

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
    if (const auto clock = content_of(folder_ / clock_name); clock && clock->empty())
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
    for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
      const std::string name = entry.path().filename().string();
      const bool named = name.starts_with("aside_") || (name.starts_with("claim_") && name.size() == 13 &&
                                                        std::all_of(name.begin() + 6, name.end(), digit));
      if (const auto content = named ? content_of(entry.path()) : std::nullopt; content && is_claim(*content))
        fs::remove(entry.path(), ignored);
    }
  }

  /// Claims a chunk, if nobody does who lives. Throws IoError when that cannot be known.
  std::optional<Held> take(const std::string& chunk) {
    const fs::path file = folder_ / ("claim_" + chunk);
    for (int attempt = 0; attempt < 4; ++attempt) {
      const int handle = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (handle >= 0) {
        ::flock(handle, LOCK_EX | LOCK_NB);
        const std::string text = paser::message(node_, " ", ::getpid(), "\n");
        const int error = paser::io::detail::write_all(handle, std::as_bytes(std::span(text)));
        Held held(file, handle);
        paser::check<paser::IoError>(error == 0, "claims", file.string(), " cannot be written: ", std::strerror(error));
        return held;
      }
      if (errno == ENOENT) {  // another process was the last to leave the folder
        make_folder();
        continue;
      }
      paser::check<paser::IoError>(errno == EEXIST, "claims", file.string(), " cannot be made: ", std::strerror(errno));
      if (!given_up(file) || !set_aside(file)) return {};
    }
    return {};
  }

 private:
  static constexpr const char* clock_name = "clock";
  static constexpr std::size_t longest_claim = 300;  // the name of a node and a number

  static bool digit(char c) { return c >= '0' && c <= '9'; }

  /// Opens what may be somebody else's, through no link and without waiting for a writer.
  static int open_own(const fs::path& file) {
    return ::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  }

  /// The beginning of a regular file, longer than any claim when the file is; none of anything else.
  static std::optional<std::string> content_of(int handle) {
    struct stat found {};
    if (::fstat(handle, &found) != 0 || !S_ISREG(found.st_mode)) return {};
    char text[longest_claim + 1];
    const ssize_t count = ::read(handle, text, sizeof text);
    if (count < 0) return {};
    return std::string(text, static_cast<std::size_t>(count));
  }
  static std::optional<std::string> content_of(const fs::path& file) {
    const int handle = open_own(file);
    if (handle < 0) return {};
    auto content = content_of(handle);
    ::close(handle);
    return content;
  }

  /// "NODE NUMBER\n", or nothing yet: what the process that made a claim writes into it.
  static bool is_claim(std::string_view content) {
    if (content.empty()) return true;
    if (content.size() > longest_claim || content.back() != '\n') return false;
    content.remove_suffix(1);
    const std::size_t blank = content.rfind(' ');
    if (blank == content.npos || blank == 0 || blank + 1 == content.size()) return false;
    return std::all_of(content.begin() + static_cast<std::ptrdiff_t>(blank) + 1, content.end(), digit) &&
           content.find('\n') == content.npos;
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

  bool given_up(const fs::path& file) {
    const int handle = open_own(file);
    if (handle < 0 && errno == ENOENT) return true;  // gone since
    struct stat found {};
    const auto content = handle >= 0 ? content_of(handle) : std::nullopt;
    if (!content || !is_claim(*content) || ::fstat(handle, &found) != 0) {
      if (handle >= 0) ::close(handle);
      throw paser::IoError(paser::message("claims: ", paser::visible(file.string()),
                                          " is no claim of segment-many, and stays as it is; move it elsewhere"));
    }
    const std::string& owner = *content;
    const bool unlocked = ::flock(handle, LOCK_SH | LOCK_NB) == 0;
    ::close(handle);
    seen_ = {found.st_ino, found.st_mtim.tv_sec};
    if (unlocked && owner.starts_with(node_ + " ")) return true;
    const double age = now() - static_cast<double>(found.st_mtim.tv_sec);
    return age > stale_ || (unlocked && owner.empty() && age > 2);  // died before it could write its name
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

  /// Seconds by the clock of the file system, which on a cluster is not this node's.
  double now() {
    const fs::path file = folder_ / clock_name;
    const int handle = ::open(file.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
    if (handle < 0 && errno == ENOENT) return 0;  // the folder is gone, and all claims with it
    struct stat found {};
    const bool own = handle >= 0 && ::fstat(handle, &found) == 0 && S_ISREG(found.st_mode) && found.st_size == 0;
    const bool known = own && ::futimens(handle, nullptr) == 0 && ::fstat(handle, &found) == 0;
    if (handle >= 0) ::close(handle);
    paser::check<paser::IoError>(handle < 0 || own, "claims", paser::visible(file.string()),
                                 " is not segment-many's own, and stays as it is; move it elsewhere");
    paser::check<paser::IoError>(known, "claims", file.string(), " cannot be written: ", std::strerror(errno));
    return static_cast<double>(found.st_mtim.tv_sec);
  }

  fs::path folder_;
  double stale_;
  std::string node_;
  std::pair<ino_t, time_t> seen_{};  ///< the claim that was looked at last
};

}  // namespace segment_many
