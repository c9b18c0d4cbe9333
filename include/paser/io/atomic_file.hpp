#pragma once
#include "paser/core/macros_off.inc"

#include <span>
#include <string_view>

#include "paser/io/file.hpp"

#if __has_include(<unistd.h>)
#define PASER_POSIX_FILES 1
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#include <cstdio>
#endif

namespace paser::io {

/// Writes a file so that, whatever happens on the way, its path names either the old content or the new one, whole.
///
/// The content goes to one temporary file beside the target, "<name>.tmp", which commit() flushes to the disk and
/// renames. A temporary that a killed program left behind is overwritten by the next save, or removed by
/// remove_stray_temporary. Two writers of one target exclude each other by a lock on the temporary.
class AtomicFile {
 public:
  /// Throws IoError when the folder does not exist or cannot be written, or when someone else is writing this file.
  explicit AtomicFile(const Path& target);

  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Without commit() the temporary is removed and the target left as it was.
  ~AtomicFile() { abandon(); }

  /// Throws IoError, for example on a full disk; the target is then untouched.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Makes the content permanent under the target's name.
  void commit();

  /// The name under which the content is collected.
  static Path temporary_of(const Path& target) { return Path(target) += ".tmp"; }

 private:
  void abandon() noexcept;
  [[noreturn]] void fail(const char* action, int error) {
    abandon();
    throw IoError(message("write: ", quoted(target_), " cannot be ", action, ": ", std::strerror(error),
                          "; what was there before is unchanged"));
  }

  Path target_, temporary_;
#ifdef PASER_POSIX_FILES
  int file_ = -1;
#else
  std::FILE* file_ = nullptr;
#endif
};

namespace detail {

/// A link is followed, so that the file it names is replaced and not the link.
inline Path write_target(const Path& target) {
  std::error_code error;
  const auto status = std::filesystem::status(target, error);
  check<IoError>(!std::filesystem::exists(status) || std::filesystem::is_regular_file(status), "write", quoted(target),
                 " exists and is not a regular file");
  const Path resolved = std::filesystem::is_symlink(target, error) ? std::filesystem::weakly_canonical(target) : target;
  const Path folder = resolved.has_parent_path() ? resolved.parent_path() : Path(".");
  check<IoError>(std::filesystem::is_directory(folder, error), "write", quoted(target), ": its folder does not exist");
  return resolved;
}

}  // namespace detail

#ifdef PASER_POSIX_FILES

namespace detail {

/// Opens and locks a temporary. -1 with errno EWOULDBLOCK when someone else holds it.
inline int open_locked(const Path& temporary, int flags) {
  for (;;) {
    const int file = ::open(temporary.c_str(), flags | O_CLOEXEC, 0666);
    if (file < 0) return -1;
    // File systems without locks are written to unlocked.
    if (::flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(file);
      errno = EWOULDBLOCK;
      return -1;
    }
    // Between open and lock the file may have been renamed to its target by its writer: then it is not ours to write.
    struct stat mine {
    }, named{};
    if (::fstat(file, &mine) == 0 && ::stat(temporary.c_str(), &named) == 0 && mine.st_ino == named.st_ino &&
        mine.st_dev == named.st_dev)
      return file;
    ::close(file);
    if ((flags & O_CREAT) == 0) {
      errno = ENOENT;
      return -1;
    }
  }
}

}  // namespace detail

inline AtomicFile::AtomicFile(const Path& target)
    : target_(detail::write_target(target)), temporary_(temporary_of(target_)) {
  file_ = detail::open_locked(temporary_, O_WRONLY | O_CREAT);
  const int error = errno;
  check<IoError>(file_ >= 0 || error != EWOULDBLOCK, "write", quoted(target_), " is being written by someone else");
  if (file_ < 0) fail("created", error);
  if (::ftruncate(file_, 0) != 0) fail("emptied", errno);
}

inline void AtomicFile::write(std::span<const std::byte> bytes) {
  check<IoError>(file_ >= 0, "write", quoted(target_), " is already finished");
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail("written", count == 0 ? ENOSPC : errno);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

inline void AtomicFile::commit() {
  check<IoError>(file_ >= 0, "write", quoted(target_), " is already finished");
  if (::fsync(file_) != 0) fail("flushed to the disk", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("replaced", errno);
  ::close(file_);
  file_ = -1;
  // The new name is itself data of the folder, and lost with the power unless it is flushed as well.
  const Path folder = target_.has_parent_path() ? target_.parent_path() : Path(".");
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  const bool flushed = ::fsync(directory) == 0 || errno == EINVAL || errno == ENOTSUP;
  const int error = errno;
  ::close(directory);
  check<IoError>(flushed, "write", quoted(folder), " cannot be flushed: ", std::strerror(error));
}

inline void AtomicFile::abandon() noexcept {
  if (file_ < 0) return;
  ::unlink(temporary_.c_str());
  ::close(file_);
  file_ = -1;
}

/// Removes what a killed program left beside `target`, unless someone is writing it at this moment. For the start of a
/// program that saves.
inline void remove_stray_temporary(const Path& target) {
  const Path temporary = AtomicFile::temporary_of(target);
  const int file = detail::open_locked(temporary, O_WRONLY);
  if (file < 0) return;
  ::unlink(temporary.c_str());
  ::close(file);
}

#else

inline AtomicFile::AtomicFile(const Path& target)
    : target_(detail::write_target(target)), temporary_(temporary_of(target_)) {
  file_ = std::fopen(temporary_.string().c_str(), "wb");
  if (file_ == nullptr) fail("created", errno);
}

inline void AtomicFile::write(std::span<const std::byte> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail("written", errno);
}

inline void AtomicFile::commit() {
  if (std::fflush(file_) != 0) fail("flushed", errno);
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

/// Removes what a killed program left beside `target`. For the start of a program that saves.
inline void remove_stray_temporary(const Path& target) {
  std::error_code ignored;
  std::filesystem::remove(AtomicFile::temporary_of(target), ignored);
}

#endif

/// Replaces a file's content, all or nothing. Throws IoError.
inline void write_file(const Path& target, std::string_view content) {
  AtomicFile file(target);
  file.write(content);
  file.commit();
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
