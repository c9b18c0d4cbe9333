#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"

/// Pages of a TIFF file that have no directory of their own and are told of in the text of its first one only: ImageJ,
/// tifffile and OME (Open Microscopy Environment) write such files.
namespace paser::io::detail {

/// What a description says of a stack.
struct StackClaim {
  const char* writer;  ///< for messages
  Index pages = 0;
  bool behind = false;    ///< pages without a directory lie behind the first one's pixels
  std::string elsewhere;  ///< another file that holds a part of the stack, if one does
};

/// The whole number that follows `name` in the text, which may stand between quotation marks; 0 when there is none or
/// it is not to be believed.
inline Index number_behind(std::string_view text, std::string_view name) {
  auto at = text.find(name);
  if (at == text.npos) return 0;
  at += name.size();
  if (at < text.size() && (text[at] == '"' || text[at] == '\'')) ++at;
  Index value = 0;
  for (int digits = 0; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits) {
    if (digits == 12) return 0;
    value = 10 * value + (text[at] - '0');
  }
  return value;
}

/// The product of the whole numbers between a bracket behind `name` and the bracket's end; 0 when there are none.
inline Index product_behind(std::string_view text, std::string_view name) {
  const auto named = text.find(name);
  if (named == text.npos) return 0;
  const auto begin = text.find_first_of("[(", named), end = text.find_first_of("])", named);
  if (begin == text.npos || end == text.npos || end < begin) return 0;
  Index product = 1, value = -1;
  for (auto at = begin + 1; at <= end; ++at) {
    if (text[at] >= '0' && text[at] <= '9') {
      value = 10 * std::max<Index>(value, 0) + (text[at] - '0');
      if (value > Index{1} << 40) return 0;
    } else if (value >= 0) {
      if (value == 0 || product > (Index{1} << 40) / value) return 0;
      product *= value;
      value = -1;
    }
  }
  return product;
}

/// The planes of an OME description, and another file that has some of them.
inline StackClaim ome_claim(std::string_view text) {
  StackClaim claim{"OME", 0, false, {}};
  for (auto at = text.find("<Pixels"); at != text.npos; at = text.find("<Pixels", at + 1)) {
    const auto end = text.find('>', at);
    const std::string_view pixels = text.substr(at, end == text.npos ? text.npos : end - at);
    const auto rest = text.substr(at, std::min(text.find("<Pixels", at + 1), text.size()) - at);
    const Index samples = std::max<Index>(1, number_behind(rest, "SamplesPerPixel="));
    const Index z = number_behind(pixels, "SizeZ="), t = number_behind(pixels, "SizeT=");
    const Index c = number_behind(pixels, "SizeC=") / samples;
    const bool sensible = z >= 1 && t >= 1 && c >= 1 && z < 1 << 20 && t < 1 << 20 && c < 1 << 20;
    if (sensible) claim.pages += z * t * c;
  }
  constexpr std::string_view name = "FileName=\"";
  std::string_view first;
  for (auto at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    const std::string_view file = text.substr(at + name.size(), text.find('"', at + name.size()) - at - name.size());
    if (first.empty()) first = file;
    if (file != first) claim.elsewhere = file;
  }
  return claim;
}

/// The stack that an ImageDescription tells of, of pages with so many samples each (width x height x channels).
inline std::optional<StackClaim> stack_claim(std::string_view text, Index samples) {
  if (text.starts_with("ImageJ=")) return StackClaim{"ImageJ", number_behind(text, "\nimages="), true, {}};
  if (text.starts_with("{\"shape\":") || text.starts_with("shape="))
    return StackClaim{"tifffile", product_behind(text, "shape") / std::max<Index>(1, samples), true, {}};
  if (text.find("<OME ") != text.npos || text.find("<OME>") != text.npos) return ome_claim(text);
  return std::nullopt;
}

}  // namespace paser::io::detail
#include "paser/core/macros_on.inc"
