#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>

#include "paser/io/decoded_image.hpp"

/// Whether the values of an image can be those that a value range is for.
namespace paser::data {

namespace detail {

/// What is wrong with a page of whole numbers under a range; empty when nothing is.
inline std::string whole_misfit(const io::DecodedImage& page, const io::ValueRange& range) {
  const double most = page.palette.empty() ? static_cast<double>(page.integers.maximum) : 255;
  const double reach = (most - range.low) / (range.high - range.low);
  if (reach < 0.5)
    return message("has ", page.kind(), " values, 0 .. ", most, ", of which the largest would become ",
                   std::max(reach, 0.0));
  const auto& values = page.integers.pixels.values();
  const auto above = std::ranges::count_if(values, [&](std::uint16_t v) { return v > range.high; });
  if (page.palette.empty() && most >= 4 * range.high && 2 * above > page.integers.pixels.numel())
    return message("has ", page.kind(), " values, of which ", 100 * above / page.integers.pixels.numel(),
                   " % are over ", range.high, " and would all become 1");
  return {};
}

/// The same of real numbers. A page of one value says nothing.
inline std::string real_misfit(const io::DecodedImage& page, const io::ValueRange& range) {
  const auto [low, high] = std::ranges::minmax_element(page.reals.values());
  const double least = static_cast<double>(*low), most = static_cast<double>(*high);
  const bool dark = most - range.low < 0.01 * (range.high - range.low), bright = least >= range.high;
  if (least == most || (!dark && !bright)) return {};
  return message("has real values from ", least, " to ", most, ", which would all become ", dark ? "0" : "1",
                 dark && most > range.low ? ", or less than 0.01" : "");
}

}  // namespace detail

/// Throws FormatError, with a sentence that starts with `origin`, when the page cannot be one of the images that the
/// range is for: 8-bit files where 0 .. 4095 become 0 .. 1, and the like. Without a range every page fits.
inline void require_range_fits(const io::DecodedImage& page, const std::optional<io::ValueRange>& range,
                               const std::string& origin) {
  if (!range || !io::rises(*range)) return;
  const std::string misfit = page.real() ? detail::real_misfit(page, *range) : detail::whole_misfit(page, *range);
  check<FormatError>(misfit.empty(), origin.c_str(), misfit, " by the value range ", range->low, " .. ", range->high,
                     "; say the range of these files (--range), or use those of the range");
}

/// That a value range may be missing, of images whose brightest value, in [0,1], is this; empty from 0.1 on.
inline std::string dark_warning(float brightest) {
  if (brightest >= 0.1f) return {};
  return message("the brightest value of all images is ", brightest,
                 " of full scale: a value range may be missing (--range)");
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
