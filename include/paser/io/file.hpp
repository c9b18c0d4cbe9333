#pragma once
#include "paser/core/macros_off.inc"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

namespace paser::io {

using Path = std::filesystem::path;  ///< The path of a file or folder.

/// The file as it is written in messages.
inline std::string quoted(const Path& path) {
  return std::string("'").append(path.string()).append("'");
}

/// A file open for reading whose size is known, so that sizes claimed by its content can be checked before memory is
/// asked for.
class InputFile {
 public:
  /// Throws IoError when there is no such regular file or it cannot be read.
  explicit InputFile(const Path& path) : path_(path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    check<IoError>(std::filesystem::exists(status), "read", quoted(path), " does not exist");
    check<IoError>(std::filesystem::is_regular_file(status), "read", quoted(path), " is not a regular file");
    size_ = static_cast<Index>(std::filesystem::file_size(path, error));
    errno = 0;
    stream_.open(path, std::ios::binary);
    check<IoError>(!error && stream_.is_open(), "read", quoted(path), " cannot be opened: ", std::strerror(errno));
  }

  const Path& path() const { return path_; }  ///< The file that was opened.
  Index size() const { return size_; }

  /// Throws IoError when fewer than `count` bytes are left.
  void read(void* to, Index count) {
    stream_.read(static_cast<char*>(to), static_cast<std::streamsize>(count));
    check<IoError>(stream_.gcount() == static_cast<std::streamsize>(count), "read", quoted(path_), " ended ",
                   static_cast<Index>(count - stream_.gcount()), " bytes early");
  }

  /// The same from byte `position` of the file.
  void read_at(Index position, void* to, Index count) {
    stream_.clear();
    stream_.seekg(static_cast<std::streamoff>(position));
    read(to, count);
  }

 private:
  Path path_;
  Index size_ = 0;
  std::ifstream stream_;
};

/// The whole content of a file. Throws IoError when it does not exist or cannot be read.
inline std::string read_file(const Path& path) {
  InputFile file(path);
  std::string content(static_cast<std::size_t>(file.size()), '\0');
  file.read(content.data(), file.size());
  return content;
}

/// Throws IoError unless the file system of `folder` has `bytes` free: better before a long training than at its end.
inline void require_free_space(const Path& folder, Index bytes) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  check<IoError>(!error, "require_free_space", quoted(folder), ": ", error.message());
  check<IoError>(space.available >= static_cast<std::uintmax_t>(bytes), "require_free_space", quoted(folder), " has ",
                 space.available, " bytes free, ", bytes, " are needed");
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
