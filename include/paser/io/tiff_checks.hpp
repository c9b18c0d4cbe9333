#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/inflate.hpp"
#include "paser/io/jpeg_checks.hpp"
#include "paser/io/tiff_layout.hpp"

#ifdef PASER_WITH_TIFF

namespace paser::io::detail {

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
