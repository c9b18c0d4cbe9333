#pragma once
#include "paser/core/macros_off.inc"

#include <cstdint>

#include "paser/core/tensor.hpp"

namespace paser::io {

/// How many pixels an image may have unless a reader is told otherwise: 2^28, a square of 16384.
inline constexpr Index image_pixel_limit = Index{1} << 28;

/// What a file may ask of its reader. Whatever the limit, nothing is allocated that the bytes of the file cannot fill
/// at the best compression of its format.
struct ImageLimits {
  Index pixels = image_pixel_limit;  ///< images, or pages of a stack, of more pixels are refused before unpacking
};

/// Throws FormatError, naming `origin`, unless an image of this size is within the limits.
inline void require_pixels(Index width, Index height, const ImageLimits& limits, const std::string& origin) {
  check<FormatError>(height <= limits.pixels / width, origin.c_str(), "claims ", width, " x ", height,
                     " pixels, more than the limit of ", limits.pixels);
}

/// A decoded image file: its samples as they were stored.
struct IntegerImage {
  Tensor<std::uint16_t, 3> pixels;  ///< (H, W, C), C = 1 (gray) or 3 (RGB)
  std::uint32_t maximum = 255;      ///< the sample that means full: 255, 65535, or what a PNM file says

  Index height() const { return pixels.shape()[0]; }  ///< Rows.
  Index width() const { return pixels.shape()[1]; }   ///< Columns.
  Index channels() const { return pixels.shape()[2]; }
};

/// One channel. RGB becomes (19595 R + 38470 G + 7471 B + 32768) >> 16: Rec. 601 in the integers of Pillow's
/// convert("L"). Gray stays as it is, and so does the maximum.
inline IntegerImage to_gray(const IntegerImage& r) {
  if (r.channels() == 1) return r;
  IntegerImage gray{Tensor<std::uint16_t, 3>({r.height(), r.width(), 1}), r.maximum};
  std::uint16_t* out = gray.pixels.mutable_data();
  const std::uint16_t* in = r.pixels.data();
  for (Index i = 0; i < gray.pixels.numel(); ++i)
    out[i] = static_cast<std::uint16_t>(
        (19595ull * in[3 * i] + 38470ull * in[3 * i + 1] + 7471ull * in[3 * i + 2] + 32768) >> 16);
  return gray;
}

/// Three equal channels from gray; RGB stays as it is.
inline IntegerImage to_rgb(const IntegerImage& r) {
  if (r.channels() == 3) return r;
  IntegerImage rgb{Tensor<std::uint16_t, 3>({r.height(), r.width(), 3}), r.maximum};
  std::uint16_t* out = rgb.pixels.mutable_data();
  for (Index i = 0; i < r.pixels.numel(); ++i) std::fill_n(out + 3 * i, 3, r.pixels.data()[i]);
  return rgb;
}

/// (1, H, W, C) in [0,1]: samples divided by the file's maximum, never by the image's own.
template <class T = float>
Tensor<T, 4> to_unit(const IntegerImage& r) {
  Tensor<T, 4> x({1, r.height(), r.width(), r.channels()});
  T* out = x.mutable_data();
  for (Index i = 0; i < x.numel(); ++i) out[i] = static_cast<T>(r.pixels.data()[i]) / static_cast<T>(r.maximum);
  return x;
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
