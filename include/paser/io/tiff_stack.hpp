#pragma once
#include "paser/core/macros_off.inc"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "paser/core/error.hpp"
#include "paser/core/shape.hpp"
#include "paser/core/text.hpp"

/// Pages of a TIFF file that have no directory of their own and are told of in the text of its first one only: ImageJ,
/// tifffile and OME (Open Microscopy Environment) write such files.
namespace paser::io::detail {

/// What a description says of a stack.
struct StackClaim {
  const char* writer;  ///< for messages
  Index pages = 0;
  bool behind = false;    ///< pages without a directory lie behind the first one's pixels
  std::string elsewhere;  ///< another file that holds a part of the stack, if one does
  std::string absurd;     ///< a number of it that cannot be one, as it is written: "images=-3"
};

/// The whole number of 1 to `most` that follows `name` in the text, which may stand between quotation marks; 0 when the
/// name is not there. Where something else follows, `absurd` becomes that.
inline Index number_behind(std::string_view text, std::string_view name, Index most, std::string& absurd) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  auto begin = text.find(name);  // SizeZ, and not PhysicalSizeZ
  while (begin != text.npos && begin > 0 && letter(text[begin]) && letter(text[begin - 1]))
    begin = text.find(name, begin + 1);
  if (begin == text.npos) return 0;
  constexpr std::string_view ends = " \t\r\n\"'/>";
  auto at = std::min(text.find_first_not_of(" \t", begin + name.size()), text.size());
  if (at < text.size() && (text[at] == '"' || text[at] == '\'')) ++at;
  Index value = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && value <= most; ++at)
    value = 10 * value + (text[at] - '0');
  if (value >= 1 && value <= most && (at == text.size() || ends.find(text[at]) != ends.npos)) return value;
  if (text[begin] == '\n') ++begin;
  absurd = excerpt(text.substr(begin, text.find_first_of("\r\n>", begin) - begin), 40);
  return 0;
}

/// The product of the whole numbers between a bracket behind `name` and the bracket's end; 0 when there are none. Where
/// they are no sizes, `absurd` becomes what is written.
inline Index product_behind(std::string_view text, std::string_view name, std::string& absurd) {
  const auto named = text.find(name);
  if (named == text.npos) return 0;
  const auto begin = text.find_first_of("[(", named), end = text.find_first_of("])", named);
  if (begin == text.npos || end == text.npos || end < begin) return 0;
  const std::string_view sizes = text.substr(begin + 1, end - begin - 1);
  if (sizes.find_first_of("0123456789") == sizes.npos || sizes.find_first_not_of("0123456789-, \t") != sizes.npos)
    return 0;
  constexpr Index most = Index{1} << 40;
  Index product = 1, value = -1;
  bool sensible = sizes.find('-') == sizes.npos;
  for (auto at = begin + 1; at <= end && sensible; ++at) {
    if (text[at] >= '0' && text[at] <= '9') {
      value = 10 * std::max<Index>(value, 0) + (text[at] - '0');
      sensible = value <= most;
    } else if (value >= 0) {
      sensible = value > 0 && product <= most / value;
      product *= sensible ? value : 1;
      value = -1;
    }
  }
  if (!sensible) absurd = excerpt(text.substr(named, end + 1 - named), 40);
  return sensible ? product : 0;
}

/// The planes of an OME description, and another file that has some of them.
inline StackClaim ome_claim(std::string_view text) {
  StackClaim claim{"OME", 0, false, {}, {}};
  constexpr Index most = (Index{1} << 20) - 1;
  for (auto at = text.find("<Pixels"); at != text.npos; at = text.find("<Pixels", at + 1)) {
    // Both end where the next one begins, or a text of many without an end would be searched as often.
    const auto rest = text.substr(at, std::min(text.find("<Pixels", at + 1), text.size()) - at);
    const auto pixels = rest.substr(0, rest.find('>'));
    const Index samples = std::max<Index>(1, number_behind(rest, "SamplesPerPixel=", most, claim.absurd));
    const Index z = number_behind(pixels, "SizeZ=", most, claim.absurd);
    const Index t = number_behind(pixels, "SizeT=", most, claim.absurd);
    const Index c = number_behind(pixels, "SizeC=", most, claim.absurd) / samples;
    claim.pages = std::min(claim.pages + z * t * c, Index{1} << 60);
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
  if (text.starts_with("ImageJ=")) {
    StackClaim claim{"ImageJ", 0, true, {}, {}};
    claim.pages = number_behind(text, "\nimages=", 999'999'999'999, claim.absurd);
    return claim;
  }
  if (text.starts_with("{\"shape\":") || text.starts_with("shape=")) {
    StackClaim claim{"tifffile", 0, true, {}, {}};
    claim.pages = product_behind(text, "shape", claim.absurd) / std::max<Index>(1, samples);
    return claim;
  }
  if (text.find("<OME ") != text.npos || text.find("<OME>") != text.npos) return ome_claim(text);
  return std::nullopt;
}

}  // namespace paser::io::detail
#include "paser/core/macros_on.inc"
