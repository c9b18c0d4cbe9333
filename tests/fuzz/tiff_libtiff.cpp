#include <tiffio.h>

#include "fuzz.hpp"
#include "paser/io/image_file.hpp"
#include "verdicts.hpp"

/// paser reads the samples of a TIFF page by libtiff's rows and tiles; here is what libtiff's own way to the colours on
/// the screen, TIFFReadRGBAImage, makes of the same file.
namespace {

using namespace paser;

struct Screen {
  bool tried = false;  ///< libtiff knows how to show the page
  bool whole = false;
  std::string reason;
  Index height = 0, width = 0;
  std::vector<std::uint32_t> pixels;
};

/// Of directory `number`. Only of pages that both show alike: upright, without alpha, of at most 8 bits.
Screen by_libtiff(const std::string& path, tdir_t number) {
  Screen out;
  TIFFSetErrorHandler(nullptr);
  TIFFSetWarningHandler(nullptr);
  const std::unique_ptr<TIFF, void (*)(TIFF*)> file(TIFFOpen(path.c_str(), "r"), [](TIFF* f) {
    if (f != nullptr) TIFFClose(f);
  });
  char reason[1024] = "";
  if (file == nullptr || TIFFSetDirectory(file.get(), number) == 0) return out;
  std::uint16_t samples = 1, bits = 1, orientation = 1, photometric = 0;
  std::uint32_t width = 0, height = 0;
  TIFFGetFieldDefaulted(file.get(), TIFFTAG_SAMPLESPERPIXEL, &samples);
  TIFFGetFieldDefaulted(file.get(), TIFFTAG_BITSPERSAMPLE, &bits);
  TIFFGetFieldDefaulted(file.get(), TIFFTAG_ORIENTATION, &orientation);
  TIFFGetField(file.get(), TIFFTAG_PHOTOMETRIC, &photometric);
  TIFFGetField(file.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(file.get(), TIFFTAG_IMAGELENGTH, &height);
  const bool plain =
      (samples == 1 && photometric <= 3) || (samples == 3 && photometric == PHOTOMETRIC_RGB && bits == 8);
  if (!plain || bits > 8 || orientation != 1 || width == 0 || height == 0 || height > (1u << 20) / width) return out;
  if (TIFFRGBAImageOK(file.get(), reason) == 0) return out;
  out = {true, false, "", static_cast<Index>(height), static_cast<Index>(width), {}};
  out.pixels.resize(std::size_t{width} * height);
  out.whole = TIFFReadRGBAImageOriented(file.get(), width, height, out.pixels.data(), ORIENTATION_TOPLEFT, 1) != 0;
  out.reason = "its pixels cannot be read";
  return out;
}

bool equal(const io::DecodedImage& page, const Screen& screen) {
  const io::IntegerImage colours = look_up(page);
  if (page.height() != screen.height || page.width() != screen.width) return false;
  const Index channels = colours.channels();
  for (std::size_t i = 0; i < screen.pixels.size(); ++i)
    for (Index c = 0; c < 3; ++c) {
      const std::uint32_t value = colours.pixels.data()[static_cast<Index>(i) * channels + (channels == 3 ? c : 0)];
      if (value * 255 / colours.maximum != (screen.pixels[i] >> (8 * c) & 255)) return false;
    }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (!io::is_tiff(fuzz::text(data, size))) return 0;
  const std::string path = fuzz::file_of(data, size).string();
  io::DecodedImage ours;
  bool taken = false;
  fuzz::reads([&] {
    ours = io::TiffFile(path, {1 << 20}).page(0);
    taken = true;
  });
  // The first page need not be the first directory.
  Screen theirs = by_libtiff(path, 0);
  for (tdir_t number = 1; number < 4 && taken && !(theirs.whole && equal(ours, theirs)); ++number)
    if (const Screen next = by_libtiff(path, number); next.whole && equal(ours, next)) theirs = next;
  if (!theirs.tried || (taken && ours.real())) return 0;
  fuzz::verdicts().judge(taken, theirs.whole, theirs.reason, [&] { return equal(ours, theirs); });
  return 0;
}
