#pragma once
#include "paser/core/macros_off.inc"

#include <stb/stb_image.h>
#include <stb/stb_image_write.h>

#include <memory>

#include "paser/io/atomic_file.hpp"
#include "paser/io/image_checks.hpp"
#include "paser/io/pnm.hpp"
#include "paser/io/raster.hpp"

namespace paser::io {

namespace detail {

template <class Sample>
Raster raster_of(const Sample* samples, Index height, Index width, Index channels, std::uint32_t maximum) {
  const Index kept = channels <= 2 ? 1 : 3;
  Raster r{Tensor<std::uint16_t, 3>({height, width, kept}), maximum};
  std::uint16_t* out = r.pixels.mutable_data();
  for (Index i = 0; i < height * width; ++i)
    for (Index c = 0; c < kept; ++c) out[i * kept + c] = samples[i * channels + c];
  return r;
}

}  // namespace detail

/// Decodes PNG, JPEG, BMP or PNM from memory: 1 or 3 channels, palettes looked up, alpha dropped, 16-bit samples kept
/// as they are. Throws FormatError, naming `origin`, on anything else and on damage.
inline Raster decode_image(std::string_view bytes, const std::string& origin) {
  check<FormatError>(!bytes.empty(), origin.c_str(), "is empty, expected an image");
  check<FormatError>(bytes.size() < (std::size_t{1} << 31), origin.c_str(), "is over 2 GiB");
  if (is_pnm(bytes)) return decode_pnm(bytes, origin);
  const bool png = bytes.starts_with("\x89PNG\r\n\x1a\n"), jpeg = bytes.starts_with("\xFF\xD8");
  check<FormatError>(png || jpeg || detail::is_bmp(bytes), origin.c_str(),
                     "is not a PNG, JPEG, BMP or PNM image (told by its first bytes, not by its name)");
  if (png) detail::check_png_chunks(bytes, origin);
  if (jpeg) detail::check_jpeg_markers(bytes, origin);
  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels = 0;
  check<FormatError>(stbi_info_from_memory(data, size, &width, &height, &channels) != 0, origin.c_str(),
                     "cannot be decoded: ", stbi_failure_reason());
  check<FormatError>(Index{width} * height <= image_pixel_limit, origin.c_str(), "claims ", width, " x ", height,
                     " pixels, more than the limit of ", image_pixel_limit);
  const bool deep = stbi_is_16_bit_from_memory(data, size) != 0;
  const std::unique_ptr<void, void (*)(void*)> samples(
      deep ? static_cast<void*>(stbi_load_16_from_memory(data, size, &width, &height, &channels, 0))
           : static_cast<void*>(stbi_load_from_memory(data, size, &width, &height, &channels, 0)),
      stbi_image_free);
  check<FormatError>(samples != nullptr, origin.c_str(), "cannot be decoded: ", stbi_failure_reason());
  if (deep) return detail::raster_of(static_cast<const std::uint16_t*>(samples.get()), height, width, channels, 65535);
  return detail::raster_of(static_cast<const std::uint8_t*>(samples.get()), height, width, channels, 255);
}

/// Reads an image file; see decode_image. Throws IoError when it cannot be read.
inline Raster read_image(const Path& path) {
  return decode_image(read_file(path), path.string());
}

namespace detail {

inline std::string png_of(const std::uint8_t* pixels, Index height, Index width, Index channels) {
  check(height >= 1 && width >= 1 && height * width <= image_pixel_limit && (channels == 1 || channels == 3),
        "encode_png", "expected a picture of 1 or 3 channels, got ", Shape{height, width, channels});
  std::string png;
  const auto append = [](void* to, void* bytes, int count) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), static_cast<std::size_t>(count));
  };
  const int done = stbi_write_png_to_func(append, &png, static_cast<int>(width), static_cast<int>(height),
                                          static_cast<int>(channels), pixels, static_cast<int>(width * channels));
  check<IoError>(done != 0, "encode_png", "out of memory for ", Shape{height, width, channels});
  return png;
}

}  // namespace detail

/// The PNG file, in memory, of one picture: (H, W, C) or (1, H, W, C) with 1 (gray) or 3 (RGB) channels.
/// Throws ShapeError on other shapes.
inline std::string encode_png(const Tensor<std::uint8_t, 3>& picture) {
  return detail::png_of(picture.data(), picture.shape()[0], picture.shape()[1], picture.shape()[2]);
}
inline std::string encode_png(const Tensor<std::uint8_t, 4>& picture) {
  const auto& s = picture.shape();
  check(s.n() == 1, "encode_png", "expected one picture, got ", s);
  return detail::png_of(picture.data(), s.h(), s.w(), s.c());
}

/// The PNG file of the label map of image n: gray, the value is the class. Throws ValueError on a label over 255.
inline std::string encode_png(const Labels& labels, Index n = 0) {
  const auto& s = labels.shape();
  check(n >= 0 && n < s[0], "encode_png", "there is no image ", n, " in label maps ", s);
  Tensor<std::uint8_t, 3> picture({s[1], s[2], 1});
  std::uint8_t* out = picture.mutable_data();
  for (Index i = 0; i < picture.numel(); ++i) {
    const std::int32_t label = labels.data()[n * picture.numel() + i];
    check<ValueError>(label >= 0 && label <= 255, "encode_png", "label ", label, " does not fit a gray value");
    out[i] = static_cast<std::uint8_t>(label);
  }
  return encode_png(picture);
}

/// Writes a picture or a label map as PNG, all or nothing. Throws as encode_png, and IoError.
template <class Picture>
void write_png(const Path& path, const Picture& picture) {
  write_file(path, encode_png(picture));
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
