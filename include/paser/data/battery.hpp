#pragma once
#include "paser/core/macros_off.inc"

#include "paser/io/integer_image.hpp"

/// Electrode micrographs as the paper's battery data set stores them: an image and a mask of the same size, both gray.
namespace paser::data {

/// The materials of a mask. Their order does not follow the gray values.
enum class BatteryClass : std::int32_t { pore = 0, carbon = 1, nickel = 2 };
inline constexpr Index battery_classes = 3;  ///< Pore, carbon, nickel.

/// The classes of a mask: black is pore, white is carbon, every gray between is nickel. Colour is made gray first.
/// -> (1, H, W).
inline Labels battery_labels(const io::IntegerImage& mask) {
  const io::IntegerImage gray = io::to_gray(mask);
  Labels labels({1, gray.height(), gray.width()});
  std::int32_t* out = labels.mutable_data();
  const std::uint16_t* in = gray.pixels.data();
  for (Index i = 0; i < labels.numel(); ++i) {
    const BatteryClass material = in[i] == 0              ? BatteryClass::pore
                                  : in[i] == gray.maximum ? BatteryClass::carbon
                                                          : BatteryClass::nickel;
    out[i] = static_cast<std::int32_t>(material);
  }
  return labels;
}

}  // namespace paser::data
#include "paser/core/macros_on.inc"
