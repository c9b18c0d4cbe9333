#pragma once
#include "paser/core/macros_off.inc"

#include <stb/stb_image.h>

#include <memory>

#include "paser/io/decoded_image.hpp"
#include "paser/io/jpeg_checks.hpp"

namespace paser::io {

/// Whether the content starts as a JPEG file.
inline bool is_jpeg(std::string_view bytes) {
  return bytes.starts_with("\xFF\xD8");
}

namespace detail {

/// Whether stb_image turns pictures upside down on this thread. Its flags belong to the whole program, which may be one
/// that draws with OpenGL; they can be set but neither be asked for nor put back, so they are seen on a small picture.
inline bool stb_image_flips() {
  static constexpr char two_rows[] = "P5 1 2 255 \1\2";
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> rows(
      stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(two_rows), sizeof two_rows - 1, &width, &height, &channels,
                            0),
      stbi_image_free);
  check<FormatError>(rows != nullptr, "stb_image", "is compiled without PNM (STBI_NO_PNM) in this program");
  return rows.get()[0] == 2;
}

/// Throws unless the file says which colours its channels are.
inline void require_known_colours(const JpegFrame& frame, const std::string& origin) {
  const auto channels = frame.components.size();
  check<FormatError>(channels == 1 || channels == 3 || channels == 4, origin.c_str(), "is a JPEG file of ", channels,
                     " channels, expected gray, colour or CMYK");
  check<FormatError>(channels != 4 || frame.adobe == 0 || frame.adobe == 2, origin.c_str(),
                     "is a CMYK JPEG file without Adobe's marker, so it is not known whether full ink is 0 or 255; "
                     "save it as RGB");
  constexpr int rgb[] = {'R', 'G', 'B'};
  const bool named_rgb = channels == 3 && std::ranges::equal(frame.components, rgb, {}, &JpegComponent::id);
  check<FormatError>(!named_rgb || (!frame.jfif && frame.adobe.value_or(0) == 0), origin.c_str(),
                     "is a JPEG file whose channels are called R, G, B and are marked as YCbCr; save it anew");
}

}  // namespace detail

/// Decodes a JPEG file (baseline or progressive; gray, YCbCr, RGB, or CMYK with Adobe's marker) after every code in it
/// has been checked; turned upright. Throws FormatError, naming `origin`, on other files, on damage that can be seen
/// (JPEG has no checksum) and on files that are cut off.
inline DecodedImage decode_jpeg(std::string_view bytes, const std::string& origin, const ImageLimits& limits = {}) {
  detail::JpegFrame frame;
  {
    detail::JpegCheck walk(origin, limits);
    frame = walk.picture(bytes);
  }
  detail::require_known_colours(frame, origin);
  const auto channels = static_cast<Index>(frame.components.size() == 1 ? 1 : 3);
  int width = 0, height = 0, stored = 0;
  std::unique_ptr<stbi_uc, void (*)(void*)> samples(nullptr, stbi_image_free);
  bool flipped = false;
  do {
    flipped = detail::stb_image_flips();
    samples.reset(stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()),
                                        &width, &height, &stored, static_cast<int>(channels)));
  } while (flipped != detail::stb_image_flips());
  check<FormatError>(samples != nullptr && width == frame.width && height == frame.height, origin.c_str(),
                     "cannot be decoded: ", samples ? "its size changes" : stbi_failure_reason());
  DecodedImage page;
  page.lossy = true;
  page.integers.pixels = Tensor<std::uint16_t, 3>({frame.height, frame.width, channels});
  const Index row = frame.width * channels;
  for (Index y = 0; y < frame.height; ++y)
    std::copy_n(samples.get() + (flipped ? frame.height - 1 - y : y) * row, row,
                page.integers.pixels.mutable_data() + y * row);
  return turned_upright(std::move(page), frame.orientation);
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
