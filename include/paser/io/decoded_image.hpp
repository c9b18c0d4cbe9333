#pragma once
#include "paser/core/macros_off.inc"

#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "paser/core/finite.hpp"
#include "paser/io/integer_image.hpp"
#include "paser/io/orientation.hpp"

namespace paser::io {

/// An 8-bit RGB colour.
using Colour = std::array<std::uint8_t, 3>;

/// One page of an image file, its samples as they are stored. PNG, JPEG, BMP and PNM files have one page, a TIFF file
/// may have many.
struct DecodedImage {
  IntegerImage integers;        ///< whole-number samples; no pixels when the page stores other numbers
  Tensor<float, 3> reals;       ///< (H, W, C), the samples of a page of real or signed numbers, else empty
  std::vector<Colour> palette;  ///< when not empty, the samples are numbers of these colours
  int bits = 8;                 ///< that each sample takes in the file
  bool lossy = false;           ///< the compression changes values (JPEG)
  int orientation = 1;          ///< 1 .. 8, of the pixels in the file (EXIF, TIFF tag 274); those here are upright

  bool real() const { return !reals.empty(); }  ///< Whether the samples are real or signed numbers.
  /// (H, W, C) of the samples.
  const Shape<3>& shape() const { return real() ? reals.shape() : integers.pixels.shape(); }
  Index height() const { return shape()[0]; }  ///< Rows.
  Index width() const { return shape()[1]; }   ///< Columns.

  /// "8-bit gray", "16-bit RGB", "4-bit palette", "32-bit real gray".
  std::string kind() const {
    const char* colours = !palette.empty() ? "palette" : shape()[2] == 3 ? "RGB" : "gray";
    return message(bits, real() ? "-bit real " : "-bit ", colours);
  }
};

/// The page as every viewer shows it: turned as its file says that its pixels are stored.
inline DecodedImage turned_upright(DecodedImage page, int orientation) {
  page.orientation = orientation;
  if (orientation == 1) return page;
  if (page.real())
    page.reals = upright(page.reals, orientation);
  else
    page.integers.pixels = upright(page.integers.pixels, orientation);
  return page;
}

/// The colours of a palette page; any other page as it is.
inline IntegerImage look_up(const DecodedImage& page) {
  if (page.palette.empty()) return page.integers;
  IntegerImage rgb{Tensor<std::uint16_t, 3>({page.height(), page.width(), 3}), 255};
  std::uint16_t* out = rgb.pixels.mutable_data();
  for (const std::uint16_t number : page.integers.pixels.values())
    out = std::ranges::copy(page.palette.at(number), out).out;
  return rgb;
}

/// The stored values that become 0 and 1. A value outside becomes 0 or 1, whichever is nearer.
struct ValueRange {
  double low = 0, high = 1;
};

/// Whether there is something between the ends of a range, as far as a float tells them apart.
inline bool rises(const ValueRange& range) {
  return static_cast<float>(range.low) < static_cast<float>(range.high);
}

namespace detail {

inline Tensor<float, 4> real_units(const DecodedImage& page, const std::optional<ValueRange>& range,
                                   const char* origin) {
  const Shape<3>& s = page.shape();
  Tensor<float, 4> x({1, s[0], s[1], s[2]});
  float* out = x.mutable_data();
  float least = page.reals.data()[0], most = least;
  for (Index i = 0; i < x.numel(); ++i) {
    const float v = page.reals.data()[i];
    check<FormatError>(is_finite(v), origin, "sample ", i, " is ", v, ", expected finite numbers");
    least = std::min(least, v);
    most = std::max(most, v);
    out[i] = v;
  }
  check<FormatError>(range || (least >= 0 && most <= 1), origin, "the values run from ", least, " to ", most,
                     ", outside 0 .. 1; say which of them are black and white (a value range)");
  return x;
}

}  // namespace detail

/// The page as an image in [0,1], (1, H, W, C) with C = 1 or 3; palettes are looked up.
///
/// Without a range, 8-bit samples are divided by 255, 16-bit ones by 65535 and those of other depths by the largest
/// that fits, never by the image's own maximum; real numbers must lie in [0,1]. With one, the stored values are mapped
/// linearly and clipped: a 12-bit camera in 16-bit files has the range 0 .. 4095. `origin` names the page in messages.
/// Throws ValueError on an empty range, FormatError on real numbers that are not finite or need a range.
inline Tensor<float, 4> to_unit(const DecodedImage& page, const std::optional<ValueRange>& range,
                                const std::string& origin) {
  check<ValueError>(!range || rises(*range), origin.c_str(),
                    "a value range must rise, by more than a float's rounding");
  Tensor<float, 4> x = page.real() ? detail::real_units(page, range, origin.c_str()) : Tensor<float, 4>{};
  if (!page.real()) {
    const IntegerImage integers = look_up(page);
    if (!range) return to_unit(integers);
    x = to_unit<float>({integers.pixels, 1});
  }
  if (!range) return x;
  const double factor = 1 / (range->high - range->low);
  float* out = x.mutable_data();
  for (Index i = 0; i < x.numel(); ++i)
    out[i] = static_cast<float>(std::clamp((static_cast<double>(out[i]) - range->low) * factor, 0.0, 1.0));
  return x;
}

}  // namespace paser::io
#include "paser/core/macros_on.inc"
