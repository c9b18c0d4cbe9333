#pragma once
#include "paser/core/macros_off.inc"

#include <bit>

#include "paser/io/bytes.hpp"
#include "paser/io/decoded_image.hpp"

/// Windows and OS/2 bitmaps that are not compressed.
namespace paser::io {

/// Whether the content starts as a bitmap with one of the known headers.
inline bool is_bmp(std::string_view bytes) {
  if (!bytes.starts_with("BM") || bytes.size() < 26) return false;
  const std::uint32_t size = detail::little_endian(bytes, 14, 4);
  return size == 12 || size == 40 || size == 52 || size == 56 || size == 64 || size == 108 || size == 124;
}

namespace detail {

/// The channel that a mask cuts out of 16 or 32 bits, stretched to 8.
class BmpChannel {
 public:
  BmpChannel(std::uint32_t mask, const std::string& origin) : mask_(mask) {
    bits_ = std::popcount(mask);
    if (mask != 0) shift_ = std::countr_zero(mask);
    check<FormatError>(bits_ >= 1 && bits_ <= 8 && mask >> shift_ == (std::uint32_t{1} << bits_) - 1, origin.c_str(),
                       "the BMP file has a colour mask of ", mask);
  }
  std::uint16_t operator()(std::uint32_t pixel) const {
    std::uint32_t value = ((pixel & mask_) >> shift_) << (8 - bits_);
    for (int known = bits_; known < 8; known += bits_) value |= value >> known;  // repeats the bits below
    return static_cast<std::uint16_t>(value);
  }

 private:
  std::uint32_t mask_;
  int bits_ = 0, shift_ = 0;
};

/// What a bitmap's header says, checked against the file's size.
struct BmpLayout {
  Index width = 0, height = 0, stride = 0, offset = 0;
  int bits = 0;
  bool top_down = false;
  std::vector<Colour> palette;
  std::uint32_t masks[3] = {};
};

inline BmpLayout bmp_layout(std::string_view bmp, const std::string& origin, const ImageLimits& limits) {
  const auto number = [&](std::size_t at, std::size_t count) {
    check<FormatError>(at + count <= bmp.size(), origin.c_str(), "the BMP file is cut off at byte ", bmp.size());
    return little_endian(bmp, at, count);
  };
  BmpLayout b;
  const std::size_t header = number(14, 4);
  const bool old = header == 12;
  b.offset = number(10, 4);
  b.width = old ? Index{number(18, 2)} : Index{static_cast<std::int32_t>(number(18, 4))};
  const Index rows = old ? Index{number(20, 2)} : Index{static_cast<std::int32_t>(number(22, 4))};
  b.top_down = rows < 0;
  b.height = std::abs(rows);
  b.bits = static_cast<int>(number(old ? 24 : 28, 2));
  const std::uint32_t compression = old ? 0 : number(30, 4);
  check<FormatError>(b.width >= 1 && b.height >= 1, origin.c_str(), "the BMP file claims ", b.width, " x ", rows,
                     " pixels");
  require_pixels(b.width, b.height, limits, origin);
  const bool small = b.bits == 1 || b.bits == 4 || b.bits == 8, masked = b.bits == 16 || b.bits == 32;
  check<FormatError>((compression == 0 && (small || masked || b.bits == 24)) || (compression == 3 && masked),
                     origin.c_str(), "is a BMP file of ", b.bits, " bits with compression ", compression,
                     "; expected 1, 4, 8, 16, 24 or 32 bits without");
  b.stride = (b.width * b.bits + 31) / 32 * 4;
  // The padding of the last row may be missing.
  const Index left = static_cast<Index>(bmp.size()) - b.offset, last = (b.width * b.bits + 7) / 8;
  check<FormatError>(left >= last && b.height - 1 <= (left - last) / b.stride, origin.c_str(),
                     "the BMP file is cut off: it has ", std::max<Index>(0, left), " bytes for ", b.width, " x ",
                     b.height, " pixels of ", b.bits, " bits");
  const auto behind = static_cast<Index>(14 + header);
  if (small) {
    const Index entry = old ? 3 : 4, claimed = old ? 0 : Index{number(46, 4)};
    const Index most = std::min(Index{1} << b.bits, std::max<Index>(0, b.offset - behind) / entry);
    const Index count = claimed > 0 ? std::min(claimed, most) : most;
    for (Index i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(behind + i * entry);
      Colour colour;
      for (std::size_t c = 0; c < 3; ++c) colour[c] = static_cast<std::uint8_t>(number(at + 2 - c, 1));
      b.palette.push_back(colour);
    }
  } else {
    check<FormatError>(b.offset >= behind, origin.c_str(), "the BMP file has its pixels at byte ", b.offset,
                       ", inside its header");
    for (std::size_t c = 0; c < 3; ++c)
      b.masks[c] = compression == 3 ? number(54 + 4 * c, 4)
                   : b.bits == 16   ? std::uint32_t{0x1F} << 5 * (2 - c)
                                    : std::uint32_t{0xFF} << 8 * (2 - c);
  }
  return b;
}

/// Whether number i is the gray value i of all that a sample can be.
inline bool gray_ramp(const std::vector<Colour>& palette, int bits) {
  for (std::size_t i = 0; i < palette.size(); ++i) {
    const auto gray = static_cast<std::uint8_t>(i * 255 / ((std::size_t{1} << bits) - 1));
    if (palette[i] != Colour{gray, gray, gray}) return false;
  }
  return true;
}

}  // namespace detail

/// Decodes a bitmap: numbers with their palette, gray where number i of the palette is gray value i, or RGB; alpha is
/// dropped. Throws FormatError, naming `origin`, on compressed and damaged files.
inline DecodedImage decode_bmp(std::string_view bmp, const std::string& origin, const ImageLimits& limits = {}) {
  detail::BmpLayout b = detail::bmp_layout(bmp, origin, limits);
  const bool numbers = b.bits <= 8;
  const Index channels = numbers ? 1 : 3;
  DecodedImage page;
  page.bits = numbers ? b.bits : 8;
  page.integers = {Tensor<std::uint16_t, 3>({b.height, b.width, channels}), (std::uint32_t{1} << page.bits) - 1};
  std::vector<detail::BmpChannel> unpack;
  for (const std::uint32_t mask : b.masks)
    if (!numbers) unpack.emplace_back(mask, origin);
  const auto* pixels = reinterpret_cast<const unsigned char*>(bmp.data()) + b.offset;
  std::uint16_t* out = page.integers.pixels.mutable_data();
  for (Index y = 0; y < b.height; ++y) {
    const unsigned char* row = pixels + (b.top_down ? y : b.height - 1 - y) * b.stride;
    for (Index x = 0; x < b.width; ++x) {
      if (numbers) {
        const Index bit = x * b.bits;
        const int number = row[bit / 8] >> (8 - b.bits - bit % 8) & ((1 << b.bits) - 1);
        check<FormatError>(static_cast<std::size_t>(number) < b.palette.size(), origin.c_str(), "the pixel at row ", y,
                           ", column ", x, " has colour ", number, " of a palette of ", b.palette.size());
        *out++ = static_cast<std::uint16_t>(number);
      } else {
        std::uint32_t pixel = 0;
        for (int k = 0; k < b.bits / 8; ++k) pixel |= std::uint32_t{row[x * (b.bits / 8) + k]} << 8 * k;
        for (const auto& channel : unpack) *out++ = channel(pixel);
      }
    }
  }
  if (numbers && !detail::gray_ramp(b.palette, b.bits)) page.palette = std::move(b.palette);
  return page;
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
