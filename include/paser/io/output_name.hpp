#pragma once
#include "paser/core/macros_off.inc"

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "paser/io/atomic_file.hpp"

#ifdef PASER_POSIX_FILES

/// Names under which a program is to write.
namespace paser::io {

namespace detail {

/// Throws ValueError for a path that is longer than the file system takes, or has a name that is: also where folders on
/// the way are still to be made. Only these are tried, each where the first of them will be: a name that is there fits,
/// and how long one may be, in bytes or in letters, the file system alone knows.
inline void check_name(const Path& path) {
  struct stat ignored {};
  const auto fits = [&](const Path& name) {
    const bool too_long = ::lstat(name.c_str(), &ignored) != 0 && errno == ENAMETOOLONG;
    check<ValueError>(!too_long, "output", quoted(path), ": ", std::strerror(ENAMETOOLONG));
  };
  if (::lstat(path.c_str(), &ignored) == 0) return;
  fits(path);
  std::vector<Path> to_make;
  Path there = path;
  for (std::error_code none; there.has_relative_path() && !std::filesystem::exists(there, none);
       there = there.parent_path())
    to_make.push_back(there.filename());
  for (const Path& name : to_make) fits(there / name);
}

}  // namespace detail

/// The folder of one file that is named by itself, and its name in it. Throws IoError where there is no such folder,
/// ValueError where a name is longer than the file system takes.
inline std::pair<Path, std::string> folder_and_name(const Path& file) {
  detail::check_name(file);
  const Path folder = file.has_parent_path() ? file.parent_path() : Path(".");
  std::error_code ignored;
  check<IoError>(std::filesystem::is_directory(folder, ignored), "output", quoted(file), ": its folder does not exist");
  return {folder, file.filename().string()};
}

}  // namespace paser::io

#endif

#include "paser/core/macros_on.inc"
