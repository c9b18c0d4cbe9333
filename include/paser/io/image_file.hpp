#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/io/image.hpp"
#include "paser/io/png_samples.hpp"
#include "paser/io/tiff.hpp"

namespace paser::io {

/// The one page of a PNG, JPEG, BMP or PNM file in memory, with the numbers that are stored: palettes of PNG files are
/// kept apart from their numbers, and gray of less than 8 bits is not stretched. (BMP palettes are looked up.)
/// Throws as decode_image.
inline Page decode_page(std::string_view bytes, const std::string& origin) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) {
    detail::check_png_chunks(bytes, origin);
    if (png_header(bytes, origin).stored_otherwise()) return decode_png_samples(bytes, origin);
  }
  Page page;
  page.raster = decode_image(bytes, origin);
  page.bits = page.raster.maximum > 255 ? 16 : 8;
  page.lossy = bytes.starts_with("\xFF\xD8");
  return page;
}

/// An image file of any kind that paser reads, told by its first bytes and not by its name.
class ImageFile {
 public:
  /// Throws IoError when the file cannot be read, FormatError when its kind is not known.
  explicit ImageFile(const Path& path) : path_(path) {
    InputFile file(path);
    std::string start(static_cast<std::size_t>(std::min<Index>(file.size(), 4)), '\0');
    file.read(start.data(), static_cast<Index>(start.size()));
    if (is_tiff(start)) tiff_.emplace(path);
  }

  Index pages() const { return tiff_ ? tiff_->pages() : 1; }

  /// Page k, from 0. Throws as decode_page and TiffFile::page.
  Page page(Index k) {
    if (tiff_) return tiff_->page(k);
    check<ValueError>(k == 0, path_.string().c_str(), "has one page, there is no page ", k);
    return decode_page(read_file(path_), path_.string());
  }

 private:
  Path path_;
  std::optional<TiffFile> tiff_;
};

}  // namespace paser::io
#include "paser/core/macros_on.inc"
