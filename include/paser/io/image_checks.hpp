#pragma once
#include "paser/core/macros_off.inc"

#include <string>
#include <string_view>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"
#include "paser/io/crc32.hpp"

/// What is checked of an image file before stb_image decodes it: stb_image takes damaged files for whole ones, and some
/// malformed JPEG tables make it write outside of its own.
namespace paser::io::detail {

/// `count` bytes of the file as a big-endian number.
inline std::uint32_t big_endian(std::string_view file, std::size_t position, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t k = 0; k < count; ++k) value = value << 8 | static_cast<unsigned char>(file[position + k]);
  return value;
}

/// Whether the content starts as a Windows bitmap with one of the headers that stb_image knows.
inline bool is_bmp(std::string_view bytes) {
  if (!bytes.starts_with("BM") || bytes.size() < 18) return false;
  const char size = bytes[14];
  return bytes.substr(15, 3) == std::string_view("\0\0\0", 3) &&
         (size == 12 || size == 40 || size == 56 || size == 108 || size == 124);
}

/// Verifies the checksum of every chunk of a PNG file, so that a damaged file is an error and not a wrong picture.
inline void check_png_chunks(std::string_view png, const std::string& origin) {
  std::size_t position = 8;
  for (;;) {
    check<FormatError>(position + 12 <= png.size(), origin.c_str(), "the PNG file is cut off at byte ", png.size());
    const std::size_t length = big_endian(png, position, 4);
    check<FormatError>(length <= png.size() - position - 12, origin.c_str(), "the PNG file is cut off at byte ",
                       png.size(), ", a chunk needs ", length, " more");
    const std::string_view chunk = png.substr(position + 4, 4 + length);
    check<FormatError>(Crc32().add(chunk).value() == big_endian(png, position + 8 + length, 4), origin.c_str(),
                       "the PNG file is damaged: the checksum of the chunk at byte ", position, " differs");
    if (chunk.starts_with("IEND")) return;
    position += 12 + length;
  }
}

/// Throws unless the Huffman tables of a DHT segment have at most 256 codes each.
inline void check_huffman_tables(std::string_view segment, const std::string& origin) {
  while (!segment.empty()) {
    std::size_t codes = 0;
    if (segment.size() >= 17)
      for (std::size_t length = 1; length <= 16; ++length) codes += static_cast<unsigned char>(segment[length]);
    check<FormatError>(segment.size() >= 17 && codes <= 256 && segment.size() >= 17 + codes, origin.c_str(),
                       "the JPEG file is damaged: a Huffman table is malformed");
    segment.remove_prefix(17 + codes);
  }
}

/// Walks over the markers of a JPEG file up to its end marker.
inline void check_jpeg_markers(std::string_view jpeg, const std::string& origin) {
  std::size_t position = 2;
  const auto require = [&](bool inside) {
    check<FormatError>(inside, origin.c_str(), "the JPEG file is cut off at byte ", jpeg.size());
  };
  for (;;) {
    // Between segments lie fill bytes, and after a scan's header its entropy-coded data, where 0xFF is followed by 0.
    position = jpeg.find('\xFF', position);
    require(position != std::string_view::npos && position + 1 < jpeg.size());
    const auto marker = static_cast<unsigned char>(jpeg[++position]);
    if (marker == 0xFF) continue;
    ++position;
    if (marker == 0xD9) return;
    if (marker == 0 || marker == 1 || (marker >= 0xD0 && marker <= 0xD8)) continue;
    require(position + 2 <= jpeg.size());
    const std::size_t length = big_endian(jpeg, position, 2);
    check<FormatError>(length >= 2, origin.c_str(), "the JPEG file is damaged: a segment has length ", length);
    require(position + length <= jpeg.size());
    if (marker == 0xC4) check_huffman_tables(jpeg.substr(position + 2, length - 2), origin);
    position += length;
  }
}

}  // namespace paser::io::detail
#include "paser/core/macros_on.inc"
