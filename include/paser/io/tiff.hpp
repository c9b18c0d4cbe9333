#pragma once
#include "paser/core/macros_off.inc"

#include <memory>

#include "paser/io/file.hpp"
#include "paser/io/page.hpp"

/// TIFF files, through libtiff, which is optional: a program that wants them links the CMake target paser::tiff (or
/// defines PASER_WITH_TIFF and links libtiff). In other programs the same calls throw, and say what to install.
#ifdef PASER_WITH_TIFF
#if !__has_include(<tiffio.h>)
#error "PASER_WITH_TIFF needs the headers of libtiff (Debian: libtiff-dev)"
#endif
#include <tiffio.h>
#endif

namespace paser::io {

/// Whether the content starts as TIFF or BigTIFF, of either byte order.
inline bool is_tiff(std::string_view bytes) {
  using namespace std::string_view_literals;
  for (const auto signature : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv})
    if (bytes.starts_with(signature)) return true;
  return false;
}

#ifdef PASER_WITH_TIFF

namespace detail {

/// What the tags of a TIFF page say of its samples.
struct TiffLayout {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, samples = 1, format = SAMPLEFORMAT_UINT, photometric = 0, planes = PLANARCONFIG_CONTIG,
                compression = 1;

  bool real() const { return format != SAMPLEFORMAT_UINT || bits > 16; }
  Index kept() const { return samples >= 3 ? 3 : 1; }
};

/// The number at `index` of a row of packed samples, most significant bit first where they are smaller than a byte;
/// larger ones are in the byte order of the machine already.
template <class Out>
Out tiff_sample(const unsigned char* row, const TiffLayout& t, Index index) {
  const auto as = [&]<class T>(T value) {
    std::memcpy(&value, row + index * static_cast<Index>(sizeof(T)), sizeof(T));
    return static_cast<Out>(value);
  };
  if (t.bits < 8) {
    const Index bit = index * t.bits;
    return static_cast<Out>(row[bit / 8] >> (8 - t.bits - bit % 8) & ((1 << t.bits) - 1));
  }
  if (t.format == SAMPLEFORMAT_IEEEFP) return t.bits == 64 ? as(double{}) : as(float{});
  if (t.format == SAMPLEFORMAT_INT)
    return t.bits == 8 ? as(std::int8_t{}) : t.bits == 16 ? as(std::int16_t{}) : as(std::int32_t{});
  return t.bits == 8 ? as(std::uint8_t{}) : t.bits == 16 ? as(std::uint16_t{}) : as(std::uint32_t{});
}

}  // namespace detail

/// An open TIFF file. A page is what the file calls a full-size image: reduced copies and masks are passed over.
class TiffFile {
 public:
  /// Throws IoError when the file cannot be opened, FormatError when it is not a TIFF file or is damaged.
  explicit TiffFile(const Path& path) : name_(path.string()) {
    const InputFile readable(path);
    open();
    check<FormatError>(file_ != nullptr, name_.c_str(), "is not a TIFF file: ", reason());
    tdir_t number = 0;
    do {
      std::uint32_t kind = 0;
      TIFFGetFieldDefaulted(file_.get(), TIFFTAG_SUBFILETYPE, &kind);
      if ((kind & (FILETYPE_REDUCEDIMAGE | FILETYPE_MASK)) == 0) directories_.push_back(number);
      ++number;
    } while (TIFFReadDirectory(file_.get()) != 0);
    check<FormatError>(errors_->empty(), name_.c_str(), "the TIFF file is damaged behind page ", directories_.size(),
                       ": ", reason());
    check<FormatError>(!directories_.empty(), name_.c_str(), "the TIFF file has no full-size page");
  }

  Index pages() const { return static_cast<Index>(directories_.size()); }

  /// Page k, from 0: gray or RGB (alpha dropped) of 1 .. 16 bits, or real: 32- and 64-bit floats, signed and 32-bit
  /// integers. Palette numbers stay numbers; where white is stored as 0, gray is turned over.
  /// Throws ValueError when there is no such page, FormatError on other pages and on damage.
  Page page(Index k) {
    check<ValueError>(k >= 0 && k < pages(), name_.c_str(), "has ", pages(), " pages, there is no page ", k);
    errors_->clear();
    const bool found = TIFFSetDirectory(file_.get(), directories_[static_cast<std::size_t>(k)]) != 0;
    require(found, k);
    const detail::TiffLayout t = layout(k);
    Page page;
    page.bits = t.bits;
    page.lossy = t.compression == COMPRESSION_JPEG || t.compression == COMPRESSION_OJPEG;
    if (t.real()) {
      page.reals = read<float>(t, k);
    } else {
      page.raster = {read<std::uint16_t>(t, k), (std::uint32_t{1} << t.bits) - 1};
      if (t.photometric == PHOTOMETRIC_PALETTE) page.palette = palette(t, k);
      if (t.photometric == PHOTOMETRIC_MINISWHITE)
        for (std::uint16_t *v = page.raster.pixels.mutable_data(), *end = v + page.raster.pixels.numel(); v < end; ++v)
          *v = static_cast<std::uint16_t>(page.raster.maximum - *v);
    }
    return page;
  }

 private:
  void open() {
#if TIFFLIB_VERSION >= 20221213
    const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                               TIFFOpenOptionsFree);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), std::numeric_limits<std::int32_t>::max());
    TIFFOpenOptionsSetErrorHandlerExtR(
        options.get(),
        [](TIFF*, void* to, const char*, const char* format, va_list values) {
          char text[256];
          std::vsnprintf(text, sizeof text, format, values);
          if (auto& errors = *static_cast<std::string*>(to); errors.empty()) errors = text;
          return 1;
        },
        errors_.get());
    TIFFOpenOptionsSetWarningHandlerExtR(
        options.get(), [](TIFF*, void*, const char*, const char*, va_list) { return 1; }, nullptr);
    file_.reset(TIFFOpenExt(name_.c_str(), "r", options.get()));
#else
    file_.reset(TIFFOpen(name_.c_str(), "r"));
#endif
  }

  std::string reason() const {
    return errors_->empty() ? "libtiff gives no reason" : *errors_;
  }

  template <class... Parts>
  void require(bool ok, Index k, const Parts&... parts) const {
    if (ok) return;
    const std::string said = sizeof...(parts) > 0 ? message(parts...) : "cannot be decoded: " + reason();
    check<FormatError>(false, name_.c_str(), "page ", k, " ", said);
  }

  detail::TiffLayout layout(Index k) {
    detail::TiffLayout t;
    TIFF* f = file_.get();
    const bool sized = TIFFGetField(f, TIFFTAG_IMAGEWIDTH, &t.width) && TIFFGetField(f, TIFFTAG_IMAGELENGTH, &t.height);
    require(sized && t.width > 0 && t.height > 0, k, "has no size");
    require(Index{t.width} * t.height <= image_pixel_limit, k, "claims ", t.width, " x ", t.height,
            " pixels, more than the limit of ", image_pixel_limit);
    TIFFGetFieldDefaulted(f, TIFFTAG_BITSPERSAMPLE, &t.bits);
    TIFFGetFieldDefaulted(f, TIFFTAG_SAMPLESPERPIXEL, &t.samples);
    TIFFGetFieldDefaulted(f, TIFFTAG_SAMPLEFORMAT, &t.format);
    TIFFGetFieldDefaulted(f, TIFFTAG_PLANARCONFIG, &t.planes);
    TIFFGetFieldDefaulted(f, TIFFTAG_COMPRESSION, &t.compression);
    const bool named = TIFFGetField(f, TIFFTAG_PHOTOMETRIC, &t.photometric) != 0;
    if (!named) t.photometric = t.samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    if (t.photometric == PHOTOMETRIC_YCBCR && t.compression == COMPRESSION_JPEG) {
      TIFFSetField(f, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
      t.photometric = PHOTOMETRIC_RGB;
    }
    const bool gray = t.photometric == PHOTOMETRIC_MINISBLACK || t.photometric == PHOTOMETRIC_MINISWHITE ||
                      t.photometric == PHOTOMETRIC_PALETTE;
    require((gray && t.samples <= 2) || (t.photometric == PHOTOMETRIC_RGB && t.samples >= 3), k, "has ", t.samples,
            " samples a pixel of photometric kind ", t.photometric, "; expected gray, palette or RGB");
    const bool small = t.bits == 1 || t.bits == 2 || t.bits == 4;
    const bool whole = t.bits == 8 || t.bits == 16 || t.bits == 32;
    const bool known = t.format == SAMPLEFORMAT_UINT     ? small || whole
                       : t.format == SAMPLEFORMAT_INT    ? whole
                       : t.format == SAMPLEFORMAT_IEEEFP ? t.bits == 32 || t.bits == 64
                                                         : false;
    require(known, k, "has samples of ", t.bits, " bits of format ", t.format,
            "; expected 1 .. 32-bit integers or 32- or 64-bit floats");
    return t;
  }

  template <class Sample>
  Tensor<Sample, 3> read(const detail::TiffLayout& t, Index k) {
    Tensor<Sample, 3> pixels({t.height, t.width, t.kept()});
    Sample* out = pixels.mutable_data();
    const bool apart = t.planes == PLANARCONFIG_SEPARATE;
    for (Index c = 0; c < (apart ? t.kept() : 1); ++c) {
      const auto take = [&](const unsigned char* row, Index y, Index x, Index columns) {
        const Index stored = apart ? 1 : t.samples, kept = apart ? 1 : t.kept();
        Sample* to = out + (y * t.width + x) * t.kept() + c;
        for (Index i = 0; i < columns; ++i)
          for (Index s = 0; s < kept; ++s) to[i * t.kept() + s] = detail::tiff_sample<Sample>(row, t, i * stored + s);
      };
      if (TIFFIsTiled(file_.get()))
        read_tiles(t, static_cast<std::uint16_t>(c), k, take);
      else
        read_rows(t, static_cast<std::uint16_t>(c), k, take);
    }
    return pixels;
  }

  template <class Take>
  void read_rows(const detail::TiffLayout& t, std::uint16_t plane, Index k, const Take& take) {
    const Index needed = (Index{t.width} * (t.planes == PLANARCONFIG_SEPARATE ? 1 : t.samples) * t.bits + 7) / 8;
    std::vector<unsigned char> row(static_cast<std::size_t>(TIFFScanlineSize64(file_.get())));
    require(static_cast<Index>(row.size()) >= needed, k);
    for (std::uint32_t y = 0; y < t.height; ++y) {
      const bool read = TIFFReadScanline(file_.get(), row.data(), y, plane) == 1;
      require(read, k);
      take(row.data(), y, 0, t.width);
    }
  }

  template <class Take>
  void read_tiles(const detail::TiffLayout& t, std::uint16_t plane, Index k, const Take& take) {
    std::uint32_t width = 0, height = 0;
    TIFFGetField(file_.get(), TIFFTAG_TILEWIDTH, &width);
    TIFFGetField(file_.get(), TIFFTAG_TILELENGTH, &height);
    const Index bytes = TIFFTileRowSize(file_.get());
    const Index needed = (Index{width} * (t.planes == PLANARCONFIG_SEPARATE ? 1 : t.samples) * t.bits + 7) / 8;
    require(width > 0 && height > 0 && bytes >= needed, k, "has malformed tiles");
    require(Index{width} * height <= image_pixel_limit, k, "has tiles of ", width, " x ", height, " pixels");
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

  std::vector<Colour> palette(const detail::TiffLayout& t, Index k) {
    std::uint16_t* channels[3] = {};
    const bool found = TIFFGetField(file_.get(), TIFFTAG_COLORMAP, &channels[0], &channels[1], &channels[2]) != 0;
    require(found && t.bits <= 8, k, "has no palette of at most 256 colours");
    std::vector<Colour> colours(std::size_t{1} << t.bits);
    for (std::size_t i = 0; i < colours.size(); ++i)
      for (std::size_t c = 0; c < 3; ++c) colours[i][c] = static_cast<std::uint8_t>(channels[c][i] >> 8);
    return colours;
  }

  std::string name_;
  std::unique_ptr<std::string> errors_ = std::make_unique<std::string>();  // libtiff keeps its address
  std::unique_ptr<TIFF, void (*)(TIFF*)> file_{nullptr, TIFFClose};
  std::vector<tdir_t> directories_;
};

#else

/// Stands in for the reader of TIFF files in a program without libtiff: it cannot be made.
class TiffFile {
 public:
  /// Throws FormatError with what is missing.
  explicit TiffFile(const Path& path) {
    check<FormatError>(false, path.string().c_str(),
                       "is a TIFF file, and this program was built without libtiff: install it (Debian: libtiff-dev) "
                       "and link the CMake target paser::tiff");
  }
  Index pages() const { return 0; }
  Page page(Index) { return {}; }
};

#endif

}  // namespace paser::io
#include "paser/core/macros_on.inc"
