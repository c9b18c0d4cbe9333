#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "paser/io/inflate.hpp"
#include "paser/io/jpeg_checks.hpp"
#include "paser/io/tiff_layout.hpp"

#ifdef PASER_WITH_TIFF

namespace paser::io::detail {

/// Where a page says that a strip or tile of it lies in the file.
struct TiffPart {
  std::uint64_t begin = 0, bytes = 0;

  bool within(std::uint64_t size) const { return bytes > 0 && begin <= size && bytes <= size - begin; }
};

/// How many strips or tiles the present page has.
inline std::uint32_t tiff_parts(TIFF* file) {
  return TIFFIsTiled(file) ? TIFFNumberOfTiles(file) : TIFFNumberOfStrips(file);
}

/// The strip or tile i of the present page.
inline TiffPart tiff_part(TIFF* file, std::uint32_t i) {
  return {TIFFGetStrileOffset(file, i), TIFFGetStrileByteCount(file, i)};
}

/// The bytes of the file that the present directory claims for pixels, each part as one at least, where they are read,
/// else one for each part. Adding ends once they are more than the file has. What its tags keep elsewhere counts by a
/// sixteenth, since writers let directories share colour profiles and the like.
inline std::uint64_t claimed_bytes(TIFF* file, InputFile& content, bool read) {
  const auto size = static_cast<std::uint64_t>(content.size());
  const std::uint32_t parts = tiff_parts(file);
  Index tags = 0;
  each_entry(content, static_cast<Index>(TIFFCurrentDirOffset(file)),
             [&](const StoredEntry& entry) { tags += entry.bytes; });
  std::uint64_t bytes = static_cast<std::uint64_t>(tags) / 16 + (read ? 0 : parts);
  for (std::uint32_t i = 0; read && i < parts && bytes <= size; ++i) {
    const TiffPart part = tiff_part(file, i);
    bytes += part.within(size) ? part.bytes : 1;
  }
  return bytes;
}

/// Two parts that have bytes of the file in common, by their numbers; none where all lie apart.
inline std::optional<std::pair<std::size_t, std::size_t>> shared_parts(const std::vector<TiffPart>& parts) {
  std::vector<std::size_t> order(parts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(parts[i].begin, i); });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (const TiffPart& before = parts[order[i - 1]]; before.begin + before.bytes > parts[order[i]].begin)
      return std::minmax(order[i - 1], order[i]);
  return std::nullopt;
}

/// Verifies the compressed data of the present page of a file where libtiff notices less than they tell: every code of
/// JPEG; of deflate, that a stream unpacks to no more than its strip or tile, and its checksum.
class TiffDataCheck {
 public:
  TiffDataCheck(TIFF* file, const TiffLayout& layout, const std::string& name, const ImageLimits& limits)
      : jpeg_(name, limits),
        is_jpeg_(layout.compression == COMPRESSION_JPEG),
        is_deflate_(layout.compression == COMPRESSION_ADOBE_DEFLATE || layout.compression == COMPRESSION_DEFLATE) {
    std::uint32_t table_bytes = 0;
    const char* tables = nullptr;
    if (is_jpeg_ && TIFFGetField(file, TIFFTAG_JPEGTABLES, &table_bytes, &tables) != 0)
      jpeg_.tables({tables, table_bytes});
    std::uint16_t order = FILLORDER_MSB2LSB;
    TIFFGetFieldDefaulted(file, TIFFTAG_FILLORDER, &order);
    reversed_ = order == FILLORDER_LSB2MSB;
    part_bytes_ = TIFFIsTiled(file) ? TIFFTileSize64(file) : TIFFStripSize64(file);
  }

  bool needed() const { return is_jpeg_ || is_deflate_; }

  /// A strip or tile as the file holds it. False where it is damaged; throws FormatError as JpegCheck.
  bool part(std::string& stream) {
    if (is_jpeg_) jpeg_.picture(stream);
    if (!is_deflate_) return true;
    if (reversed_)
      TIFFReverseBits(reinterpret_cast<std::uint8_t*>(stream.data()), static_cast<tmsize_t>(stream.size()));
    const double most = most_unpacked(COMPRESSION_DEFLATE) * static_cast<double>(stream.size());
    unpacked_.resize(static_cast<std::size_t>(std::min(most, static_cast<double>(part_bytes_))));
    return zlib_decompress(stream, unpacked_).has_value();
  }

 private:
  JpegCheck jpeg_;
  bool is_jpeg_, is_deflate_, reversed_ = false;
  std::uint64_t part_bytes_ = 0;
  std::vector<std::uint8_t> unpacked_;
};

}  // namespace paser::io::detail

#endif
#include "paser/core/macros_on.inc"
