#include <png.h>

#include <catch2/catch.hpp>
#include <csetjmp>

#include "paser/core/random.hpp"
#include "paser/io/image.hpp"

using namespace paser;

/// The forms of a PNG file, as Willem van Schaik's PngSuite goes through them: colour types and depths, interlacing,
/// filters, odd sizes, transparency, gamma, the cutting of the data. libpng writes them, so what is to be read is
/// known.
namespace png_matrix_test {

namespace {

struct Form {
  int colour = PNG_COLOR_TYPE_GRAY, bits = 8;
  png_uint_32 height = 1, width = 1;
  bool interlaced = false;
  int filters = PNG_ALL_FILTERS, level = 6;
  png_size_t chunk = 8192;  ///< bytes of the compressed data per IDAT
  bool extras = false;      ///< transparency without alpha, gamma, background, physical size, time, texts

  int channels() const {
    return colour == PNG_COLOR_TYPE_RGBA         ? 4
           : colour == PNG_COLOR_TYPE_RGB        ? 3
           : colour == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                 : 1;
  }
};

using Samples = std::vector<std::uint16_t>;  // row by row, channels together

void add_extras(png_structp png, png_infop info, const Form& form) {
  png_color_16 colour{};
  colour.gray = colour.red = colour.green = colour.blue = 1;
  png_byte alpha[2] = {0, 128};
  if (form.colour == PNG_COLOR_TYPE_PALETTE)
    png_set_tRNS(png, info, alpha, 2, nullptr);
  else if (form.channels() % 2 == 1)
    png_set_tRNS(png, info, nullptr, 0, &colour);
  png_set_gAMA_fixed(png, info, 35000);
  png_set_bKGD(png, info, &colour);
  png_set_pHYs(png, info, 1000, 4000, PNG_RESOLUTION_METER);
  const png_time time{1999, 12, 31, 23, 59, 60};
  png_set_tIME(png, info, &time);
  char key[] = "Title", words[] = "a text, and a compressed one";
  png_text texts[2]{};
  for (int i = 0; i < 2; ++i) {
    texts[i].compression = i == 0 ? PNG_TEXT_COMPRESSION_NONE : PNG_TEXT_COMPRESSION_zTXt;
    texts[i].key = key;
    texts[i].text = words;
    texts[i].text_length = sizeof(words) - 1;
  }
  png_set_text(png, info, texts, 2);
}

/// Nothing with a destructor lives between setjmp and what could jump.
bool write(png_structp png, png_infop info, const Form& form, png_bytepp rows, png_colorp palette) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_IHDR(png, info, form.width, form.height, form.bits, form.colour,
               form.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (form.colour == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 1 << form.bits);
  if (form.extras) add_extras(png, info, form);
  png_set_filter(png, PNG_FILTER_TYPE_BASE, form.filters);
  png_set_compression_level(png, form.level);
  png_set_compression_buffer_size(png, form.chunk);
  png_write_info(png, info);
  png_write_image(png, rows);
  png_write_end(png, info);
  return true;
}

std::string written(const Form& form, const Samples& samples) {
  const std::size_t per_row = form.width * static_cast<std::size_t>(form.channels());
  std::vector<std::vector<png_byte>> rows(form.height);
  std::vector<png_bytep> at;
  for (std::size_t y = 0; y < rows.size(); ++y) {
    rows[y].assign((per_row * static_cast<std::size_t>(form.bits) + 7) / 8, 0);
    for (std::size_t i = 0; i < per_row; ++i) {
      const unsigned value = samples[y * per_row + i];
      if (form.bits == 16) {
        rows[y][2 * i] = static_cast<png_byte>(value >> 8);
        rows[y][2 * i + 1] = static_cast<png_byte>(value & 255);
      } else {
        const std::size_t bit = i * static_cast<std::size_t>(form.bits);
        rows[y][bit / 8] =
            static_cast<png_byte>(rows[y][bit / 8] | value << (8 - static_cast<std::size_t>(form.bits) - bit % 8));
      }
    }
    at.push_back(rows[y].data());
  }
  std::vector<png_color> palette;
  for (int k = 0; k < 256; ++k)
    palette.push_back({static_cast<png_byte>(k), static_cast<png_byte>(255 - k), static_cast<png_byte>(7 * k & 255)});
  std::string file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp p, png_bytep data, png_size_t bytes) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<const char*>(data), bytes);
      },
      nullptr);
  const bool done = write(png, info, form, at.data(), palette.data());
  png_destroy_write_struct(&png, &info);
  REQUIRE(done);
  return file;
}

/// Reads what libpng wrote, and compares every sample but alpha.
void check(const Form& form) {
  INFO("colour type " << form.colour << ", " << form.bits << " bits, " << form.height << " x " << form.width
                      << ", interlaced " << form.interlaced << ", filters " << form.filters << ", level " << form.level
                      << ", chunks of " << form.chunk << ", extras " << form.extras);
  const auto channels = static_cast<std::size_t>(form.channels());
  const Key key{static_cast<std::uint64_t>(form.bits + 100 * form.colour)};
  Samples samples;
  for (std::size_t i = 0; i < form.height * form.width * channels; ++i)  // smooth and noisy, so that filters differ
    samples.push_back(static_cast<std::uint16_t>((i % 5 == 0 ? key.word(i) : i / channels) & ((1u << form.bits) - 1)));
  const auto page = io::decode_page(written(form, samples), "matrix.png");
  const std::size_t kept = channels >= 3 ? 3 : 1;
  REQUIRE(page.shape() ==
          Shape<3>{static_cast<Index>(form.height), static_cast<Index>(form.width), static_cast<Index>(kept)});
  CHECK(page.bits == form.bits);
  CHECK(page.palette.empty() == (form.colour != PNG_COLOR_TYPE_PALETTE));
  Samples expected;
  for (std::size_t i = 0; i < samples.size(); ++i)
    if (i % channels < kept) expected.push_back(samples[i]);
  const auto values = page.integers.pixels.values();
  CHECK(Samples(values.begin(), values.end()) == expected);
}

/// The fifteen pairs of colour type and depth that there are.
std::vector<Form> kinds() {
  std::vector<Form> list;
  for (const int bits : {1, 2, 4, 8, 16}) list.push_back({PNG_COLOR_TYPE_GRAY, bits});
  for (const int bits : {1, 2, 4, 8}) list.push_back({PNG_COLOR_TYPE_PALETTE, bits});
  for (const int colour : {PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGBA})
    for (const int bits : {8, 16}) list.push_back({colour, bits});
  return list;
}

}  // namespace

TEST_CASE("PNG: every colour type and depth in every size up to 9 x 9, interlaced and not") {
  REQUIRE(kinds().size() == 15);
  for (Form form : kinds())
    for (form.height = 1; form.height <= 9; ++form.height)
      for (form.width = 1; form.width <= 9; ++form.width)
        for (const bool interlaced : {false, true}) {
          form.interlaced = interlaced;
          check(form);
        }
}

TEST_CASE("PNG: every filter, compression level and cut of the data, with and without what is not pixels") {
  for (Form form : kinds()) {
    form.height = 33;
    form.width = 41;
    for (const int filters :
         {PNG_FILTER_NONE, PNG_FILTER_SUB, PNG_FILTER_UP, PNG_FILTER_AVG, PNG_FILTER_PAETH, PNG_ALL_FILTERS})
      for (const bool interlaced : {false, true}) {
        form.filters = filters;
        form.interlaced = interlaced;
        for (const int level : {0, 1, 9}) {
          form.level = level;
          check(form);
        }
        form.chunk = 6;  // the least that libpng takes
        form.extras = true;
        check(form);
        form.chunk = 8192;
        form.extras = false;
      }
  }
}

}  // namespace png_matrix_test
