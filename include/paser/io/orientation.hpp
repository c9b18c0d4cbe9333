#pragma once
#include "paser/core/macros_off.inc"

#include <string_view>

#include "paser/core/tensor.hpp"

/// Which way up the pixels of a file are: tag 274 of TIFF, which EXIF brings into JPEG and PNG files too. Readers turn
/// the pixels, of images and of masks, so that they lie as every viewer shows them.
namespace paser::io {

/// The orientation that an EXIF block (a TIFF directory: "II*" or "MM" ahead) gives, 1 .. 8; 1, upright, when it gives
/// none or makes no sense.
inline int exif_orientation(std::string_view exif) {
  using namespace std::string_view_literals;
  const bool little = exif.starts_with("II*\0"sv);
  if ((!little && !exif.starts_with("MM\0*"sv)) || exif.size() < 8) return 1;
  const auto number = [&](std::size_t at, std::size_t count) {
    std::size_t value = 0;
    for (std::size_t k = 0; k < count; ++k)
      value = value << 8 | static_cast<unsigned char>(exif[at + (little ? count - 1 - k : k)]);
    return value;
  };
  const std::size_t directory = number(4, 4);
  if (directory > exif.size() - 2) return 1;
  const std::size_t entries = number(directory, 2);
  for (std::size_t k = 0, at = directory + 2; k < entries && at + 12 <= exif.size(); ++k, at += 12) {
    if (number(at, 2) != 274) continue;
    constexpr std::size_t short_type = 3;
    const std::size_t value = number(at + 2, 2) == short_type ? number(at + 8, 2) : number(at + 8, 4);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

/// Pixels (H, W, C) stored with an orientation of 1 .. 8, made upright; those of 5 .. 8 become (W, H, C).
template <class T>
Tensor<T, 3> upright(const Tensor<T, 3>& stored, int orientation) {
  if (orientation <= 1 || orientation > 8) return stored;
  const Index rows = stored.shape()[0], columns = stored.shape()[1], channels = stored.shape()[2];
  const bool sideways = orientation >= 5;
  // Where the first row lies (on the right or below), and the first column.
  const bool back_rows = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool back_columns = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  Tensor<T, 3> turned({sideways ? columns : rows, sideways ? rows : columns, channels});
  const T* in = stored.data();
  T* out = turned.mutable_data();
  for (Index y = 0; y < turned.shape()[0]; ++y)
    for (Index x = 0; x < turned.shape()[1]; ++x, out += channels) {
      const Index row = sideways ? x : y, column = sideways ? y : x;
      const T* from =
          in +
          ((back_rows ? rows - 1 - row : row) * columns + (back_columns ? columns - 1 - column : column)) * channels;
      std::copy_n(from, channels, out);
    }
  return turned;
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
