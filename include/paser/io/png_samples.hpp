#pragma once
#include "paser/core/macros_off.inc"

#include <stb/stb_image.h>

#include "paser/io/image_checks.hpp"
#include "paser/io/page.hpp"

/// The samples of PNG files as they are stored, where stb_image gives others: it looks palettes up and stretches gray
/// of 1, 2 and 4 bits to 8. Masks need the numbers themselves.
namespace paser::io {

/// What the first chunk of a PNG file says.
struct PngHeader {
  Index width = 0, height = 0;
  int depth = 0, colour_type = 0;
  bool interlaced = false;

  bool palette() const { return colour_type == 3; }
  /// Whether decode_png_samples is needed to see the stored numbers.
  bool stored_otherwise() const { return palette() || (colour_type == 0 && depth < 8); }
};

/// Throws FormatError, naming `origin`, unless the file starts with a PNG header.
inline PngHeader png_header(std::string_view png, const std::string& origin) {
  check<FormatError>(png.size() >= 33 && png.substr(12, 4) == "IHDR", origin.c_str(), "the PNG file has no header");
  const auto byte = [&](std::size_t i) { return static_cast<int>(static_cast<unsigned char>(png[i])); };
  return {detail::big_endian(png, 16, 4), detail::big_endian(png, 20, 4), byte(24), byte(25), byte(28) != 0};
}

namespace detail {

/// Undoes the filter of one row of a PNG image whose pixels take a byte or less. `above` is the row before, or zeros.
inline void undo_png_filter(int filter, std::uint8_t* row, const std::uint8_t* above, Index bytes,
                            const std::string& origin) {
  check<FormatError>(filter >= 0 && filter <= 4, origin.c_str(), "the PNG file is damaged: filter ", filter);
  for (Index i = 0; i < bytes; ++i) {
    const int left = i > 0 ? row[i - 1] : 0, up = above[i], corner = i > 0 ? above[i - 1] : 0;
    int predicted = 0;
    if (filter == 1) predicted = left;
    if (filter == 2) predicted = up;
    if (filter == 3) predicted = (left + up) / 2;
    if (filter == 4) {
      const int p = left + up - corner;
      const int a = std::abs(p - left), b = std::abs(p - up), c = std::abs(p - corner);
      predicted = a <= b && a <= c ? left : b <= c ? up : corner;
    }
    row[i] = static_cast<std::uint8_t>(row[i] + predicted);
  }
}

/// A reduced image of the Adam7 scheme: every `step`-th pixel from `first`. A file that is not interlaced has one.
struct PngPass {
  Index first_x = 0, first_y = 0, step_x = 1, step_y = 1;

  Index columns(Index width) const { return width > first_x ? (width - first_x + step_x - 1) / step_x : 0; }
  Index rows(Index height) const { return height > first_y ? (height - first_y + step_y - 1) / step_y : 0; }
};

inline std::vector<PngPass> png_passes(bool interlaced) {
  if (!interlaced) return {{}};
  return {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
}

/// The chunks that carry the picture.
struct PngContent {
  std::string packed;
  std::vector<Colour> palette;
};

/// The file's checksums and lengths have been verified.
inline PngContent png_content(std::string_view png) {
  PngContent content;
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t length = big_endian(png, at, 4);
    const std::string_view name = png.substr(at + 4, 4), data = png.substr(at + 8, length);
    if (name == "IDAT") content.packed += data;
    if (name == "PLTE" && content.palette.empty())
      for (std::size_t i = 0; i + 3 <= data.size(); i += 3)
        content.palette.push_back({static_cast<std::uint8_t>(data[i]), static_cast<std::uint8_t>(data[i + 1]),
                                   static_cast<std::uint8_t>(data[i + 2])});
    if (name == "IEND") break;
    at += 12 + length;
  }
  return content;
}

/// Unpacks the rows of every pass, one after the other, each with its filter byte.
inline std::vector<std::uint8_t> png_rows(const PngHeader& h, const std::string& packed, const std::string& origin) {
  Index size = 0;
  for (const PngPass& pass : png_passes(h.interlaced))
    if (const Index columns = pass.columns(h.width); columns > 0)
      size += pass.rows(h.height) * (1 + (columns * h.depth + 7) / 8);
  // Deflate cannot do better than 258 bytes for 2 bits.
  check<FormatError>(size <= static_cast<Index>(packed.size()) * 1032, origin.c_str(), "the PNG file claims ", size,
                     " bytes of pixels from ", packed.size());
  std::vector<std::uint8_t> rows(static_cast<std::size_t>(size));
  const int count = stbi_zlib_decode_buffer(reinterpret_cast<char*>(rows.data()), static_cast<int>(size), packed.data(),
                                            static_cast<int>(packed.size()));
  check<FormatError>(count == static_cast<int>(size), origin.c_str(), "the PNG file is damaged: its pixels do not ",
                     "unpack to the ", size, " bytes of ", h.width, " x ", h.height, " pixels");
  return rows;
}

}  // namespace detail

/// The stored numbers of a palette PNG, or of a gray one of at most 8 bits, interlaced or not: (H, W, 1).
/// `png` has passed check_png_chunks. Throws FormatError, naming `origin`, on other PNG files and on damage.
inline Page decode_png_samples(std::string_view png, const std::string& origin) {
  const PngHeader h = png_header(png, origin);
  check<FormatError>(
      (h.palette() || h.colour_type == 0) && (h.depth == 1 || h.depth == 2 || h.depth == 4 || h.depth == 8),
      origin.c_str(), "expected a palette or gray PNG of at most 8 bits, got colour type ", h.colour_type, " of ",
      h.depth, " bits");
  check<FormatError>(h.width >= 1 && h.height >= 1 && h.width * h.height <= image_pixel_limit, origin.c_str(),
                     "the PNG file claims ", h.width, " x ", h.height, " pixels");
  auto [packed, palette] = detail::png_content(png);
  std::vector<std::uint8_t> rows = detail::png_rows(h, packed, origin);
  Page page;
  page.bits = h.depth;
  page.raster = {Tensor<std::uint16_t, 3>({h.height, h.width, 1}), (std::uint32_t{1} << h.depth) - 1};
  std::uint16_t* out = page.raster.pixels.mutable_data();
  std::uint8_t* row = rows.data();
  for (const detail::PngPass& pass : detail::png_passes(h.interlaced)) {
    const Index columns = pass.columns(h.width), bytes = (columns * h.depth + 7) / 8;
    if (columns == 0) continue;
    const std::vector<std::uint8_t> zeros(static_cast<std::size_t>(bytes));
    const std::uint8_t* above = zeros.data();
    for (Index y = 0; y < pass.rows(h.height); ++y, row += 1 + bytes) {
      detail::undo_png_filter(row[0], row + 1, above, bytes, origin);
      above = row + 1;
      for (Index x = 0; x < columns; ++x) {
        const Index bit = x * h.depth;
        const int value = row[1 + bit / 8] >> (8 - h.depth - bit % 8) & ((1 << h.depth) - 1);
        out[(pass.first_y + y * pass.step_y) * h.width + pass.first_x + x * pass.step_x] =
            static_cast<std::uint16_t>(value);
      }
    }
  }
  if (!h.palette()) return page;
  page.palette = std::move(palette);
  for (Index i = 0; i < page.raster.pixels.numel(); ++i)
    check<FormatError>(out[i] < page.palette.size(), origin.c_str(), "pixel ", i, " has colour ", out[i],
                       " of a palette of ", page.palette.size());
  return page;
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
