#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>
#include <string>
#include <string_view>

/// Numbers in the headers of files. The caller has checked that the bytes are there.
namespace paser::io::detail {

/// `count` bytes of the file, at most 4, as a number whose first byte counts most.
inline std::uint32_t big_endian(std::string_view file, std::size_t position, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t k = 0; k < count; ++k) value = value << 8 | static_cast<unsigned char>(file[position + k]);
  return value;
}

/// The same with the byte that counts most at the end.
inline std::uint32_t little_endian(std::string_view file, std::size_t position, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t k = count; k-- > 0;) value = value << 8 | static_cast<unsigned char>(file[position + k]);
  return value;
}

/// Appends four bytes, the one that counts most first.
inline void append_big_endian(std::string& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<char>(value >> shift & 255));
}

}  // namespace paser::io::detail
#include "paser/core/macros_on.inc"
