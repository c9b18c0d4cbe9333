#pragma once
#include "paser/core/macros_off.inc"

#include <bit>
#include <cstring>

#include "paser/core/tensor.hpp"
#include "paser/io/deflate.hpp"
#include "paser/io/resolution.hpp"

/// TIFF files that paser writes, without libtiff.
namespace paser::io {

/// What all pages of a TIFF file have in common.
struct TiffOptions {
  Index pages = 1;                         ///< that the file will have
  std::optional<Resolution> resolution{};  ///< goes into the tags, and into a description that ImageJ reads
  bool big = false;                        ///< BigTIFF, for files that may reach 4 GiB
};

namespace detail {

/// A number of the directory of a TIFF page, or several.
struct TiffEntry {
  std::uint16_t tag, type;
  std::uint64_t count;
  std::string bytes;  ///< the values, least significant byte first
};

inline void append_little_endian(std::string& to, std::uint64_t value, int bytes) {
  for (int k = 0; k < bytes; ++k) to.push_back(static_cast<char>(value >> 8 * k & 255));
}

/// A rational number of two 32-bit numbers: exact where the value has few digits, else nine digits of it.
inline std::string tiff_rational(double value) {
  std::uint64_t denominator = 1;
  while (denominator < 1000000000 && value * static_cast<double>(denominator) < 4.29e8 &&
         value * static_cast<double>(denominator) != std::round(value * static_cast<double>(denominator)))
    denominator *= 10;
  std::string bytes;
  append_little_endian(bytes, static_cast<std::uint64_t>(std::llround(value * static_cast<double>(denominator))), 4);
  append_little_endian(bytes, denominator, 4);
  return bytes;
}

}  // namespace detail

/// Makes a TIFF file page by page: what page() returns, one after the other, is the file. Pages are gray or RGB; 8-bit
/// samples are stored deflated, others as they are, so that every program reads them. In memory is one page.
///
///   TiffEncoder tiff({.pages = 2});
///   file.write(tiff.page(first));
///   file.write(tiff.page(second));
class TiffEncoder {
 public:
  /// Throws ValueError without a page, or on a resolution that is no positive number.
  explicit TiffEncoder(TiffOptions options) : options_(std::move(options)) {
    check<ValueError>(options_.pages >= 1, "TiffEncoder", options_.pages, " pages, expected at least 1");
    const auto& r = options_.resolution;
    check<ValueError>(!r || (r->x > 0 && r->y > 0 && r->x < 4.29e9 && r->y < 4.29e9), "TiffEncoder", "a resolution of ",
                      r ? r->x : 0, " x ", r ? r->y : 0, ", expected positive numbers");
  }

  /// The bytes of the file that come next, with this page, (H, W, 1) gray or (H, W, 3) RGB, of std::uint8_t,
  /// std::uint16_t or float. Throws ShapeError on another shape, ValueError when all pages are there already, or when
  /// the file would exceed 4 GiB and is not to be a BigTIFF.
  template <class Sample>
  std::string page(const Tensor<Sample, 3>& pixels) {
    const Shape<3>& s = pixels.shape();
    check(s[0] >= 1 && s[1] >= 1 && (s[2] == 1 || s[2] == 3), "TiffEncoder", "expected a page of 1 or 3 channels, got ",
          s);
    check<ValueError>(done_ < options_.pages, "TiffEncoder", "all ", options_.pages, " pages are written");
    constexpr bool packed = sizeof(Sample) == 1;
    const std::string raw = little_endian_samples(pixels);
    const std::string data = packed ? zlib_compress(raw) : raw;
    std::string bytes = done_ == 0 ? header() : std::string();
    ++done_;
    add_directory(bytes, entries(s, sizeof(Sample), packed, std::is_floating_point_v<Sample>, data.size()),
                  data.size());
    bytes += data;
    if (bytes.size() % 2 != 0) bytes.push_back('\0');  // directories begin at even places
    written_ += bytes.size();
    check<ValueError>(options_.big || written_ < (std::uint64_t{1} << 32), "TiffEncoder",
                      "the file would exceed 4 GiB; expected the option `big`");
    return bytes;
  }

 private:
  static constexpr std::uint16_t ascii = 2, u16 = 3, u32 = 4, rational = 5, u64 = 16;
  int word() const { return options_.big ? 8 : 4; }

  std::string header() const {
    std::string bytes = "II";
    detail::append_little_endian(bytes, options_.big ? 43 : 42, 2);
    if (options_.big) detail::append_little_endian(bytes, 8, 4);  // bytes of an offset
    detail::append_little_endian(bytes, options_.big ? 16 : 8, word());
    return bytes;
  }

  template <class Sample>
  static std::string little_endian_samples(const Tensor<Sample, 3>& pixels) {
    std::string bytes(static_cast<std::size_t>(pixels.numel()) * sizeof(Sample), '\0');
    std::memcpy(bytes.data(), pixels.data(), bytes.size());
    if constexpr (std::endian::native == std::endian::big && sizeof(Sample) > 1)
      for (auto at = bytes.begin(); at != bytes.end(); at += sizeof(Sample)) std::reverse(at, at + sizeof(Sample));
    return bytes;
  }

  static detail::TiffEntry number(std::uint16_t tag, std::uint16_t type, std::uint64_t value, std::uint64_t times = 1) {
    std::string bytes;
    for (std::uint64_t i = 0; i < times; ++i)
      detail::append_little_endian(bytes, value, type == u16 ? 2 : type == u32 ? 4 : 8);
    return {tag, type, times, bytes};
  }

  /// In the order of their tags. The place of the data (tag 273) is put in by add_directory.
  std::vector<detail::TiffEntry> entries(const Shape<3>& s, std::size_t sample_bytes, bool packed, bool real,
                                         std::size_t data) const {
    const auto channels = static_cast<std::uint64_t>(s[2]);
    const std::uint16_t place = options_.big ? u64 : u32;
    const auto& r = options_.resolution;
    std::vector<detail::TiffEntry> all{number(256, u32, static_cast<std::uint64_t>(s[1])),
                                       number(257, u32, static_cast<std::uint64_t>(s[0])),
                                       number(258, u16, 8 * sample_bytes, channels), number(259, u16, packed ? 8 : 1),
                                       number(262, u16, channels == 3 ? 2 : 1)};
    if (std::string text = done_ == 1 && r ? detail::imagej_description(*r) : ""; !text.empty()) {
      text += '\0';
      all.push_back({270, ascii, text.size(), text});
    }
    all.push_back(number(273, place, 0));
    all.push_back(number(277, u16, channels));
    all.push_back(number(278, u32, static_cast<std::uint64_t>(s[0])));
    all.push_back(number(279, place, data));
    if (r) {
      all.push_back({282, rational, 1, detail::tiff_rational(r->x)});
      all.push_back({283, rational, 1, detail::tiff_rational(r->y)});
      all.push_back(number(296, u16, static_cast<std::uint64_t>(r->unit)));
    }
    all.push_back(number(339, u16, real ? 3 : 1, channels));
    return all;
  }

  /// Appends the directory, the values that do not fit into it, and what the place of the data needs.
  void add_directory(std::string& bytes, std::vector<detail::TiffEntry> entries, std::size_t data) const {
    const auto fits = static_cast<std::size_t>(word());
    const std::uint64_t begin = written_ + bytes.size();
    const std::uint64_t size = (options_.big ? 8 : 2) + entries.size() * (options_.big ? 20 : 12) + fits;
    std::string outside;
    for (detail::TiffEntry& e : entries) {
      if (e.bytes.size() <= fits) continue;
      std::string at;
      detail::append_little_endian(at, begin + size + outside.size(), word());
      outside += e.bytes;
      if (outside.size() % 2 != 0) outside.push_back('\0');
      e.bytes = at;
    }
    const std::uint64_t data_begin = begin + size + outside.size(), end = data_begin + data;
    detail::append_little_endian(bytes, entries.size(), options_.big ? 8 : 2);
    for (detail::TiffEntry& e : entries) {
      if (e.tag == 273) {
        e.bytes.clear();
        detail::append_little_endian(e.bytes, data_begin, word());
      }
      detail::append_little_endian(bytes, e.tag, 2);
      detail::append_little_endian(bytes, e.type, 2);
      detail::append_little_endian(bytes, e.count, word());
      e.bytes.resize(fits, '\0');
      bytes += e.bytes;
    }
    detail::append_little_endian(bytes, done_ < options_.pages ? end + end % 2 : 0, word());
    bytes += outside;
  }

  TiffOptions options_;
  Index done_ = 0;
  std::uint64_t written_ = 0;
};

}  // namespace paser::io
#include "paser/core/macros_on.inc"
