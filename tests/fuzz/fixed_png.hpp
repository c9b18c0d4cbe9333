#pragma once

#include "fuzz.hpp"
#include "paser/io/image.hpp"

namespace fuzz {

/// The PNG file with the checksums of its chunks put right, or next to no input would come past them.
inline std::string fixed_png(std::string_view file) {
  using namespace paser::io;
  std::string png(file);
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t length = detail::big_endian(png, at, 4);
    if (length > png.size() - at - 12) break;
    std::string sum;
    detail::append_big_endian(sum, Crc32().add(std::string_view(png).substr(at + 4, 4 + length)).value());
    png.replace(at + 8 + length, 4, sum);
    at += 12 + length;
  }
  return png;
}

}  // namespace fuzz
