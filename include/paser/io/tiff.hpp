#pragma once
#include "paser/core/macros_off.inc"

#include <memory>

#include "paser/io/decoded_image.hpp"
#include "paser/io/file.hpp"
#include "paser/io/tiff_checks.hpp"
#include "paser/io/tiff_layout.hpp"
#include "paser/io/tiff_stack.hpp"

namespace paser::io {

/// Whether the content starts as TIFF or BigTIFF, of either byte order.
inline bool is_tiff(std::string_view bytes) {
  using namespace std::string_view_literals;
  for (const auto signature : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv})
    if (bytes.starts_with(signature)) return true;
  return false;
}

#ifdef PASER_WITH_TIFF

/// An open TIFF file. A page is what the file calls a full-size image, with a directory or, in a stack of ImageJ or
/// tifffile, behind the first one's pixels; reduced copies and masks are passed over.
class TiffFile {
 public:
  /// Throws IoError when the file cannot be opened, FormatError when it is not a TIFF file, is damaged, or claims pages
  /// that it does not hold.
  explicit TiffFile(const Path& path, const ImageLimits& limits = {})
      : name_(path.string()), limits_(limits), bytes_(path) {
    file_.reset(detail::open_tiff(name_, *said_));
    check<FormatError>(file_ != nullptr, name_.c_str(), "is not a TIFF file: ", reason());
    std::optional<detail::StackClaim> claim;
    detail::TiffClaims claims(size());
    Index number = 0;
    do {
      check<FormatError>(said_->error.empty(), name_.c_str(), "page ", number,
                         " of the TIFF file cannot be read: ", reason());
      if (number == 0) {
        claim = detail::described_stack(file_.get());
        resolution_ = detail::tiff_resolution(file_.get());
      }
      const bool full = full_size();
      if (full) directories_.push_back(TIFFCurrentDirOffset(file_.get()));
      claims.add(file_.get(), bytes_, full);
      // libtiff compares all pairs of them.
      check<FormatError>(claims.entries() <= most_entries, name_.c_str(), "the directory of page ", number, " has ",
                         claims.entries(), " entries, expected at most ", most_entries);
      check<FormatError>(!claims.too_many(), name_.c_str(), "the directories up to page ", number,
                         " are larger together than the file, so some lie over each other");
      // TIFF 6.0, section 7: no data are referenced from two places. Else the work of all pages has no bound.
      check<FormatError>(!claims.too_much(), name_.c_str(), "the directories up to page ", number,
                         " claim more data than the file has; data that are shared are not read");
      ++number;
    } while (TIFFReadDirectory(file_.get()) != 0);
    begins_ = claims.begins();
    check<FormatError>(said_->error.empty(), name_.c_str(), "the TIFF file is damaged behind page ",
                       directories_.size(), ": ", reason());
    check<FormatError>(!directories_.empty(), name_.c_str(), "the TIFF file has no full-size page");
    if (claim) take_stack(*claim);
  }

  Index pages() const { return stacked_ > 0 ? stacked_ : static_cast<Index>(directories_.size()); }
  /// Of the upright pixels, as the first page says; none where it does not.
  const std::optional<Resolution>& resolution() const { return resolution_; }

  /// Page k, from 0: gray or RGB (alpha dropped) of 1 .. 16 bits, or real: 32- and 64-bit floats, signed and 32-bit
  /// integers. Palette numbers stay numbers; where white is stored as 0, gray is turned over, real samples are refused.
  /// Pixels are turned upright. Throws ValueError when there is no such page, FormatError on other pages, on damage, on
  /// any complaint of libtiff about the pixels, and on more pixels than the limits allow.
  DecodedImage page(Index k) {
    check<ValueError>(k >= 0 && k < pages(), name_.c_str(), "has ", pages(), " pages, there is no page ", k);
    *said_ = {};
    const bool found = go_to(stacked_ > 0 ? 0 : k);
    require(found, k);
    const detail::TiffLayout t = layout(k);
    require(
        !t.real() || t.photometric != PHOTOMETRIC_MINISWHITE, k,
        "says that white is stored as 0 (WhiteIsZero), in samples of which it does not say what black is stored as; "
        "save it as BlackIsZero");
    if (k == 0 || stacked_ == 0) check_data(t, k);
    *said_ = {};
    DecodedImage page;
    page.bits = t.bits;
    page.lossy = detail::lossy_compression(t.compression);
    if (t.real()) {
      page.reals = read<float>(t, k);
    } else {
      page.integers = {read<std::uint16_t>(t, k), (std::uint32_t{1} << t.bits) - 1};
      if (t.photometric == PHOTOMETRIC_PALETTE) {
        page.palette = detail::tiff_palette(file_.get(), t);
        require(!page.palette.empty(), k, "has no palette of at most 256 colours");
      }
      if (t.photometric == PHOTOMETRIC_MINISWHITE)
        for (std::uint16_t *v = page.integers.pixels.mutable_data(), *end = v + page.integers.pixels.numel(); v < end;
             ++v)
          *v = static_cast<std::uint16_t>(page.integers.maximum - *v);
    }
    require(said_->error.empty() && said_->warning.empty(), k);
    return turned_upright(std::move(page), t.orientation);
  }

 private:
  static constexpr Index most_entries = 512;

  std::uint64_t size() const { return static_cast<std::uint64_t>(bytes_.size()); }

  /// By the directory's place: to find it by its number, libtiff goes through all before it.
  bool go_to(Index k) { return TIFFSetSubDirectory(file_.get(), directories_[static_cast<std::size_t>(k)]) != 0; }

  std::string reason() const {
    return !said_->error.empty() ? said_->error : !said_->warning.empty() ? said_->warning : "libtiff gives no reason";
  }

  template <class... Parts>
  void require(bool ok, Index k, const Parts&... parts) const {
    if (ok) return;
    const std::string said =
        sizeof...(parts) > 0 ? message(parts...) : "cannot be decoded, its data are damaged: " + reason();
    check<FormatError>(false, name_.c_str(), "page ", k, " ", said);
  }

  /// Of the present directory.
  bool full_size() {
    std::uint32_t kind = 0;
    if (TIFFGetField(file_.get(), TIFFTAG_SUBFILETYPE, &kind) == 0)
      return detail::old_kind(bytes_, static_cast<Index>(TIFFCurrentDirOffset(file_.get()))) != OFILETYPE_REDUCEDIMAGE;
    return (kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) == 0;
  }

  void take_stack(const detail::StackClaim& claim) {
    check<FormatError>(claim.absurd.empty(), name_.c_str(), "its description by ", claim.writer, " says '",
                       claim.absurd, "', expected a number of images");
    check<FormatError>(claim.elsewhere.empty(), name_.c_str(), "is one file of several of an ", claim.writer,
                       " data set, another is '", claim.elsewhere, "'; save each image or stack as a file of its own");
    if (claim.pages <= pages()) return;
    const auto fail = [&] {
      check<FormatError>(false, name_.c_str(), "claims ", claim.pages, " images (in the description by ", claim.writer,
                         "), and holds ", directories_.size());
    };
    if (!claim.behind || directories_.size() != 1) fail();
    go_to(0);
    const detail::TiffLayout t = layout(0);
    std::uint16_t order = FILLORDER_MSB2LSB;
    TIFFGetFieldDefaulted(file_.get(), TIFFTAG_FILLORDER, &order);
    std::uint32_t rows = t.height;
    TIFFGetFieldDefaulted(file_.get(), TIFFTAG_ROWSPERSTRIP, &rows);
    rows = std::min(rows, t.height);
    const Index planes = t.apart() ? t.samples : 1, row = t.row_bytes(t.width), strips = (t.height + rows - 1) / rows;
    stack_begin_ = static_cast<Index>(TIFFGetStrileOffset(file_.get(), 0));
    bool in_order = t.compression == COMPRESSION_NONE && order == FILLORDER_MSB2LSB && !TIFFIsTiled(file_.get());
    for (Index i = 0; in_order && i < strips * planes; ++i)
      in_order = static_cast<Index>(TIFFGetStrileOffset(file_.get(), static_cast<std::uint32_t>(i))) ==
                 stack_begin_ + (i / strips * t.height + i % strips * rows) * row;
    stack_page_ = planes * t.height * row;
    if (!in_order) fail();
    // What tells of the page may lie behind its pixels, and is none.
    const Index end = detail::directory_behind(bytes_, static_cast<Index>(TIFFCurrentDirOffset(file_.get())),
                                               stack_begin_ + stack_page_);
    if (claim.pages > (std::min(end, bytes_.size()) - stack_begin_) / stack_page_) fail();
    stacked_ = claim.pages;
  }

  detail::TiffLayout layout(Index k) {
    detail::TiffLayout t;
    TIFF* f = file_.get();
    const bool sized = TIFFGetField(f, TIFFTAG_IMAGEWIDTH, &t.width) && TIFFGetField(f, TIFFTAG_IMAGELENGTH, &t.height);
    require(sized && t.width > 0 && t.height > 0, k, "has no size");
    require_pixels(t.width, t.height, limits_, message(name_, ": page ", k));
    std::uint32_t slices = 1;
    TIFFGetFieldDefaulted(f, TIFFTAG_IMAGEDEPTH, &slices);
    require(slices == 1, k, "is a volume of ", slices, " slices; save them as pages");
    TIFFGetFieldDefaulted(f, TIFFTAG_BITSPERSAMPLE, &t.bits);
    TIFFGetFieldDefaulted(f, TIFFTAG_SAMPLESPERPIXEL, &t.samples);
    TIFFGetFieldDefaulted(f, TIFFTAG_SAMPLEFORMAT, &t.format);
    TIFFGetFieldDefaulted(f, TIFFTAG_PLANARCONFIG, &t.planes);
    TIFFGetFieldDefaulted(f, TIFFTAG_COMPRESSION, &t.compression);
    TIFFGetFieldDefaulted(f, TIFFTAG_ORIENTATION, &t.orientation);
    const bool named = TIFFGetField(f, TIFFTAG_PHOTOMETRIC, &t.photometric) != 0;
    if (!named)  // as libtiff takes it
      t.photometric = t.samples >= 3 ? PHOTOMETRIC_RGB : t.fax() ? PHOTOMETRIC_MINISWHITE : PHOTOMETRIC_MINISBLACK;
    if (t.photometric == PHOTOMETRIC_YCBCR && t.compression == COMPRESSION_JPEG) {
      TIFFSetField(f, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
      t.photometric = PHOTOMETRIC_RGB;
    }
    const bool gray = t.photometric == PHOTOMETRIC_MINISBLACK || t.photometric == PHOTOMETRIC_MINISWHITE ||
                      t.photometric == PHOTOMETRIC_PALETTE;
    constexpr int most_samples = 64;
    require(
        (gray && t.samples <= 2) || (t.photometric == PHOTOMETRIC_RGB && t.samples >= 3 && t.samples <= most_samples),
        k, "has ", t.samples, " samples per pixel of photometric kind ", t.photometric,
        "; expected gray, palette or RGB");
    const Index further = detail::further_channel(f, t.samples, gray ? 1 : 3);
    require(further == 0, k, "has ", t.samples, " samples per pixel, and does not say that sample ", further,
            " is alpha (tag 338); expected gray or RGB, with or without alpha: save further channels as files of their "
            "own");
    require(t.known(), k, "has samples of ", t.bits, " bits of format ", t.format,
            "; expected 1 .. 32-bit integers or 32- or 64-bit floats");
    return t;
  }

  /// Verifies that the file holds the page's strips or tiles, that they can unpack to its pixels, and what else the
  /// data tell.
  void check_data(const detail::TiffLayout& t, Index k) {
    TIFF* f = file_.get();
    const std::uint32_t parts = detail::tiff_parts(f);
    std::vector<detail::TiffPart> stated;
    for (std::uint32_t i = 0; i < parts; ++i) {
      stated.push_back(detail::tiff_part(f, i));
      require(stated.back().within(size()), k, "is cut off: part ", i, " of ", parts,
              " of its data is not in the file");
    }
    const auto places = detail::cut_parts(stated, begins_, t.compression);
    if (const auto shared = detail::shared_parts(places))
      require(false, k, "is malformed: parts ", shared->first, " and ", shared->second,
              " of its data are the same bytes of the file");
    std::uint64_t stored = 0;
    for (const auto& place : places) stored += place.bytes;
    const double claimed = detail::unpacked_bytes(f, t);
    require(claimed <= detail::most_unpacked(t.compression) * static_cast<double>(stored) &&
                (!t.fax() || t.height <= 8 * stored),
            k, "claims ", t.width, " x ", t.height, " pixels from ", stored, " bytes, which cannot hold them");
    detail::TiffDataCheck check(f, t, name_, limits_);
    bool unpacked = false;
    std::string stream;
    for (std::uint32_t i = 0; i < parts; ++i) {
      const bool cut = places[i].bytes < stated[i].bytes;
      if (!cut && !check.needed()) continue;
      stream.resize(places[i].bytes);
      bytes_.read_at(static_cast<Index>(places[i].begin), stream.data(), static_cast<Index>(stream.size()));
      // libtiff is to read no further than that either, or what it reads again and again has no bound.
      const bool ends = !cut || detail::unpacks(f, i, t, stream), whole = ends && check.part(stream);
      require(ends, k, "is malformed: part ", i, " of ", parts, " of its data does not end where other data begin");
      require(whole, k, "is damaged: part ", i, " of ", parts,
              " of its data does not unpack to what its checksum says");
      unpacked = unpacked || cut;
    }
    if (unpacked) require(go_to(k), k);
  }

  template <class Sample>
  Tensor<Sample, 3> read(const detail::TiffLayout& t, Index k) {
    Tensor<Sample, 3> pixels;
    for (Index c = 0; c < (t.apart() ? t.kept() : 1); ++c) {
      const auto take = [&](const unsigned char* row, Index y, Index x, Index columns) {
        if (pixels.empty()) pixels = Tensor<Sample, 3>({t.height, t.width, t.kept()});  // now that there are some
        const Index stored = t.apart() ? 1 : t.samples, kept = t.apart() ? 1 : t.kept();
        Sample* to = pixels.mutable_data() + (y * t.width + x) * t.kept() + c;
        for (Index i = 0; i < columns; ++i)
          for (Index s = 0; s < kept; ++s) to[i * t.kept() + s] = detail::tiff_sample<Sample>(row, t, i * stored + s);
        require(t.bits < 64 || detail::fit_float(row, t, columns * stored), k,
                "has a number that is too large for 32 bits, in row ", y);
      };
      if (k > 0 && stacked_ > 0)
        read_stacked(t, c, k, take);
      else if (TIFFIsTiled(file_.get()))
        read_tiles(t, static_cast<std::uint16_t>(c), k, take);
      else
        read_rows(t, static_cast<std::uint16_t>(c), k, take);
    }
    return pixels;
  }

  template <class Take>
  void read_rows(const detail::TiffLayout& t, std::uint16_t plane, Index k, const Take& take) {
    std::vector<unsigned char> row(static_cast<std::size_t>(TIFFScanlineSize64(file_.get())));
    require(static_cast<Index>(row.size()) >= t.row_bytes(t.width), k);
    for (std::uint32_t y = 0; y < t.height; ++y) {
      const bool read = TIFFReadScanline(file_.get(), row.data(), y, plane) == 1;
      require(read && said_->warning.empty(), k);  // rows behind one that was cut may go on as long as the file does
      take(row.data(), y, 0, t.width);
    }
  }

  /// A page of a stack that has no directory.
  template <class Take>
  void read_stacked(const detail::TiffLayout& t, Index plane, Index k, const Take& take) {
    const Index bytes = t.row_bytes(t.width),
                together = std::clamp((Index{1} << 20) / bytes, Index{1}, Index{t.height});
    std::vector<unsigned char> rows(static_cast<std::size_t>(together * bytes));
    const Index width = t.bits / 8, begin = stack_begin_ + k * stack_page_ + plane * t.height * bytes;
    const bool swapped = TIFFIsByteSwapped(file_.get()) != 0;
    for (Index y = 0; y < t.height; ++y) {
      const Index at = y % together * bytes;
      if (at == 0) bytes_.read_at(begin + y * bytes, rows.data(), std::min(together, t.height - y) * bytes);
      const auto row = rows.begin() + at;
      if (swapped && width > 1)
        for (Index i = 0; i < bytes; i += width) std::reverse(row + i, row + i + width);
      take(rows.data() + at, y, 0, t.width);
    }
  }

  template <class Take>
  void read_tiles(const detail::TiffLayout& t, std::uint16_t plane, Index k, const Take& take) {
    std::uint32_t width = 0, height = 0;
    TIFFGetField(file_.get(), TIFFTAG_TILEWIDTH, &width);
    TIFFGetField(file_.get(), TIFFTAG_TILELENGTH, &height);
    const Index bytes = TIFFTileRowSize(file_.get());
    const bool standard = width > 0 && height > 0 && width % 16 == 0 && height % 16 == 0;  // TIFF 6.0, section 15
    require(standard && bytes >= t.row_bytes(width), k, "has malformed tiles of ", width, " x ", height, " pixels");
    require_pixels(width, height, limits_, message(name_, ": a tile of page ", k));
    std::vector<unsigned char> tile(static_cast<std::size_t>(TIFFTileSize64(file_.get())));
    require(static_cast<Index>(tile.size()) >= bytes * height, k, "has malformed tiles");
    for (std::uint32_t y = 0; y < t.height; y += height)
      for (std::uint32_t x = 0; x < t.width; x += width) {
        const bool read = TIFFReadTile(file_.get(), tile.data(), x, y, 0, plane) >= 0;
        require(read, k);
        for (std::uint32_t i = 0; i < std::min(height, t.height - y); ++i)
          take(tile.data() + i * bytes, y + i, x, std::min(width, t.width - x));
      }
  }

  std::string name_;
  ImageLimits limits_;
  InputFile bytes_;
  std::unique_ptr<detail::TiffMessages> said_ = std::make_unique<detail::TiffMessages>();  // libtiff keeps its address
  std::unique_ptr<TIFF, void (*)(TIFF*)> file_{nullptr, TIFFClose};
  std::vector<std::uint64_t> directories_;  // their places in the file
  std::vector<std::uint64_t> begins_;       // of TiffClaims
  std::optional<Resolution> resolution_;
  Index stacked_ = 0, stack_begin_ = 0,
        stack_page_ = 0;  // pages without directories: how many, where, of how many bytes
};

#else

/// Stands in for the reader of TIFF files in a program without libtiff: it cannot be made.
class TiffFile {
 public:
  /// Throws FormatError with what is missing.
  explicit TiffFile(const Path& path, const ImageLimits& = {}) {
    check<FormatError>(false, path.string().c_str(),
                       "is a TIFF file, and this program was built without libtiff: install it (Debian: libtiff-dev) "
                       "and link the CMake target paser::tiff");
  }
  Index pages() const { return 0; }                            ///< The pages of the file.
  std::optional<Resolution> resolution() const { return {}; }  ///< How large pixels are, where the file says so.
  DecodedImage page(Index) { return {}; }  ///< Page k, from 0. Throws FormatError when it cannot be read.
};

#endif

}  // namespace paser::io
#include "paser/core/macros_on.inc"
