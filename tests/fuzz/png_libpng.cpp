#include <png.h>

#include <csetjmp>
#include <cstring>

#include "fixed_png.hpp"
#include "verdicts.hpp"

namespace {

using namespace paser;

struct Decoded {
  bool whole = false;
  std::string reason;
  Index height = 0, width = 0, channels = 0;
  std::vector<std::uint16_t> samples;  ///< as they are stored, alpha left out
};

struct Reader {
  std::string_view file;
  Decoded* out;
};

/// Reads by libpng's low level, and through it to the end, so that its checks of what follows the pixels are made, too.
/// Objects with destructors live outside of what longjmp leaves.
void read(png_structp png, png_infop info, Reader& reader, std::vector<png_byte>& pixels,
          std::vector<png_bytep>& rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return;
  png_set_read_fn(png, &reader, [](png_structp p, png_bytep to, std::size_t bytes) {
    auto& from = *static_cast<Reader*>(png_get_io_ptr(p));
    if (bytes > from.file.size()) png_error(p, "cut off");
    std::memcpy(to, from.file.data(), bytes);
    from.file.remove_prefix(bytes);
  });
  png_set_packing(png);  // small samples, one per byte
  png_read_info(png, info);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  const auto height = png_get_image_height(png, info), width = png_get_image_width(png, info);
  if (std::uint64_t{height} * width > (1u << 20)) png_error(png, "more pixels than this fuzzer takes");
  const auto row = png_get_rowbytes(png, info);
  pixels.resize(row * height);
  rows.resize(height);
  for (png_uint_32 y = 0; y < height; ++y) rows[y] = pixels.data() + y * row;
  png_read_image(png, rows.data());
  png_read_end(png, nullptr);
  const Index stored = png_get_channels(png, info), wide = png_get_bit_depth(png, info) == 16 ? 2 : 1;
  Decoded& out = *reader.out;
  out = {true, "", static_cast<Index>(height), static_cast<Index>(width), stored >= 3 ? 3 : 1, {}};
  for (std::size_t y = 0; y < height; ++y)
    for (Index x = 0; x < out.width; ++x)
      for (Index c = 0; c < out.channels; ++c) {
        const png_byte* at = rows[y] + (x * stored + c) * wide;
        out.samples.push_back(static_cast<std::uint16_t>(wide == 2 ? at[0] << 8 | at[1] : at[0]));
      }
}

Decoded by_libpng(std::string_view file) {
  Decoded out;
  Reader reader{file, &out};
  std::vector<png_byte> pixels;
  std::vector<png_bytep> rows;
  png_structp png = png_create_read_struct_2(
      PNG_LIBPNG_VER_STRING, &out,
      [](png_structp p, png_const_charp text) {
        static_cast<Decoded*>(png_get_error_ptr(p))->reason = text;
        png_longjmp(p, 1);
      },
      [](png_structp, png_const_charp) {}, nullptr,
      // libpng believes what a chunk claims.
      [](png_structp, png_alloc_size_t bytes) { return bytes <= (1 << 25) ? std::malloc(bytes) : nullptr; },
      [](png_structp, png_voidp memory) { std::free(memory); });
  png_infop info = png_create_info_struct(png);
  read(png, info, reader, pixels, rows);
  png_destroy_read_struct(&png, &info, nullptr);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (!io::is_png(fuzz::text(data, size))) return 0;
  const std::string file = fuzz::fixed_png(fuzz::text(data, size));
  io::DecodedImage ours;
  bool taken = false;
  fuzz::reads([&] {
    ours = io::decode_page(file, "input", {1 << 20});
    taken = true;
  });
  const Decoded theirs = by_libpng(file);
  fuzz::verdicts().judge(taken, theirs.whole, theirs.reason, [&] {
    if (ours.orientation != 1) return true;  // libpng turns nothing
    const auto values = ours.integers.pixels.values();
    return ours.integers.pixels.shape() == Shape<3>{theirs.height, theirs.width, theirs.channels} &&
           std::equal(values.begin(), values.end(), theirs.samples.begin(), theirs.samples.end());
  });
  return 0;
}
