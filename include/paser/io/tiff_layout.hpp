#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "paser/core/finite.hpp"
#include "paser/io/bytes.hpp"
#include "paser/io/decoded_image.hpp"
#include "paser/io/file.hpp"
#include "paser/io/resolution.hpp"
#include "paser/io/tiff_stack.hpp"

/// TIFF files, through libtiff, which is optional: a program that wants them links the CMake target paser::tiff (or
/// defines PASER_WITH_TIFF and links libtiff). In other programs the same calls throw, and say what to install.
#ifdef PASER_WITH_TIFF
#if !__has_include(<tiffio.h>)
#error "PASER_WITH_TIFF needs the headers of libtiff (Debian: libtiff-dev)"
#endif
#include <tiffio.h>
#endif

#ifdef PASER_WITH_TIFF

namespace paser::io::detail {

/// What the tags of a TIFF page say of its samples.
struct TiffLayout {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, samples = 1, format = SAMPLEFORMAT_UINT, photometric = 0, planes = PLANARCONFIG_CONTIG,
                compression = 1, orientation = 1;

  /// Whether samples of this kind and of so many bits are read.
  bool known() const {
    const bool whole = bits == 8 || bits == 16 || bits == 32;
    const bool packed = bits >= 1 && bits <= 16 && (bits == 1 || bits % 2 == 0);  // cameras have 10, 12, 14
    return format == SAMPLEFORMAT_UINT     ? packed || whole
           : format == SAMPLEFORMAT_INT    ? whole
           : format == SAMPLEFORMAT_IEEEFP ? bits == 32 || bits == 64
                                           : false;
  }
  bool real() const { return format != SAMPLEFORMAT_UINT || bits > 16; }
  bool fax() const { return compression >= COMPRESSION_CCITTRLE && compression <= COMPRESSION_CCITTFAX4; }
  bool apart() const { return planes == PLANARCONFIG_SEPARATE; }
  Index kept() const { return samples >= 3 ? 3 : 1; }
  /// Bytes of so many pixels of one row, in one plane.
  Index row_bytes(Index columns) const { return (columns * (apart() ? 1 : samples) * bits + 7) / 8; }
};

/// How many bytes a byte of compressed data can unpack to at most. The methods that could do without any data are given
/// what the best of the others reaches.
inline double most_unpacked(std::uint16_t compression) {
  switch (compression) {
    case COMPRESSION_NONE:
      return 1;
    case COMPRESSION_PACKBITS:
      return 64;  // 128 for two
    case COMPRESSION_LZW:
      return 4096 * 8 / 9.;  // the longest string for a code of 9 bits
    case COMPRESSION_ADOBE_DEFLATE:
    case COMPRESSION_DEFLATE:
      return 1032;  // 258 for two bits
    case COMPRESSION_JPEG:
      return 1366;  // 32 x 32 pixels of three samples for 18 blocks of a bit
    default:
      return 65536;  // ZSTD: 2^17 for a block of a few
  }
}

/// Whether the method changes values. (LERC and WebP can do without; their tags do not say whether they did.)
inline bool lossy_compression(std::uint16_t compression) {
  constexpr std::uint16_t jpeg_2000[] = {33003, 33004, 33005, 34712}, jpeg_xl = 50002, webp = 50001, lerc = 34887;
  return compression == COMPRESSION_JPEG || compression == COMPRESSION_OJPEG || compression == jpeg_xl ||
         compression == webp || compression == lerc || std::ranges::count(jpeg_2000, compression) > 0;
}

/// An entry of a directory, as the file has it.
struct StoredEntry {
  std::uint32_t tag = 0;
  Index word = 0;   ///< the first two bytes of its value, as a number
  Index data = 0;   ///< where data lie that the entry has no room for; 0: it has
  Index bytes = 0;  ///< of these data; 0 where they are not in the file
};

/// Calls f(entry) for the entries of the directory at `offset`. Returns how many bytes the directory itself takes.
template <class F>
Index each_entry(InputFile& file, Index offset, const F& f) {
  std::string header(4, '\0');
  file.read_at(0, header.data(), 4);
  const bool big = header[0] == 'M', wide = header[big ? 3 : 2] == 43;
  std::string text(wide ? 8 : 2, '\0');
  file.read_at(offset, text.data(), static_cast<Index>(text.size()));
  const auto number = [&](std::size_t at, std::size_t bytes) {
    return Index{big ? big_endian(text, at, bytes) : little_endian(text, at, bytes)};
  };
  const Index entries = number(wide && big ? 6 : 0, 2), first = offset + std::ssize(text), size = wide ? 20 : 12;
  text.assign(static_cast<std::size_t>(entries * size), '\0');
  file.read_at(first, text.data(), std::ssize(text));
  constexpr int bytes_of[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};  // by type
  const std::size_t word = wide ? 8 : 4;
  const auto place = [&](std::size_t at) {
    const Index low = number(wide && big ? at + 4 : at, 4), high = wide ? number(big ? at : at + 4, 4) : 0;
    return high < 1 << 30 ? high << 32 | low : Index{0};
  };
  for (std::size_t at = 0; at < text.size(); at += static_cast<std::size_t>(size)) {
    StoredEntry entry{static_cast<std::uint32_t>(number(at, 2)), number(at + 4 + word, 2), 0};
    const Index type = number(at + 2, 2), count = place(at + 4);
    const Index each = type < std::ssize(bytes_of) ? bytes_of[type] : 0;
    if (each > 0 && count > static_cast<Index>(word) / each) {
      entry.data = place(at + 4 + word);
      if (entry.data <= file.size() && count <= (file.size() - entry.data) / each) entry.bytes = count * each;
    }
    f(entry);
  }
  return first - offset + std::ssize(text) + static_cast<Index>(word);
}

/// The value of tag 255, which tag 254 has replaced and libtiff leaves out, of the directory at `offset`; 0 without.
inline std::uint32_t old_kind(InputFile& file, Index offset) {
  std::uint32_t kind = 0;
  each_entry(file, offset, [&](const StoredEntry& entry) {
    if (entry.tag == TIFFTAG_OSUBFILETYPE) kind = static_cast<std::uint32_t>(entry.word);
  });
  return kind;
}

/// The first place from `begin` on that the directory at `offset` or its data take; the file's end when there is none.
inline Index directory_behind(InputFile& file, Index offset, Index begin) {
  Index first = offset >= begin ? offset : file.size();
  each_entry(file, offset, [&](const StoredEntry& entry) {
    if (entry.data >= begin) first = std::min(first, entry.data);
  });
  return first;
}

/// The first sample beyond the `colours` of the present page that is not alpha, from 0: a further channel, of a
/// microscope or a satellite. 0 when there is none, and for one sample beyond RGB of which the file says nothing.
inline Index further_channel(TIFF* file, Index samples, Index colours) {
  std::uint16_t count = 0;
  const std::uint16_t* kinds = nullptr;
  if (TIFFGetField(file, TIFFTAG_EXTRASAMPLES, &count, &kinds) == 0) count = 0;
  if (colours == 3 && samples == 4 && (count == 0 || kinds[0] == EXTRASAMPLE_UNSPECIFIED)) return 0;
  for (Index i = colours; i < samples; ++i) {
    const Index extra = i - colours;
    if (extra >= count || (kinds[extra] != EXTRASAMPLE_ASSOCALPHA && kinds[extra] != EXTRASAMPLE_UNASSALPHA)) return i;
  }
  return 0;
}

/// The stack that the description of the present page tells of, if it does.
inline std::optional<StackClaim> described_stack(TIFF* file) {
  const char* text = nullptr;
  std::uint32_t width = 0, height = 0;
  std::uint16_t samples = 1;
  if (TIFFGetField(file, TIFFTAG_IMAGEDESCRIPTION, &text) == 0 || text == nullptr) return std::nullopt;
  TIFFGetField(file, TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(file, TIFFTAG_IMAGELENGTH, &height);
  TIFFGetFieldDefaulted(file, TIFFTAG_SAMPLESPERPIXEL, &samples);
  return stack_claim(text, Index{width} * height * samples);
}

/// The resolution of the present page, of its upright pixels; none where it is not said.
inline std::optional<Resolution> tiff_resolution(TIFF* file) {
  float x = 0, y = 0;
  if (TIFFGetField(file, TIFFTAG_XRESOLUTION, &x) == 0 || TIFFGetField(file, TIFFTAG_YRESOLUTION, &y) == 0 ||
      !(x > 0 && y > 0 && x < 4.29e9f && y < 4.29e9f))
    return std::nullopt;
  std::uint16_t unit = RESUNIT_INCH, orientation = ORIENTATION_TOPLEFT;
  TIFFGetFieldDefaulted(file, TIFFTAG_RESOLUTIONUNIT, &unit);
  TIFFGetFieldDefaulted(file, TIFFTAG_ORIENTATION, &orientation);
  if (orientation >= ORIENTATION_LEFTTOP) std::swap(x, y);
  Resolution r{static_cast<double>(x), static_cast<double>(y), unit, {}};
  const char* text = nullptr;
  if (TIFFGetField(file, TIFFTAG_IMAGEDESCRIPTION, &text) != 0 && text != nullptr) read_imagej(text, r);
  return r;
}

/// The colours of the present page; none where it has no map of at most 256. Map entries have 16 bits; where none is
/// over 255, the writer has stored 8.
inline std::vector<Colour> tiff_palette(TIFF* file, const TiffLayout& t) {
  std::uint16_t* channels[3] = {};
  if (TIFFGetField(file, TIFFTAG_COLORMAP, &channels[0], &channels[1], &channels[2]) == 0 || t.bits > 8) return {};
  std::vector<Colour> colours(std::size_t{1} << t.bits);
  bool wide = false;
  for (const std::uint16_t* channel : channels)
    wide = wide || std::any_of(channel, channel + colours.size(), [](std::uint16_t v) { return v > 255; });
  for (std::size_t i = 0; i < colours.size(); ++i)
    for (std::size_t c = 0; c < 3; ++c)
      colours[i][c] = static_cast<std::uint8_t>(wide ? channels[c][i] >> 8 : channels[c][i]);
  return colours;
}

/// What libtiff said of a file since this was cleared.
struct TiffMessages {
  std::string error, warning;

  static void keep(std::string& to, const char* format, va_list values) {
    char text[256];
    std::vsnprintf(text, sizeof text, format, values);
    // Harmless: an old way of packing, and a last strip that goes on below the picture.
    const std::string_view said = text;
    if (said.starts_with("Old-style LZW codes") || said.starts_with("JPEG strip size exceeds")) return;
    if (to.empty()) to = said;
  }
};

#if TIFFLIB_VERSION >= 20221213
/// A handler of libtiff's, which keeps what is said in one of the texts of the TiffMessages at `to`.
template <auto Text>
int keep_said(TIFF*, void* to, const char*, const char* format, va_list values) {
  TiffMessages::keep(static_cast<TiffMessages*>(to)->*Text, format, values);
  return 1;
}
#endif

/// The file, open for reading; null where that fails. What libtiff says of it comes to `said`.
inline TIFF* open_tiff(const std::string& name, [[maybe_unused]] TiffMessages& said) {
#if TIFFLIB_VERSION >= 20221213
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), std::numeric_limits<std::int32_t>::max());
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_said<&TiffMessages::error>, &said);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), keep_said<&TiffMessages::warning>, &said);
  return TIFFOpenExt(name.c_str(), "r", options.get());
#else
  return TIFFOpen(name.c_str(), "r");
#endif
}

/// The number at `index` of a row of packed samples, most significant bit first where they are not whole bytes;
/// others are in the byte order of the machine already.
template <class Out>
Out tiff_sample(const unsigned char* row, const TiffLayout& t, Index index) {
  const auto as = [&]<class T>(T value) {
    std::memcpy(&value, row + index * static_cast<Index>(sizeof(T)), sizeof(T));
    return static_cast<Out>(value);
  };
  if (t.bits < 16 && t.bits != 8) {  // within a byte, or over the border of one or two
    const Index bit = index * t.bits;
    unsigned value = 0;
    for (Index at = bit / 8; at <= (bit + t.bits - 1) / 8; ++at) value = value << 8 | row[at];
    return static_cast<Out>(value >> (7 - (bit + t.bits - 1) % 8) & ((1u << t.bits) - 1));
  }
  if (t.format == SAMPLEFORMAT_IEEEFP) return t.bits == 64 ? as(double{}) : as(float{});
  if (t.format == SAMPLEFORMAT_INT)
    return t.bits == 8 ? as(std::int8_t{}) : t.bits == 16 ? as(std::int16_t{}) : as(std::int32_t{});
  return t.bits == 8 ? as(std::uint8_t{}) : t.bits == 16 ? as(std::uint16_t{}) : as(std::uint32_t{});
}

/// Whether float can hold all finite numbers among so many samples of 64 bits.
inline bool fit_float(const unsigned char* row, const TiffLayout& t, Index samples) {
  bool fit = true;
  for (Index i = 0; i < samples; ++i) fit = fit && stays_finite<float>(tiff_sample<double>(row, t, i));
  return fit;
}

}  // namespace paser::io::detail

#endif
#include "paser/core/macros_on.inc"
