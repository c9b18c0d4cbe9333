#pragma once
#include "paser/core/macros_off.inc"

#include <span>

#include "paser/io/image.hpp"

/// PNG files whose pixels are numbers of colours: masks that a person sees in colour and a program reads as classes.
namespace paser::io {

/// The PNG file, in memory, of a picture (H, W, 1) whose pixels are numbers of the colours of `palette`; read_image
/// sees the colours, ImageFile the numbers. One byte per pixel and, while it is packed, a few more.
/// Throws ShapeError on other shapes, ValueError unless there are 1 .. 256 colours and every number has one.
inline std::string encode_indexed_png(const Tensor<std::uint8_t, 3>& numbers, std::span<const Colour> palette) {
  const Shape<3>& s = numbers.shape();
  check(s[2] == 1, "encode_indexed_png", "expected a picture (H,W,1) of colour numbers, got ", s);
  check<ValueError>(!palette.empty() && palette.size() <= 256, "encode_indexed_png", "a palette of ", palette.size(),
                    " colours, expected 1 .. 256");
  for (Index i = 0; i < numbers.numel(); ++i)
    check<ValueError>(numbers.data()[i] < palette.size(), "encode_indexed_png", "pixel ", i, " has colour ",
                      int{numbers.data()[i]}, " of a palette of ", palette.size());
  std::string colours;
  for (const Colour& c : palette)
    for (const std::uint8_t value : c) colours.push_back(static_cast<char>(value));
  return detail::png_of(numbers.data(), s[0], s[1], 1, colours);
}

/// Writes a palette PNG, whole or not at all. Throws as encode_indexed_png, and IoError.
inline void write_indexed_png(const Path& path, const Tensor<std::uint8_t, 3>& numbers,
                              std::span<const Colour> palette) {
  write_file(path, encode_indexed_png(numbers, palette));
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
