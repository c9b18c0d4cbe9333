#pragma once
#include "paser/core/macros_off.inc"

#include <span>

#include "paser/io/image.hpp"
#include "paser/io/page.hpp"

/// PNG files whose pixels are numbers of colours: masks that a person sees in colour and a program reads as classes.
namespace paser::io {

namespace detail {

inline void append_big_endian(std::string& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<char>(value >> shift & 255));
}

/// A chunk of a PNG file: its length, its name, its content and the checksum over both.
inline std::string png_chunk(std::string_view name, std::string_view content) {
  std::string chunk;
  append_big_endian(chunk, static_cast<std::uint32_t>(content.size()));
  chunk += name;
  chunk += content;
  append_big_endian(chunk, Crc32().add(name).add(content).value());
  return chunk;
}

}  // namespace detail

/// The PNG file, in memory, of a picture (H, W, 1) whose pixels are numbers of the colours of `palette`; read_image
/// sees the colours, ImageFile the numbers. One byte a pixel and, while it is packed, a few more.
/// Throws ShapeError on other shapes, ValueError unless there are 1 .. 256 colours and every number has one.
inline std::string encode_indexed_png(const Tensor<std::uint8_t, 3>& numbers, std::span<const Colour> palette) {
  const Shape<3>& s = numbers.shape();
  check(s[2] == 1, "encode_indexed_png", "expected a picture (H,W,1) of colour numbers, got ", s);
  check<ValueError>(!palette.empty() && palette.size() <= 256, "encode_indexed_png", "a palette of ", palette.size(),
                    " colours, expected 1 .. 256");
  for (Index i = 0; i < numbers.numel(); ++i)
    check<ValueError>(numbers.data()[i] < palette.size(), "encode_indexed_png", "pixel ", i, " has colour ",
                      int{numbers.data()[i]}, " of a palette of ", palette.size());
  // It is the file of the same numbers as gray values, but for the colour type in the header and the palette behind it.
  const std::string gray = encode_png(numbers);
  constexpr std::size_t signature = 8, frame = 12, header = 13, colour_type = 9;
  std::string content = gray.substr(signature + 8, header);
  content[colour_type] = 3;
  std::string colours;
  for (const Colour& c : palette)
    for (const std::uint8_t value : c) colours.push_back(static_cast<char>(value));
  return gray.substr(0, signature) + detail::png_chunk("IHDR", content) + detail::png_chunk("PLTE", colours) +
         gray.substr(signature + frame + header);
}

/// Writes a palette PNG, whole or not at all. Throws as encode_indexed_png, and IoError.
inline void write_indexed_png(const Path& path, const Tensor<std::uint8_t, 3>& numbers,
                              std::span<const Colour> palette) {
  write_file(path, encode_indexed_png(numbers, palette));
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
