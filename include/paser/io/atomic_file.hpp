#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <span>
#include <string_view>

#include "paser/io/crc32.hpp"
#include "paser/io/file.hpp"

#if __has_include(<unistd.h>)
#define PASER_POSIX_FILES 1
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace paser::io {

/// What AtomicFile::commit does with a file that is there already.
enum class Existing { replace, keep };

/// Writes a file so that, whatever happens on the way, its path names either the old content or the new one, whole.
///
/// The content goes to a temporary file in the target's folder, which commit() flushes to the disk and renames. The
/// temporary is always a new file under a name of its own, so that nothing of that name, file or link, is ever
/// written to. What a killed program left is known by that name, see is_temporary, and removed by
/// remove_stray_temporaries.
///
/// A target that is a link stays one: the file that it names is replaced, or made where there is none, in the folder of
/// that file; with Existing::keep a link counts as a file that is there. A file that is replaced keeps its permissions.
/// Of two writers of one target at the same time the later commit counts.
class AtomicFile {
 public:
  /// Throws IoError when the folder does not exist or cannot be written, and when the target is a link to itself.
  explicit AtomicFile(const Path& target, Existing existing = Existing::replace);

  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Without commit() the temporary is removed and the target left as it was.
  ~AtomicFile() { abandon(); }

  /// Throws IoError, for example on a full disk; the target is then untouched.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Makes the content permanent under the target's name. Throws IoError, with Existing::keep also when there is a file
  /// of that name by now.
  void commit();

  /// The name under which the content is collected.
  const Path& temporary() const { return temporary_; }

  /// Whether a file's name is one that AtomicFile gives to temporaries: ".paser-", 16 digits, and 8 more that are
  /// computed from these.
  static bool is_temporary(const Path& file) {
    const std::string name = file.filename().string();
    return name.size() == prefix.size() + 24 + suffix.size() && name.starts_with(prefix) && name.ends_with(suffix) &&
           name.substr(prefix.size() + 16, 8) == checked(name.substr(prefix.size(), 16));
  }

 private:
  static constexpr std::string_view prefix = ".paser-", suffix = ".tmp";

  static std::string hexadecimal(std::uint64_t value, std::size_t digits) {
    std::array<char, 16> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, 16).ptr;
    const auto size = static_cast<std::size_t>(end - text.data());
    return std::string(digits > size ? digits - size : 0, '0') + std::string(text.data(), size);
  }
  static std::string checked(std::string_view digits) {
    return hexadecimal(Crc32().add("temporary file of paser").add(digits).value(), 8);
  }
  /// Another name at every call, whatever the process.
  static std::string new_name() {
    static std::atomic<std::uint64_t> calls{0};
    auto number = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) +
                  calls.fetch_add(1) * 0x9e3779b97f4a7c15u;
#ifdef PASER_POSIX_FILES
    number ^= static_cast<std::uint64_t>(::getpid()) << 40;
#endif
    const std::string digits = hexadecimal(number, 16);
    return std::string(prefix) + digits + checked(digits) + std::string(suffix);
  }

  void abandon() noexcept;
  [[noreturn]] void fail(const char* action, int error) {
    abandon();
    throw IoError(message("write: ", quoted(target_), " cannot be ", action, ": ", std::strerror(error),
                          "; what was there before is unchanged"));
  }

  Path target_, temporary_;
  Existing existing_;
#ifdef PASER_POSIX_FILES
  int file_ = -1;
#else
  std::FILE* file_ = nullptr;
#endif
};

namespace detail {

/// Where the links lead that begin at a path, to a file that need not be there; the path itself when it is no link.
inline Path behind_links(const Path& target) {
  constexpr int most = 40;  // as Linux follows
  Path file = target;
  std::error_code error;
  for (int links = 0; std::filesystem::is_symlink(file, error); ++links) {
    check<IoError>(links < most, "write", quoted(target), " is a link that leads to itself, or over more than ", most,
                   " others");
    const Path next = std::filesystem::read_symlink(file, error);
    check<IoError>(!error, "write", quoted(file), " is a link that cannot be read: ", error.message());
    file = file.parent_path() / next;
  }
  return file;
}

/// The file that takes a target's place. A link is followed, so that the file it names is replaced and not the link;
/// but not where what is there is to be kept.
inline Path write_target(const Path& target, Existing existing) {
  const Path file = existing == Existing::keep ? target : behind_links(target);
  std::error_code error;
  const auto status = std::filesystem::status(target, error);
  check<IoError>(!std::filesystem::exists(status) || std::filesystem::is_regular_file(status), "write", quoted(target),
                 " exists and is not a regular file");
  const Path folder = file.has_parent_path() ? file.parent_path() : Path(".");
  check<IoError>(std::filesystem::is_directory(folder, error), "write", quoted(target),
                 file == target ? "" : " is a link to " + quoted(file), ": its folder does not exist");
  return file;
}

#ifdef PASER_POSIX_FILES

/// Calls a function of the system again for as long as signals interrupt it.
template <class Call>
auto uninterrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

/// Writes all bytes. Returns 0, or the error.
inline int write_all(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = uninterrupted([&] { return ::write(file, bytes.data(), bytes.size()); });
    if (count <= 0) return count == 0 ? ENOSPC : errno;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return 0;
}

/// Flushes a file or a folder to the disk; done where the file system knows no such thing. Returns 0, or the error.
inline int flush(int file) {
  const bool done = uninterrupted([&] { return ::fsync(file); }) == 0 || errno == EINVAL || errno == ENOTSUP;
  return done ? 0 : errno;
}

/// Renames; with Existing::keep only where the new name is free. Returns 0, or the error.
inline int rename_file(const Path& from, const Path& to, Existing existing) {
  const auto renamed = [&](const auto& call) { return uninterrupted(call) == 0 ? 0 : errno; };
  if (existing == Existing::keep) {
#ifdef RENAME_NOREPLACE
    const int error =
        renamed([&] { return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE); });
    if (error != EINVAL && error != ENOSYS) return error;
#endif
    struct stat there {};
    if (::lstat(to.c_str(), &there) == 0) return EEXIST;
  }
  return renamed([&] { return ::rename(from.c_str(), to.c_str()); });
}

#endif

}  // namespace detail

#ifdef PASER_POSIX_FILES

inline AtomicFile::AtomicFile(const Path& target, Existing existing)
    : target_(detail::write_target(target, existing)), existing_(existing) {
  struct stat there {};
  const bool replaces = ::stat(target_.c_str(), &there) == 0;
  const mode_t mode = replaces ? there.st_mode & 07777 : 0666;
  for (int attempt = 0; file_ < 0; ++attempt) {
    temporary_ = Path(target_).replace_filename(new_name());
    file_ = detail::uninterrupted(
        [&] { return ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0666); });
    if (file_ < 0 && (errno != EEXIST || attempt == 100)) fail("written: no file can be made in its folder", errno);
    if (file_ < 0) continue;
    // Locked, it is nobody's stray. File systems without locks are written to unlocked.
    detail::uninterrupted([&] { return ::flock(file_, LOCK_EX); });
    struct stat mine {};
    if (::fstat(file_, &mine) == 0 && mine.st_nlink == 0) {  // it was taken for a stray before it was locked
      ::close(file_);
      file_ = -1;
    }
  }
  if (replaces && ::fchmod(file_, mode) != 0) fail("given its permissions", errno);
}

inline void AtomicFile::write(std::span<const std::byte> bytes) {
  check<IoError>(file_ >= 0, "write", quoted(target_), " is already finished");
  if (const int error = detail::write_all(file_, bytes)) fail("written", error);
}

inline void AtomicFile::commit() {
  check<IoError>(file_ >= 0, "write", quoted(target_), " is already finished");
  if (const int error = detail::flush(file_)) fail("flushed to the disk", error);
  if (const int error = detail::rename_file(temporary_, target_, existing_)) fail("replaced", error);
  ::close(file_);
  file_ = -1;
  // The new name is itself data of the folder, and lost with the power unless it is flushed as well.
  const Path folder = target_.has_parent_path() ? target_.parent_path() : Path(".");
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  const int error = detail::flush(directory);
  ::close(directory);
  check<IoError>(error == 0, "write", quoted(folder), " cannot be flushed: ", std::strerror(error));
}

inline void AtomicFile::abandon() noexcept {
  if (file_ < 0) return;
  ::unlink(temporary_.c_str());
  ::close(file_);
  file_ = -1;
}

/// Removes the temporaries that killed programs left in a folder, but for those that someone is writing at this moment
/// and those of other users. For the start of a program that saves.
inline void remove_stray_temporaries(const Path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!AtomicFile::is_temporary(entry->path())) continue;
    const int file = ::open(entry->path().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) continue;
    struct stat found {};
    if (::fstat(file, &found) == 0 && S_ISREG(found.st_mode) && found.st_uid == ::geteuid() &&
        (::flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK))
      ::unlink(entry->path().c_str());
    ::close(file);
  }
}

#else

inline AtomicFile::AtomicFile(const Path& target, Existing existing)
    : target_(detail::write_target(target, existing)), existing_(existing) {
  temporary_ = Path(target_).replace_filename(new_name());
  file_ = std::fopen(temporary_.string().c_str(), "wbx");
  if (file_ == nullptr) fail("created", errno);
}

inline void AtomicFile::write(std::span<const std::byte> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail("written", errno);
}

inline void AtomicFile::commit() {
  if (std::fflush(file_) != 0) fail("flushed", errno);
  if (existing_ == Existing::keep && std::filesystem::exists(target_)) fail("replaced", EEXIST);
  std::fclose(file_);
  file_ = nullptr;
  std::filesystem::rename(temporary_, target_);
}

inline void AtomicFile::abandon() noexcept {
  if (file_ == nullptr) return;
  std::fclose(file_);
  file_ = nullptr;
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
}

/// Removes the temporaries that killed programs left in a folder. For the start of a program that saves.
inline void remove_stray_temporaries(const Path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (std::error_code ignored; AtomicFile::is_temporary(entry->path()))
      std::filesystem::remove(entry->path(), ignored);
}

#endif

/// Replaces a file's content, all or nothing. Throws IoError.
inline void write_file(const Path& target, std::string_view content, Existing existing = Existing::replace) {
  AtomicFile file(target, existing);
  file.write(content);
  file.commit();
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
