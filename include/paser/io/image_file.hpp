#pragma once
#include "paser/core/macros_off.inc"

#include <optional>

#include "paser/io/image.hpp"
#include "paser/io/npy.hpp"
#include "paser/io/tiff.hpp"

namespace paser::io {

/// An image file of any kind that paser reads, told by its first bytes and not by its name.
class ImageFile {
 public:
  /// Throws IoError when the file cannot be read, FormatError when its kind is not known.
  explicit ImageFile(const Path& path, const ImageLimits& limits = {}) : path_(path), limits_(limits) {
    InputFile file(path);
    std::string start(static_cast<std::size_t>(std::min<Index>(file.size(), 4)), '\0');
    file.read(start.data(), static_cast<Index>(start.size()));
    if (is_tiff(start)) tiff_.emplace(path, limits);
    if (is_npy(start)) npy_.emplace(path, limits);
  }

  Index pages() const { return tiff_ ? tiff_->pages() : npy_ ? npy_->pages() : 1; }  ///< The pages of a stack, or 1.
  /// How large pixels are, where a TIFF file says so.
  std::optional<Resolution> resolution() const { return tiff_ ? tiff_->resolution() : std::nullopt; }

  /// Page k, from 0. Throws as decode_page, TiffFile::page and NpyFile::page.
  DecodedImage page(Index k) {
    if (tiff_) return tiff_->page(k);
    if (npy_) return npy_->page(k);
    check<ValueError>(k == 0, path_.string().c_str(), "has one page, there is no page ", k);
    return decode_page(detail::image_bytes(path_), path_.string(), limits_);
  }

 private:
  Path path_;
  ImageLimits limits_;
  std::optional<TiffFile> tiff_;
  std::optional<NpyFile> npy_;
};

}  // namespace paser::io
#include "paser/core/macros_on.inc"
