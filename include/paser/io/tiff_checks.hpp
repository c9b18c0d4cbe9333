#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <iterator>
#include <map>
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

/// How many bytes the present page unpacks to.
inline double unpacked_bytes(TIFF* file, const TiffLayout& t) {
  if (TIFFIsTiled(file)) return static_cast<double>(TIFFTileSize64(file)) * tiff_parts(file);
  return static_cast<double>(t.width) * t.height * t.samples * t.bits / 8;
}

/// Whether data of this compression end where the strip or tile is whole, whatever their byte count says: microscopes
/// (Zeiss LSM) write there how many bytes they unpack to.
inline bool ends_itself(std::uint16_t compression) {
  return compression == COMPRESSION_LZW || compression == COMPRESSION_ADOBE_DEFLATE ||
         compression == COMPRESSION_DEFLATE || compression == COMPRESSION_PACKBITS;
}

/// The bytes of a file that its directories claim. A strip or tile that ends_itself counts up to where another begins,
/// once its byte counts make more than the file has; of several that begin at one place, all but one count whole.
class TiffClaims {
 public:
  explicit TiffClaims(std::uint64_t size) : size_(size) {}

  /// Adds the present directory: where its pixels are read, the bytes of their parts, each one at least, else one for
  /// each part. Adding ends once there is too_much. What the tags keep elsewhere counts by a sixteenth, since writers
  /// let directories share colour profiles and the like.
  void add(TIFF* file, InputFile& content, bool read) {
    const std::uint32_t parts = tiff_parts(file);
    Index tags = 0;
    entries_ = 0;
    directories_ += static_cast<std::uint64_t>(
        each_entry(content, static_cast<Index>(TIFFCurrentDirOffset(file)), [&](const StoredEntry& entry) {
          tags += entry.bytes;
          ++entries_;
        }));
    others_ += static_cast<std::uint64_t>(tags) / 16 + (read ? 0 : parts);
    std::uint16_t compression = COMPRESSION_NONE;
    TIFFGetFieldDefaulted(file, TIFFTAG_COMPRESSION, &compression);
    const bool soft = ends_itself(compression);
    for (std::uint32_t i = 0; read && i < parts && !too_much(); ++i) {
      const TiffPart part = tiff_part(file, i);
      if (part.within(size_))
        add({part, soft});
      else
        ++others_;
    }
  }

  /// Of the last directory.
  Index entries() const { return entries_; }

  /// Whether directories lie over each other: each may then be of many entries that cost the file none of its own.
  bool too_many() const { return directories_ > size_; }

  bool too_much() const { return others_ + (overlap() ? placed_bytes_ : stated_) > size_; }

  /// Where parts begin, rising; none where the byte counts make no more than the file has.
  std::vector<std::uint64_t> begins() const {
    std::vector<std::uint64_t> list;
    for (const auto& entry : placed_) list.push_back(entry.first);
    return list;
  }

 private:
  struct Claim {
    TiffPart part;
    bool soft;  ///< ends_itself

    std::uint64_t bytes_before(std::uint64_t next) const {
      return soft ? std::min(part.bytes, next - part.begin) : part.bytes;
    }
  };

  bool overlap() const { return stated_ > size_; }

  /// Parts are put in order only once that is needed: ordinary files have many, and none that overlap.
  void add(const Claim& claim) {
    stated_ = std::min(stated_ + claim.part.bytes, size_ + 1);
    waiting_.push_back(claim);
    if (!overlap()) return;
    for (const Claim& each : waiting_) place(each);
    waiting_.clear();
  }

  void place(const Claim& claim) {
    const auto [at, first] = placed_.try_emplace(claim.part.begin, claim);
    const auto behind = std::next(at);
    const std::uint64_t next = behind == placed_.end() ? size_ : behind->first;
    placed_bytes_ += first ? claim.bytes_before(next) : claim.part.bytes;
    if (!first || at == placed_.begin()) return;
    const Claim& before = std::prev(at)->second;
    placed_bytes_ -= before.bytes_before(next) - before.bytes_before(at->first);
  }

  std::uint64_t size_, others_ = 0, stated_ = 0, placed_bytes_ = 0, directories_ = 0;
  Index entries_ = 0;
  std::vector<Claim> waiting_;
  std::map<std::uint64_t, Claim> placed_;  // by their begin
};

/// The parts of a page, those that end themselves cut where the next of the page or of the `begins` does begin.
inline std::vector<TiffPart> cut_parts(std::vector<TiffPart> parts, const std::vector<std::uint64_t>& begins,
                                       std::uint16_t compression) {
  if (!ends_itself(compression)) return parts;
  std::vector<std::uint64_t> own;
  for (const TiffPart& part : parts) own.push_back(part.begin);
  std::ranges::sort(own);
  const auto cut = [](TiffPart& part, const std::vector<std::uint64_t>& at) {
    if (const auto next = std::ranges::upper_bound(at, part.begin); next != at.end())
      part.bytes = std::min(part.bytes, *next - part.begin);
  };
  for (TiffPart& part : parts) {
    cut(part, own);
    cut(part, begins);
  }
  return parts;
}

/// Whether libtiff unpacks the whole strip or tile i of the present page from these data alone. It may go on to read
/// from them: set the directory again before pixels are read.
inline bool unpacks(TIFF* file, std::uint32_t i, const TiffLayout& layout, std::string& data) {
  std::uint64_t bytes = TIFFTileSize64(file);
  if (!TIFFIsTiled(file)) {
    std::uint32_t rows = layout.height;
    TIFFGetFieldDefaulted(file, TIFFTAG_ROWSPERSTRIP, &rows);
    rows = std::clamp(rows, 1u, layout.height);
    const std::uint32_t strips = (layout.height - 1) / rows + 1, above = i % strips * rows;
    bytes = TIFFVStripSize64(file, std::min(rows, layout.height - above));
  }
  if (static_cast<double>(bytes) > most_unpacked(layout.compression) * static_cast<double>(data.size())) return false;
  std::vector<std::uint8_t> unpacked(static_cast<std::size_t>(bytes));
  return TIFFReadFromUserBuffer(file, i, data.data(), static_cast<tmsize_t>(data.size()), unpacked.data(),
                                static_cast<tmsize_t>(bytes)) != 0;
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
