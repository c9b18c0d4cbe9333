#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/atomic_file.hpp"
#include "paser/io/bmp.hpp"
#include "paser/io/deflate.hpp"
#include "paser/io/jpeg.hpp"
#include "paser/io/png.hpp"
#include "paser/io/pnm.hpp"

namespace paser::io {

/// The one page of a PNG, JPEG, BMP or PNM file in memory, with the numbers that are stored: palettes are kept apart
/// from their numbers, and gray of less than 8 bits is not stretched. Pixels are turned upright as the file says
/// (EXIF). Throws FormatError, naming `origin`, on anything else, on damage, and on more pixels than the limits allow.
inline DecodedImage decode_page(std::string_view bytes, const std::string& origin, const ImageLimits& limits = {}) {
  check<FormatError>(!bytes.empty(), origin.c_str(), "is empty, expected an image");
  check<FormatError>(bytes.size() < (std::size_t{1} << 31), origin.c_str(), "is over 2 GiB");
  if (is_png(bytes)) return decode_png(bytes, origin, limits);
  if (is_jpeg(bytes)) return decode_jpeg(bytes, origin, limits);
  if (is_bmp(bytes)) return decode_bmp(bytes, origin, limits);
  check<FormatError>(
      is_pnm(bytes), origin.c_str(),
      "is not a PNG, JPEG, BMP, PNM (P5 or P6), TIFF or NPY image (told by its first bytes, not by its name)");
  DecodedImage page;
  page.integers = decode_pnm(bytes, origin, limits);
  page.bits = page.integers.maximum > 255 ? 16 : 8;
  return page;
}

/// The same as colours: 1 or 3 channels, palettes looked up, gray of less than 8 bits stretched to 0 .. 255, 16-bit
/// samples kept as they are. Throws as decode_page.
inline IntegerImage decode_image(std::string_view bytes, const std::string& origin, const ImageLimits& limits = {}) {
  const DecodedImage page = decode_page(bytes, origin, limits);
  if (!page.palette.empty()) return look_up(page);
  IntegerImage integers = page.integers;
  if (page.bits >= 8) return integers;
  std::uint16_t* out = integers.pixels.mutable_data();
  for (Index i = 0; i < integers.pixels.numel(); ++i)
    out[i] = static_cast<std::uint16_t>(out[i] * 255 / integers.maximum);
  integers.maximum = 255;
  return integers;
}

namespace detail {

/// The whole content of an image file, which so must not be huge.
inline std::string image_bytes(const Path& path) {
  check<FormatError>(InputFile(path).size() < (Index{1} << 31), path.string().c_str(), "is over 2 GiB");
  return read_file(path);
}

}  // namespace detail

/// Reads an image file; see decode_image. Throws IoError when it cannot be read.
inline IntegerImage read_image(const Path& path, const ImageLimits& limits = {}) {
  return decode_image(detail::image_bytes(path), path.string(), limits);
}

namespace detail {

/// A chunk of a PNG file: its length, its name, its content and the checksum over both.
inline std::string png_chunk(std::string_view name, std::string_view content) {
  std::string chunk;
  append_big_endian(chunk, static_cast<std::uint32_t>(content.size()));
  chunk += name;
  chunk += content;
  append_big_endian(chunk, Crc32().add(name).add(content).value());
  return chunk;
}

/// What filter 0 .. 4 makes of one byte of a row: `left`, `up` and `corner` are the bytes that it knows.
inline std::uint8_t png_filtered(int filter, int value, int left, int up, int corner) {
  const int p = left + up - corner, a = std::abs(p - left), b = std::abs(p - up), c = std::abs(p - corner);
  const int predicted[] = {0, left, up, (left + up) / 2, a <= b && a <= c ? left : b <= c ? up : corner};
  return static_cast<std::uint8_t>(value - predicted[filter]);
}

/// The rows of a picture, each with the filter whose differences are smallest, and that filter's number.
inline std::string png_filtered_rows(const std::uint8_t* pixels, Index height, Index row, Index unit) {
  std::string rows, tried[5];
  for (Index y = 0; y < height; ++y) {
    const std::uint8_t* in = pixels + y * row;
    Index best = 0, least = std::numeric_limits<Index>::max();
    for (int filter = 0; filter < 5; ++filter) {
      std::string& out = tried[filter];
      out.assign(1, static_cast<char>(filter));
      Index sum = 0;
      for (Index i = 0; i < row; ++i) {
        const int left = i >= unit ? in[i - unit] : 0, up = y > 0 ? in[i - row] : 0;
        const int corner = i >= unit && y > 0 ? in[i - row - unit] : 0;
        const auto value = static_cast<std::int8_t>(png_filtered(filter, in[i], left, up, corner));
        out.push_back(static_cast<char>(value));
        sum += std::abs(value);
      }
      if (sum < least) {
        least = sum;
        best = filter;
      }
    }
    rows += tried[best];
  }
  return rows;
}

/// A PNG file of samples of `bytes` bytes each, the one that counts most first.
inline std::string png_of(const std::uint8_t* pixels, Index height, Index width, Index channels,
                          std::string_view palette = {}, Index bytes = 1) {
  check(height >= 1 && width >= 1 && height * width <= image_pixel_limit && (channels == 1 || channels == 3),
        "encode_png", "expected a picture of 1 or 3 channels, got ", Shape{height, width, channels});
  std::string header;
  append_big_endian(header, static_cast<std::uint32_t>(width));
  append_big_endian(header, static_cast<std::uint32_t>(height));
  header.push_back(static_cast<char>(8 * bytes));
  header.push_back(palette.empty() ? channels == 3 ? 2 : 0 : 3);
  header.append(3, '\0');
  return "\x89PNG\r\n\x1a\n" + png_chunk("IHDR", header) + (palette.empty() ? "" : png_chunk("PLTE", palette)) +
         png_chunk("IDAT",
                   zlib_compress(png_filtered_rows(pixels, height, width * channels * bytes, channels * bytes))) +
         png_chunk("IEND", "");
}

}  // namespace detail

/// The PNG file, in memory, of one picture: (H, W, C) or (1, H, W, C) with 1 (gray) or 3 (RGB) channels.
/// Throws ShapeError on other shapes.
inline std::string encode_png(const Tensor<std::uint8_t, 3>& picture) {
  return detail::png_of(picture.data(), picture.shape()[0], picture.shape()[1], picture.shape()[2]);
}
/// The same with 16 bits a sample.
inline std::string encode_png(const Tensor<std::uint16_t, 3>& picture) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(2 * static_cast<std::size_t>(picture.numel()));
  for (const std::uint16_t value : picture.values())
    bytes.insert(bytes.end(), {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value & 255)});
  return detail::png_of(bytes.data(), picture.shape()[0], picture.shape()[1], picture.shape()[2], {}, 2);
}
inline std::string encode_png(const Tensor<std::uint8_t, 4>& picture) {
  const auto& s = picture.shape();
  check(s.n() == 1, "encode_png", "expected one picture, got ", s);
  return detail::png_of(picture.data(), s.h(), s.w(), s.c());
}

/// The PNG file of the label map of image n: gray, the value is the class. Throws ValueError on a label over 255.
inline std::string encode_png(const Labels& labels, Index n = 0) {
  const auto& s = labels.shape();
  check(n >= 0 && n < s[0], "encode_png", "there is no image ", n, " in label maps ", s);
  Tensor<std::uint8_t, 3> picture({s[1], s[2], 1});
  std::uint8_t* out = picture.mutable_data();
  for (Index i = 0; i < picture.numel(); ++i) {
    const std::int32_t label = labels.data()[n * picture.numel() + i];
    check<ValueError>(label >= 0 && label <= 255, "encode_png", "label ", label, " does not fit a gray value");
    out[i] = static_cast<std::uint8_t>(label);
  }
  return encode_png(picture);
}

/// Writes a picture or a label map as PNG, all or nothing. Throws as encode_png, and IoError, with Existing::keep also
/// where a file of this name is there.
template <class Picture>
void write_png(const Path& path, const Picture& picture, Existing existing = Existing::replace) {
  write_file(path, encode_png(picture), existing);
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
