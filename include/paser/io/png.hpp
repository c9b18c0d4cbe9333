#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <limits>

#include "paser/io/bytes.hpp"
#include "paser/io/crc32.hpp"
#include "paser/io/decoded_image.hpp"
#include "paser/io/inflate.hpp"

/// PNG files, their samples as they are stored: numbers of a palette stay numbers, gray of few bits is not stretched.
/// (stb_image looks palettes up and stretches, takes damaged files for whole ones, and has flags that belong to the
/// whole program.)
namespace paser::io {

/// Whether the content starts as a PNG file.
inline bool is_png(std::string_view bytes) {
  return bytes.starts_with("\x89PNG\r\n\x1a\n");
}

/// What the first chunk of a PNG file says.
struct PngHeader {
  Index width = 0, height = 0;
  int depth = 0, colour_type = 0;
  bool interlaced = false;

  bool palette() const { return colour_type == 3; }  ///< Whether samples are numbers of colours.
  /// Of a pixel, alpha among them.
  int samples() const { return colour_type == 2 ? 3 : colour_type == 4 ? 2 : colour_type == 6 ? 4 : 1; }
  /// Of a row of so many pixels.
  Index bytes(Index columns) const { return (columns * samples() * depth + 7) / 8; }
};

/// Throws FormatError, naming `origin`, unless the file starts with a PNG header that makes sense.
inline PngHeader png_header(std::string_view png, const std::string& origin) {
  check<FormatError>(png.size() >= 33 && png.substr(12, 4) == "IHDR", origin.c_str(), "the PNG file has no header");
  const auto byte = [&](std::size_t i) { return static_cast<int>(static_cast<unsigned char>(png[i])); };
  const PngHeader h{detail::big_endian(png, 16, 4), detail::big_endian(png, 20, 4), byte(24), byte(25), byte(28) == 1};
  const bool small = h.depth == 1 || h.depth == 2 || h.depth == 4, whole = h.depth == 8 || h.depth == 16;
  const bool known = h.colour_type == 0   ? small || whole
                     : h.colour_type == 3 ? small || h.depth == 8
                                          : whole && (h.colour_type == 2 || h.colour_type == 4 || h.colour_type == 6);
  check<FormatError>(known && byte(26) == 0 && byte(27) == 0 && byte(28) <= 1 && h.width >= 1 && h.height >= 1,
                     origin.c_str(), "the PNG file is damaged: its header says ", h.width, " x ", h.height,
                     " pixels of colour type ", h.colour_type, " with ", h.depth, " bits");
  return h;
}

namespace detail {

/// Undoes the filter of one row of a PNG image. `above` is the row before, or zeros; `unit` the bytes of a whole pixel,
/// at least 1.
inline void undo_png_filter(int filter, std::uint8_t* row, const std::uint8_t* above, Index bytes, Index unit,
                            const std::string& origin) {
  check<FormatError>(filter >= 0 && filter <= 4, origin.c_str(), "the PNG file is damaged: filter ", filter);
  const auto add = [&](const auto& predicted) {
    for (Index i = 0; i < bytes; ++i) row[i] = static_cast<std::uint8_t>(row[i] + predicted(i));
  };
  const auto left = [&](Index i) { return i >= unit ? int{row[i - unit]} : 0; };
  if (filter == 1) add(left);
  if (filter == 2) add([&](Index i) { return int{above[i]}; });
  if (filter == 3) add([&](Index i) { return (left(i) + above[i]) / 2; });
  if (filter == 4)
    add([&](Index i) {
      const int l = left(i), up = above[i], corner = i >= unit ? above[i - unit] : 0;
      const int p = l + up - corner;
      const int a = std::abs(p - l), b = std::abs(p - up), c = std::abs(p - corner);
      return a <= b && a <= c ? l : b <= c ? up : corner;
    });
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
  int orientation = 1;
};

/// Whether a chunk may follow the one before it: IHDR first and once, at most one palette, before the pixels, and these
/// together. Critical chunks that nobody knows change what the pixels mean; those whose name begins with a small letter
/// can be passed over.
inline bool png_chunk_in_place(std::string_view name, std::string_view before, const PngContent& content) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  if (!std::all_of(name.begin(), name.end(), letter)) return false;
  if (name == "IHDR") return before.empty();
  if (name == "PLTE") return content.palette.empty() && content.packed.empty();
  if (name == "IDAT") return content.packed.empty() || before == "IDAT";
  return name == "IEND" || name[0] >= 'a';
}

/// Reads the chunks up to the last and verifies the checksum and the place of every one, so that a damaged file is an
/// error and not a wrong picture.
inline PngContent png_content(std::string_view png, const std::string& origin) {
  PngContent content;
  std::string_view before;
  for (std::size_t at = 8;;) {
    check<FormatError>(at + 12 <= png.size(), origin.c_str(), "the PNG file is cut off at byte ", png.size());
    const std::size_t length = big_endian(png, at, 4);
    check<FormatError>(length <= png.size() - at - 12, origin.c_str(), "the PNG file is cut off at byte ", png.size(),
                       ", a chunk needs ", length, " more");
    check<FormatError>(Crc32().add(png.substr(at + 4, 4 + length)).value() == big_endian(png, at + 8 + length, 4),
                       origin.c_str(), "the PNG file is damaged: the checksum of the chunk at byte ", at, " differs");
    const std::string_view name = png.substr(at + 4, 4), data = png.substr(at + 8, length);
    check<FormatError>(at > 8 || name == "IHDR", origin.c_str(), "the PNG file has no header");
    const bool sized =
        name == "IHDR" ? length == 13 : name != "PLTE" || (length % 3 == 0 && length >= 3 && length <= 768);
    check<FormatError>(sized && png_chunk_in_place(name, before, content), origin.c_str(),
                       "the PNG file is damaged: the chunk at byte ", at, " is unknown, malformed or out of place");
    before = name;
    if (name == "IDAT") content.packed += data;
    if (name == "PLTE")
      for (std::size_t i = 0; i < data.size(); i += 3)
        content.palette.push_back({static_cast<std::uint8_t>(data[i]), static_cast<std::uint8_t>(data[i + 1]),
                                   static_cast<std::uint8_t>(data[i + 2])});
    if (name == "eXIf") content.orientation = exif_orientation(data);
    if (name == "acTL" && data.size() == 8)
      check<FormatError>(big_endian(data, 0, 4) <= 1, origin.c_str(), "is an animated PNG of ", big_endian(data, 0, 4),
                         " frames, expected one picture");
    if (name == "IEND") return content;
    at += 12 + length;
  }
}

/// Unpacks the rows of every pass, one after the other, each with its filter byte.
inline std::vector<std::uint8_t> png_rows(const PngHeader& h, const std::string& packed, const std::string& origin) {
  // Deflate cannot do better than 258 bytes for 2 bits.
  const Index most = static_cast<Index>(packed.size()) * 1032;
  Index size = 0;
  for (const PngPass& pass : png_passes(h.interlaced)) {
    const Index columns = pass.columns(h.width), rows = pass.rows(h.height), bytes = 1 + h.bytes(columns);
    if (columns == 0) continue;
    check<FormatError>(rows <= (most - size) / bytes, origin.c_str(), "the PNG file claims ", h.width, " x ", h.height,
                       " pixels from ", packed.size(), " bytes, which cannot hold them");
    size += rows * bytes;
  }
  constexpr Index behind = 4096;  // a few writers put more rows into the file than it has
  check<FormatError>(size <= std::numeric_limits<int>::max() - behind, origin.c_str(), "is over 2 GiB");
  std::vector<std::uint8_t> rows(static_cast<std::size_t>(size + behind));
  const auto unpacked = zlib_decompress(packed, rows);
  check<FormatError>(unpacked && unpacked->size >= static_cast<std::size_t>(size), origin.c_str(),
                     "the PNG file is damaged: its pixels do not unpack to the ", size, " bytes of ", h.width, " x ",
                     h.height, " pixels, or their checksum differs");
  return rows;
}

/// Spreads the samples of a row of `columns` pixels, of which `kept` each, to every `step`-th pixel of `out`.
inline void unpack_png_row(const std::uint8_t* row, const PngHeader& h, Index columns, Index kept, Index step,
                           std::uint16_t* out) {
  const Index stored = h.samples();
  for (Index x = 0; x < columns; ++x, out += step * kept)
    for (Index c = 0; c < kept; ++c) {
      const Index i = x * stored + c, bit = i * h.depth;
      out[c] =
          static_cast<std::uint16_t>(h.depth == 16  ? row[2 * i] << 8 | row[2 * i + 1]
                                     : h.depth == 8 ? int{row[i]}
                                                    : row[bit / 8] >> (8 - h.depth - bit % 8) & ((1 << h.depth) - 1));
    }
}

}  // namespace detail

/// Decodes a PNG file, interlaced or not: numbers with their palette, gray or RGB; alpha is dropped, the orientation of
/// an eXIf chunk applied. Throws FormatError, naming `origin`, on damage.
inline DecodedImage decode_png(std::string_view png, const std::string& origin, const ImageLimits& limits = {}) {
  detail::PngContent content = detail::png_content(png, origin);
  const PngHeader h = png_header(png, origin);
  require_pixels(h.width, h.height, limits, origin);
  std::vector<std::uint8_t> rows = detail::png_rows(h, content.packed, origin);
  DecodedImage page;
  page.bits = h.depth;
  const Index kept = h.samples() >= 3 ? 3 : 1, unit = std::max(1, h.samples() * h.depth / 8);
  page.integers = {Tensor<std::uint16_t, 3>({h.height, h.width, kept}), (std::uint32_t{1} << h.depth) - 1};
  std::uint16_t* out = page.integers.pixels.mutable_data();
  std::uint8_t* row = rows.data();
  for (const detail::PngPass& pass : detail::png_passes(h.interlaced)) {
    const Index columns = pass.columns(h.width), bytes = h.bytes(columns);
    if (columns == 0) continue;
    const std::vector<std::uint8_t> zeros(static_cast<std::size_t>(bytes));
    const std::uint8_t* above = zeros.data();
    for (Index y = 0; y < pass.rows(h.height); ++y, row += 1 + bytes) {
      detail::undo_png_filter(row[0], row + 1, above, bytes, unit, origin);
      above = row + 1;
      const Index first = (pass.first_y + y * pass.step_y) * h.width + pass.first_x;
      detail::unpack_png_row(above, h, columns, kept, pass.step_x, out + first * kept);
    }
  }
  if (h.palette()) {
    page.palette = std::move(content.palette);
    for (Index i = 0; i < page.integers.pixels.numel(); ++i)
      check<FormatError>(out[i] < page.palette.size(), origin.c_str(), "pixel ", i, " has colour ", out[i],
                         " of a palette of ", page.palette.size());
    check<FormatError>(!page.palette.empty(), origin.c_str(), "the PNG file has no palette");
  }
  return turned_upright(std::move(page), content.orientation);
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
