#include <tiffio.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "paser/core/random.hpp"
#include "paser/io/image_file.hpp"
#include "support/temporary_folder.hpp"

using namespace paser;

/// The forms of a TIFF file that libtiff writes, so that what is to be read is known: samples, byte orders, strips and
/// tiles, planes, compressions, predictors, both orders of bits, TIFF and BigTIFF.
namespace tiff_matrix_test {

namespace {

struct Form {
  std::uint16_t bits = 8, format = SAMPLEFORMAT_UINT, samples = 1, photometric = PHOTOMETRIC_MINISBLACK;
  const char* mode = "wl";
  std::uint16_t planes = PLANARCONFIG_CONTIG, compression = COMPRESSION_NONE, predictor = 1, fill = FILLORDER_MSB2LSB;
  std::uint32_t rows = 0;            ///< of a strip; 0: tiles
  std::uint32_t high = 0, wide = 0;  ///< of a tile
};

using Numbers = std::initializer_list<std::uint16_t>;

constexpr std::uint32_t height = 37, width = 29;

/// The bytes of a sample in this machine's order, of which the lowest `bits` count.
std::uint64_t sample_bits(const Form& form, double value) {
  std::uint64_t bits = 0;
  if (form.format == SAMPLEFORMAT_IEEEFP && form.bits == 32) {
    const auto real = static_cast<float>(value);
    std::memcpy(&bits, &real, sizeof(real));
  } else if (form.format == SAMPLEFORMAT_IEEEFP) {
    std::memcpy(&bits, &value, sizeof(value));
  } else {
    bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  }
  return bits;
}

std::vector<double> values_of(const Form& form) {
  const std::uint32_t count = height * width * form.samples;
  std::vector<double> values;
  const Key key{form.bits};
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t raw = i % 3 == 0 ? key.word(i) : i / form.samples;
    if (form.format == SAMPLEFORMAT_IEEEFP) {
      values.push_back(static_cast<double>(static_cast<float>(raw % 100'000) / 64.0f) - 700.0);
    } else {
      // Reals of the reader are float: whole numbers up to 2^24 are exact.
      const std::uint64_t most = form.bits >= 24 ? std::uint64_t{1} << 24 : std::uint64_t{1} << form.bits;
      values.push_back(static_cast<double>(raw % most));
      if (form.format == SAMPLEFORMAT_INT) values.back() -= static_cast<double>(most / 2);
    }
  }
  return values;
}

/// Rows y .. and columns x .. of a plane, -1 for all samples together, as packed bytes: what libtiff takes.
std::vector<unsigned char> block(const Form& form, const std::vector<double>& values, std::uint32_t y, std::uint32_t x,
                                 std::uint32_t high, std::uint32_t wide, int plane) {
  const std::uint32_t in_pixel = plane < 0 ? form.samples : 1;
  const std::size_t row_bytes = (std::size_t{wide} * in_pixel * form.bits + 7) / 8;
  std::vector<unsigned char> bytes(row_bytes * high);
  for (std::uint32_t i = 0; i < high; ++i)
    for (std::uint32_t j = 0; j < wide * in_pixel; ++j) {
      const std::uint32_t row = y + i, column = x + j / in_pixel,
                          sample = plane < 0 ? j % in_pixel : static_cast<std::uint32_t>(plane);
      if (row >= height || column >= width) continue;
      const std::uint64_t bits = sample_bits(form, values[(row * width + column) * form.samples + sample]);
      unsigned char* const out = bytes.data() + i * row_bytes;
      if (form.bits % 8 == 0) {
        std::memcpy(out + j * form.bits / 8, &bits, form.bits / 8u);  // little-endian machines, see LIMITATIONS.md
      } else {
        for (std::uint32_t k = 0; k < form.bits; ++k) {  // the most significant first, across bytes
          const std::uint32_t bit = j * form.bits + k;
          out[bit / 8] =
              static_cast<unsigned char>(out[bit / 8] | ((bits >> (form.bits - 1 - k) & 1) << (7 - bit % 8)));
        }
      }
    }
  return bytes;
}

void write(const std::string& path, const Form& form, const std::vector<double>& values) {
  TIFFSetWarningHandler(nullptr);  // one compression has an older name, which is to be read as well
  TIFF* const out = TIFFOpen(path.c_str(), form.mode);
  REQUIRE(out != nullptr);
  TIFFSetField(out, TIFFTAG_IMAGEWIDTH, width);
  TIFFSetField(out, TIFFTAG_IMAGELENGTH, height);
  TIFFSetField(out, TIFFTAG_BITSPERSAMPLE, form.bits);
  TIFFSetField(out, TIFFTAG_SAMPLESPERPIXEL, form.samples);
  TIFFSetField(out, TIFFTAG_SAMPLEFORMAT, form.format);
  TIFFSetField(out, TIFFTAG_PHOTOMETRIC, form.photometric);
  TIFFSetField(out, TIFFTAG_PLANARCONFIG, form.planes);
  TIFFSetField(out, TIFFTAG_COMPRESSION, form.compression);
  TIFFSetField(out, TIFFTAG_FILLORDER, form.fill);
  if (form.predictor != 1) TIFFSetField(out, TIFFTAG_PREDICTOR, form.predictor);
  if (form.photometric == PHOTOMETRIC_PALETTE) {
    std::vector<std::uint16_t> ramp;
    for (unsigned k = 0; k < 1u << form.bits; ++k) ramp.push_back(static_cast<std::uint16_t>(257 * k));
    TIFFSetField(out, TIFFTAG_COLORMAP, ramp.data(), ramp.data(), ramp.data());
  }
  if (form.rows > 0) {
    TIFFSetField(out, TIFFTAG_ROWSPERSTRIP, form.rows);
  } else {
    TIFFSetField(out, TIFFTAG_TILEWIDTH, form.wide);
    TIFFSetField(out, TIFFTAG_TILELENGTH, form.high);
  }
  const bool apart = form.planes == PLANARCONFIG_SEPARATE;
  bool done = true;
  for (int plane = apart ? 0 : -1; plane < (apart ? form.samples : 0); ++plane) {
    const auto number = static_cast<std::uint16_t>(std::max(plane, 0));
    const std::uint32_t high = form.rows > 0 ? form.rows : form.high, wide = form.rows > 0 ? width : form.wide;
    for (std::uint32_t y = 0; y < height; y += high)
      for (std::uint32_t x = 0; x < width; x += wide) {
        const std::uint32_t kept = form.rows > 0 ? std::min(high, height - y) : high;
        auto bytes = block(form, values, y, x, kept, wide, plane);
        const auto size = static_cast<tmsize_t>(bytes.size());
        done = done && (form.rows > 0 ? TIFFWriteEncodedStrip(out, TIFFComputeStrip(out, y, number), bytes.data(), size)
                                      : TIFFWriteEncodedTile(out, TIFFComputeTile(out, x, y, 0, number), bytes.data(),
                                                             size)) == size;
      }
  }
  TIFFClose(out);
  REQUIRE(done);
}

class Matrix {
 public:
  /// Reads what libtiff wrote, and compares every sample.
  void check(const Form& form) {
    INFO(form.bits << " bits of format " << form.format << ", " << form.samples << " samples, photometric "
                   << form.photometric << ", mode " << form.mode << ", planes " << form.planes << ", compression "
                   << form.compression << ", predictor " << form.predictor << ", bit order " << form.fill << ", "
                   << (form.rows > 0 ? message("strips of ", form.rows)
                                     : message("tiles of ", form.high, " x ", form.wide)));
    std::vector<double> expected = values_of(form);
    const std::string path = (folder_ / "matrix.tif").string();
    write(path, form, expected);
    const io::DecodedImage page = io::ImageFile(path).page(0);
    REQUIRE(page.shape() == Shape<3>{height, width, form.samples});
    CHECK(page.bits == form.bits);
    CHECK(page.palette.empty() == (form.photometric != PHOTOMETRIC_PALETTE));
    if (form.photometric == PHOTOMETRIC_MINISWHITE)
      for (double& value : expected) value = page.integers.maximum - value;
    std::vector<double> read;
    if (page.real())
      read.assign(page.reals.values().begin(), page.reals.values().end());
    else
      read.assign(page.integers.pixels.values().begin(), page.integers.pixels.values().end());
    CHECK(read == expected);
    ++count_;
  }
  int count() const { return count_; }

  /// The form in strips of one, five and all rows, and in tiles that do not divide the image.
  void check_layouts(Form form) {
    for (const std::uint32_t rows : {1u, 5u, height}) {
      form.rows = rows;
      check(form);
    }
    form.rows = 0;
    for (const auto& [high, wide] : {std::pair{16u, 16u}, {16u, 32u}, {48u, 16u}}) {
      form.high = high;
      form.wide = wide;
      check(form);
    }
  }

 private:
  TemporaryFolder folder_;
  int count_ = 0;
};

bool configured(std::uint16_t compression) {
  return TIFFIsCODECConfigured(compression) != 0;
}

/// What keeps values as they are.
std::vector<std::uint16_t> lossless() {
  std::vector<std::uint16_t> list;
  for (const std::uint16_t c :
       Numbers{COMPRESSION_NONE, COMPRESSION_PACKBITS, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE,
               COMPRESSION_LZMA, COMPRESSION_ZSTD})
    if (configured(c)) list.push_back(c);
  return list;
}

}  // namespace

TEST_CASE("TIFF: whole numbers of every depth in every layout, byte order and compression") {
  Matrix matrix;
  for (const std::uint16_t compression : lossless())
    for (const char* mode : {"wl", "wb", "wl8", "wb8"})
      for (const std::uint16_t bits : Numbers{1, 2, 4, 6, 8, 10, 12, 14, 16, 32}) {
        Form form{.bits = bits, .mode = mode, .compression = compression};
        matrix.check_layouts(form);
        if (bits <= 16) {
          form.photometric = PHOTOMETRIC_MINISWHITE;
          matrix.check_layouts(form);
        }
        if (bits <= 8) {
          form.photometric = PHOTOMETRIC_PALETTE;
          matrix.check_layouts(form);
        }
      }
  CHECK(matrix.count() >= 5 * 4 * 10 * 15);
}

TEST_CASE("TIFF: colours, together and in planes") {
  Matrix matrix;
  for (const std::uint16_t compression : lossless())
    for (const std::uint16_t bits : Numbers{8, 16})
      for (const std::uint16_t planes : Numbers{PLANARCONFIG_CONTIG, PLANARCONFIG_SEPARATE})
        for (const char* mode : {"wl", "wb"})
          matrix.check_layouts({.bits = bits,
                                .samples = 3,
                                .photometric = PHOTOMETRIC_RGB,
                                .mode = mode,
                                .planes = planes,
                                .compression = compression});
  CHECK(matrix.count() >= 5 * 2 * 2 * 2 * 6);
}

TEST_CASE("TIFF: signed and real numbers") {
  Matrix matrix;
  for (const std::uint16_t compression : lossless())
    for (const char* mode : {"wl", "wb"}) {
      for (const std::uint16_t bits : Numbers{8, 16, 32})
        matrix.check_layouts({.bits = bits, .format = SAMPLEFORMAT_INT, .mode = mode, .compression = compression});
      for (const std::uint16_t bits : Numbers{32, 64})
        matrix.check_layouts({.bits = bits, .format = SAMPLEFORMAT_IEEEFP, .mode = mode, .compression = compression});
    }
  CHECK(matrix.count() >= 5 * 2 * 5 * 6);
}

TEST_CASE("TIFF: predictors, of differences and of floating-point bytes") {
  Matrix matrix;
  for (const std::uint16_t compression : Numbers{COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE})
    for (const char* mode : {"wl", "wb"}) {
      for (const std::uint16_t bits : Numbers{8, 16, 32})
        matrix.check_layouts({.bits = bits, .mode = mode, .compression = compression, .predictor = 2});
      for (const std::uint16_t bits : Numbers{8, 16})
        matrix.check_layouts({.bits = bits,
                              .samples = 3,
                              .photometric = PHOTOMETRIC_RGB,
                              .mode = mode,
                              .compression = compression,
                              .predictor = 2});
    }
  // Written in the other byte order these are not what libtiff itself reads back (4.5 swaps them once too often).
  for (const std::uint16_t compression : Numbers{COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE})
    for (const std::uint16_t bits : Numbers{32, 64})
      matrix.check_layouts({.bits = bits, .format = SAMPLEFORMAT_IEEEFP, .compression = compression, .predictor = 3});
  CHECK(matrix.count() == 2 * (2 * 5 + 2) * 6);
}

TEST_CASE("TIFF: faxes, and both orders of bits") {
  Matrix matrix;
  for (const std::uint16_t fill : Numbers{FILLORDER_MSB2LSB, FILLORDER_LSB2MSB}) {
    for (const std::uint16_t compression : Numbers{COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3, COMPRESSION_CCITTFAX4,
                                                   COMPRESSION_NONE, COMPRESSION_PACKBITS})
      for (const std::uint16_t photometric : Numbers{PHOTOMETRIC_MINISWHITE, PHOTOMETRIC_MINISBLACK})
        matrix.check_layouts({.bits = 1, .photometric = photometric, .compression = compression, .fill = fill});
    for (const std::uint16_t bits : Numbers{2, 4, 8}) matrix.check_layouts({.bits = bits, .fill = fill});
  }
  CHECK(matrix.count() == 2 * (5 * 2 + 3) * 6);
}

}  // namespace tiff_matrix_test
