#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paser/core/error.hpp"

/// The tar files of segment_many: ustar (POSIX.1-1988), which every tar reads, of files alone, with nothing in them of
/// the time and the user, so that equal content gives equal bytes.
namespace segment_many {

namespace detail {

inline constexpr std::size_t tar_block = 512;

/// The header of a file. Names of at most 99 characters, contents of less than 8 GiB.
inline std::string tar_header(const std::string& name, std::size_t size) {
  paser::check<paser::ValueError>(name.size() < 100 && size < (std::size_t{1} << 33), "tar", "'", name, "' of ", size,
                                  " bytes does not fit the format");
  std::string header(tar_block, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  const auto octal = [](std::size_t value, int digits) {
    char text[16];
    std::snprintf(text, sizeof text, "%0*zo", digits, value);
    return std::string(text);
  };
  put(0, name);
  put(100, octal(0644, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(size, 11));
  put(136, octal(0, 11));
  put(148, std::string(8, ' '));
  put(156, "0");
  put(257, "ustar");
  put(263, "00");
  std::size_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + '\0' + ' ');
  return header;
}

}  // namespace detail

/// Collects a tar file in memory.
class Tar {
 public:
  void add(const std::string& name, std::string_view content) {
    bytes_ += detail::tar_header(name, content.size());
    bytes_ += content;
    bytes_.resize((bytes_.size() + detail::tar_block - 1) / detail::tar_block * detail::tar_block, '\0');
  }
  /// The whole file.
  std::string finish() && {
    bytes_.resize(bytes_.size() + 2 * detail::tar_block, '\0');
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

/// The files of what Tar made, names and contents in their order. Throws FormatError, naming `origin`, on anything
/// else.
inline std::vector<std::pair<std::string, std::string_view>> read_tar(std::string_view tar, const std::string& origin) {
  using paser::FormatError;
  constexpr std::size_t block = detail::tar_block;
  std::vector<std::pair<std::string, std::string_view>> files;
  std::size_t at = 0;
  while (at + block <= tar.size() && tar[at] != '\0') {
    const std::string name(tar.substr(at, tar.substr(at, 100).find('\0')));
    std::size_t size = 0;
    for (const char digit : tar.substr(at + 124, 11)) {
      paser::check<FormatError>('0' <= digit && digit <= '7', origin.c_str(), "the tar file is damaged at byte ", at);
      size = 8 * size + static_cast<std::size_t>(digit - '0');
    }
    paser::check<FormatError>(
        size <= tar.size() - at - block && tar.substr(at, block) == detail::tar_header(name, size), origin.c_str(),
        "the tar file is damaged at byte ", at);
    files.emplace_back(name, tar.substr(at + block, size));
    at += block + (size + block - 1) / block * block;
  }
  paser::check<FormatError>(tar.size() == at + 2 * block && tar.find_first_not_of('\0', at) == std::string_view::npos,
                            origin.c_str(), "the tar file is damaged at byte ", at);
  return files;
}

}  // namespace segment_many
